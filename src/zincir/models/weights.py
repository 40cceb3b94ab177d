"""First values of the models' weights, as their papers and torchvision have them."""

from __future__ import annotations

from zincir import nn

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def start(model: nn.Module, *, mode: str = "fan_out", linear_std: float | None = None) -> None:
    """Convolutions normal with std = sqrt(2 / fan) (He et al. 2015), their biases 0.

    Norms are left as they start, weight 1 and bias 0; linear layers too, as PyTorch starts them,
    unless `linear_std` is given: then they are normal with that std, their biases 0.

    Args:
        mode: "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass.
    """
    for module in model.modules():
        if isinstance(module, CONVOLUTIONS):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, 0.0, linear_std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
