"""The revocation list: which consent records no longer hold, signed by the facility, checked before every use.

One JWS file with one signature. Its payload, schema `vfx_swap/revocations.1`, holds `number`, one more with every
issue, `issued` and `revoked`: id and day of each. A list is whole: taking an entry out breaks the signature. An older
list in the place of a newer one is found out by its age alone, where the facility file says `list_days`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vfx_swap.errors import ConsentRevokedError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.pipeline.jws import JwsError, canonical, general_json, open_general, sign, verify
from vfx_swap.pipeline.signing_keys import SigningKey
from vfx_swap.settings.facility import Facility

__all__ = ["REVOCATIONS_SCHEMA", "Revocations", "load_revocations", "require_not_revoked", "revoke"]

REVOCATIONS_SCHEMA = "vfx_swap/revocations.1"
REVOCATIONS_TYPE = "vfx-swap-revocations+jws"
MAX_LIST_BYTES = 16 << 20

RecordId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]


class _Payload(BaseModel):
    """What is signed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=True)

    schema_: str = Field(alias="schema", pattern=r"^vfx_swap/revocations\.1$")
    number: int = Field(ge=1, lt=1 << 53)
    issued: datetime
    revoked: dict[RecordId, date]


@dataclass(frozen=True)
class Revocations:
    """A list that was verified."""

    number: int
    issued: datetime
    revoked: Mapping[str, date]
    """Id of a record -> since when."""


def load_revocations(path: str | Path, *, takes: Callable[[str], bool]) -> Revocations:
    """Read a revocation list and verify its signature.

    Args:
        path: the file.
        takes: says of a public key (`x`) whether its signature counts.

    Raises:
        ConsentRevokedError: there is none, it was changed, or a key signed it that does not count: nothing can be
            taken as not revoked.
    """
    where = Path(path)
    try:
        with where.open("rb") as file:
            text = file.read(MAX_LIST_BYTES + 1)
        if len(text) > MAX_LIST_BYTES:
            raise JwsError(f"is larger than {MAX_LIST_BYTES >> 20} MiB")
        signed = open_general(text)
        if len(signed.signatures) != 1:
            raise JwsError("must have one signature")
        x = verify(signed.payload, signed.signatures[0], typ=REVOCATIONS_TYPE)
        if not takes(x):
            raise JwsError("is signed by a key that may not sign it")
        held = _Payload.model_validate_json(signed.payload)
    except FileNotFoundError as error:
        raise ConsentRevokedError(
            "the revocation list is not there, so no consent can be taken as not revoked",
            where=where,
            mend="Begin one: vfx-swap consent revoke --list LIST --key KEY",
        ) from error
    except (OSError, JwsError, ValidationError) as error:
        kind = "is not of its schema" if isinstance(error, ValidationError) else str(error)
        what = f"the revocation list cannot be gone by: it {kind}"
        raise ConsentRevokedError(what, where=where, mend="Get the list as the facility issued it") from error
    return Revocations(held.number, held.issued, held.revoked)


def revoke(
    ids: Mapping[str, date], *, path: str | Path, key: SigningKey, facility: Facility, now: datetime
) -> Revocations:
    """Add records to a revocation list, made where there is none, and sign it; with no ids it is issued anew.

    Raises:
        ConsentRevokedError: the list that is there is not good.
        OutputError: it cannot be written.
    """
    where = Path(path)
    known, number = dict[str, date](), 0
    if where.exists():
        before = load_revocations(where, takes=lambda x: x == key.x or _of_facility(x, facility, now.date()))
        known, number = dict(before.revoked), before.number
    held = {one: min(day, known.get(one, day)) for one, day in ids.items()}
    made = _Payload(
        schema=REVOCATIONS_SCHEMA,
        number=number + 1,
        issued=now.astimezone(UTC).replace(microsecond=0),
        revoked={**known, **held},
    )
    payload = canonical(made.model_dump(mode="json", by_alias=True))
    text = general_json(payload, [sign(payload, key.private, typ=REVOCATIONS_TYPE)])
    with atomic_write(where) as temporary:
        temporary.write_text(text, encoding="ascii")
    return Revocations(made.number, made.issued, made.revoked)


def require_not_revoked(record_id: str, *, facility: Facility, today: date, where: object = None) -> None:
    """Refuse a record that the facility's list says is revoked; without a list in the facility file none is.

    Raises:
        ConsentRevokedError: it is revoked, or the list cannot be gone by.
    """
    policy = facility.consent
    if policy.revocations is None:
        return
    found = load_revocations(policy.revocations, takes=lambda x: _of_facility(x, facility, today))
    if policy.list_days is not None and today > found.issued.date() + timedelta(days=policy.list_days):
        what = f"the revocation list is of {found.issued.date()}, older than {policy.list_days} days"
        mend = "Get the newest, or issue it anew: vfx-swap consent revoke --list LIST --key KEY"
        raise ConsentRevokedError(what, where=policy.revocations, mend=mend)
    if (since := found.revoked.get(record_id)) is not None and since <= today:
        what = f"consent {record_id} was revoked on {since}"
        raise ConsentRevokedError(what, where=where, mend="Ask for a new record; with it, build the pack again")


def _of_facility(x: str, facility: Facility, today: date) -> bool:
    return any(
        one.x == x and one.role == "facility" and (one.until is None or today <= one.until) for one in facility.key
    )
