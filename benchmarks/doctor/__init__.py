"""How good the doctor is: healthy runs, faults, invariances and cures, counted.

`python -m benchmarks.doctor`. Its tables are in `docs/doctor.md`.
"""
