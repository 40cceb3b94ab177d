"""`torch.backends`: what PyTorch computes with. Its switches can be set, and change nothing."""
