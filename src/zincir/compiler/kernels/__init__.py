"""Kernels laid out by hand."""
