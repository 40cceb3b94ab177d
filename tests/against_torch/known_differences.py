"""Where this library differs from PyTorch, with reasons: what users are told, and tests prove.

A name that is listed and does not differ fails the test, as does one that differs and is not.
"""

OPERATIONS: dict[str, dict[str, str]] = {
    "fft.fft": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.fft2": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.fftn": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.hfft": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.rfft": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.rfft2": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.rfftn": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.ifft": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.ifft2": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.ifftn": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.ihfft": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.irfft": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.irfft2": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "fft.irfftn": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "complex": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "polar": {
        "variants": "no out=",
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "xlogy": {
        "errors": "two numbers are taken",
    },
    "special.xlog1py": {
        "errors": "two numbers are taken",
    },
    "special.zeta": {
        "errors": "two numbers are taken",
    },
    "nn.functional.upsample_bilinear": {
        "samples": "not for integers or bools",
    },
    "nn.functional.bilinear": {
        "samples": "not for integers or bools",
    },
    "nn.functional.softshrink": {
        "variants": "no out=",
    },
    "nn.functional.hardshrink": {
        "variants": "no out=",
    },
    "aminmax": {
        "errors": "out= may have another floating type",
    },
    "arange": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "as_strided_scatter": {
        "samples": "gradient 0: 0.0, not 0.1257302165031433 at (0,) of (1,), 1 of 1",
    },
    "bernoulli": {
        "samples": "the result never requires grad",
    },
    "bitwise_and": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "bitwise_left_shift": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "bitwise_or": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "bitwise_right_shift": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "bitwise_xor": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "cat": {
        "errors": "out= may share memory with an input",
    },
    "clamp_max": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "clamp_min": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "cov": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "erf": {
        "variants": "no special.erf",
    },
    "exp2": {
        "variants": "no special.exp2",
    },
    "expm1": {
        "variants": "no special.expm1",
    },
    "float_power": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "gather": {
        "errors": "out= may share memory with an input",
    },
    "index_reduce[amax]": {
        "variants": "result 0: shape (1,), not ()",
    },
    "index_reduce[amin]": {
        "variants": "result 0: shape (1,), not ()",
    },
    "index_reduce[mean]": {
        "variants": "result 0: shape (1,), not ()",
    },
    "index_reduce[prod]": {
        "variants": "result 0: shape (1,), not ()",
    },
    "index_select": {
        "errors": "out= may share memory with an input",
    },
    "isclose": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "kthvalue": {
        "errors": "out= may share memory with an input",
    },
    "linalg.cholesky_ex": {
        "variants": "no out=",
    },
    "linalg.eig": {
        "samples": "results are complex: refused",
        "variants": "no method complex64",
    },
    "linalg.eigvals": {
        "samples": "results are complex: refused",
        "variants": "no method complex64",
    },
    "linalg.inv_ex": {
        "variants": "no out=",
    },
    "linalg.lstsq": {
        "variants": "no out=",
    },
    "linalg.lu": {
        "variants": "no out=",
    },
    "linalg.lu_factor": {
        "variants": "no out=",
    },
    "linalg.lu_factor_ex": {
        "variants": "no out=",
    },
    "linalg.matrix_rank": {
        "variants": "no out=",
    },
    "linalg.matrix_rank[hermitian]": {
        "variants": "no out=",
    },
    "linalg.solve_ex": {
        "variants": "no out=",
    },
    "linalg.svd": {
        "variants": "vectors may have other signs",
    },
    "linalg.vander": {
        "samples": "result 0: int32, not int64",
    },
    "linspace[tensor_overload]": {
        "variants": "no out=",
    },
    "log1p": {
        "variants": "no special.log1p",
    },
    "log_softmax": {
        "variants": "no special.log_softmax",
    },
    "log_softmax[with_dtype]": {
        "variants": "no special.log_softmax",
    },
    "logcumsumexp": {
        "samples": "gradients differ by up to 1e-3 where sums cancel",
    },
    "logical_and": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "logical_or": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "logical_xor": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "logspace[tensor_overload]": {
        "variants": "no out=",
    },
    "logsumexp": {
        "variants": "no special.logsumexp",
    },
    "lu_unpack": {
        "variants": "no out=",
    },
    "mH": {
        "variants": "no adjoint",
    },
    "masked_fill": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "masked_select": {
        "errors": "out= may share memory with an input",
    },
    "movedim": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "narrow": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "nn.functional.avg_pool2d": {
        "variants": "no out=",
    },
    "nn.functional.avg_pool3d": {
        "variants": "no out=",
    },
    "nn.functional.conv1d": {
        "samples": "not for integers or bools",
        "variants": "no conv1d",
    },
    "nn.functional.conv2d": {
        "samples": "not for integers or bools",
        "variants": "no conv2d",
    },
    "nn.functional.conv3d": {
        "samples": "not for integers or bools",
        "variants": "no conv3d",
    },
    "nn.functional.conv_transpose1d": {
        "samples": "not for integers or bools",
        "variants": "no conv_transpose1d",
    },
    "nn.functional.conv_transpose2d": {
        "samples": "not for integers or bools",
        "variants": "no conv_transpose2d",
    },
    "nn.functional.conv_transpose3d": {
        "samples": "not for integers or bools",
        "variants": "no conv_transpose3d",
    },
    "nn.functional.cosine_embedding_loss": {
        "samples": "not for integers or bools",
    },
    "nn.functional.gelu": {
        "variants": "no out=",
    },
    "nn.functional.group_norm": {
        "variants": "no group_norm",
    },
    "nn.functional.interpolate[bicubic]": {
        "samples": "not for integers or bools",
    },
    "nn.functional.interpolate[bilinear]": {
        "samples": "not for integers or bools",
    },
    "nn.functional.layer_norm": {
        "variants": "no layer_norm",
    },
    "nn.functional.linear": {
        "variants": "no out=",
    },
    "nn.functional.local_response_norm": {
        "samples": "not for integers or bools",
    },
    "nn.functional.logsigmoid": {
        "variants": "no out=",
    },
    "nn.functional.pairwise_distance": {
        "samples": "not for integers or bools",
    },
    "nn.functional.poisson_nll_loss": {
        "samples": "not for integers or bools",
    },
    "nn.functional.rms_norm": {
        "variants": "no rms_norm",
    },
    "nn.functional.softplus": {
        "variants": "no out=",
    },
    "nn.functional.triplet_margin_loss": {
        "samples": "not for integers or bools",
    },
    "nn.functional.triplet_margin_with_distance_loss": {
        "samples": "no nn.PairwiseDistance",
    },
    "normal": {
        "samples": "the result never requires grad",
    },
    "normal[number_mean]": {
        "samples": "the result never requires grad",
    },
    "pow": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "remainder": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "round": {
        "variants": "no special.round",
    },
    "round[decimals_0]": {
        "variants": "no special.round",
    },
    "round[decimals_3]": {
        "variants": "no special.round",
    },
    "round[decimals_neg_3]": {
        "variants": "no special.round",
    },
    "rsub": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "sigmoid": {
        "variants": "no special.expit",
    },
    "softmax": {
        "variants": "no special.softmax",
    },
    "softmax[with_dtype]": {
        "variants": "no special.softmax",
    },
    "svd": {
        "variants": "vectors may have other signs",
    },
    "take": {
        "errors": "out= may share memory with an input",
    },
    "take_along_dim": {
        "variants": "IndexOutOfRange: index: value -1 at position 0 is out of range",
    },
    "vstack": {
        "variants": "no row_stack",
    },
}
"""Of operations, by kind of difference: `samples`, `variants`, `errors` (`sample_database.py`)."""
