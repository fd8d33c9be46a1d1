"""The commands that mend a refused use, as messages show them."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path

from vfx_swap.errors import InputError
from vfx_swap.settings.digest import file_sha256
from vfx_swap.types import Identity, Reference

__all__ = ["rebuild_command"]


def rebuild_command(identity: Identity, pack: str | Path | None, *, options: bool) -> str:
    """The command that makes the pack again, with a record. Words in capitals are for the reader to fill in."""
    references = " ".join(f"--reference {shlex.quote(_photograph(one, pack))}" for one in identity.references)
    record = "--consented-by WHO --scope TEXT --expires YYYY-MM-DD" if options else "--consent RECORD.json"
    out = shlex.quote(str(pack or f"{identity.name}.identity"))
    return f"vfx-swap identity build {shlex.quote(identity.name)} {references} {record} --out {out}"


def _photograph(reference: Reference, pack: str | Path | None) -> str:
    """The photograph's path where it lies here or beside the pack; a pack holds its name alone, so else FOLDER/name."""
    name = Path(reference.source).name
    for folder in (Path(), Path(pack).parent if pack is not None else Path()):
        file = folder / name
        with contextlib.suppress(InputError):
            if os.path.isfile(file) and file_sha256(file) == reference.sha256:
                return str(file)
    return f"FOLDER/{name}"
