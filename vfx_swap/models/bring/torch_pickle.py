"""Reads the pickle inside a torch checkpoint as a description of tensors, and as nothing else.

A pickle is a program. This reader lets it name only what a checkpoint of plain tensors needs, and each of
those names stands for an inert stand-in of ours: no class or function of the file's choosing is ever looked
up, imported or called. Before that, its opcodes are looked through without running them.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vfx_swap.errors import ModelMismatchError

__all__ = ["ModuleStandIn", "StorageRef", "TensorRef", "read_pickle", "scan_pickle"]

STORAGES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1", "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}  # fmt: skip
"""Storage class of torch -> numpy dtype; numpy has no bfloat16, the reader widens it."""
MODULES = frozenset(
    {f"models.arcface_models.{name}" for name in ("ResNet", "IRBlock", "SEBlock")}
    | {
        f"torch.nn.modules.{name}"
        for name in (
            "activation.PReLU", "activation.Sigmoid", "batchnorm.BatchNorm1d", "batchnorm.BatchNorm2d",
            "container.Sequential", "conv.Conv2d", "dropout.Dropout", "linear.Linear", "pooling.AdaptiveAvgPool2d",
            "pooling.MaxPool2d",
        )
    }
)  # fmt: skip
"""Classes of the one whole-module checkpoint that is read (SimSwap's ArcFace); each becomes a `ModuleStandIn`."""
_LEGACY_ARCFACE = ("DataParallel", "ArcMarginModel", "SGD", "focal_loss")
PICKLE_LIMIT = 64 << 20
"""Bytes. A checkpoint's pickle describes tensors; a thousand of them take a quarter of a megabyte."""


class _Sealed:
    """What a pickle can make but not change: its BUILD step would write past every check."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise ModelMismatchError("its pickle changes what it has described, which no list of tensors does")


@dataclass(frozen=True)
class StorageRef(_Sealed):
    """A run of numbers in the file."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class TensorRef(_Sealed):
    """A view on a storage; lengths in elements."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class ModuleStandIn:
    """What is left of a module: its attributes. Its class never existed here."""

    def __init__(self, *_: object, **__: object) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.attributes = dict(state)


@dataclass(frozen=True)
class _StorageType(_Sealed):
    dtype: str


@dataclass
class _Names:
    """What a pickle may name; made afresh for every file, so that nothing one file does to them outlives it."""

    modules: bool
    known: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        class Table(dict[Any, Any]):
            """Stands for OrderedDict."""

        class Group(set[Any]):
            """Stands for set."""

        self.known = {
            "collections.OrderedDict": Table,
            "torch._utils._rebuild_tensor": lambda *parts: _tensor(parts),
            "torch._utils._rebuild_tensor_v2": lambda *parts: _tensor(parts),
            "torch._utils._rebuild_parameter": lambda *parts: parts[0],
            "torch.Size": lambda *parts: tuple(parts[0]) if parts else (),
            "builtins.set": Group,
            "__builtin__.set": Group,
        }
        self.known |= {f"torch.{name}": _StorageType(dtype) for name, dtype in STORAGES.items()}
        if self.modules:
            self.known |= {name: type("Module", (ModuleStandIn,), {}) for name in MODULES}


def scan_pickle(stream: Any) -> int:
    """Look through one pickle's opcodes without running any.

    Args:
        stream: with read, readline and tell, at the pickle's first byte; left behind its last.

    Returns:
        The position behind it.

    Raises:
        ModelMismatchError: it is cut off, no pickle, or shaped to exhaust memory.
    """
    start = stream.tell()
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(stream)):
            if position is not None and position - start > PICKLE_LIMIT:
                raise ModelMismatchError(f"its pickle is longer than {PICKLE_LIMIT} bytes, which no list of tensors is")
            if "PUT" in opcode.name and isinstance(argument, int) and argument > count:
                raise ModelMismatchError(f"its pickle claims {argument} remembered objects after {count} steps")
            if opcode.name.startswith("EXT"):
                raise ModelMismatchError("its pickle uses Python's extension registry, which no list of tensors does")
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise ModelMismatchError(f"its pickle is cut off or broken ({error})") from error
    end: int = stream.tell()
    return end


def read_pickle(text: bytes, *, modules: bool = True) -> Any:
    """What one pickle describes: dicts, lists, numbers, text, `TensorRef`, `ModuleStandIn`.

    Args:
        text: one pickle, looked through by `scan_pickle`.
        modules: whether `MODULES` may be named.

    Raises:
        ModelMismatchError: it names anything else, or is broken.
    """
    try:
        return _Reader(io.BytesIO(text), names=_Names(modules).known).load()
    except ModelMismatchError:
        raise
    except Exception as error:  # a hostile pickle can make its reader fail in any way
        raise ModelMismatchError(f"its pickle is broken ({type(error).__name__}: {error})") from error


class _Reader(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, *, names: Mapping[str, Any]) -> None:
        super().__init__(stream, encoding="utf-8")
        self._names = names

    def find_class(self, module: str, name: str, /) -> Any:
        asked = f"{module}.{name}"
        if asked not in self._names:
            raise _refusal(asked)
        return self._names[asked]

    def persistent_load(self, identifier: Any, /) -> StorageRef:
        kind, storage, key, _place, count, *view = identifier
        if kind != "storage" or not isinstance(storage, _StorageType) or type(count) is not int or count < 0:
            raise ModelMismatchError(f"it refers to something that is no storage of numbers ({kind!r})")
        if view not in ([], [None]):  # torch before 0.4: a storage that is a part of another
            raise ModelMismatchError("it is from before torch 0.4", mend="Load and save it with a newer torch")
        return StorageRef(str(key), storage.dtype, count)


def _refusal(asked: str) -> ModelMismatchError:
    if asked.startswith("models.") or asked.rpartition(".")[2] in _LEGACY_ARCFACE:
        return ModelMismatchError(
            f"it holds a whole training state as Python objects (it asks for {asked}), "
            "as arcface_checkpoint.tar did before April 2023: reading it means running it",
            mend="Use the arcface_checkpoint.tar published since 2023-04-25 (sha256 52ea5ce4...)",
        )
    return ModelMismatchError(
        f"it is not plain tensors: its pickle asks for {asked}, which could run anything",
        mend="Do not open it anywhere. Ask its maker for a plain state dict, or for safetensors",
    )


def _tensor(parts: tuple[Any, ...]) -> TensorRef:
    """`_rebuild_tensor_v2(storage, offset, size, stride, ...)`; held to its storage when it is loaded."""
    storage, offset, shape, stride = parts[:4]
    if not isinstance(storage, StorageRef):
        raise ModelMismatchError("a tensor without a storage")
    return TensorRef(storage, offset, tuple(shape), tuple(stride))
