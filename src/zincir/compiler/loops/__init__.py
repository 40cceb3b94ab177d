"""A group as a loop nest: values, loops and strides as data."""
