"""Torch checkpoints as plain numpy tensors, in either form torch has written; nothing in them is run.

Zip form (torch >= 1.6): a stored zip with `NAME/data.pkl` and `NAME/data/KEY`. Legacy form: five pickles
(magic number, protocol, system, object, storage keys), then for each key an int64 count and its numbers.
torch itself is not needed.
"""

from __future__ import annotations

import errno
import io
import math
import mmap
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.models.bring.torch_pickle import (
    PICKLE_LIMIT,
    STORAGES,
    ModuleStandIn,
    StorageRef,
    TensorRef,
    read_pickle,
    scan_pickle,
)

__all__ = ["is_torch_zip", "looks_like_torch_file", "read_torch_file"]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DEEPEST = 64
_NONSENSE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What a file can provoke by describing something that is no table of tensors."""
_LoadStorage: TypeAlias = Callable[[StorageRef], NDArray[Any]]


def looks_like_torch_file(head: bytes) -> bool:
    """Whether a file's first bytes are a pickle's, as legacy checkpoints begin."""
    return len(head) > 2 and head[0] == 0x80 and head[1] in (2, 3, 4, 5)


def is_torch_zip(archive: zipfile.ZipFile) -> bool:
    """Whether a zip is a torch checkpoint and not an archive of files."""
    return any(name.endswith("data.pkl") and name.count("/") <= 1 for name in archive.namelist())


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a state dict, or of the modules that `torch_pickle` knows, by key.

    Raises:
        MissingInputError: it cannot be opened.
        ModelMismatchError: it is cut off, holds anything but plain tensors, or lies about its sizes.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(2) == b"PK":
                return _read_zip(path)
            return _read_legacy(path)
    except OSError as error:
        if error.errno == errno.EINVAL:  # a zip whose directory points before the file's first byte
            raise ModelMismatchError("broken: it points outside itself", where=path) from error
        raise MissingInputError(f"cannot be read ({error.strerror or error})", where=path) from error
    except ModelMismatchError as error:
        raise ModelMismatchError(error.what, where=path, mend=error.mend) from error.__cause__
    except _NONSENSE as error:
        raise ModelMismatchError(
            f"broken ({type(error).__name__}: {error})", where=path, mend="Get it again from where it came"
        ) from error


def _read_zip(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {one.filename: one for one in archive.infolist()}
            _check_members(archive, size=path.stat().st_size)
            description = next(name for name in members if name.endswith("data.pkl") and name.count("/") <= 1)
            prefix = description[: -len("data.pkl")]
            if members[description].file_size > PICKLE_LIMIT:
                raise ModelMismatchError(f"its pickle has {members[description].file_size} bytes")
            order = f"{prefix}byteorder"
            if order in members and archive.read(order) != b"little":
                raise ModelMismatchError("its numbers are big-endian", mend="Save it again on a usual machine")
            text = archive.read(description)
            scan_pickle(io.BytesIO(text))

            def load(storage: StorageRef) -> NDArray[Any]:
                name = f"{prefix}data/{storage.key}"
                if name not in members:
                    raise ModelMismatchError(f"the numbers {storage.key!r} are missing")
                return _numbers(archive.read(name), storage)

            return _tensors(read_pickle(text), load)
    except StopIteration as error:
        raise ModelMismatchError("a zip without data.pkl: no torch checkpoint") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelMismatchError(
            f"cut off or broken ({error})", mend="Get it again; compare its size and SHA-256 with the publisher's"
        ) from error


def _check_members(archive: zipfile.ZipFile, *, size: int) -> None:
    """Torch stores, never compresses: so members cannot hold more than the file has."""
    members = archive.infolist()
    if len({one.filename for one in members}) != len(members):
        raise ModelMismatchError("two members of it have the same name, so it says two things at once")
    packed = next((one.filename for one in members if one.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None:
        raise ModelMismatchError(f"its member {packed!r} is compressed, which torch never does")
    claimed = sum(one.file_size for one in members)
    if claimed > size:
        raise ModelMismatchError(f"its members claim {claimed} bytes, the file has {size}")


def _read_legacy(path: Path) -> dict[str, NDArray[Any]]:
    if path.stat().st_size == 0:
        raise ModelMismatchError("the file is empty", mend="Get it again from where it came")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:

        def following() -> bytes:
            start = mapped.tell()
            return bytes(mapped[start : scan_pickle(mapped)])

        if read_pickle(following(), modules=False) != _MAGIC or read_pickle(following(), modules=False) != _PROTOCOL:
            raise ModelMismatchError(
                "a pickle that is no torch checkpoint", mend="Bring a state dict saved with torch.save, or safetensors"
            )
        read_pickle(following(), modules=False)  # byte order and sizes of C types of the machine that wrote it
        described = read_pickle(following())
        keys = [str(key) for key in read_pickle(following(), modules=False)]
        places = _legacy_places(described, keys, mapped)
        return _tensors(described, lambda storage: _numbers(_at(mapped, places, storage), storage))


def _legacy_places(described: Any, keys: list[str], mapped: mmap.mmap) -> dict[str, int]:
    """Where each storage's numbers begin."""
    sizes = {one.storage.key: one.storage for one in _references(described).values() if isinstance(one, TensorRef)}
    places, position = {}, mapped.tell()
    for key in keys:
        if key not in sizes:
            raise ModelMismatchError(f"the numbers {key!r} belong to no tensor")
        count = int.from_bytes(mapped[position : position + 8], "little", signed=True)
        if count != sizes[key].count or len(mapped) < position + 8 + count * _width(sizes[key]):
            raise ModelMismatchError(
                f"cut off: {sizes[key].count} numbers of {key!r} are not there",
                mend="Get it again; compare its size and SHA-256 with the publisher's",
            )
        places[key] = position + 8
        position += 8 + count * _width(sizes[key])
    return places


def _at(mapped: mmap.mmap, places: Mapping[str, int], storage: StorageRef) -> bytes:
    if storage.key not in places:
        raise ModelMismatchError(f"the numbers {storage.key!r} are missing")
    return bytes(mapped[places[storage.key] : places[storage.key] + storage.count * _width(storage)])


def _width(storage: StorageRef) -> int:
    if storage.dtype not in STORAGES.values() or type(storage.count) is not int:
        raise ModelMismatchError(f"numbers of an unknown kind, {storage.dtype!r}")
    return 2 if storage.dtype == "bfloat16" else np.dtype(storage.dtype).itemsize


def _numbers(text: bytes, storage: StorageRef) -> NDArray[Any]:
    if len(text) != storage.count * _width(storage):
        raise ModelMismatchError(f"{len(text)} bytes where {storage.count} numbers of {storage.dtype} should be")
    if storage.dtype == "bfloat16":
        return (np.frombuffer(text, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(text, storage.dtype)


def _tensors(described: Any, load: _LoadStorage) -> dict[str, NDArray[Any]]:
    references = _references(described)
    others = [key for key, value in references.items() if not isinstance(value, TensorRef)]
    if others:
        raise ModelMismatchError(
            f"not a plain state dict: {others[0]!r} holds a {type(references[others[0]]).__name__}",
            mend="Save the network's state_dict() alone",
        )
    loaded: dict[str, NDArray[Any]] = {}
    result = {}
    for key, one in references.items():
        if one.storage.key not in loaded:
            loaded[one.storage.key] = load(one.storage)
        result[key] = _view(loaded[one.storage.key], one)
    return result


def _view(numbers: NDArray[Any], tensor: TensorRef) -> NDArray[Any]:
    """A tensor's numbers, none from outside its storage: numpy itself would read on."""
    shape, stride, offset = tensor.shape, tensor.stride, tensor.offset
    if len(shape) != len(stride) or not all(
        type(number) is int and number >= 0 for number in (offset, *shape, *stride)
    ):
        raise ModelMismatchError(f"a tensor with the shape {shape!r} and the stride {stride!r}")
    last = offset + sum((length - 1) * step for length, step in zip(shape, stride, strict=True))
    if 0 not in shape and (last >= numbers.size or math.prod(shape) > numbers.size):
        raise ModelMismatchError(f"a tensor of shape {shape} reaches past its {numbers.size} numbers")
    if 0 in shape:
        return np.zeros(shape, dtype=numbers.dtype)
    steps = [step * numbers.dtype.itemsize for step in stride]
    view = np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False)
    return np.ascontiguousarray(view).reshape(shape)


def _references(described: Any, *, depth: int = 0) -> dict[str, Any]:
    """Key -> tensor, in the order of a state dict: parameters, buffers, then modules within."""
    if depth > _DEEPEST:
        raise ModelMismatchError(f"modules within modules, more than {_DEEPEST} deep")
    if isinstance(described, ModuleStandIn):
        attributes = described.attributes
        passing = attributes.get("_non_persistent_buffers_set", ())
        found = {key: value for key, value in dict(attributes.get("_parameters", {})).items() if value is not None}
        buffers = dict(attributes.get("_buffers", {}))
        found |= {key: value for key, value in buffers.items() if value is not None and key not in passing}
        for name, module in dict(attributes.get("_modules", {})).items():
            if module is not None:
                inner = _references(module, depth=depth + 1)
                found |= {f"{name}.{key}": value for key, value in inner.items()}
        return found
    if isinstance(described, dict):
        return {str(key): value for key, value in described.items()}
    raise ModelMismatchError(
        f"it holds a {type(described).__name__}, not a table of tensors", mend="Bring the network's state dict"
    )
