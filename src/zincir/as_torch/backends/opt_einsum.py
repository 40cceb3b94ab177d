"""`torch.backends.opt_einsum`: the order of products is chosen here without that package."""

enabled = False
strategy = None


def is_available() -> bool:
    """False: it is not asked."""
    return False
