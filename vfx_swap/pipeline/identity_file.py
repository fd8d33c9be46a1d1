"""The identity pack `NAME.identity`: one zip file, the same bytes for the same identity.

    identity.json    schema `vfx_swap/identity.1`: name, references, embeddings by recogniser, skin colour, consent
    arrays.npz       crop_NNN (height, width, 3) half, points_NNN (478, 3) float,
                     texture_rgb (size, size, 3) half, texture_weight (size, size) half

A pack comes from anywhere, so nothing in it is trusted: names and sizes are checked against identity.json
before a byte is unpacked, no pickles, no paths, no more memory than the sizes that were checked.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vfx_swap import __version__
from vfx_swap.arrays import FloatArray, frozen
from vfx_swap.errors import IdentityError, MissingInputError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.pipeline.consent import ConsentRecord, consent_from_record
from vfx_swap.settings.shot import NAME_PATTERN
from vfx_swap.types import (
    EXPRESSION_COUNT,
    LANDMARK_COUNT,
    Embedding,
    Identity,
    Pose,
    Reference,
    SkinTexture,
)

__all__ = ["IDENTITY_SCHEMA", "LONGEST_CROP_SIDE", "MOST_REFERENCES", "as_stored", "load_identity", "save_identity"]

IDENTITY_SCHEMA = "vfx_swap/identity.1"
LONGEST_CROP_SIDE = 2048
"""Pixels; crops of larger photographs are scaled down to it."""
MOST_REFERENCES = 64
MAX_PACK_BYTES = 1 << 30
MAX_JSON_BYTES = 4 << 20
_HALF_MAX = 65504.0
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The one time stamp of every entry: zip's first."""
_END_RECORD = struct.Struct("<4s4H2LH")
_MEND = "Build it again with `vfx-swap identity build`"

Number: TypeAlias = Annotated[float, Field(ge=-3.4e38, le=3.4e38)]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    """What all parts of identity.json have in common: frozen, strict, no unknown keys, no NaN or inf."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_by_name=True)


class _PoseEntry(_Entry):
    """A head's rotation."""

    yaw_degrees: Number
    pitch_degrees: Number
    roll_degrees: Number


class _ReferenceEntry(_Entry):
    """A reference photograph; its pixels and points are in arrays.npz."""

    source: str = Field(min_length=1, max_length=1024)
    sha256: Sha256
    height: int = Field(ge=1, le=LONGEST_CROP_SIDE)
    width: int = Field(ge=1, le=LONGEST_CROP_SIDE)
    pose: _PoseEntry
    expression: tuple[Number, ...] = Field(min_length=EXPRESSION_COUNT, max_length=EXPRESSION_COUNT)


class _PackEntry(_Entry):
    """identity.json."""

    schema_: Literal["vfx_swap/identity.1"] = Field(alias="schema")
    tool: str = Field(max_length=128)
    name: str = Field(pattern=NAME_PATTERN, max_length=128)
    references: tuple[_ReferenceEntry, ...] = Field(min_length=1, max_length=MOST_REFERENCES)
    embeddings: Mapping[str, Annotated[tuple[Number, ...], Field(min_length=1, max_length=65536)]]
    skin_colour: tuple[Number, Number, Number]
    texture_size: int = Field(ge=1, le=4096)
    consent: ConsentRecord | None


def as_stored(identity: Identity) -> Identity:
    """The identity as it is after a way through a file: pixels rounded to half.

    Building ends with this, so that an identity just built and the same one loaded give the same bits.
    """
    texture = identity.texture
    return replace(
        identity,
        references=tuple(replace(reference, rgb=_half_rounded(reference.rgb)) for reference in identity.references),
        texture=replace(texture, rgb=_half_rounded(texture.rgb), weight=_half_rounded(texture.weight)),
    )


def save_identity(identity: Identity, path: str | Path) -> Identity:
    """Write a pack, whole or not at all.

    Args:
        identity: what to write; pixels are rounded to half, those beyond its range to its largest value.
        path: the file, by custom `NAME.identity`.

    Returns:
        The identity with the digest of its file.

    Raises:
        IdentityError: it holds something no pack can hold: NaN, too large a crop, a name that is none.
        OutputError: the file cannot be written.
    """
    where = Path(path)
    entry = _entry_of(identity, where)
    arrays = _arrays_of(identity, entry, where)
    npz = _zip({f"{name}.npy": _npy(array) for name, array in arrays.items()})
    text = entry.model_dump_json(by_alias=True, exclude_unset=True, indent=1)
    content = _zip({"identity.json": f"{text}\n".encode(), "arrays.npz": npz})
    with atomic_write(where) as temporary:
        temporary.write_bytes(content)
    return replace(as_stored(identity), sha256=hashlib.sha256(content).hexdigest())


def load_identity(path: str | Path) -> Identity:
    """Read a pack, trusting nothing in it.

    Raises:
        MissingInputError: there is no such file.
        IdentityError: it is no pack, damaged, of another schema, or hostile.
    """
    where = Path(path)
    content = _read(where)
    try:
        files = _unzip(content, {"identity.json": MAX_JSON_BYTES, "arrays.npz": MAX_PACK_BYTES})
        entry = _PackEntry.model_validate_json(files["identity.json"])
        specs = _specs(entry)
        limits = {f"{name}.npy": int(np.prod(shape)) * dtype.itemsize + 256 for name, (shape, dtype) in specs.items()}
        stored = _unzip(files["arrays.npz"], limits)
        arrays = {name: _array(stored[f"{name}.npy"], *spec, name=name) for name, spec in specs.items()}
        weight = arrays["texture_weight"]
        if weight.min() < 0.0 or weight.max() > 1.0:
            raise _BadPackError(f"texture_weight must lie in [0, 1], got [{weight.min()}, {weight.max()}]")
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        listed = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg'].lower()}" for item in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise IdentityError(f"identity.json is not right: {listed}{more}", where=where, mend=_MEND) from error
    except (_BadPackError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise IdentityError(f"is no identity pack: {error}", where=where, mend=_MEND) from error
    return _identity_of(entry, arrays, hashlib.sha256(content).hexdigest())


class _BadPackError(Exception):
    """What is wrong with a pack; named with its file by `load_identity`."""


def _read(where: Path) -> bytes:
    try:
        with where.open("rb") as file:
            # Only what is there: a buffer for the most that may be there takes a GiB of address space.
            content = file.read(min(os.fstat(file.fileno()).st_size, MAX_PACK_BYTES) + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingInputError("there is no such identity pack", where=where, mend=_MEND) from error
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise IdentityError(f"cannot be read: {what}", where=where, mend="Check the path") from error
    if len(content) > MAX_PACK_BYTES:
        raise IdentityError(f"is larger than {MAX_PACK_BYTES >> 20} MiB, which no pack is", where=where, mend=_MEND)
    return content


def _half_rounded(array: FloatArray) -> FloatArray:
    return np.clip(array, -_HALF_MAX, _HALF_MAX).astype(np.float16).astype(np.float32)


def _entry_of(identity: Identity, where: Path) -> _PackEntry:
    consent = identity.consent
    red, green, blue = identity.texture.skin_colour
    try:
        return _PackEntry(
            schema="vfx_swap/identity.1",
            tool=f"vfx-swap {__version__}",
            name=identity.name,
            references=tuple(
                _ReferenceEntry(
                    source=reference.source,
                    sha256=reference.sha256,
                    height=reference.rgb.shape[0],
                    width=reference.rgb.shape[1],
                    pose=_PoseEntry(
                        yaw_degrees=float(reference.pose.yaw_degrees),
                        pitch_degrees=float(reference.pose.pitch_degrees),
                        roll_degrees=float(reference.pose.roll_degrees),
                    ),
                    expression=tuple(map(float, reference.expression)),
                )
                for reference in identity.references
            ),
            embeddings={
                label: tuple(map(float, identity.embeddings[label].vector)) for label in sorted(identity.embeddings)
            },
            skin_colour=(float(red), float(green), float(blue)),
            texture_size=identity.texture.rgb.shape[0],
            consent=None if consent is None else ConsentRecord.model_validate_json(consent.record_json),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        raise IdentityError(f"identity {identity.name!r} cannot be stored: {what}", where=where) from error


def _specs(entry: _PackEntry) -> dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]:
    """Every array a pack must hold, with its shape and type."""
    half, single = np.dtype("<f2"), np.dtype("<f4")
    size = entry.texture_size
    specs: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]] = {
        "texture_rgb": ((size, size, 3), half),
        "texture_weight": ((size, size), half),
    }
    for index, reference in enumerate(entry.references):
        specs[f"crop_{index:03d}"] = ((reference.height, reference.width, 3), half)
        specs[f"points_{index:03d}"] = ((LANDMARK_COUNT, 3), single)
    return specs


def _arrays_of(identity: Identity, entry: _PackEntry, where: Path) -> dict[str, np.ndarray]:
    given: dict[str, np.ndarray] = {
        "texture_rgb": identity.texture.rgb,
        "texture_weight": identity.texture.weight,
    }
    for index, reference in enumerate(identity.references):
        given[f"crop_{index:03d}"] = reference.rgb
        given[f"points_{index:03d}"] = reference.points
    arrays = {}
    for name, (shape, dtype) in _specs(entry).items():
        array = given[name]
        if array.shape != shape or not np.isfinite(array).all():
            what = f"{name} must be finite and of shape {shape}, got {array.shape}"
            raise IdentityError(f"identity {identity.name!r} cannot be stored: {what}", where=where)
        limited = np.clip(array, -_HALF_MAX, _HALF_MAX) if dtype.itemsize == 2 else array
        arrays[name] = np.ascontiguousarray(limited.astype(dtype))
    return arrays


def _identity_of(entry: _PackEntry, arrays: Mapping[str, FloatArray], sha256: str) -> Identity:
    references = tuple(
        Reference(
            rgb=arrays[f"crop_{index:03d}"],
            points=arrays[f"points_{index:03d}"],
            expression=_row(reference.expression),
            pose=Pose(**reference.pose.model_dump()),
            source=reference.source,
            sha256=reference.sha256,
        )
        for index, reference in enumerate(entry.references)
    )
    texture = SkinTexture(
        rgb=arrays["texture_rgb"], weight=arrays["texture_weight"], skin_colour=_row(entry.skin_colour)
    )
    return Identity(
        name=entry.name,
        references=references,
        texture=texture,
        embeddings={label: Embedding(label, _row(vector)) for label, vector in entry.embeddings.items()},
        consent=None if entry.consent is None else consent_from_record(entry.consent),
        sha256=sha256,
    )


def _row(numbers: tuple[float, ...]) -> FloatArray:
    return frozen(np.array(numbers, dtype=np.float32))


def _zip(files: Mapping[str, bytes]) -> bytes:
    """A zip file that depends on nothing but the content: one time stamp, sorted, stored (zlibs differ)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date_time=_OLDEST)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _unzip(content: bytes, limits: Mapping[str, int]) -> dict[str, bytes]:
    """Exactly these entries of a zip file, none larger than its limit."""
    _check_directory(content, len(limits))
    files = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [info.filename for info in archive.infolist()]
        if sorted(names) != sorted(limits):
            odd = sorted(set(names) ^ set(limits)) or names
            raise _BadPackError(f"it should hold {len(limits)} entries and no others; look at {odd[:3]!r}")
        for info in archive.infolist():
            limit = limits[info.filename]
            if info.flag_bits & 1 or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise _BadPackError(f"{info.filename!r} is encrypted or packed in a way that is not read")
            if info.file_size > limit:
                raise _BadPackError(f"{info.filename!r} says it unpacks to {info.file_size} bytes; {limit} is the most")
            with archive.open(info) as file:
                files[info.filename] = file.read(limit + 1)
            if len(files[info.filename]) != info.file_size:
                raise _BadPackError(f"{info.filename!r} is cut short")
    return files


def _check_directory(content: bytes, count: int) -> None:
    """Refuse a directory longer than `count` entries can need, before zipfile makes an object of each."""
    if len(content) < _END_RECORD.size:
        raise _BadPackError("it is too short for a zip file")
    mark, _, _, _, entries, length, _, comment = _END_RECORD.unpack(content[-_END_RECORD.size :])
    if mark != b"PK\x05\x06" or comment:
        raise _BadPackError("it is no zip file, or cut short")
    if entries != count or length > 512 * count or content[-42:-38] == b"PK\x06\x07":
        raise _BadPackError(f"its directory lists {entries} entries, not {count}")


def _array(content: bytes, shape: tuple[int, ...], dtype: np.dtype[np.generic], *, name: str) -> FloatArray:
    buffer = io.BytesIO(content)
    if np.lib.format.read_magic(buffer) != (1, 0):
        raise _BadPackError(f"{name} is not in npy format 1.0")
    found_shape, fortran, found_dtype = np.lib.format.read_array_header_1_0(buffer, max_header_size=256)
    if (found_shape, fortran, found_dtype) != (shape, False, dtype):
        raise _BadPackError(f"{name} should be {dtype.str} of shape {shape}, got {found_dtype} of {found_shape}")
    if len(content) - buffer.tell() != int(np.prod(shape)) * dtype.itemsize:
        raise _BadPackError(f"{name} is cut short or too long")
    array = np.frombuffer(content, dtype=dtype, offset=buffer.tell()).reshape(shape).astype(np.float32)
    if not np.isfinite(array).all():
        raise _BadPackError(f"{name} holds NaN or inf")
    frozen(array)
    return array
