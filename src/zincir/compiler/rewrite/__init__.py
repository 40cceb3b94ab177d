"""graph -> graph: what is computed is written in another way, and means the same."""
