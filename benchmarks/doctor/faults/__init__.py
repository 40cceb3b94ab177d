"""Faults, put into healthy runs one at a time.

After the operators of DeepCrime (Humbatova et al., ISSTA 2021: their three letters are named), the
faults that TheDeepChecker (TDC: Ben Braiek and Khomh, TOSEM 2022) was tried on, and the static
entries of the catalogue (S1 to S22). Each says which symptoms are right, and in which layer.
Operators for whose faults there is no rule are here as well: they count as misses if they harm.
"""

from benchmarks.doctor.faults import of_data, of_heads, of_layers, of_loops
from benchmarks.doctor.faults.injecting import FAULTS as FAULTS, Fault as Fault

__all__ = ["FAULTS", "Fault", "of_data", "of_heads", "of_layers", "of_loops"]
