"""Consent records as files: made, signed and verified, on their own or in an identity pack."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from vfx_swap.errors import ConsentExpiredError, ConsentMissingError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.pipeline.consent import CONSENT_SCHEMA, consent_from_file, consent_from_text
from vfx_swap.pipeline.consent_policy import require_policy
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.signed_record import Signer, sign_record, signed_file, signers_of
from vfx_swap.pipeline.signing_keys import SigningKey
from vfx_swap.settings.facility import Facility
from vfx_swap.types import Consent

__all__ = ["new_record", "record_of", "sign_file", "verify_record"]


def new_record(
    path: str | Path,
    *,
    performer: str,
    scope: str,
    expires: date,
    today: date,
    granted_by: str | None = None,
    id: str | None = None,
    uses: tuple[str, ...] = (),
    projects: tuple[str, ...] = (),
    shots: tuple[str, ...] = (),
    training: bool = False,
) -> Consent:
    """Write a record.

    Args:
        path: the file.
        performer: whose face it is.
        scope: the use allowed, in words.
        expires: last day it holds.
        today: first day it holds.
        granted_by: who says yes; None: the performer.
        id: name of the record; None: a random one.
        uses: of the record's words; empty: face_replacement.
        projects: patterns of projects or shots it is limited to; empty: all.
        shots: patterns of shots it is limited to; empty: all.
        training: whether models may be trained.

    Raises:
        UsageError: there is a file of this name, or it would be no JSON.
        SettingsError: the values make no record.
        OutputError: it cannot be written.
    """
    where = Path(path)
    if where.suffix.lower() != ".json":
        raise UsageError("a record is written as JSON", where=where, mend="Call it NAME.json")
    if where.exists():
        raise UsageError("there is a file of this name", where=where, mend="Choose another name")
    grantor: dict[str, Any] = {"name": granted_by or performer}
    fields = {
        "schema": CONSENT_SCHEMA,
        "id": id or f"consent-{secrets.token_hex(8)}",
        "performer": {"name": performer},
        "granted_by": grantor if granted_by else {**grantor, "kind": "self"},
        "scope": {
            "text": scope,
            "uses": list(uses or ("face_replacement",)),
            **({"projects": list(projects)} if projects else {}),
            **({"shots": list(shots)} if shots else {}),
        },
        "training": {"allowed": training},
        "valid_from": today.isoformat(),
        "expires": expires.isoformat(),
    }
    consent = consent_from_text(json.dumps(fields), where=where)
    with atomic_write(where) as temporary:
        temporary.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return consent


def record_of(path: str | Path) -> Consent:
    """The record of a file: a record, signed or not, or an identity pack.

    Raises:
        MissingInputError, SettingsError, IdentityError: there is none, or it is not fit.
        ConsentMissingError: a pack without a record.
        ConsentSignatureError: it was changed after it was signed.
    """
    where = Path(path)
    if where.suffix.lower() != ".identity":
        return consent_from_file(where)
    consent = load_identity(where).consent
    if consent is None:
        raise ConsentMissingError("the pack has no consent record", where=where, mend="Build it again with --consent")
    return consent


def sign_file(path: str | Path, *, key: SigningKey, out: str | Path | None = None) -> tuple[Path, tuple[Signer, ...]]:
    """Add a signature to a record, on its own or in a pack.

    Args:
        path: the record or the pack.
        key: what signs.
        out: where the signed one goes; None: beside a record as `NAME.jws`, in the place of a pack.

    Returns:
        The file written, and everyone who signed.

    Raises:
        ConsentSignatureError: a signature that is there is not good.
        OutputError: it cannot be written. Others as `record_of`.
    """
    where = Path(path)
    consent = record_of(where)
    signed = sign_record(consent.record_json, key)
    if where.suffix.lower() == ".identity":
        target = where if out is None else Path(out)
        identity = load_identity(where)
        save_identity(replace(identity, consent=consent_from_text(signed, where=where)), target)
    else:
        target = where.with_suffix(".jws") if out is None else Path(out)
        with atomic_write(target) as temporary:
            temporary.write_text(signed_file(signed), encoding="ascii")
    return target, signers_of(signed)


def verify_record(consent: Consent, *, facility: Facility, today: date, where: object) -> None:
    """Refuse a record that does not hold at this facility today.

    Raises:
        ConsentExpiredError, ConsentSignatureError, ConsentRevokedError: it does not.
    """
    if not consent.valid_from <= today <= consent.expires:
        what = f"consent {consent.id} holds from {consent.valid_from} to {consent.expires}; today is {today}"
        raise ConsentExpiredError(what, where=where, mend="Ask for a new record")
    require_policy(consent, today=today, where=where, facility=facility)
