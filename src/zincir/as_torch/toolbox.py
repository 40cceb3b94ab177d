"""`torch.utils`: a package of packages, found by their names."""
