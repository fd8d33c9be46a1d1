"""What goes into the facility's usage ledger, and when: before a render begins and when it ends, refusals too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from vfx_swap.errors import RefusedError
from vfx_swap.io.ranges import format_frames
from vfx_swap.models.training.crops import Crops
from vfx_swap.pipeline.consent import consent_usage
from vfx_swap.pipeline.ledger import LedgerEvent, append_usage
from vfx_swap.pipeline.revocations import require_not_revoked
from vfx_swap.settings.facility import load_facility
from vfx_swap.types import Identity

__all__ = ["header_uses", "identity_uses", "record_training", "record_usage", "refusals_on_record", "use_on_record"]


def record_usage(
    event: LedgerEvent,
    *,
    uses: Sequence[Mapping[str, str]],
    shot: str = "",
    frames: Iterable[int] = (),
    reason: str = "",
) -> None:
    """Put a use on record, where the facility keeps a ledger.

    Raises:
        OutputError: the ledger cannot be written to.
        MissingInputError, SettingsError: the facility file is not there, or wrong.
    """
    ledger = load_facility().ledger
    if ledger is not None:
        ranges = format_frames(sorted(frames))
        append_usage(ledger.file, event=event, uses=uses, shot=shot, frames=ranges, reason=reason)


@contextmanager
def use_on_record(uses: Sequence[Mapping[str, str]], *, shot: str, frames: Sequence[int]) -> Iterator[list[int]]:
    """Put a use on record before its first pixel, and when it ends the frames that were done.

    Args:
        uses: as `identity_uses` tells them.
        shot: name of the shot.
        frames: that are asked for.

    Yields:
        A list to add the frames to that are done.

    Raises:
        OutputError: the ledger cannot be written to.
    """
    done: list[int] = []
    # Before: what cannot be put on record is not done.
    record_usage("begun", uses=uses, shot=shot, frames=frames)
    try:
        yield done
    finally:
        if done:
            record_usage("rendered", uses=uses, shot=shot, frames=done)


def identity_uses(identities: Iterable[Identity]) -> list[Mapping[str, str]]:
    """Of each identity its pack's digest and its consent's id and digest: no names, no paths."""
    used = {one.sha256: {"identity_sha256": one.sha256, **consent_usage(one)} for one in identities}
    return [used[digest] for digest in sorted(used)]


def header_uses(header: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The same, of a frame's header."""
    return [
        {"identity_sha256": one["sha256"], "consent_id": one["consent_id"], "consent_sha256": one["consent_sha256"]}
        for one in header.get("identities", ())
    ]


def record_training(crops: Crops, *, today: date) -> None:
    """Refuse crops whose consent was revoked since they were prepared; put the training on record.

    Raises:
        ConsentRevokedError: of one identity at least, or the revocation list cannot be gone by.
        OutputError: the ledger cannot be written to.
    """
    facility = load_facility()
    uses = [{"consent_id": one.consent_id, "consent_sha256": one.consent_sha256} for one in crops.usage.values()]
    try:
        for one in crops.usage.values():
            require_not_revoked(one.consent_id, facility=facility, today=today)
    except RefusedError as error:
        record_usage("refused", uses=uses, reason=type(error).__name__)
        raise
    record_usage("training", uses=uses)


@contextmanager
def refusals_on_record(identities: Callable[[], Iterable[Identity]], *, shot: str) -> Iterator[None]:
    """Put a refusal within the block on record, and let it pass.

    Args:
        identities: of whose use it is about.
        shot: name of the shot.
    """
    try:
        yield
    except RefusedError as error:
        kind = type(error).__name__
        record_usage("refused", uses=identity_uses(identities()), shot=shot, reason=kind)
        raise
