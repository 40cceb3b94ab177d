"""Where this library differs from PyTorch, with reasons: what users are told, and tests prove.

A name that is listed and does not differ fails the test, as does one that differs and is not.
"""

OPERATIONS: dict[str, dict[str, str]] = {
    "nn.functional.bilinear": {
        "samples": "not for integers or bools",
    },
    "as_strided_scatter": {
        "samples": "no gradient where elements are replaced; PyTorch has it only there",
    },
    "linalg.svd": {
        "variants": "vectors may have other signs",
    },
    "logcumsumexp": {
        "samples": "gradients differ by up to 1e-3 where sums cancel",
    },
    "nn.functional.cosine_embedding_loss": {
        "samples": "not for integers or bools",
    },
    "nn.functional.local_response_norm": {
        "samples": "not for integers or bools",
    },
    "nn.functional.poisson_nll_loss": {
        "samples": "not for integers or bools",
    },
    "svd": {
        "variants": "vectors may have other signs",
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
    "cov": {
        "samples": "weights of float32 beside float64 are added up in float64",
    },
    "fft.ihfft2": {
        "variants": "out= holds the result, where PyTorch leaves what was there",
    },
    "fft.ihfftn": {
        "variants": "out= holds the result, where PyTorch leaves what was there",
    },
    "linalg.eigh": {
        "variants": "vectors may have other signs",
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
