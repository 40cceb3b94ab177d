"""Where batches come from: arrays in memory, data sets and loaders, or whatever can be iterated.

Arrays are fed by their numbers: a step gets the numbers of a batch, and picks the samples itself in
native code. Everything else hands over batches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeAlias

import numpy as np

from zincir.creation import as_tensor
from zincir.data.augment import Boxes
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.generator import Generator
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.trainer.checking import range_of, refuse_not_finite
from zincir.trainer.dealing import WHOLE, Dealing, Part
from zincir.trees import flatten
from zincir.types import DType, float32, int64
from zincir.utils.data import DataLoader, Dataset, IterableDataset

Batch: TypeAlias = tuple[Any, int]
"""What a step is called with, and the number of samples in it."""
Augment: TypeAlias = Callable[..., Any]
"""Called with images, `epoch=` and `index=` (the numbers of the samples): the images changed; and
with `boxes=`, if the targets are `Boxes`: both changed.
"""


_PAIR: Any = (tuple, list)  # names that check without narrowing
_LIST: Any = list
_DATASET: Any = Dataset
_ITERABLE: Any = IterableDataset
_loader: Any = DataLoader
_BOXES: Any = Boxes


class Feed(ABC):
    """Batches for one pass after another; `take` makes of one, inside the step, inputs and targets.

    The order of a pass follows from the seed and from the number of the epoch alone.
    """

    deals: ClassVar[bool] = True
    """Whether samples are dealt out to several processes here."""

    @abstractmethod
    def __len__(self) -> int:
        """Batches in a pass.

        Raises:
            TypeError: nobody knows.
        """

    @abstractmethod
    def batches(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        """The batches of an epoch; if the feed deals, those after so many samples."""

    def take(self, given: Any) -> tuple[Any, Any]:
        """Inputs and targets of a batch."""
        return given

    def told(self, given: Any) -> str:
        """What the message of an error in a step says about the targets of its batch."""
        return range_of(given[1])

    def state_dict(self) -> dict[str, Any] | None:
        """Where the source itself stands, if it knows; None: an epoch is gone through again."""
        return None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass go on from there."""
        raise NotImplementedError(type(self).__name__)


class Arrays(Feed):
    """Arrays and tensors in memory, of which each has a sample in each place of dimension 0."""

    def __init__(self, x: Any, y: Any, dealing: Dealing) -> None:
        self._dealing = dealing
        self._leaves, self._build = flatten((x, y))

    def __len__(self) -> int:
        return len(self._dealing)

    def batches(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        return self._dealing.deal(epoch, done)

    @property
    def everything(self) -> tuple[Any, Any]:
        """All inputs and all targets."""
        return self._build(self._leaves)

    @property
    def targets(self) -> Any:
        return self.everything[1]

    def told(self, given: Any) -> str:
        return range_of(self.targets)

    def take(self, given: Any) -> tuple[Any, Any]:
        if self._dealing.is_all(given):
            return self._build(self._leaves)
        return self._build([leaf[given] for leaf in self._leaves])


class Augmented(Feed):
    """Arrays whose inputs are changed at random, the next batch while a step runs.

    Targets that are `Boxes` follow.
    """

    def __init__(self, arrays: Arrays, augment: Augment, dtype: DType) -> None:
        self._arrays, self._augment, self._dtype = arrays, augment, dtype

    def __len__(self) -> int:
        return len(self._arrays)

    def batches(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        def make(given: Batch) -> Batch:
            numbers, count = given
            x, y = self._arrays.take(numbers)
            if isinstance(y, _BOXES):
                boxes = Boxes(*(part.numpy() for part in y))
                changed, y = self._augment(x.numpy(), epoch=epoch, index=numbers, boxes=boxes)
                y = as_input(y, self._dtype, "targets")
            else:
                changed = self._augment(x.numpy(), epoch=epoch, index=numbers)
            ready = as_input(changed, self._dtype, "augment")
            if not isinstance(ready, Tensor) or len(ready) != len(x):
                raise ShapeError(
                    explain(
                        "Trainer.fit: augment gives as many samples as it gets",
                        expected=f"an array of {len(x)}",
                        got=f"shape {tuple(ready.shape)}" if isinstance(ready, Tensor)
                        else type(changed).__name__,
                    )
                )  # fmt: skip
            return (ready, y), count

        with ThreadPoolExecutor(1) as thread:
            coming = None
            for given in self._arrays.batches(epoch, done):
                ready, coming = coming, thread.submit(make, given)
                if ready is not None:
                    yield ready.result()
            if coming is not None:
                yield coming.result()


class Batches(Feed):
    """An iterable of batches, such as a `DataLoader`: pairs of inputs and targets."""

    deals = False

    def __init__(self, source: Iterable[Any], dtype: DType, *, allow_nan: bool = False) -> None:
        self.source, self._dtype, self._allow_nan = source, dtype, allow_nan

    def __len__(self) -> int:
        source: Any = self.source
        return len(source)

    def batches(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        for name in ("sampler", "batch_sampler"):
            part: Any = getattr(self.source, name, None)
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)
        for number, batch in enumerate(self.source):
            yield self._ready(batch, f"of batch {number}")

    def state_dict(self) -> dict[str, Any] | None:
        source: Any = self.source
        return source.state_dict() if isinstance(source, DataLoader) else None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        source: Any = self.source
        source.load_state_dict(state)

    def _ready(self, batch: Any, which: str, samples: Sequence[int] | None = None) -> Batch:
        x, y = pair(batch)
        x, y = as_input(x, self._dtype, "inputs"), as_input(y, self._dtype, "targets")
        leaves = flatten(x)[0], flatten(y)[0]
        if not self._allow_nan:
            for leaf in leaves[0]:
                refuse_not_finite(leaf, f"the inputs {which}", samples)
            for leaf in leaves[1]:
                refuse_not_finite(leaf, f"the targets {which}", samples)
        return (x, y), len(leaves[0][0])


class Loaded(Batches):
    """A data set, whose samples are dealt out."""

    deals = True

    def __init__(
        self, dataset: Any, dealing: Dealing, dtype: DType, *, allow_nan: bool = False
    ) -> None:
        self._dealing, self._lists = dealing, _Lists()
        own = Generator()  # or each pass would draw from the default one
        loader = _loader(dataset, batch_sampler=self._lists, generator=own)
        super().__init__(loader, dtype, allow_nan=allow_nan)

    def __len__(self) -> int:
        return len(self._dealing)

    def state_dict(self) -> None:
        """It follows from the epoch."""

    def batches(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        dealt = list(self._dealing.deal(epoch, done))
        self._lists.numbers = [numbers.tolist() for numbers, _ in dealt]
        numbers = self._lists.numbers
        for batch, samples, (_, count) in zip(self.source, numbers, dealt, strict=True):
            yield self._ready(batch, "of the data set", samples)[0], count


class _Lists:
    """The batches of a pass as lists of numbers."""

    def __init__(self) -> None:
        self.numbers: list[list[int]] = []

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.numbers)


def pair(batch: Any) -> tuple[Any, Any]:
    """Inputs and targets.

    Raises:
        ArgumentError: it is no pair.
    """
    if isinstance(batch, _PAIR) and len(batch) == 2:
        return batch[0], batch[1]
    raise ArgumentError(
        explain(
            "Trainer: a batch is a pair of inputs and targets",
            where=user_line(),
            got=type(batch).__name__,
            try_="an iterable that gives (x, y); ((a, b), y) for a model of two inputs",
        )
    )


def as_input(x: Any, dtype: DType, what: str) -> Any:
    """Tensors for arrays, numbers and tensors in a tree; floating ones in the type of the model.

    Raises:
        DTypeError: something is no array of numbers.
    """
    leaves, build = flatten(x)
    return build([_tensor(leaf, dtype, what) for leaf in leaves])


def _tensor(x: Any, dtype: DType, what: str) -> Tensor:
    if not isinstance(x, Tensor):
        array: Any = np.asarray(x)
        if array.dtype.kind not in "fiub":
            raise DTypeError(
                explain(
                    f"Trainer: {what} are no numbers",
                    where=user_line(),
                    got=f"an array of {array.dtype}",
                    try_="numbers for categories: numpy.unique(y, return_inverse=True)[1]",
                )
            )
        if array.dtype.kind == "u" and array.dtype.itemsize > 1:
            array = array.astype(np.int64)
        x = as_tensor(np.ascontiguousarray(array))
    if x.is_floating_point():
        return x.to(dtype)
    return x.to(int64) if what == "targets" and x.dtype.name != "bool" else x


def feed_of(
    source: Any,
    batch_size: int,
    seed: int | None,
    *,
    dtype: DType = float32,
    drop_last: bool = False,
    augment: Augment | None = None,
    part: Part = WHOLE,
    allow_nan: bool = False,
) -> Feed:
    """What feeds a model from `source`.

    Args:
        source: a pair of arrays (inputs, targets), of which either may be a tuple or a dictionary
            of arrays; a `Dataset`; or an iterable of batches (a list of two pairs of arrays is two
            batches).
        seed: of the order of samples; None for the order in which they are.
        part: which part of each batch this process gets, of arrays and data sets.
        allow_nan: whether numbers may be NaN or infinite.

    Raises:
        ArgumentError: there are no samples, or it is none of these.
        ShapeError: arrays have different numbers of samples.
    """
    if isinstance(source, Feed):
        return source
    pairs = isinstance(source, _PAIR) and len(source) == 2 and not _are_batches(source)
    if pairs and _is_array(source[0]):
        x = as_input(source[0], dtype, "inputs")
        y = as_input(_whole(source[1]), dtype, "targets")
        x, y = _checked(x, y, allow_nan)
        samples = len(flatten(x)[0][0])
        arrays = Arrays(x, y, Dealing(samples, batch_size, seed, part, drop_last=drop_last))
        if augment is None:
            return arrays
        if not callable(augment) or not isinstance(x, Tensor):
            raise ArgumentError(
                explain(
                    "Trainer.fit: augment is a function that changes one array of inputs",
                    where=user_line(),
                    got=repr(augment) if not callable(augment) else "several inputs",
                )
            )
        return Augmented(arrays, augment, dtype)
    if augment is not None:
        raise ArgumentError(
            explain(
                "Trainer.fit: augment is for arrays",
                where=user_line(),
                got=type(source).__name__,
                try_="the data set's own transform",
            )
        )
    if isinstance(source, _DATASET) and not isinstance(source, _ITERABLE):
        if len(source) == 0:
            raise _empty()
        dealing = Dealing(len(source), batch_size, seed, part, drop_last=drop_last)
        return Loaded(source, dealing, dtype, allow_nan=allow_nan)
    if isinstance(source, _ITERABLE):
        source = _loader(source, batch_size, drop_last=drop_last)
    if not hasattr(source, "__iter__") or isinstance(source, _NO_BATCHES):
        raise ArgumentError(
            explain(
                "Trainer: this is nothing that batches can be taken from",
                where=user_line(),
                expected="a pair of arrays, a data set, or an iterable of pairs",
                got=f"{type(source).__name__} {tuple(getattr(source, 'shape', ())) or ''}".strip(),
                try_="fit((x, y)) for arrays",
            )
        )
    return Batches(source, dtype, allow_nan=allow_nan)


_NO_BATCHES: Any = (Mapping, str, bytes, np.ndarray, Tensor)


def _whole(targets: Any) -> Any:
    """Targets without what stands for all: boxes say how much of each is visible."""
    if isinstance(targets, _BOXES) and targets.visible is None:
        return targets._replace(visible=np.ones(tuple(targets.labels.shape), np.float32))
    return targets


def _are_batches(source: Any) -> bool:
    """Whether a list of two is a list of two batches, such as `list(loader)`."""
    return isinstance(source, _LIST) and all(map(_is_pair_of_arrays, source))


def _is_pair_of_arrays(x: Any) -> bool:
    return isinstance(x, _PAIR) and len(x) == 2 and all(hasattr(part, "shape") for part in x)


def _is_array(x: Any) -> bool:
    leaves = flatten(x)[0]
    return bool(leaves) and all(hasattr(leaf, "shape") or isinstance(leaf, list) for leaf in leaves)


def _checked(x: Any, y: Any, allow_nan: bool) -> tuple[Any, Any]:
    leaves = flatten((x, y))[0]
    if any(leaf.ndim == 0 for leaf in leaves):
        raise ShapeError(
            explain("Trainer: a single number is no array of samples", where=user_line())
        )
    counts = {len(leaf) for leaf in leaves}
    if len(counts) > 1:
        raise ShapeError(
            explain(
                "Trainer: inputs and targets have different numbers of samples",
                where=user_line(),
                got=", ".join(str(tuple(leaf.shape)) for leaf in leaves),
            )
        )
    if counts == {0}:
        raise _empty()
    for name, tree in (("the inputs", x), ("the targets", y)):
        for leaf in () if allow_nan else flatten(tree)[0]:
            refuse_not_finite(leaf, name)
    return x, y


def _empty() -> ArgumentError:
    return ArgumentError(explain("Trainer: there is not one sample", where=user_line()))
