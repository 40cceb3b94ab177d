"""PyTorch's name space, answered by Zincir: `import torch` in scripts that know nothing of it.

Here is what PyTorch has and Zincir has no use for (CUDA, TorchScript, process groups of one ...),
and the finder that joins it with Zincir's own modules (docs/running_pytorch_scripts.md).
"""

from zincir.as_torch.finder import install_as_torch as install_as_torch
