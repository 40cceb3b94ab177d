"""A graph of one example made a graph of many: what `func.vmap` is."""
