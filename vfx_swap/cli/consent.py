"""`vfx-swap consent`: keys, records, signatures, revocations, and the ledger of what was used."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.pipeline.signed_record import Signer
    from vfx_swap.settings.facility import Role

__all__ = ["consent_app"]

consent_app = typer.Typer(help="Consent: keys, signed records, revocations, the usage ledger.")
ledger_app = typer.Typer(help="The usage ledger.")
consent_app.add_typer(ledger_app, name="ledger")

KeyOption = Annotated[Path, typer.Option(metavar="FILE", help="Private key that signs.")]
FacilityOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Facility file; absent: the one that holds on this machine.")
]


@consent_app.command("key")
def key(
    *,
    role: Annotated[str, typer.Option(metavar="ROLE", help="performer, rights_holder, facility, studio or union.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The private key's file; it must not be there yet.")],
    person: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Performer whom the key signs for, by name or id; repeatable."),
    ] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a key, and show the lines by which a facility file knows it."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.signing_keys import new_key
        from vfx_swap.settings.facility import OWN

        kind, people = _role(role), list(person or ())
        if (kind in OWN) != bool(people):
            what = "needs --person, whom it signs for" if kind in OWN else "signs for everyone: leave --person out"
            raise UsageError(f"a key of role {kind} {what}")
        made = new_key(out, role=kind)
        console.event("key", file=out, role=kind, kid=made.kid, x=made.x, people=people)
        console.event("done", out=out)
        console.note(f"{out}: the private key. Keep it with who signs, and give it to nobody.")
        console.note("For the facility file:")
        console.say(f'[[key]]\nrole = "{kind}"\nx = "{made.x}"')
        if people:
            console.say(f"people = [{', '.join(_quoted(one) for one in people)}]")


@consent_app.command("new")
def new(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The record to write: .json.")],
    performer: Annotated[str, typer.Option(metavar="NAME", help="Whose face it is.")],
    scope: Annotated[str, typer.Option(metavar="TEXT", help="The use allowed, in words.")],
    expires: Annotated[str, typer.Option(metavar="DATE", help="Last day it holds, as 2027-12-31.")],
    granted_by: Annotated[str | None, typer.Option(metavar="NAME", help="Who says yes; absent: the performer.")] = None,
    id: Annotated[str | None, typer.Option(metavar="ID", help="Opaque name of the record; no person's.")] = None,
    use: Annotated[
        list[str] | None, typer.Option(metavar="USE", help="face_replacement, de_age, stunt, dub, any; repeatable.")
    ] = None,
    project: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Project or shot it is limited to; repeatable.")
    ] = None,
    shot: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Shot it is limited to; repeatable.")
    ] = None,
    training: Annotated[
        bool, typer.Option("--training/--no-training", help="Whether models may be trained on the material.")
    ] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a consent record, to be read by who is asked, and signed."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.consent_files import new_record

        made = new_record(
            file,
            performer=performer,
            granted_by=granted_by,
            scope=scope,
            expires=_day(expires),
            today=local_today(),
            id=id,
            uses=tuple(use or ()),
            projects=tuple(project or ()),
            shots=tuple(shot or ()),
            training=training,
        )
        console.event("done", out=file, id=made.id)
        console.say(f"{file}: consent {made.id}, until {made.expires}")
        console.note(f"To be signed: vfx-swap consent sign {file} --key KEY")


@consent_app.command("sign")
def sign(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record, signed or not, or an identity pack.")],
    key: KeyOption,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it goes; absent: FILE's name with .jws, a pack in place.")
    ] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add a signature to a record; those that are there must be good."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.consent_files import sign_file
        from vfx_swap.pipeline.signing_keys import load_key

        signing = load_key(key)
        written, signers = sign_file(file, key=signing, out=out)
        kids = [one.kid for one in signers]
        console.event("done", out=written, kid=signing.kid, signatures=kids)
        count = len(kids)
        console.say(f"{written}: signed by {count} key{'s' if count != 1 else ''}; this one is {signing.kid[:12]}")


@consent_app.command("verify")
def verify(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record, signed or not, or an identity pack.")],
    facility: FacilityOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say who signed a record, and refuse one that does not hold here today."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.consent_files import record_of, verify_record
        from vfx_swap.pipeline.signed_record import signers_of
        from vfx_swap.settings.facility import load_facility

        held = load_facility(facility)
        consent = record_of(file)
        signers = signers_of(consent.record_json, facility=held, where=file)
        _tell_signers(console, signers)
        verify_record(consent, facility=held, today=local_today(), where=file)
        console.event("done", id=consent.id, policy=held.consent.policy, signatures=len(signers))
        signed = f"signed by {len(signers)}" if signers else "not signed"
        console.say(
            f"{file}: consent {consent.id} holds until {consent.expires}; {signed}; {held.consent.policy} is asked"
        )


@consent_app.command("revoke")
def revoke(
    *,
    record: Annotated[
        list[str] | None, typer.Argument(metavar="[RECORD]...", help="Ids, record files or packs; none: issue anew.")
    ] = None,
    key: KeyOption,
    list_file: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="The list; absent: the facility file's.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="First day it does not hold; absent: today.")
    ] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Put records on the revocation list and sign it; the list is made where there is none."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.consent_files import record_of
        from vfx_swap.pipeline.revocations import revoke as put_on_list
        from vfx_swap.pipeline.signing_keys import load_key
        from vfx_swap.settings.facility import load_facility

        facility = load_facility()
        path = list_file or (Path(facility.consent.revocations) if facility.consent.revocations else None)
        if path is None:
            raise UsageError("no revocation list is named", mend="Give --list FILE, or name it in the facility file")
        signing = load_key(key)
        if signing.role != "facility":
            raise UsageError(f"{key} is a key of role {signing.role}; a list is signed by the facility's")
        day = local_today() if since is None else _day(since)
        ids = {record_of(Path(one)).id if Path(one).exists() else one: day for one in record or ()}
        made = put_on_list(ids, path=path, key=signing, facility=facility, now=datetime.now(UTC))
        console.event("done", out=path, number=made.number, revoked=sorted(made.revoked), added=sorted(ids))
        console.say(f"{path}: number {made.number}, {len(made.revoked)} revoked")


@ledger_app.command("verify")
def ledger_verify(
    *,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The ledger; absent: the facility file's.")
    ] = None,
    head: Annotated[
        list[str] | None, typer.Option(metavar="N:SHA256", help="A head noted earlier; repeatable.")
    ] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Go through the ledger's chain; exit code 1 where a line was changed, taken out, added or moved."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.ledger import Head, verify_ledger
        from vfx_swap.settings.facility import load_facility

        if file is None:
            ledger = load_facility().ledger
            if ledger is None:
                raise UsageError("no ledger is named", mend="Give its file, or name it in the facility file")
            file = Path(ledger.file)
        found = verify_ledger(file, known=[Head.parse(one) for one in head or ()])
        console.event("done", file=file, lines=found.number, head=str(found))
        console.say(f"{file}: {found.number} lines, all in place. Note the head, to compare with later:\n{found}")


def _tell_signers(console: Console, signers: tuple[Signer, ...]) -> None:
    for one in signers:
        role = None if one.key is None else one.key.role
        named = None if one.key is None else one.key.name or None
        console.event("signature", kid=one.kid, role=role, name=named)
        console.say(
            f"signature   {one.kid[:12]}  {'not known here' if role is None else role}{f'  {named}' if named else ''}"
        )


def _role(text: str) -> Role:
    from vfx_swap.settings.facility import ROLES

    found: dict[str, Role] = {str(role): role for role in ROLES}
    if text not in found:
        raise UsageError(f"there is no role {text!r}", mend=f"Roles: {', '.join(found)}")
    return found[text]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no day", mend="Write it as 2027-12-31") from error


def _quoted(text: str) -> str:
    from json import dumps

    return dumps(text, ensure_ascii=False)  # a TOML basic string takes JSON's escapes
