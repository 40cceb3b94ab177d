"""Where this library differs from PyTorch, with reasons: what users are told, and tests prove.

A name that is listed and does not differ fails the test, as does one that differs and is not.
"""

OPERATIONS: dict[str, dict[str, str]] = {
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
        "variants": "vectors may have other signs'zincir.nn' has no attribute 'PairwiseDistance'",
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
    "sgn": {
        "samples": "RuntimeError:  Cannot convert a ZeroTensor to numpy. Set force=True if you need the zero a",
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
        "variants": "vectors may have other signs