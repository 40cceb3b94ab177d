"""graph -> groups: which values are computed together, and where they need no copy."""
