"""The facility file: how strict consent is here, whose keys are known, where use is put on record, what signs outputs.

One rule says which file holds: the machine's own (`/etc/vfx-swap/facility.toml`) where there is one, so that no user
can get around it; else the one that the environment variable `VFX_SWAP_FACILITY` names; else none, and consent is
recorded but need not be signed. Commands, server, farm workers and agent all go by it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vfx_swap.errors import MissingInputError, Problem
from vfx_swap.settings.messages import describe_findings
from vfx_swap.settings.toml_file import in_order, placed, read_toml

__all__ = [
    "FACILITY_SCHEMA",
    "FACILITY_VARIABLE",
    "MACHINE_FILE",
    "ROLES",
    "ConsentPolicy",
    "Facility",
    "FacilityKey",
    "LedgerSettings",
    "ProvenanceSettings",
    "Role",
    "facility_file",
    "load_facility",
]

FACILITY_SCHEMA = "vfx_swap/facility.1"
FACILITY_VARIABLE = "VFX_SWAP_FACILITY"
MACHINE_FILE = Path("/etc/vfx-swap/facility.toml")

Role: TypeAlias = Literal["performer", "rights_holder", "facility", "studio", "union"]
ROLES: tuple[Role, ...] = ("performer", "rights_holder", "facility", "studio", "union")
"""Who a key speaks for. A rights holder (guardian, representative, estate) signs in the performer's place."""
OWN: tuple[Role, ...] = ("performer", "rights_holder")
"""Roles whose keys sign for named people only."""

Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"\S")]


class _Table(BaseModel):
    """What all tables have in common: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=True)


class FacilityKey(_Table):
    """A public key that is known here."""

    x: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$")
    """Ed25519 public key, base64url: `x` of its JWK (RFC 8037)."""
    role: Role
    name: Text = ""
    """What messages call it."""
    people: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """Performers' ids or names that a performer's or rights holder's key signs for."""
    until: date | None = None
    """Last day its signatures count."""

    @model_validator(mode="after")
    def _names_its_people(self) -> FacilityKey:
        if (self.role in OWN) != bool(self.people):
            verb = "needs `people`, whom it signs for" if self.role in OWN else "signs for everyone: leave `people` out"
            raise ValueError(f"a key of role {self.role} {verb}")
        return self


class ConsentPolicy(_Table):
    """How strict consent is."""

    policy: Literal["recorded", "signed"] = "recorded"
    signed_by: Annotated[tuple[Role, ...], Field(strict=False, min_length=1)] = ("performer", "facility")
    """With `signed`: the roles that must all have signed. A rights holder's signature counts as the performer's."""
    revocations: Text | None = None
    """The revocation list, signed by a key of role facility."""
    list_days: int | None = Field(default=None, ge=1)
    """A list that was issued longer ago holds no more, and every use is refused until a new one is there."""


class LedgerSettings(_Table):
    """Where every use is put on record."""

    file: Text


class ProvenanceSettings(_Table):
    """What signs outputs (C2PA)."""

    certificate: Text
    """Certificate chain, PEM, the signing one first."""
    key: Text
    """Its private key, PEM."""
    trust: Text | None = None
    """Root certificates, PEM, that `provenance verify` trusts."""


class Facility(_Table):
    """A facility file, or what holds without one."""

    schema_: Literal["vfx_swap/facility.1"] = Field(default="vfx_swap/facility.1", alias="schema")
    consent: ConsentPolicy = ConsentPolicy()
    key: Annotated[tuple[FacilityKey, ...], Field(strict=False)] = ()
    ledger: LedgerSettings | None = None
    provenance: ProvenanceSettings | None = None


def facility_file() -> Path | None:
    """The facility file that holds on this machine, by the rule above; None: there is none."""
    if MACHINE_FILE.exists():
        return MACHINE_FILE
    named = os.environ.get(FACILITY_VARIABLE, "")
    return Path(named).expanduser() if named else None


def load_facility(path: str | os.PathLike[str] | None = None) -> Facility:
    """Read a facility file; paths in it start at its folder.

    Args:
        path: the file; None: the one that holds here, without one what holds by default.

    Raises:
        MissingInputError: there is no such file.
        SettingsError: anything in it is wrong; holds every problem.
    """
    where = facility_file() if path is None else Path(path)
    if where is None:
        return Facility()
    try:
        read = read_toml(where, kind="facility file", page="docs/consent.md")
    except MissingInputError as error:
        mend = f"{FACILITY_VARIABLE} names it" if path is None else error.mend
        raise MissingInputError(error.what, where=where, mend=mend) from error
    problems = list(read.problems)
    if not problems and "schema" not in read.values:
        problems.append(Problem("schema", "is missing", f'Begin with schema = "{FACILITY_SCHEMA}"'))
    if problems:
        raise in_order(placed(problems, lines=read.lines), where=where)
    try:
        return Facility.model_validate(_absolute(read.values, folder=where.absolute().parent))
    except ValidationError as error:
        found = describe_findings(error, root=Facility, kind="facility file")
        raise in_order(placed(found, lines=read.lines), where=where) from error


def _absolute(values: Mapping[str, Any], *, folder: Path) -> dict[str, Any]:
    found = dict(values)
    for table, keys in (
        ("consent", ("revocations",)),
        ("ledger", ("file",)),
        ("provenance", ("certificate", "key", "trust")),
    ):
        if isinstance(inner := found.get(table), Mapping):
            given = {key: str(folder / text) for key in keys if isinstance(text := inner.get(key), str) and text}
            found[table] = {**inner, **given}
    return found
