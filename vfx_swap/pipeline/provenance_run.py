"""Signing and verifying what a user names: stills, movies and sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from vfx_swap.errors import MissingInputError, UsageError
from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.credentials import Credential
from vfx_swap.pipeline.provenance import SIDECAR, Verdict, sign_file, verify_file
from vfx_swap.pipeline.provenance_facts import Facts, gather_facts
from vfx_swap.pipeline.provenance_list import list_of, sign_list, verify_list
from vfx_swap.settings.facility import Facility

__all__ = ["sign_outputs", "verify_outputs"]


def sign_outputs(
    files: Sequence[str],
    *,
    credential: Credential,
    facility: Facility,
    today: date,
    like: Sequence[Path] = (),
    consents: Sequence[Path] = (),
    also: Facts | None = None,
    out: Path | None = None,
    each: bool = False,
    overwrite: bool = False,
) -> Iterator[Path]:
    """Sign them one after the other.

    Args:
        files: stills, movies, patterns of sequences.
        credential: what signs.
        facility: its policy and its ledger hold.
        today: the day of signing.
        like: frames of the same render, whose headers speak for files without one.
        consents: records, where no header says under which it was made.
        also: what is said beside what headers and records say.
        out: the signed copy, of one still or movie.
        each: a manifest beside every frame of an EXR or DPX sequence, not one for all.
        overwrite: whether what is there is replaced.

    Yields:
        The files written.

    Raises:
        MissingInputError, UsageError, InputError: something that was given is not fit.
        ConsentRevokedError, ConsentSignatureError: a consent does not hold here.
        CannotRunError: c2pa-python is not installed.
        OutputError: a file cannot be written.
    """
    patterns = [FramePattern.parse(one) for one in files]
    if out is not None and (len(patterns) != 1 or patterns[0].kind == "sequence"):
        raise UsageError("--out is for one still or movie")

    for pattern in patterns:
        paths = _paths(pattern)
        listed = _is_list(pattern) and not each
        for group in [paths] if listed else [[path] for path in paths]:
            found = gather_facts([*group, *like], consents=consents, facility=facility, today=today, folded=listed)
            facts = found if also is None else found.joined(also)
            if listed:
                yield sign_list(pattern, credential=credential, facts=facts, overwrite=overwrite)
            else:
                yield sign_file(group[0], credential=credential, facts=facts, out=out, overwrite=overwrite)


def verify_outputs(files: Sequence[str], *, trust: str | None) -> Iterator[Verdict]:
    """Verify them one after the other; a sequence that was signed as one gives one verdict.

    Args:
        files: as `sign_outputs` takes them.
        trust: root certificates, PEM; None: every signer is unknown.

    Raises:
        MissingInputError, UsageError, InputError: something that was given is not fit.
        CannotRunError: c2pa-python is not installed.
    """
    for pattern in [FramePattern.parse(one) for one in files]:
        if _is_list(pattern) and list_of(pattern).exists():
            yield verify_list(pattern, trust=trust)
            continue
        for path in _paths(pattern):
            yield verify_file(path, trust=trust)


def _is_list(pattern: FramePattern) -> bool:
    return pattern.kind == "sequence" and pattern.extension in SIDECAR


def _paths(pattern: FramePattern) -> list[Path]:
    if pattern.kind != "sequence":
        return [pattern.path(0)]
    paths = [pattern.path(frame) for frame in pattern.frames_on_disk()]
    if not paths:
        raise MissingInputError("there are no frames", where=pattern.text, mend="Check the path and its padding")
    return paths
