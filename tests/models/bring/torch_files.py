"""Torch checkpoints, made byte by byte: good ones and hostile ones. torch is not needed to write them."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORAGES = {"float32": "FloatStorage", "int64": "LongStorage", "float16": "HalfStorage"}


class _Global:
    """Pickled as a name, whatever it names."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class _Storage:
    def __init__(self, kind: str, key: str, count: int) -> None:
        self.kind, self.key, self.count = kind, key, count


class _Tensor:
    def __init__(self, key: str, values: NDArray[Any], *, count: int | None = None) -> None:
        self.storage = _Storage(STORAGES[str(values.dtype)], key, values.size if count is None else count)
        self.values = values


class Built:
    """An instance of a class that need not exist."""

    def __init__(self, module: str, name: str, state: dict[str, Any]) -> None:
        self.module, self.name, self.state = module, name, state


class Changed:
    """Something whose attributes the pickle sets after it was made."""

    def __init__(self, what: object, state: object) -> None:
        self.what, self.state = what, state


class _Pickler(pickle._Pickler):
    """Writes names that need not exist, and storages as torch writes them."""

    write: Callable[[bytes], None]

    def __init__(self, stream: io.BytesIO, *, legacy: bool) -> None:
        super().__init__(stream, protocol=2)
        self.legacy = legacy

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, _Storage):
            identifier = ("storage", _Global("torch", obj.kind), obj.key, "cpu", obj.count)
            return (*identifier, None) if self.legacy else identifier
        return None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Tensor):
            strides = [stride // obj.values.itemsize for stride in obj.values.strides]
            self.save(_Global("torch._utils", "_rebuild_tensor_v2"))
            self.save((obj.storage, 0, obj.values.shape, tuple(strides), False, OrderedDict()))
            self.write(pickle.REDUCE)
        elif isinstance(obj, Changed):
            self.save(obj.what)
            self.save(obj.state)
            self.write(pickle.BUILD)
        elif isinstance(obj, Built):
            self.save(_Global(obj.module, obj.name))
            self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
            self.save(obj.state)
            self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc]


def pickled(value: Any, *, legacy: bool = False) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, legacy=legacy).dump(value)
    return stream.getvalue()


def state_of(tensors: Mapping[str, NDArray[Any]], *, claim: int | None = None) -> OrderedDict[str, _Tensor]:
    """A state dict; each tensor in a storage of its own, which claims to hold `claim` numbers."""
    return OrderedDict(
        (key, _Tensor(str(number), values.copy(), count=claim)) for number, (key, values) in enumerate(tensors.items())
    )


def write_zip(
    path: Path, tensors: Mapping[str, NDArray[Any]], *, text: bytes | None = None, packed: bool = False
) -> Path:
    """A checkpoint in the form of torch >= 1.6; `text` replaces its pickle."""
    how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", compression=how) as archive:
        archive.writestr("archive/data.pkl", pickled(state_of(tensors)) if text is None else text)
        archive.writestr("archive/byteorder", b"little")
        for number, values in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{number}", np.ascontiguousarray(values).tobytes())
        archive.writestr("archive/version", b"3\n")
    return path


def write_legacy(path: Path, tensors: Mapping[str, NDArray[Any]], *, described: Any = None) -> Path:
    """A checkpoint in the form of torch < 1.6; `described` replaces its state dict."""
    state = state_of(tensors) if described is None else described
    parts = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
    body = b"".join(pickled(part) for part in parts) + pickled(state, legacy=True)
    body += pickled([str(number) for number in range(len(tensors))])
    for values in tensors.values():
        body += values.size.to_bytes(8, "little") + np.ascontiguousarray(values).tobytes()
    path.write_bytes(body)
    return path


def call(module: str, name: str, *arguments: object) -> bytes:
    """A pickle that would call a function when it is loaded."""
    stream = io.BytesIO()
    writer = _Pickler(stream, legacy=False)
    writer.write(pickle.PROTO + bytes([2]))
    writer.save(_Global(module, name))
    writer.save(arguments)
    writer.write(pickle.REDUCE + pickle.STOP)
    return stream.getvalue()


def module(
    name: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    buffers: Mapping[str, Any] | None = None,
    inside: Mapping[str, Any] | None = None,
) -> Built:
    """A whole module as torch pickles one: an object of a class of that name, with its state."""
    state = {
        "training": False,
        "_parameters": OrderedDict(parameters or {}),
        "_buffers": OrderedDict(buffers or {}),
        "_non_persistent_buffers_set": set(),
        "_modules": OrderedDict(inside or {}),
    }
    place, _, own = name.rpartition(".")
    return Built(place, own, state)


def named(place: str, name: str) -> Any:
    """A name, as it is."""
    return _Global(place, name)


def tensor(key: str, values: NDArray[Any]) -> Any:
    """A tensor that lies under a key of the file."""
    return _Tensor(key, values.copy())
