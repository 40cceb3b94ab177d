"""Where this library differs from PyTorch, with reasons: what users are told, and tests prove.

A name that is listed and does not differ fails the test, as does one that differs and is not.
"""

OPERATIONS: dict[str, dict[str, str]] = {
    "nn.functional.upsample_bilinear": {
        "samples": "not for integers or bools",
    },
    "nn.functional.bilinear": {
        "samples": "not for integers or bools",
    },
    "arange": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "as_strided_scatter": {
        "samples": "no gradient where elements are replaced; PyTorch has it only there",
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
    "expm1": {
        "variants": "no special.expm1",
    },
    "float_power": {
        "errors": "takes a number, or an array, where PyTorch wants a tensor",
    },
    "gather": {
        "errors": "out= may share memory with an input",
    },
    "index_select": {
        "errors": "out= may share memory with an input",
    },
    "kthvalue": {
        "errors": "out= may share memory with an input",
    },
    "linalg.svd": {
        "variants": "vectors may have other signs",
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
    "masked_fill": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "masked_select": {
        "errors": "out= may share memory with an input",
    },
    "narrow": {
        "errors": "some of what PyTorch refuses is taken, or refused by another error",
    },
    "nn.functional.avg_pool2d": {
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
    "linalg.eig": {
        "variants": "vectors may have other phases",
    },
    "special.bessel_j0": {
        "samples": "exact, where PyTorch is off by up to 4e-7 for arguments above 5",
    },
    "special.bessel_y1": {
        "samples": "exact, where PyTorch is off by up to 8e-7 for arguments above 5",
    },
}
"""Of operations, by kind of difference: `samples`, `variants`, `errors` (`sample_database.py`)."""

LAYERS: dict[str, str] = {
    "Container": "deprecated: `Module` does it",
    "CrossMapLRN2d": "PyTorch's adds the first channel to windows that do not reach it;"
    " `LocalResponseNorm` is what it should be",
    "DataParallel": "of `torch.nn` in scripts: passes everything on, since there is one device",
    "Embedding": "sparse=True: its gradient is a tensor like any other, which knows its rows",
    "EmbeddingBag": "sparse=True: its gradient is a tensor like any other, which knows its rows",
}
"""Of layers; a name that is absent may say why."""
