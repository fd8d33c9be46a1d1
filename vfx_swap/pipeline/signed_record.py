"""Signatures over a consent record: put on, taken along, verified, and judged by the facility's keys.

A record travels as one object: its own fields and `signatures`. What is signed is the record without them, as RFC 8785
writes it; on its own the same is a JWS file (`pipeline.jws`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from vfx_swap.errors import ConsentSignatureError
from vfx_swap.pipeline.jws import JwsError, canonical, general_json, open_general, sign, strict_json, thumbprint, verify
from vfx_swap.pipeline.signing_keys import SigningKey
from vfx_swap.settings.facility import OWN, Facility, FacilityKey, Role

__all__ = [
    "CONSENT_TYPE",
    "Signer",
    "payload_of",
    "record_digest",
    "require_signatures",
    "sign_record",
    "signed_file",
    "signers_of",
    "unwrapped",
]

CONSENT_TYPE = "vfx-swap-consent+jws"
SIGNATURES = "signatures"


@dataclass(frozen=True)
class Signer:
    """A good signature, and whose it is."""

    kid: str
    key: FacilityKey | None
    """What the facility file says of it; None: it is not known here."""


def payload_of(record_json: str) -> bytes:
    """What is signed of a record.

    Raises:
        JwsError: the text is no JSON object.
    """
    held = _object(record_json)
    return canonical({key: value for key, value in held.items() if key != SIGNATURES})


def record_digest(record_json: str) -> str:
    """SHA-256 of a record, the same before and after it is signed."""
    return hashlib.sha256(payload_of(record_json)).hexdigest()


def sign_record(record_json: str, key: SigningKey) -> str:
    """The record with one more signature; one by the same key is replaced.

    Raises:
        ConsentSignatureError: a signature that is there is not good: signing would vouch for a changed record.
    """
    held, payload = _object(record_json), payload_of(record_json)
    kept = [one for one, signer in zip(held.get(SIGNATURES, ()), signers_of(record_json), strict=True)
            if signer.kid != key.kid]  # fmt: skip
    held[SIGNATURES] = [*kept, sign(payload, key.private, typ=CONSENT_TYPE)]
    return canonical(held).decode()


def signed_file(record_json: str) -> str:
    """A signed record as a JWS file.

    Raises:
        JwsError: it has no signature.
    """
    signatures = _object(record_json).get(SIGNATURES)
    if not signatures:
        raise JwsError("is not signed")
    return general_json(payload_of(record_json), signatures)


def unwrapped(text: str) -> str:
    """The record of a JWS file, its signatures in it; a text that is no such file stays as it is.

    Raises:
        JwsError: it is one, but not a good one.
    """
    try:
        held = strict_json(text)
    except JwsError:
        return text  # whoever reads the record says what is wrong
    if not isinstance(held, dict) or "payload" not in held:
        return text
    signed = open_general(text)
    record = strict_json(signed.payload)
    if not isinstance(record, dict) or SIGNATURES in record:
        raise JwsError("holds a payload that is no record")
    return canonical({**record, SIGNATURES: [dict(one) for one in signed.signatures]}).decode()


def signers_of(record_json: str, *, facility: Facility | None = None, where: object = None) -> tuple[Signer, ...]:
    """Who signed a record.

    Args:
        record_json: the record.
        facility: whose keys are known.
        where: for messages.

    Raises:
        ConsentSignatureError: a signature is not good, or a key signed twice.
    """
    held = _object(record_json)
    known = {one.x: one for one in (facility.key if facility is not None else ())}
    signers = []
    try:
        payload = payload_of(record_json)
        for one in held.get(SIGNATURES, ()):
            x = verify(payload, one, typ=CONSENT_TYPE)
            signers.append(Signer(thumbprint(x), known.get(x)))
        if len({one.kid for one in signers}) != len(signers):
            raise JwsError("was signed twice by one key")
    except JwsError as error:
        raise ConsentSignatureError(
            f"consent {held.get('id')} {error}",
            where=where,
            mend="Get the record that was signed, or have it signed anew",
        ) from error
    return tuple(signers)


def require_signatures(
    record_json: str, *, facility: Facility, today: date, where: object = None, file: object = "the facility file"
) -> tuple[Signer, ...]:
    """Refuse a record that is not signed as the facility's policy asks; signatures that are there must be good.

    Args:
        record_json: the record.
        facility: its policy and its keys.
        today: the day of the use.
        where: for messages.
        file: the facility file, for messages.

    Raises:
        ConsentSignatureError: a signature is not good, or one that the policy asks for is not there.
    """
    signers = signers_of(record_json, facility=facility, where=where)
    if facility.consent.policy == "recorded":
        return signers
    record = _object(record_json)
    for role in facility.consent.signed_by:
        wanted: tuple[Role, ...] = ("performer", "rights_holder") if role == "performer" else (role,)
        if not any(one.key is not None and _counts(one.key, wanted, record, today) for one in signers):
            what = f"consent {record.get('id')} is not signed by the {role.replace('_', ' ')}"
            mend = f"Have it signed: vfx-swap consent sign FILE --key KEY; {file} says whose keys count"
            raise ConsentSignatureError(f"{what}{_instead(signers, record, today)}", where=where, mend=mend)
    return signers


def _counts(key: FacilityKey, roles: Sequence[Role], record: Mapping[str, Any], today: date) -> bool:
    """Whether a key's signature counts as that of one of the roles."""
    return key.role in roles and (key.until is None or today <= key.until) and _signs_for(key, record)


def _signs_for(key: FacilityKey, record: Mapping[str, Any]) -> bool:
    performer = record.get("performer", {})
    return key.role not in OWN or bool({performer.get("id"), performer.get("name")} & set(key.people))


def _instead(signers: Sequence[Signer], record: Mapping[str, Any], today: date) -> str:
    """Who did sign, and why that does not count."""
    if not signers:
        return "; nobody signed it"
    said = []
    for one in signers:
        if one.key is None:
            said.append(f"a key not known here ({one.kid[:12]})")
        elif one.key.until is not None and today > one.key.until:
            said.append(f"a {one.key.role} key that held until {one.key.until}")
        elif not _signs_for(one.key, record):
            said.append(f"a {one.key.role} key of somebody else")
        else:
            said.append(f"a {one.key.role} key")
    return f"; it is by {', '.join(said)}"


def _object(text: str) -> dict[str, Any]:
    held = strict_json(text)
    if not isinstance(held, dict):
        raise JwsError("is no record")
    return held
