"""Loops over a graph: the body is an attribute of one node, and so is the number of rounds."""
