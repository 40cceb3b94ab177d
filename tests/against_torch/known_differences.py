"""Where this library differs from PyTorch, with reasons: what users are told, and tests prove.

A name that is listed and does not differ fails the test, as does one that differs and is not.
"""

OPERATIONS: dict[str, dict[str, str]] = {}
"""Of operations, by kind of difference: `samples`, `variants`, `errors` (`sample_database.py`)."""
