"""Data to train on, as NumPy arrays.

Images are changed at random by `zincir.data.augment`, which is imported by name.
"""

from zincir.data.digits import Digits as Digits, load_digits as load_digits
from zincir.data.fashion_mnist import (
    FASHION_MNIST_CLASSES as FASHION_MNIST_CLASSES,
    FashionMNIST as FashionMNIST,
    load_fashion_mnist as load_fashion_mnist,
)
