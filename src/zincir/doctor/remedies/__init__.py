"""The remedies, one in each file. A new file is a new remedy: nothing else is to be told."""
