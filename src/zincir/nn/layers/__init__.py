"""Layers, one file for each family, under the name of the file of its functions."""
