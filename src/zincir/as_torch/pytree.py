"""`torch.utils._pytree`: containers taken apart and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from zincir.trees import children, flatten

PyTree = Any


class TreeSpec:
    """The form of a tree, without its leaves."""

    def __init__(self, tree: Any, num_leaves: int, build: Callable[[Sequence[Any]], Any]) -> None:
        self.type: Any = None if children(tree) is None else type(tree)
        self.num_leaves = num_leaves
        self._build = build
        self._form = build(["*"] * num_leaves)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """A tree of this form with other leaves."""
        return self._build(list(leaves))

    def is_leaf(self) -> bool:
        """Whether it is one leaf and no container."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and (self.type, self._form) == (other.type, other._form)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"TreeSpec({self._form!r})"


def tree_flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves of lists, tuples and dictionaries, and their form.

    >>> leaves, form = tree_flatten({"a": [1, 2], "b": (3,)})
    >>> leaves, tree_unflatten([4, 5, 6], form)
    ([1, 2, 3], {'a': [4, 5], 'b': (6,)})
    """
    leaves, build = flatten(tree)
    return leaves, TreeSpec(tree, len(leaves), build)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """A tree of this form with these leaves."""
    return treespec.unflatten(leaves)


def tree_leaves(tree: Any) -> list[Any]:
    """The leaves."""
    return flatten(tree)[0]


tree_iter = tree_leaves


def tree_structure(tree: Any) -> TreeSpec:
    """The form."""
    return tree_flatten(tree)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any) -> Any:
    """The same tree of what `func` makes of its leaves (and of those of other trees like it).

    >>> tree_map(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    leaves, build = flatten(tree)
    others = [flatten(rest)[0] for rest in rests]
    return build([func(*group) for group in zip(leaves, *others, strict=True)])


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any) -> Any:
    """Call `func` for each leaf; the tree stays what it is."""
    tree_map(func, tree, *rests)
    return tree


def tree_map_only(kind: Any, func: Callable[..., Any], tree: Any) -> Any:
    """`tree_map`, of leaves that are instances of `kind`; others stay."""

    def chosen(leaf: Any) -> Any:
        return func(leaf) if isinstance(leaf, kind) else leaf

    return tree_map(chosen, tree)


def tree_any(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether `pred` holds for any leaf."""
    return any(map(pred, tree_leaves(tree)))


def tree_all(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether `pred` holds for all leaves."""
    return all(map(pred, tree_leaves(tree)))
