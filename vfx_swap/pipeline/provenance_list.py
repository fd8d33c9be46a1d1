"""One signed manifest for a whole sequence: a list of its frames' digests, signed as C2PA signs any file.

`NAME.provenance.json` lists frame numbers with the SHA-256 of each file (numbers and no names, so that the list says
nothing of who or what is in the shot and lives through a renaming); `NAME.provenance.json.c2pa` is its manifest.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from vfx_swap.errors import InputError, MissingInputError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.digests import file_sha256
from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.credentials import Credential
from vfx_swap.pipeline.jws import JwsError, canonical, strict_json
from vfx_swap.pipeline.provenance import Verdict, sidecar_of, sign_data, verify_data
from vfx_swap.pipeline.provenance_facts import Facts

__all__ = ["LIST_SCHEMA", "list_of", "sign_list", "verify_list"]

LIST_SCHEMA = "vfx_swap/signed_frames.1"
LIST_KIND = "application/json"
MAX_LIST_BYTES = 1 << 28


def list_of(pattern: FramePattern) -> Path:
    """Where a sequence's list stands."""
    return pattern.folder / f"{pattern.name}.provenance.json"


def sign_list(pattern: FramePattern, *, credential: Credential, facts: Facts, overwrite: bool = False) -> Path:
    """List and sign the frames on disk; returns the list.

    Raises:
        MissingInputError: there are none.
        UsageError: there is a list already.
        OutputError: it cannot be written. Others as `sign_file`.
    """
    where, frames = list_of(pattern), pattern.frames_on_disk()
    if not frames:
        raise MissingInputError("there are no frames", where=pattern.text, mend="Check the path and its padding")
    if where.exists() and not overwrite:
        raise UsageError(f"{where} is there already", mend="--overwrite replaces it")
    rows = [{"frame": frame, "sha256": _sha256(pattern.path(frame))} for frame in frames]
    text = canonical({"schema": LIST_SCHEMA, "frames": rows})
    manifest = sign_data(io.BytesIO(text), kind=LIST_KIND, credential=credential, facts=facts, where=where)
    for path, data in ((where, text), (sidecar_of(where), manifest)):
        with atomic_write(path) as temporary:
            temporary.write_bytes(data)
    return where


def verify_list(pattern: FramePattern, *, trust: str | None) -> Verdict:
    """Whether the list is what was signed, and the frames on disk are what it lists.

    Raises:
        InputError: a file cannot be read.
        CannotRunError: c2pa-python is not installed.
    """
    where = list_of(pattern)
    try:
        with where.open("rb") as file:
            data = file.read(MAX_LIST_BYTES)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=where) from error
    verdict = verify_data(io.BytesIO(data), kind=LIST_KIND, where=where, trust=trust, embedded=False)
    if verdict.state in {"altered", "none"}:
        return verdict
    listed = _listed(data)
    if listed is None:
        return replace(verdict, state="altered", codes=("the list is of no schema that is known here",))
    there = pattern.frames_on_disk()

    def name(frame: int) -> str:
        return pattern.path(frame).name

    missing = tuple(name(frame) for frame in sorted(set(listed) - set(there)))
    added = tuple(name(frame) for frame in there if frame not in listed)
    changed = tuple(name(frame) for frame in there if frame in listed and _sha256(pattern.path(frame)) != listed[frame])
    state = "altered" if missing or added or changed else verdict.state
    return replace(verdict, state=state, missing=missing, added=added, changed=changed)


def _listed(data: bytes) -> dict[int, str] | None:
    try:
        held: Any = strict_json(data)
    except JwsError:
        return None
    if not isinstance(held, dict) or held.get("schema") != LIST_SCHEMA or not isinstance(held.get("frames"), list):
        return None
    found: dict[int, str] = {}
    for row in held["frames"]:
        if not isinstance(row, dict) or type(row.get("frame")) is not int or not isinstance(row.get("sha256"), str):
            return None
        found[row["frame"]] = row["sha256"]
    return found


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=path) from error
