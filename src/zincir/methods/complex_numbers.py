"""Methods of complex tensors."""

from __future__ import annotations

from typing import Any, Self

from zincir.calling import takes_names
from zincir.errors import DTypeError, explain
from zincir.graph.node import user_line
from zincir.operations import complex_rules as rules
from zincir.shared_value import current, look_at
from zincir.tensor_base import TensorBase
from zincir.views_complex import Part


@takes_names
class Complex(TensorBase):
    """Methods of complex tensors, most of which real ones have, too."""

    def is_complex(self) -> bool:
        """Whether the type is a complex one."""
        return self.dtype.is_complex

    @property
    def real(self) -> Any:
        """The real parts, in the same memory; of a real tensor, itself."""
        return self._part(second=False) if self.is_complex() else self

    @real.setter
    def real(self, value: Any) -> None:
        self.real.copy_(value)

    @property
    def imag(self) -> Any:
        """The imaginary parts, in the same memory."""
        if not self.is_complex():
            raise DTypeError(
                explain(
                    "imag is not implemented for tensors with non-complex dtypes",
                    where=user_line(),
                    got=self._held.dtype.name,
                )
            )
        return self._part(second=True)

    @imag.setter
    def imag(self, value: Any) -> None:
        self.imag.copy_(value)

    def _part(self, *, second: bool) -> Any:
        return look_at(self._blank(), self, Part(second))

    def conj(self) -> Any:
        """The conjugates (values of their own); of a real tensor, itself."""
        return self._of(rules.conj(current(self))) if self.is_complex() else self

    def conj_physical(self) -> Any:
        """The conjugates."""
        return self.conj()

    def resolve_conj(self) -> Any:
        """Itself: conjugates are computed where they are asked for."""
        return self

    def resolve_neg(self) -> Any:
        """Itself."""
        return self

    def is_conj(self) -> bool:
        """Never: see `resolve_conj`."""
        return False

    def angle(self) -> Self:
        """The angles of the numbers, in (-pi, pi]."""
        return self._of(rules.angle(current(self)))

    def adjoint(self) -> Any:
        """Conjugates of transposed matrices."""
        matrix: Any = self
        return matrix.mT.conj()

    @property
    def mH(self) -> Any:
        """Conjugates of transposed matrices."""
        return self.adjoint()

    @property
    def H(self) -> Any:
        """The conjugate of a transposed matrix."""
        return self.adjoint() if len(self.shape) == 2 else self.conj()
