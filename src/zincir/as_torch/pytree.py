"""`torch.utils._pytree`: containers taken apart and put together."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, cast

PyTree = Any


class NodeDef(NamedTuple):
    """A kind of container: how it is taken apart, and put together."""

    type: Any
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]


def _of_dict(tree: dict[Any, Any]) -> tuple[list[Any], Any]:
    return list(tree.values()), list(tree)


def _of_defaults(tree: Any) -> tuple[list[Any], Any]:
    return list(tree.values()), [tree.default_factory, list(tree)]


def _bounded(leaves: Iterable[Any], most: Any) -> Any:
    return deque(leaves, maxlen=most)


def _parts(tree: Any) -> tuple[list[Any], Any]:
    """The parts of a sequence, and what else makes it what it is."""
    kind = cast(Any, type(tree))
    return list(tree), kind if hasattr(tree, "_fields") else getattr(tree, "maxlen", None)


def _pairs(kind: Callable[..., Any]) -> Callable[[Iterable[Any], Any], Any]:
    return lambda leaves, keys: kind(zip(keys, leaves, strict=True))


def _sequence(kind: Callable[..., Any]) -> Callable[[Iterable[Any], Any], Any]:
    return lambda leaves, _: kind(leaves)


def _named(leaves: Iterable[Any], kind: Any) -> Any:
    return kind(*leaves)


def _defaults(leaves: Iterable[Any], known: Any) -> Any:
    return defaultdict(known[0], zip(known[1], leaves, strict=True))


SUPPORTED_NODES: dict[Any, NodeDef] = {
    node.type: node
    for node in (
        NodeDef(list, _parts, _sequence(list)),
        NodeDef(tuple, _parts, _sequence(tuple)),
        NodeDef(namedtuple, _parts, _named),
        NodeDef(dict, _of_dict, _pairs(dict)),
        NodeDef(OrderedDict, _of_dict, _pairs(OrderedDict)),
        NodeDef(defaultdict, _of_defaults, _defaults),
        NodeDef(deque, _parts, _bounded),
    )
}
"""Containers by their types."""


def register_pytree_node(
    cls: type, flatten_fn: Callable[..., Any], unflatten_fn: Callable[..., Any], **options: Any
) -> None:
    """Let a class be a container: how it is taken apart into children and context, and put
    together.
    """
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _get_node_type(tree: Any) -> Any:
    kind = cast(Any, type(tree))
    named = isinstance(tree, tuple) and kind not in SUPPORTED_NODES and hasattr(kind, "_fields")
    return namedtuple if named else kind


def _is_leaf(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


class TreeSpec:
    """The form of a tree, without its leaves: a kind of container, and the forms in it."""

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs

    @property
    def num_leaves(self) -> int:
        """How many leaves there are."""
        return 1 if self.is_leaf() else sum(child.num_leaves for child in self.children_specs)

    @property
    def num_children(self) -> int:
        """How many forms there are in it."""
        return len(self.children_specs)

    def children(self) -> list[TreeSpec]:
        """The forms in it."""
        return list(self.children_specs)

    def child(self, index: int) -> TreeSpec:
        """One of them."""
        return self.children_specs[index]

    def is_leaf(self) -> bool:
        """Whether it is one leaf and no container."""
        return self.type is None

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """A tree of this form with other leaves.

        Raises:
            ValueError: there are not as many.
        """
        found = list(leaves)
        if len(found) != self.num_leaves:
            raise ValueError(
                f"tree_unflatten: {len(found)} leaves for a tree of {self.num_leaves} leaves"
            )
        return self._built(iter(found))

    def _built(self, leaves: Iterator[Any]) -> Any:
        if self.is_leaf():
            return next(leaves)
        parts = [child._built(leaves) for child in self.children_specs]
        return SUPPORTED_NODES[self.type].unflatten_fn(parts, self.context)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and (
            (self.type, self.context, self.children_specs)
            == (other.type, other.context, other.children_specs)
        )

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        if self.is_leaf():
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


class LeafSpec(TreeSpec):
    """The form of a leaf."""

    def __init__(self) -> None:
        super().__init__(None, None, [])


def tree_flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves of lists, tuples, dictionaries and registered containers, and their form.

    >>> leaves, form = tree_flatten({"a": [1, 2], "b": (3,)})
    >>> leaves, tree_unflatten([4, 5, 6], form)
    ([1, 2, 3], {'a': [4, 5], 'b': (6,)})
    """
    if _is_leaf(tree, is_leaf):
        return [tree], LeafSpec()
    kind = _get_node_type(tree)
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    parts = [tree_flatten(child, is_leaf) for child in children]
    leaves = [leaf for found, _ in parts for leaf in found]
    return leaves, TreeSpec(kind, context, [form for _, form in parts])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """A tree of this form with these leaves."""
    return treespec.unflatten(leaves)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves."""
    return tree_flatten(tree, is_leaf)[0]


tree_iter = tree_leaves


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The form."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any],
    tree: Any,
    *rests: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """The same tree of what `func` makes of its leaves (and of those of other trees like it).

    >>> tree_map(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    leaves, form = tree_flatten(tree, is_leaf)
    others = [tree_leaves(rest, is_leaf) for rest in rests]
    return form.unflatten(func(*group) for group in zip(leaves, *others, strict=True))


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Any = None) -> Any:
    """Call `func` for each leaf; the tree stays what it is."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(kind: Any, func: Callable[..., Any], tree: Any, is_leaf: Any = None) -> Any:
    """`tree_map`, of leaves that are instances of `kind`; others stay."""

    def chosen(leaf: Any) -> Any:
        return func(leaf) if isinstance(leaf, kind) else leaf

    return tree_map(chosen, tree, is_leaf=is_leaf)


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    """Whether `pred` holds for any leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    """Whether `pred` holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))
