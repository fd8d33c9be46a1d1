"""Consent records: what they hold, how they are read, and the check before every use of an identity.

Schema `vfx_swap/consent.1`. Few fields are required; the others are there because productions, unions and
studios ask for them, and travel with the record untouched. Only `id` and the record's SHA-256 ever leave
the identity pack: render logs and EXR headers carry no personal data.

The check is a gate against mistakes, not a proof: whoever builds a pack vouches for its record. Where a facility asks
for signatures (`settings.facility`), whoever signed vouches for it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vfx_swap.errors import (
    ConsentExpiredError,
    ConsentMissingError,
    ConsentScopeError,
    ConsentSignatureError,
    MissingInputError,
    Problem,
    SettingsError,
    UsageError,
)
from vfx_swap.pipeline.consent_mends import rebuild_command
from vfx_swap.pipeline.consent_policy import require_policy
from vfx_swap.pipeline.jws import MAX_SIGNATURES, JwsError, canonical
from vfx_swap.pipeline.signed_record import record_digest, signers_of, unwrapped
from vfx_swap.settings.facility import Facility
from vfx_swap.types import Consent, Identity

__all__ = [
    "CONSENT_SCHEMA",
    "Approval",
    "ConsentRecord",
    "Grantor",
    "Part",
    "Performer",
    "Scope",
    "Signature",
    "Training",
    "check_consent",
    "consent_from_file",
    "consent_from_options",
    "consent_from_record",
    "consent_from_text",
    "consent_in_force",
    "consent_usage",
    "public_domain_consent",
]

CONSENT_SCHEMA = "vfx_swap/consent.1"
MAX_RECORD_BYTES = 1 << 20

Use: TypeAlias = Literal["face_replacement", "de_age", "stunt", "dub", "demo", "any"]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"\S")]


class Part(BaseModel):
    """What all parts of a record have in common: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=True)


class Performer(Part):
    """Whose face it is."""

    name: Text
    id: Text | None = None
    union: Text | None = None
    minor: bool | None = None
    deceased: bool | None = None


class Grantor(Part):
    """Who says yes."""

    name: Text
    kind: Literal["self", "guardian", "representative", "estate", "union", "public_domain"] | None = None
    authority_sha256: Sha256 | None = None
    """Digest of the document that gives a guardian or representative the right."""


class Scope(Part):
    """What is allowed."""

    text: Text
    """The use allowed, in words reasonably specific."""
    uses: Annotated[tuple[Use, ...], Field(min_length=1)] = ("any",)
    projects: tuple[Text, ...] = ()
    """Projects or shots it is limited to, as patterns (`*`, `?`); empty: all."""
    shots: tuple[Text, ...] = ()
    """Shots it is limited to, likewise, whatever their project; empty: all."""
    media: tuple[Text, ...] = ()
    territories: tuple[Text, ...] = ()
    nudity_allowed: bool | None = None
    violence_allowed: bool | None = None
    max_duration_seconds: Annotated[int, Field(ge=0)] | None = None


class Training(Part):
    """Whether models may be trained on the performer's material."""

    allowed: bool
    models: tuple[Text, ...] = ()


class Approval(Part):
    """A written approval by a studio or platform."""

    by: Text
    reference: Text


class Signature(Part):
    """One signature over the record without its signatures: JWS, see `pipeline.jws`."""

    protected: Annotated[str, Field(max_length=4096, pattern=r"^[A-Za-z0-9_-]+$")]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{86}$")]


class ConsentRecord(Part):
    """A consent record, whole."""

    schema_: Literal["vfx_swap/consent.1"] = Field(alias="schema")
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")
    """Opaque: it stands in logs and headers, so it must not name the performer."""
    version: int = Field(default=1, ge=1)
    supersedes: Text | None = None
    performer: Performer
    replica_kind: Literal["employment_based", "independently_created", "background", "alteration"] | None = None
    granted_by: Grantor
    represented_by: Literal["counsel", "union", "none"] | None = None
    grantee: Text | None = None
    scope: Scope
    direction: Literal["identity", "performer", "both"] | None = None
    """Whether the person may be who goes in, who is in the plate, or both; absent: who goes in."""
    assets_sha256: tuple[Sha256, ...] = ()
    """Biometric source material."""
    training: Training | None = None
    derived_models: tuple[Text, ...] = ()
    delete_derived_models: bool | None = None
    valid_from: date
    """First day it holds."""
    expires: date
    """Last day it holds."""
    revocation_list: Text | None = None
    notice_given_at: datetime | None = None
    signed_at: datetime | None = None
    compensation_reference: Text | None = None
    approvals: tuple[Approval, ...] = ()
    evidence_sha256: Sha256 | None = None
    """Digest of the signed document; the document itself never travels."""
    signatures: Annotated[tuple[Signature, ...], Field(max_length=MAX_SIGNATURES)] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> ConsentRecord:
        kind = self.granted_by.kind
        if self.expires < self.valid_from:
            raise ValueError(f"expires {self.expires} before it is valid from {self.valid_from}")
        if self.performer.minor and kind not in {"guardian", "representative"}:
            raise ValueError("the performer is a minor: granted_by.kind must be guardian or representative")
        if self.performer.deceased and kind not in {"representative", "estate", "union", "public_domain"}:
            raise ValueError("the performer is deceased: granted_by.kind must be representative, estate or union")
        return self


def consent_from_record(record: ConsentRecord) -> Consent:
    """The consent that a pack carries, with the whole record as canonical JSON."""
    fields = record.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    return Consent(
        id=record.id,
        granted_by=record.granted_by.name,
        scope=record.scope.text,
        uses=record.scope.uses,
        projects=record.scope.projects,
        valid_from=record.valid_from,
        expires=record.expires,
        record_json=canonical(fields).decode(),
    )


def consent_from_options(
    *, who: str, scope: str, expires: str | date, performer: str, valid_from: date, projects: tuple[str, ...] = ()
) -> Consent:
    """A record from the command line's options.

    Args:
        who: who vouches that consent was given.
        scope: the use allowed, in words.
        expires: last day it holds; text is ISO 8601, as in `2027-12-31`.
        performer: name of the person, or the identity's name.
        valid_from: first day it holds: today.
        projects: patterns of projects or shots it is limited to.

    Raises:
        UsageError: an empty text, a date that is none, or one in the past.
    """
    for option, text in (("--consented-by", who), ("--scope", scope)):
        if not text.strip():
            raise UsageError(f"{option} is empty", mend=f"Give {option} in words, in quotes")
    last = expires if isinstance(expires, date) else _date(expires)
    if last < valid_from:
        raise UsageError(f"--expires {last} is in the past", mend="Give the last day on which the consent holds")
    seed = json.dumps([who, scope, last.isoformat(), performer, valid_from.isoformat(), list(projects)])
    fields = {
        "schema": CONSENT_SCHEMA,
        "id": f"consent-{hashlib.sha256(seed.encode()).hexdigest()[:16]}",
        "performer": {"name": performer},
        "granted_by": {"name": who},
        "scope": {"text": scope, "uses": ["any"], "projects": list(projects)},
        "valid_from": valid_from.isoformat(),
        "expires": last.isoformat(),
    }
    return consent_from_text(json.dumps(fields), where="--consented-by, --scope, --expires")


def consent_from_file(path: str | Path) -> Consent:
    """Read a consent record: JSON, TOML when the file is called so, or a signed one (JWS).

    Raises:
        MissingInputError: there is no such file.
        SettingsError: it is no valid record; holds every problem.
        ConsentSignatureError: it was changed after it was signed.
    """
    where = Path(path)
    try:
        with where.open("rb") as file:
            content = file.read(MAX_RECORD_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingInputError("there is no such consent record", where=where, mend="Check the path") from error
    except (OSError, ValueError) as error:
        raise _bad_record(f"cannot be read: {getattr(error, 'strerror', None) or error}", where) from error
    if len(content) > MAX_RECORD_BYTES:
        raise _bad_record(f"is larger than {MAX_RECORD_BYTES} bytes, which no record is", where)
    try:
        text = content.decode("utf-8-sig")
        if where.suffix.lower() == ".toml":
            text = json.dumps(tomllib.loads(text), default=lambda value: value.isoformat())
        text = unwrapped(text)
    except JwsError as error:
        raise ConsentSignatureError(str(error), where=where, mend="Get the file as it was signed") from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise _bad_record(f"is not valid UTF-8 TOML or JSON: {error}", where) from error
    consent = consent_from_text(text, where=where)
    signers_of(consent.record_json, where=where)
    return consent


def public_domain_consent(*, performer: str, statement: str) -> Consent:
    """The record of a public-domain portrait, for the demo and for tests.

    A picture in the public domain may be copied; the person may still have rights in their likeness. So the
    record names the demonstration of this tool as its scope and is not one to make other packs with.

    Args:
        performer: who the portrait shows.
        statement: why the picture is free, with its source.
    """
    fields = {
        "schema": CONSENT_SCHEMA,
        "id": f"public-domain-{hashlib.sha256(f'{performer}: {statement}'.encode()).hexdigest()[:16]}",
        "performer": {"name": performer},
        "granted_by": {"name": statement, "kind": "public_domain"},
        "scope": {"text": "Demonstration and testing of vfx-swap", "uses": ["demo", "face_replacement"]},
        "valid_from": "2020-01-01",
        "expires": "2099-12-31",
    }
    return consent_from_text(json.dumps(fields), where="public-domain record")


def check_consent(
    identity: Identity,
    *,
    today: date,
    shot_name: str = "",
    project: str = "",
    use: str = "face_replacement",
    pack: str | Path | None = None,
    facility: Facility | None = None,
) -> None:
    """Refuse a use that is not covered by the identity's consent record.

    Args:
        identity: who goes in.
        today: the day of the use; the first and the last day of the record both count.
        shot_name: name of the shot; compared with the record's patterns.
        project: name of the project; compared likewise.
        use: one of the record's uses.
        pack: path of the pack, for the commands in messages.
        facility: what is asked of records; None: what holds on this machine.

    Raises:
        ConsentMissingError: the pack holds no record.
        ConsentExpiredError: before the first or past the last valid day.
        ConsentSignatureError: changed after it was signed, or not signed as the facility asks.
        ConsentRevokedError: it is revoked.
        ConsentScopeError: another use, another project or shot, or only consent to be replaced.
    """
    where = pack or identity.name
    consent = consent_in_force(identity, today=today, pack=pack, facility=facility)
    widen = _widen(identity, pack)
    if "any" not in consent.uses and use not in consent.uses:
        what = f"consent {consent.id} covers {', '.join(consent.uses)}, not {use}"
        raise ConsentScopeError(what, where=where, mend=widen)
    record = json.loads(consent.record_json)
    names = [name for name in (shot_name, project) if name]
    for patterns, given in ((consent.projects, names), (record["scope"].get("shots"), names[:1] if shot_name else [])):
        if patterns and not any(fnmatchcase(name, pattern) for name in given for pattern in patterns):
            what = f"consent {consent.id} is limited to {', '.join(patterns)}"
            this = f"this is {' of '.join(repr(name) for name in names)}" if names else "this shot has no name"
            raise ConsentScopeError(f"{what}; {this}", where=where, mend=widen)


def consent_in_force(
    identity: Identity, *, today: date, pack: str | Path | None = None, facility: Facility | None = None
) -> Consent:
    """The identity's record, where it holds today for any use at all; arguments and errors as `check_consent`."""
    where = pack or identity.name
    consent = identity.consent
    if consent is None:
        mend = f"Build the pack with its record: {rebuild_command(identity, pack, options=True)}"
        raise ConsentMissingError(f"identity {identity.name!r} has no consent record", where=where, mend=mend)
    renew = f"With a new record, run: {rebuild_command(identity, pack, options=True)}"
    if today < consent.valid_from:
        what = f"consent {consent.id} is valid from {consent.valid_from}; today is {today}"
        raise ConsentExpiredError(what, where=where, mend=f"Wait until then. {renew}")
    if today > consent.expires:
        what = f"consent {consent.id} expired: its last day was {consent.expires}; today is {today}"
        raise ConsentExpiredError(what, where=where, mend=renew)
    require_policy(consent, today=today, where=where, facility=facility)
    if json.loads(consent.record_json).get("direction") == "performer":
        what = f"consent {consent.id} allows the person to be replaced, not to be put on another"
        raise ConsentScopeError(what, where=where, mend=_widen(identity, pack))
    return consent


def _widen(identity: Identity, pack: str | Path | None) -> str:
    return f"With a record that covers this use, run: {rebuild_command(identity, pack, options=False)}"


def consent_usage(identity: Identity) -> Mapping[str, str]:
    """What a render log or a header says about the consent an identity was used under: no personal data."""
    consent = identity.consent
    if consent is None:
        return {"consent_id": "", "consent_sha256": ""}
    return {"consent_id": consent.id, "consent_sha256": record_digest(consent.record_json)}


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"--expires {text!r} is not a date", mend="Write it like 2027-12-31") from error


def _bad_record(what: str, where: object) -> SettingsError:
    return SettingsError([Problem(key="", what=what)], where=where)


def consent_from_text(text: str, *, where: object) -> Consent:
    """A record from its JSON.

    Raises:
        SettingsError: it is no valid record; holds every problem.
    """
    try:
        return consent_from_record(ConsentRecord.model_validate_json(text))
    except ValidationError as error:
        problems = [_problem(finding) for finding in error.errors(include_url=False, include_context=False)]
        raise SettingsError(problems, where=where) from error


def _problem(finding: Mapping[str, Any]) -> Problem:  # Any: pydantic's ErrorDetails holds any input
    key = ".".join(str(part) for part in finding["loc"])
    what = str(finding["msg"]).removeprefix("Value error, ")
    mend = "docs/identities.md shows a record" if finding["type"] in {"missing", "extra_forbidden"} else None
    return Problem(key=key, what=f"{what[:1].lower()}{what[1:]}", mend=mend)
