"""Weights set to zero by a mask, which stays while the others are trained."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NoReturn, TypeVar

from zincir.autograd import no_grad
from zincir.creation import ones_like
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn.module.module import Module
from zincir.nn.utils.convert_parameters import parameters_to_vector
from zincir.random import rand
from zincir.tensor import Tensor

M = TypeVar("M", bound=Module)


class BasePruningMethod(ABC):
    """A way to choose a mask; as a hook before `forward` it sets name to name_orig * name_mask.

    Subclasses define `compute_mask` and `PRUNING_TYPE`, which says what they are given when
    something is pruned already: "unstructured": the numbers that are left, as a vector;
    "structured": the channels along `dim` that are left; "global": everything.

    Example:
        >>> import zincir
        >>> class Small(BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...
        ...     def compute_mask(self, t, default_mask):
        ...         return default_mask * (t.abs() > 0.5)
        >>> Small().prune(zincir.tensor([0.25, -2.0])).tolist()
        [0.0, -2.0]
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for a tensor with these numbers (or scores), of which a part may be masked."""

    def apply_mask(self, module: Module) -> Tensor:
        """The product of the original and the mask."""
        mask: Tensor = getattr(module, f"{self._tensor_name}_mask")
        original: Tensor = getattr(module, f"{self._tensor_name}_orig")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune the parameter `name` of a module, with the arguments of the constructor.

        Args:
            importance_scores: what is compared instead of the parameter's own numbers.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        old = {k: hook for k, hook in _methods(module) if hook._tensor_name == name}
        for hook in old.values():
            before = [*hook] if isinstance(hook, PruningContainer) else [hook]
            method = PruningContainer(*before, method)
        now: Tensor = getattr(module, name)
        scores = _scores(importance_scores, now)
        there = getattr(module, f"{name}_mask").clone() if old else ones_like(now.detach())
        with no_grad():
            mask = method.compute_mask(scores.detach(), default_mask=there)
        for k in old:
            del module._forward_pre_hooks[k]
        if not old:
            delattr(module, name)
            module.register_parameter(f"{name}_orig", now)  # pyright: ignore[reportArgumentType]
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """The tensor times its mask."""
        scores = _scores(importance_scores, t)
        mask = ones_like(t.detach()) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor a parameter again; what is zero stays zero."""
        name = self._tensor_name
        weight = self.apply_mask(module).detach()
        original = getattr(module, f"{name}_orig")
        for part in (name, f"{name}_orig", f"{name}_mask"):
            delattr(module, part)
        original.data = weight
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods, one after the other, for one tensor: each prunes what the others left.

    Example:
        >>> from zincir import nn
        >>> layer = l1_unstructured(l1_unstructured(nn.Linear(4, 4), "weight", 4), "weight", 4)
        >>> int(layer.weight_mask.sum())
        8
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method for the same tensor."""
        if not isinstance(method, BasePruningMethod):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise DTypeError(
                explain(
                    "add_pruning_method: not a pruning method",
                    where=user_line(),
                    got=type(method).__name__,
                )
            )
        if method._tensor_name != self._tensor_name:
            _refuse(f"add_pruning_method: {method._tensor_name!r} is not {self._tensor_name!r}")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """What the last method leaves of what the mask left."""
        method: Any = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            left = (default_mask.reshape(-1) == 1).nonzero()[:, 0]
            parts = [x.reshape(-1).index_select(0, left) for x in (t, default_mask)]
            new = method.compute_mask(parts[0], default_mask=parts[1]).to(t.dtype)
            return mask.reshape(-1).index_copy(0, left, new).reshape(t.shape)
        if method.PRUNING_TYPE == "structured":
            dim = _axis(t, method.dim)
            others = [d for d in range(t.ndim) if d != dim]
            left = (default_mask.sum(dim=others) != 0).nonzero()[:, 0]
            parts = [x.index_select(dim, left) for x in (t, default_mask)]
            new = method.compute_mask(parts[0], default_mask=parts[1]).to(t.dtype)
            return mask.index_copy(dim, left, new)
        if method.PRUNING_TYPE == "global":
            return method.compute_mask(t, default_mask=default_mask).to(t.dtype)
        _refuse(f"{type(method).__name__}: PRUNING_TYPE is {method.PRUNING_TYPE!r}")


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the mask.

    Example:
        >>> import zincir
        >>> Identity().prune(zincir.tensor([3.0])).tolist()
        [3.0]
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask that there is."""
        return default_mask


class _Amount(BasePruningMethod):
    """Prunes a number of elements or channels, or (a float) a share of them."""

    def __init__(self, amount: float) -> None:
        if not isinstance(amount, numbers.Real):
            raise DTypeError(
                explain("prune: amount is no number", where=user_line(), got=repr(amount))
            )
        if amount < 0 or (not isinstance(amount, numbers.Integral) and amount > 1):
            _refuse(f"prune: amount is {amount}, and not from 0.0 to 1.0 or a count")
        self.amount = amount

    def _count(self, size: int) -> int:
        if not isinstance(self.amount, numbers.Integral):
            return round(self.amount * size)
        if self.amount > size:
            _refuse(f"prune: amount is {self.amount}, but there are only {size}")
        return int(self.amount)


class RandomUnstructured(_Amount):
    """Prunes numbers that are drawn.

    Example:
        >>> import zincir
        >>> RandomUnstructured(0.5).prune(zincir.ones(4)).sum().item()
        2.0
    """

    PRUNING_TYPE = "unstructured"

    def _order(self, t: Tensor) -> Tensor:
        return rand(t.numel())

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without those that come first."""
        count = self._count(t.numel())
        if not count:
            return default_mask.clone()
        chosen = self._order(t).topk(count, largest=False).indices
        return default_mask.reshape(-1).index_fill(0, chosen, 0).reshape(default_mask.shape)


class L1Unstructured(RandomUnstructured):
    """Prunes the numbers that are smallest in size.

    Example:
        >>> import zincir
        >>> L1Unstructured(2).prune(zincir.tensor([3.0, -1.0, 2.0])).tolist()
        [3.0, -0.0, 0.0]
    """

    def _order(self, t: Tensor) -> Tensor:
        return t.abs().reshape(-1)


class RandomStructured(_Amount):
    """Prunes channels (parts along axis `dim`) that are drawn.

    Example:
        >>> import zincir
        >>> RandomStructured(1, dim=0).prune(zincir.ones(3, 2)).sum().item()
        4.0
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _order(self, t: Tensor, dim: int) -> Tensor:
        return rand(t.shape[dim])

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the channels that come first."""
        if t.ndim < 2:
            _refuse(f"prune: a tensor of shape {t.shape} has no channels")
        dim = _axis(t, self.dim)
        count = self._count(t.shape[dim])
        if not count:
            return default_mask
        chosen = self._order(t, dim).topk(count, largest=False).indices
        return default_mask.to(t.dtype).index_fill(dim, chosen, 0)


class LnStructured(RandomStructured):
    """Prunes the channels with the smallest norm.

    Example:
        >>> import zincir
        >>> LnStructured(1, n=2, dim=0).prune(zincir.tensor([[3.0, 4.0], [1.0, 5.0]])).tolist()
        [[0.0, 0.0], [1.0, 5.0]]
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _order(self, t: Tensor, dim: int) -> Tensor:
        return t.norm(self.n, [d for d in range(t.ndim) if d != dim])


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says.

    Example:
        >>> import zincir
        >>> CustomFromMask(zincir.tensor([0, 1])).prune(zincir.tensor([3.0, 4.0])).tolist()
        [0.0, 4.0]
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The product of both masks."""
        _same_shape("the mask", self.mask, default_mask)
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: M, name: str) -> M:
    """Make name_orig and name_mask, without pruning anything.

    >>> from zincir import nn
    >>> list(identity(nn.Linear(2, 2), "weight").state_dict())
    ['bias', 'weight_orig', 'weight_mask']
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: float) -> M:
    """Prune numbers that are drawn: so many, or (a float) such a share.

    >>> from zincir import nn
    >>> random_unstructured(nn.Linear(2, 2), "weight", 0.5).weight_mask.sum().item()
    2.0
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: M, name: str, amount: float, importance_scores: Tensor | None = None
) -> M:
    """Prune the numbers that are smallest in size (or whose scores are): so many, or a share.

    >>> from zincir import nn
    >>> l1_unstructured(nn.Linear(2, 2), "weight", 1).weight_mask.sum().item()
    3.0
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Prune channels along axis `dim` that are drawn: so many, or (a float) such a share.

    >>> from zincir import nn
    >>> random_structured(nn.Linear(2, 3), "weight", 1, dim=0).weight_mask.sum().item()
    4.0
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: M,
    name: str,
    amount: float,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> M:
    """Prune the channels along axis `dim` whose norm of order `n` is smallest.

    >>> from zincir import nn
    >>> ln_structured(nn.Linear(2, 3), "weight", 1, n=2, dim=0).weight_mask.sum().item()
    4.0
    """
    scores = {"importance_scores": importance_scores}
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, **scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune what is 0 in a mask.

    >>> import zincir
    >>> from zincir import nn
    >>> custom_from_mask(nn.Linear(2, 1), "bias", zincir.tensor([0])).bias.abs().tolist()
    [0.0]
    """
    CustomFromMask.apply(module, name, mask=mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune numbers of several parameters as if these were one.

    Args:
        parameters: pairs of a module and a name.
        pruning_method: as `L1Unstructured`; `kwargs` are for its constructor.
        importance_scores: what is compared instead of a parameter's own numbers.

    >>> from zincir import nn
    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> global_unstructured([(net[0], "weight"), (net[1], "weight")], L1Unstructured, amount=3)
    >>> sum(layer.weight_mask.sum().item() for layer in net)
    5.0
    """
    pairs = list(parameters)
    given = importance_scores or {}
    now: list[Tensor] = [getattr(module, name) for module, name in pairs]
    scores = [given.get(pair, x).detach() for pair, x in zip(pairs, now, strict=True)]
    masks: list[Tensor] = [
        getattr(module, f"{name}_mask", ones_like(x.detach()))
        for (module, name), x in zip(pairs, now, strict=True)
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise DTypeError(
            explain(
                f"global_unstructured: {pruning_method.__name__} is {method.PRUNING_TYPE}",
                where=user_line(),
                expected="a method that is unstructured",
            )
        )
    method._tensor_name = "temp"
    container = PruningContainer(method)
    with no_grad():
        mask = container.compute_mask(parameters_to_vector(scores), parameters_to_vector(masks))
    start = 0
    for (module, name), x in zip(pairs, now, strict=True):
        custom_from_mask(module, name, mask[start : start + x.numel()].reshape(x.shape))
        start += x.numel()


def remove(module: M, name: str) -> M:
    """Make the pruned tensor a parameter again; what is zero stays zero.

    Raises:
        ArgumentError: it is not pruned.

    >>> from zincir import nn
    >>> list(remove(identity(nn.Linear(2, 2), "weight"), "weight").state_dict())
    ['bias', 'weight']
    """
    for k, hook in _methods(module):
        if hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[k]
            return module
    _refuse(f"prune.remove: {name!r} of {type(module).__name__} is not pruned")


def is_pruned(module: Module) -> bool:
    """Whether anything in a module is pruned.

    >>> from zincir import nn
    >>> is_pruned(nn.Linear(2, 2))
    False
    """
    return any(_methods(below) for below in module.modules())


def _methods(module: Module) -> list[tuple[Any, BasePruningMethod]]:
    hooks: list[tuple[Any, Any]] = [(k, h[0]) for k, h in module._forward_pre_hooks.items()]
    return [(k, hook) for k, hook in hooks if isinstance(hook, BasePruningMethod)]


def _scores(scores: Tensor | None, t: Tensor) -> Tensor:
    if scores is None:
        return t
    _same_shape("importance_scores", scores, t)
    return scores


def _same_shape(what: str, x: Tensor, t: Tensor) -> None:
    if tuple(x.shape) != tuple(t.shape):
        raise ShapeError(
            explain(
                f"prune: {what} and the tensor have different shapes",
                where=user_line(),
                expected=str(t.shape),
                got=str(x.shape),
            )
        )


def _axis(t: Tensor, dim: int) -> int:
    if not -t.ndim <= dim < t.ndim:
        raise IndexOutOfRange(
            explain(f"prune: there is no axis {dim}", where=user_line(), got=str(t.shape))
        )
    return dim % t.ndim


def _refuse(what: str) -> NoReturn:
    raise ArgumentError(explain(what, where=user_line()))
