"""SummaryWriter: numbers, histograms, images and texts of a training run."""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.utils.tensorboard import pictures, records

_NUMBERS = count()


class FileWriter:
    """One event file in a folder.

    Args:
        log_dir: the folder, which is made if there is none.
        max_queue, flush_secs: taken as PyTorch has them; every event is written at once.
        filename_suffix: the end of the file's name.
    """

    def __init__(
        self, log_dir: Any, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = ""
    ) -> None:
        folder = Path(log_dir)
        folder.mkdir(parents=True, exist_ok=True)
        stamp = f"{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS)}"
        self._path = folder / f"events.out.tfevents.{stamp}{filename_suffix}"
        self._file = self._path.open("ab", buffering=0)
        self._write(records.event(time.time(), None, records.VERSION))

    def get_logdir(self) -> str:
        """The folder."""
        return str(self._path.parent)

    def add(self, what: bytes, step: int | None, walltime: float | None) -> None:
        """Write one event."""
        self._write(records.event(time.time() if walltime is None else walltime, step, what))

    def _write(self, event: bytes) -> None:
        if self._file.closed:
            self._file = self._path.open("ab", buffering=0)
        self._file.write(records.record(event))

    def flush(self) -> None:
        """Nothing: every event has been written at once."""

    def close(self) -> None:
        """Close the file; it is opened again when something more is added."""
        self._file.close()


def _array(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(x.detach().numpy() if isinstance(x, Tensor) else x)


def _number(x: Any, tag: str) -> float:
    array = _array(x)
    if array.size != 1:
        raise ArgumentError(
            explain(
                f"add_scalar({tag!r}): scalar should be 0D",
                where=user_line(),
                got=f"shape {array.shape}",
            )
        )
    return float(array.reshape(()))


class SummaryWriter:
    """Writes what TensorBoard shows, under PyTorch's names.

    Without a folder it writes to `runs/<date>_<host><comment>`. Graphs of operations, embeddings,
    audio, video and the like are not written; a warning says so once.

    >>> import tempfile, os
    >>> folder = tempfile.mkdtemp()
    >>> with SummaryWriter(folder) as writer:
    ...     writer.add_scalar("loss", 0.5, 1)
    >>> len(os.listdir(folder))
    1
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = str(log_dir)
        self._options = (max_queue, flush_secs, filename_suffix)
        self._writers: dict[str, FileWriter] = {self.log_dir: self._open(self.log_dir)}
        self._told: set[str] = set()

    def _open(self, folder: str) -> FileWriter:
        return FileWriter(folder, *self._options)

    @property
    def file_writer(self) -> FileWriter:
        """The writer of the folder itself."""
        return self._writers[self.log_dir]

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: Any = None, **_: Any
    ) -> None:
        """Write a number."""
        what = records.summary(tag, records.scalar(_number(scalar_value, tag)))
        self.file_writer.add(what, _step(global_step), walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: Any = None,
        walltime: Any = None,
    ) -> None:
        """Write several numbers under one name, each in a folder of its own."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            if folder not in self._writers:
                self._writers[folder] = self._open(folder)
            what = records.summary(main_tag, records.scalar(_number(value, tag)))
            self._writers[folder].add(what, _step(global_step), walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: Any = None,
        max_bins: int | None = None,
    ) -> None:
        """Write how values are distributed."""
        array = _array(values).reshape(-1).astype(np.float64)
        if not array.size:
            raise ArgumentError(
                explain(f"add_histogram({tag!r}): the input has no element", where=user_line())
            )
        named = isinstance(bins, str)
        edges = records.default_edges() if bins == "tensorflow" else (
            np.histogram_bin_edges(array, bins) if named else np.asarray(bins, np.float64)
        )  # fmt: skip
        what = records.summary(tag, records.histogram(array, edges))
        self.file_writer.add(what, _step(global_step), walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: str = "CHW",
    ) -> None:
        """Write an image."""
        pixels = pictures.pixels(_array(img_tensor), dataformats)
        what = records.summary(tag, records.image(pixels))
        self.file_writer.add(what, _step(global_step), walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Write several images as one, in a grid."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: Any = None,
    ) -> None:
        """Write a figure of Matplotlib's, or several side by side, as an image."""
        figures = cast(Any, figure if isinstance(figure, list) else [figure])
        drawn = [pictures.drawn(f, close) for f in figures]
        self.add_images(tag, np.stack(drawn), global_step, walltime, "NHWC")

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: Any = None
    ) -> None:
        """Write a text, which TensorBoard reads as Markdown."""
        value, metadata = records.text(text_string)
        what = records.summary(f"{tag}/text_summary", value, metadata)
        self.file_writer.add(what, _step(global_step), walltime)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Write settings as a text, and what came of them as numbers, in a folder of the run."""
        folder = os.path.join(self.log_dir, run_name or str(time.time()))
        with SummaryWriter(folder) as writer:
            lines = [f"|{k}|{v}|" for k, v in hparam_dict.items()]
            writer.add_text("hparams", "\n".join(["|setting|value|", "|---|---|", *lines]))
            for tag, value in metric_dict.items():
                writer.add_scalar(tag, value, global_step)

    def __getattr__(self, name: str) -> Any:
        if name not in _NOT_WRITTEN:
            raise AttributeError(f"'SummaryWriter' object has no attribute {name!r}")

        def tell(*_: Any, **__: Any) -> None:
            if name not in self._told:
                self._told.add(name)
                warnings.warn(f"SummaryWriter.{name}: this is not written", stacklevel=2)

        return tell

    def flush(self) -> None:
        """Nothing: every event has been written at once."""

    def close(self) -> None:
        """Close all files."""
        for writer in self._writers.values():
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_NOT_WRITTEN = (
    "add_graph", "add_embedding", "add_video", "add_audio", "add_pr_curve", "add_pr_curve_raw",
    "add_mesh", "add_custom_scalars", "add_custom_scalars_multilinechart", "add_onnx_graph",
    "add_custom_scalars_marginchart", "add_tensor", "add_histogram_raw", "add_image_with_boxes",
)  # fmt: skip


def _step(step: Any) -> int | None:
    return None if step is None else int(step)
