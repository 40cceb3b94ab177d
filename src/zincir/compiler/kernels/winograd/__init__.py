"""Convolutions of 3x3 taps by tiles that are transformed, multiplied and put together."""
