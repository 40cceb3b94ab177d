"""One file for the whole state of a training: it is complete, or it is not there.

It is a file of the safetensors format: all tensors by a dotted name, and in its metadata, as JSON,
everything else and the form of it all. Nothing in it is ever executed. A digest (BLAKE2b, RFC 7693)
of names, numbers and form tells whether a file is as it was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import numpy as np

from zincir import safetensors
from zincir.errors import ArgumentError, LoadError, explain
from zincir.graph.node import user_line
from zincir.serialization.archive import replacing
from zincir.shared_value import array_of
from zincir.tensor import Tensor, from_array

FORMAT, VERSION = "zincir.checkpoint", 1


def save_checkpoint(state: Mapping[str, Any], path: Any) -> None:
    """Write numbers, text, tensors and arrays in dictionaries, lists and tuples.

    The file takes the place of an older one when it is complete and on the disk.

    Raises:
        ArgumentError: the state holds something else; its place is named.
        OSError: the disk is full, or the folder is not there. The older file stays as it was.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/state.ckpt"
        >>> save_checkpoint({"epoch": 3, "weights": [Tensor([1.0, 2.0])]}, path)
        >>> load_checkpoint(path)
        {'epoch': 3, 'weights': [tensor([1., 2.])]}
    """
    write(frozen(state), path)


def frozen(state: Mapping[str, Any]) -> tuple[str, dict[str, Tensor]]:
    """The form of a state as JSON, and copies of its tensors: it may change from now on."""
    tensors: dict[str, Tensor] = {}
    return json.dumps(_form(state, "", tensors)), tensors


def write(taken: tuple[str, dict[str, Tensor]], path: Any) -> None:
    """Write what `frozen` took."""
    form, tensors = taken
    metadata = {"format": FORMAT, "version": str(VERSION), "state": form}
    metadata["digest"] = _digest(form, tensors)
    parts = safetensors.pieces(tensors, metadata)
    with replacing(Path(path)) as file:
        file.writelines(parts)


def load_checkpoint(path: Any) -> dict[str, Any]:
    """What `save_checkpoint` wrote.

    Raises:
        LoadError: the file is no checkpoint, of a later version, or not as it was written.
        FileNotFoundError: there is none.
    """
    return parsed(Path(path).read_bytes(), Path(path))


def parsed(data: bytes, path: Path) -> dict[str, Any]:
    """What is in the bytes of a checkpoint."""
    try:
        tensors = safetensors.load(data)
        metadata = safetensors.metadata(data)
    except LoadError as error:
        raise _damaged(path, f"it is no checkpoint, or damaged: {error}") from error
    if metadata.get("format") != FORMAT:
        raise _damaged(path, "it is no checkpoint of a training")
    version = metadata.get("version", "")
    if not version.isdecimal() or int(version) > VERSION:
        raise _damaged(path, f"it was written by another version ({version})")
    form = metadata.get("state", "")
    if metadata.get("digest") != _digest(form, tensors):
        raise _damaged(path, "its content is not what was written")
    return cast("dict[str, Any]", _built(json.loads(form), tensors))


def _damaged(path: Path, why: str) -> LoadError:
    return LoadError(
        explain(
            f"load_checkpoint: {path}: {why}",
            where=user_line(),
            try_="an older checkpoint: `Checkpoint` keeps the last and the best",
        )
    )


def _digest(form: str, tensors: Mapping[str, Tensor]) -> str:
    digest = blake2b(form.encode(), digest_size=16)
    for name in sorted(tensors):
        array = array_of(tensors[name], "checkpoint")
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return digest.hexdigest()


_PLAIN = (str, int, float, bool, type(None))
_NUMBER: Any = np.generic
_ARRAY: Any = np.ndarray  # names that check without narrowing
_SEVERAL: Any = (tuple, list)
_MAPPING: Any = Mapping


def _form(given: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """What is given, for JSON; tensors are put beside, under their path."""
    x: Any = given.item() if isinstance(given, _NUMBER) else given
    if isinstance(x, _PLAIN):
        return x
    if isinstance(x, Tensor | _ARRAY):
        name = path.removeprefix(".") or "value"
        while name in tensors:  # a dot may be part of a key
            name += "'"
        tensors[name] = x.detach().clone() if isinstance(x, Tensor) else from_array(np.array(x))
        array_of(tensors[name], "save_checkpoint")  # now: what follows may change it
        return {"$": "tensor" if isinstance(x, Tensor) else "array", "name": name}
    if isinstance(x, _SEVERAL):
        items = [_form(item, f"{path}.{i}", tensors) for i, item in enumerate(x)]
        return items if isinstance(x, list) else {"$": "tuple", "items": items}
    if isinstance(x, _MAPPING):
        pairs: Any = x.items()
        if all(isinstance(key, str) and key != "$" for key, _ in pairs):
            return {key: _form(value, f"{path}.{key}", tensors) for key, value in pairs}
        if all(isinstance(key, _PLAIN) for key, _ in pairs):
            numbered: Any = [[key, _form(value, f"{path}.{key}", tensors)] for key, value in pairs]
            return {"$": "dict", "items": numbered}
    raise ArgumentError(
        explain(
            f"save_checkpoint: state{path} cannot be saved",
            where=user_line(),
            expected="numbers, text, tensors and arrays in dictionaries, lists and tuples",
            got=f"{type(x).__name__}: {x!r:.60}",
        )
    )


def _built(form: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(form, list):
        return [_built(item, tensors) for item in cast("list[Any]", form)]
    if not isinstance(form, dict):
        return form
    known = cast("dict[str, Any]", form)
    kind = known.get("$")
    if kind in ("tensor", "array"):
        tensor = tensors[known["name"]]
        return tensor if kind == "tensor" else tensor.numpy()
    if kind == "tuple":
        return tuple(_built(item, tensors) for item in known["items"])
    if kind == "dict":
        return {key: _built(value, tensors) for key, value in known["items"]}
    return {key: _built(value, tensors) for key, value in known.items()}
