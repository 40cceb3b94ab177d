"""What every distribution is: shapes, checks of arguments, and methods that say what they lack."""

from __future__ import annotations

import functools
import warnings
from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.creation import _shape as shape_of
from zincir.distributions.constraints import Constraint, is_dependent
from zincir.distributions.parameters import broadcast_all, derived
from zincir.errors import ArgumentError, explain
from zincir.functional import where
from zincir.graph.node import user_line
from zincir.operations.host import checked
from zincir.recording import CURRENT
from zincir.size import Size, sized
from zincir.tensor import Tensor, wrap
from zincir.types import Shape


class Distribution:
    """A distribution over events, one for each element of a batch.

    A subclass holds tensors of parameters, calls this constructor with its shapes, and has `sample`
    or `rsample`, `log_prob` and what else it can.

    Args:
        batch_shape: of the batch of distributions.
        event_shape: of one sample of one of them.
        validate_args: whether parameters and values are checked; yes if left out. Within a function
            that is being compiled, they are checked when it runs.
    """

    arg_constraints: Any = None
    """Where each parameter may lie: constraints by name."""
    support: Any = None
    """Where samples lie: a constraint."""
    has_rsample: Any = False
    """Whether samples have gradients with respect to the parameters."""
    has_enumerate_support: Any = False
    """Whether all values can be listed."""
    _validate_args: bool = True
    _read_whole = True
    """A recording that reaches one compares all that it holds: the methods read it."""
    _event_dims: ClassVar[dict[str, int]] = {}
    """By the name of each parameter: how many of its last dimensions belong to one event."""

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape: Size = sized(tuple(batch_shape))
        self._event_shape: Size = sized(tuple(event_shape))
        if validate_args is not None:
            self._validate_args = validate_args
        if not self._validate_args:
            return
        if self.arg_constraints is None:
            warnings.warn(
                f"{type(self).__name__} does not define `arg_constraints`: "
                "its arguments are not checked",
                stacklevel=2,
            )
        wanted: dict[str, Constraint] = self.arg_constraints or {}
        for name, constraint in wanted.items():
            self._check_argument(name, constraint)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether arguments are checked where nobody says so."""
        if not isinstance(value, bool):
            raise ArgumentError(
                explain("set_default_validate_args: True or False", where=user_line())
            )
        Distribution._validate_args = value

    def _hold(self, **parameters: Any) -> Shape:
        """Keep parameters as tensors of one shape, which is that of the batch."""
        values = broadcast_all(*parameters.values())
        for name, value in zip(parameters, values, strict=True):
            setattr(self, name, value)
        return values[0].shape

    def _check_argument(self, name: str, constraint: Constraint) -> None:
        if is_dependent(constraint):
            return
        if name not in self.__dict__ and isinstance(getattr(type(self), name, None), derived):
            return
        value = getattr(self, name)

        def problem() -> str:
            return (
                f"Expected parameter {name} ({type(value).__name__} of shape "
                f"{tuple(value.shape)}) of distribution {type(self).__name__} to satisfy the "
                f"constraint {constraint!r}"
            )

        new = required(value, constraint.check(value), problem)
        if new is not value and name in self.__dict__:
            setattr(self, name, new)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution for a larger batch, without a copy of its parameters."""
        if not self._event_dims:
            raise NotImplementedError(f"{type(self).__name__} needs an expand")
        new = self._blank(_instance)
        shape = shape_of((tuple(batch_shape),))
        for name, ndims in self._event_dims.items():
            if name in self.__dict__:
                value: Tensor = self.__dict__[name]
                setattr(new, name, value.expand((*shape, *value.shape[value.ndim - ndims :])))
        Distribution.__init__(new, shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _blank(self, instance: Any) -> Any:
        """A distribution of this kind to be filled."""
        return object.__new__(type(self)) if instance is None else instance

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """The same for subclasses elsewhere: `cls` is whose `expand` asks for it."""
        if _instance is None and type(self).__init__ is not getattr(cls, "__init__", None):
            raise NotImplementedError(
                f"{type(self).__name__} has an __init__ of its own, and needs an expand"
            )
        return self._blank(_instance)

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample of one of them."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise self._lacks("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise self._lacks("mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise self._lacks("variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Samples, of this shape for each distribution of the batch, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Samples with gradients with respect to the parameters."""
        raise self._lacks("rsample")

    def sample_n(self, n: int) -> Tensor:
        """`sample((n,))`."""
        return self.sample((n,))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density, or of the probability, of values."""
        raise self._lacks("log_prob")

    def cdf(self, value: Any) -> Tensor:
        """The probability of what is not larger than a value."""
        raise self._lacks("cdf")

    def icdf(self, value: Any) -> Tensor:
        """The value whose `cdf` is the one given."""
        raise self._lacks("icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along a new first dimension."""
        raise self._lacks("enumerate_support")

    def entropy(self) -> Tensor:
        """The entropy, in nats."""
        raise self._lacks("entropy")

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return self.entropy().exp()

    def _lacks(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {name}")

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        """The shape of samples."""
        return sized((*shape_of((tuple(sample_shape),)), *self._batch_shape, *self._event_shape))

    def _checked(self, value: Any) -> Tensor:
        """A value to be scored, of which it is made sure that it is one that can occur."""
        if not self._validate_args:
            return value
        self._validate_sample(value)
        support = self.support
        if support is None:
            return value
        return required(value, support.check(value), functools.partial(self._outside, value))

    def _outside(self, value: Tensor) -> str:
        return (
            f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the "
            f"support ({self.support!r}) of the distribution {type(self).__name__}"
        )

    def _validate_sample(self, value: Any) -> None:
        """Raise if a value has not the shape of samples."""
        what = ""
        expected = self._batch_shape + self._event_shape
        if not isinstance(value, Tensor):
            what = "The value argument to log_prob must be a Tensor"
        elif value.shape[value.ndim - len(self._event_shape) :] != self._event_shape:
            what = "The right-most size of value must match event_shape"
        else:
            pairs = zip(reversed(value.shape), reversed(expected), strict=False)
            if any(1 not in pair and pair[0] != pair[1] for pair in pairs):
                what = "Value is not broadcastable with batch_shape+event_shape"
        if what:
            got = str(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}: {what}",
                    where=user_line(),
                    expected=str(expected),
                    got=got,
                )
            )

    def __repr__(self) -> str:
        wanted: dict[str, Constraint] = self.arg_constraints or {}
        names = [name for name in wanted if name in self.__dict__]
        values = [(name, self.__dict__[name]) for name in names]
        parts = [f"{n}: {v if v.numel() == 1 else v.shape}" for n, v in values]
        return f"{type(self).__name__}({', '.join(parts)})"


def required(value: Tensor, valid: Tensor, problem: Any) -> Tensor:
    """`value`, of which all is `valid`: checked now, or when it is computed in a recording.

    Raises:
        ArgumentError: it is not.
    """
    fine = valid.detach().all()
    if CURRENT.recording is None:
        if not fine.item():
            raise ArgumentError(
                explain(problem(), where=user_line(), got=f"invalid values:\n{value.detach()}")
            )
        return value
    flag = wrap(checked(fine._node, fine._node, problem()))
    return where(flag, value, float("nan") if value.is_floating_point() else 0)
