"""groups -> plan: kernels with their arguments, their order, and where values are in memory."""
