"""What a file is: its first bytes say which reader, all of it says which family."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from vfx_swap.errors import MissingInputError, ModelMismatchError, UsageError
from vfx_swap.models.bring.onnx_file import Fit, Graph, read_graph
from vfx_swap.models.bring.recognise import Convention, recognise_graph, recognise_state
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.bring.torch_file import is_torch_zip, looks_like_torch_file, read_torch_file
from vfx_swap.models.cards import Card
from vfx_swap.models.runtimes.onnx_session import open_session
from vfx_swap.models.weights import sha256_of

__all__ = ["Networks", "RecognisedFile", "is_archive", "recognise_file"]

Networks: TypeAlias = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Keys and shapes by network."""
ONNX_LIMIT = (2 << 30) - 1
"""Bytes: a protobuf message holds no more."""
_CONVENTIONS: Mapping[str, Convention] = {"official": "official", "train-script": "train-script"}


@dataclass(frozen=True, eq=False)
class RecognisedFile:
    """A file and its family; nothing is written yet. It holds either a graph or tensors."""

    family: Card
    name: str
    """For people: inside a folder or an archive."""
    path: Path
    digest: str
    """SHA-256 of the file."""
    size: int
    """Bytes."""
    data: bytes = b""
    """Of a graph: the bytes that were looked at."""
    graph: Graph | None = None
    fit: Fit | None = None
    tensors: Mapping[str, NDArray[Any]] | None = None
    note: str | None = None
    """What the user should know."""


def is_archive(path: Path) -> bool:
    """Whether a file is a zip of files, and not a torch checkpoint, which is a zip too."""
    try:
        with path.open("rb") as stream:  # a zip at the end of another file is not what that file is
            if stream.read(2) != b"PK":
                return False
        with zipfile.ZipFile(path) as archive:
            return not is_torch_zip(archive)
    except (zipfile.BadZipFile, OSError):
        return False


def recognise_file(
    path: Path,
    *,
    name: str,
    families: Sequence[Card],
    family: str | None = None,
    convention: Convention | None = None,
    networks: Networks | None = None,
) -> RecognisedFile:
    """The family of one file; a graph has then also been opened by ONNX Runtime.

    Args:
        path: the file.
        name: for messages.
        families: family cards.
        family: id of the one the user says it is.
        convention: of a generator, as the user says.
        networks: keys and shapes by network; None: those known.

    Raises:
        MissingInputError: it cannot be read.
        ModelMismatchError: it is no model known, or not whole, or not safe.
        UsageError: it cannot be told apart without a word from the user.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(16)
        if head[:2] == b"PK" and is_archive(path):
            raise ModelMismatchError("an archive", mend="Add it by itself")
        if head[:2] == b"PK" or looks_like_torch_file(head):
            tensors: Mapping[str, NDArray[Any]] = read_torch_file(path)
        elif head[8:9] == b"{":
            held = read_safetensors(path)
            tensors, convention = held.tensors, convention or _CONVENTIONS.get(held.metadata.get("convention", ""))
        elif head[:1] == b"\x08" and size <= ONNX_LIMIT:
            return _graph(path, name=name, families=families, family=family)
        else:
            raise ModelMismatchError(
                f"neither a torch checkpoint, nor safetensors, nor an ONNX file ({size} bytes)",
                mend="docs/models.md lists the files that can be brought",
            )
        digest = sha256_of(path)
        state = recognise_state(tensors, digest=digest, families=families, convention=convention, networks=networks)
    except (ModelMismatchError, UsageError) as error:
        raise type(error)(error.what, where=name, mend=error.mend) from error
    except OSError as error:
        raise MissingInputError(f"cannot be read ({error.strerror})", where=name) from error
    if family not in (None, state.family.id):
        raise ModelMismatchError(f"its keys are those of {state.family.id!r}, not of {family!r}", where=name)
    note = f"left out, as nothing ever went through them: {', '.join(state.dropped)}" if state.dropped else None
    return RecognisedFile(state.family, name, path, digest, size, tensors=state.tensors, note=note)


def _graph(path: Path, *, name: str, families: Sequence[Card], family: str | None) -> RecognisedFile:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    graph = read_graph(data, where=name)
    found, fit = recognise_graph(graph, digest=digest, families=families, family=family)
    open_session(data, device="cpu", threads=1, where=name)
    return RecognisedFile(found, name, path, digest, len(data), data=data, graph=graph, fit=fit)
