"""Methods of tensors, by family: `Tensor` inherits them."""
