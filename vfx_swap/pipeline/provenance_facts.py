"""What a manifest says of a render: digests of consents, models and settings, and no names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeGuard

from vfx_swap import __version__
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.consent_files import record_of
from vfx_swap.pipeline.consent_policy import require_policy
from vfx_swap.pipeline.ledger import read_head
from vfx_swap.pipeline.render_steps import HEADER_NAME
from vfx_swap.pipeline.revocations import require_not_revoked
from vfx_swap.pipeline.signed_record import record_digest
from vfx_swap.settings.facility import Facility

__all__ = ["FACTS_SCHEMA", "Facts", "gather_facts"]

FACTS_SCHEMA = "vfx_swap/provenance.1"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
"""A model card's id and a file's name within it. A header is a file's: what does not look like one stays out."""


@dataclass(frozen=True)
class Facts:
    """What is said of one file or one sequence."""

    consents: frozenset[str] = frozenset()
    """SHA-256 of consent records, without their signatures."""
    engines: frozenset[str] = frozenset()
    models: frozenset[tuple[str, str]] = frozenset()
    """Ids of model files with their SHA-256."""
    settings: frozenset[str] = frozenset()
    """Digests of the shot's settings."""
    ledger: str = ""
    """SHA-256 of the usage ledger's last line."""

    def said(self) -> dict[str, Any]:
        """As the manifest holds it."""
        return {
            "schema": FACTS_SCHEMA,
            "version": __version__,
            "consent_sha256": sorted(self.consents),
            "engines": sorted(self.engines),
            "models": dict(sorted(self.models)),
            "settings_digest": sorted(self.settings),
            **({"ledger_sha256": self.ledger} if self.ledger else {}),
        }

    def joined(self, other: Facts) -> Facts:
        """What either says."""
        return Facts(
            consents=self.consents | other.consents,
            engines=self.engines | other.engines,
            models=self.models | other.models,
            settings=self.settings | other.settings,
            ledger=self.ledger or other.ledger,
        )


def gather_facts(
    files: Iterable[Path], *, consents: Iterable[Path] = (), facility: Facility, today: date, folded: bool = False
) -> Facts:
    """What the headers of frames say, and the consents that are named beside.

    Args:
        files: frames that a render of ours wrote; others say nothing.
        consents: records, signed records or packs, for outputs without a header.
        facility: its policy and its ledger hold.
        today: the day of signing.
        folded: leave the settings' digests out, of which every frame of a shot has its own.

    Raises:
        UsageError: nothing says under whose consent it was made.
        ConsentRevokedError, ConsentSignatureError: a consent does not hold here.
        Others as `record_of`.
    """
    facts, ids = Facts(), set[str]()
    for file in files:
        header = _header(file)
        facts = facts.joined(_from_header(header))
        ids |= {one for row in _identities(header) if isinstance(one := row.get("consent_id"), str) and one}
    for one in sorted(ids):
        require_not_revoked(one, facility=facility, today=today)
    for path in consents:
        record = record_of(path)
        require_policy(record, today=today, where=path, facility=facility)
        facts = facts.joined(Facts(consents=frozenset({record_digest(record.record_json)})))
    if not facts.consents:
        what = "nothing says under whose consent this was made: no file has a header of ours"
        raise UsageError(what, mend="Name a frame of the same render (--like), or the records (--consent)")
    head = read_head(facility.ledger.file) if facility.ledger else None
    facts = replace(facts, ledger=head.sha256 if head else "")
    return replace(facts, settings=frozenset()) if folded else facts


def _from_header(header: Mapping[str, Any]) -> Facts:
    consents = {one.get("consent_sha256") for one in _identities(header)}
    models = header.get("models")
    engine, settings = header.get("engine"), header.get("settings_digest")
    return Facts(
        consents=frozenset(one for one in consents if _is(one, _DIGEST)),
        engines=frozenset({engine} if _is(engine, _ID) else ()),
        models=frozenset(
            (name, digest)
            for name, digest in (models.items() if isinstance(models, Mapping) else ())
            if _is(name, _ID) and _is(digest, _DIGEST)
        ),
        settings=frozenset({settings} if _is(settings, _DIGEST) else ()),
    )


def _identities(header: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = header.get("identities")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _is(value: object, form: re.Pattern[str]) -> TypeGuard[str]:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _header(path: Path) -> Mapping[str, Any]:
    """What a frame's header says; empty where it has none."""
    import OpenImageIO as oiio

    source = oiio.ImageInput.open(str(path))
    if source is None:
        oiio.geterror()  # an error that nobody asks for is printed at exit
        return {}
    try:
        text = source.spec().getattribute(HEADER_NAME)
    finally:
        source.close()
    try:
        held = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}
