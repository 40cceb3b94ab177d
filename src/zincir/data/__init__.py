"""Data to train on, as NumPy arrays."""

from zincir.data.digits import Digits as Digits, load_digits as load_digits
