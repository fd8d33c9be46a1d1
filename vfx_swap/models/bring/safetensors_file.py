"""Safetensors files: written whole, read with every length checked before a byte of it is believed.

Format: 8 bytes little-endian length of a JSON header, the header, the tensors' bytes. The header maps a name
to dtype, shape and [begin, end) in those bytes; `__metadata__` maps text to text
(https://huggingface.co/docs/safetensors, "Format"). Nothing in such a file is code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.io.atomic import atomic_write

__all__ = ["TensorFile", "read_safetensors", "write_safetensors"]

HEADER_LIMIT = 100_000_000
"""Bytes of a header, as the reference implementation allows."""
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_NAMES = {np.dtype(text): name for name, text in _DTYPES.items() if name != "BF16"}
_MEND = "Get the file again from where it came; it was cut off, or it is not a safetensors file"


@dataclass(frozen=True, eq=False)
class TensorFile:
    """What a safetensors file holds."""

    tensors: Mapping[str, NDArray[Any]]
    """By name, read-only, on the file itself until they are used; bfloat16 comes as float32."""
    metadata: Mapping[str, str]


def read_safetensors(path: Path) -> TensorFile:
    """The tensors of a file, mapped and not copied.

    Raises:
        MissingInputError: it cannot be opened.
        ModelMismatchError: it is truncated, or its header says what cannot be.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little") if size >= 8 else -1
            if length < 0 or length > min(HEADER_LIMIT, size - 8):
                raise ModelMismatchError(
                    f"its header claims {max(length, 0)} bytes, but the file has {size} and a header may have "
                    f"{HEADER_LIMIT}",
                    where=path,
                    mend=_MEND,
                )
            header = stream.read(length)
    except OSError as error:
        raise MissingInputError(f"cannot be read ({error.strerror})", where=path) from error
    try:
        table = json.loads(header.decode("utf-8"), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise ModelMismatchError(f"its header is not JSON ({error})", where=path, mend=_MEND) from error
    metadata, entries = _parts(table, path=path, room=size - 8 - length)
    bulk = np.memmap(path, mode="r", dtype=np.uint8, offset=8 + length) if size > 8 + length else np.zeros(0, np.uint8)
    tensors = {name: _tensor(bulk, entry) for name, entry in entries.items()}
    return TensorFile(MappingProxyType(tensors), MappingProxyType(metadata))


def write_safetensors(path: Path, tensors: Mapping[str, NDArray[Any]], *, metadata: Mapping[str, str]) -> None:
    """Write a file whole or not at all; the same tensors give the same bytes.

    Raises:
        OutputError: it cannot be written.
        ValueError: a dtype that the format does not know.
    """
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    begin = 0
    for name, tensor in tensors.items():
        dtype = tensor.dtype.newbyteorder("<")
        if dtype not in _NAMES:
            raise ValueError(f"safetensors has no type for {tensor.dtype} of {name!r}")
        header[name] = {
            "dtype": _NAMES[dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, begin + tensor.nbytes],
        }
        begin += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            stream.write(np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<")).tobytes())


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name stands twice")
    return table


@dataclass(frozen=True)
class _Entry:
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def _parts(table: object, *, path: Path, room: int) -> tuple[dict[str, str], dict[str, _Entry]]:
    """Metadata and entries, checked: known types, true sizes, no gap and no overlap, all bytes used."""
    if not isinstance(table, dict):
        raise ModelMismatchError("its header is not a table", where=path, mend=_MEND)
    metadata = table.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelMismatchError("its metadata is not text", where=path, mend=_MEND)
    entries = {name: _entry(name, fields, path=path) for name, fields in table.items()}
    expected = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != expected:
            raise ModelMismatchError(
                f"the tensor {name!r} begins at byte {entry.begin}, not at {expected}", where=path, mend=_MEND
            )
        expected = entry.end
    if expected != room:
        raise ModelMismatchError(
            f"its tensors need {expected} bytes, the file has {room} for them", where=path, mend=_MEND
        )
    return metadata, entries


def _entry(name: str, fields: object, *, path: Path) -> _Entry:
    try:
        stated = dict(fields) if isinstance(fields, dict) else {}
        dtype, shape, (begin, end) = stated["dtype"], tuple(stated["shape"]), stated["data_offsets"]
        numbers = (*shape, begin, end)
        if dtype not in _DTYPES or not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("type, shape or place is not one")
        if math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize != end - begin:
            raise ValueError(f"shape {list(shape)} of {dtype} does not take {end - begin} bytes")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMismatchError(f"the tensor {name!r} is not described rightly ({error})", where=path) from error
    return _Entry(dtype, shape, begin, end)


def _tensor(bulk: NDArray[np.uint8], entry: _Entry) -> NDArray[Any]:
    flat = bulk[entry.begin : entry.end]
    values = np.frombuffer(flat, dtype=_DTYPES[entry.dtype]) if len(flat) else np.zeros(0, _DTYPES[entry.dtype])
    if entry.dtype == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    tensor: NDArray[Any] = values.reshape(entry.shape)
    return tensor
