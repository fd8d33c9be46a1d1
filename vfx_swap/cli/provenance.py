"""`vfx-swap provenance`: C2PA manifests on outputs, signed and verified, and the certificates for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running
from vfx_swap.errors import UsageError, VerificationError
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.pipeline.provenance import Verdict
    from vfx_swap.pipeline.provenance_shot import Signer
    from vfx_swap.settings import Shot

__all__ = ["provenance_app", "tell_signed"]

provenance_app = typer.Typer(help="Provenance: C2PA manifests on outputs, signed and verified.")

FilesArgument = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Stills, movies, sequences; a shot file: what it renders.")
]
FacilityOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Facility file; absent: the one that holds on this machine.")
]

STATES = {
    "trusted": "as it was signed, by a signer that is trusted here",
    "unknown_signer": "as it was signed, but the signer is not known here",
    "bad_certificate": "as it was signed, but the certificate must not sign, or no longer",
    "altered": "not what was signed",
    "none": "no manifest",
}


@provenance_app.command("sign")
def sign(
    *,
    file: FilesArgument,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Signed copy of one still or movie; absent: in its place.")
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="A manifest beside every EXR or DPX frame, not one for the sequence.")
    ] = False,
    like: Annotated[
        list[Path] | None, typer.Option(metavar="FRAME", help="A frame of the same render, for a movie; repeatable.")
    ] = None,
    consent: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Record or pack it was made under, where no header says; repeatable."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate chain, PEM; absent: the facility file's.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its private key, PEM; absent: the facility file's.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace manifests and files that are there.")] = False,
    facility: FacilityOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Sign outputs as made with a trained model, with the facility's certificate and the consents' digests."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.provenance_shot import facility_signer
        from vfx_swap.settings.facility import load_facility

        signer = facility_signer(load_facility(facility), certificate=certificate, key=key)
        written = 0
        for path in _signed(file, signer, like=like or [], consent=consent or [], out=out, each=each, over=overwrite):
            written += 1
            tell_signed(console, path)
        console.event("done", signed=written)


@provenance_app.command("verify")
def verify(
    *,
    file: FilesArgument,
    trust: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Root certificates, PEM; absent: the facility file's.")
    ] = None,
    facility: FacilityOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say of each output whether it is what was signed, and by whom; exit code 1 unless all are, by signers trusted."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.credentials import load_trust
        from vfx_swap.pipeline.provenance_run import verify_outputs
        from vfx_swap.settings.facility import load_facility

        held = load_facility(facility).provenance
        roots = trust or (Path(held.trust) if held is not None and held.trust else None)
        counts: dict[str, int] = {}
        outputs = [_shot(one).output if _is_shot(one) else one for one in file]
        for verdict in verify_outputs(outputs, trust=None if roots is None else load_trust(roots)):
            counts[verdict.state] = counts.get(verdict.state, 0) + 1
            _tell(console, verdict)
        bad = sum(counts.values()) - counts.get("trusted", 0)
        if not bad:
            console.event("done", trusted=counts.get("trusted", 0))
            return
        known = "Give the roots that are trusted: --trust, or [provenance] in the facility file"
        raise VerificationError(
            f"{bad} of {sum(counts.values())} not as signed by a signer that is trusted here",
            mend=known if roots is None and "unknown_signer" in counts else "See docs/provenance.md",
        )


@provenance_app.command("certificate")
def certificate(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files go.")],
    organisation: Annotated[str, typer.Option(metavar="TEXT", help="Whose it is; everyone who verifies sees it.")],
    request: Annotated[
        bool, typer.Option("--request", help="A key and a request for a certificate authority, for delivery.")
    ] = False,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=3650, help="How long a test certificate holds.")] = 90,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a test certificate with its own root, not for delivery, or a request for a real one."""
    with running(json=json, debug=debug) as console:
        from json import dumps

        from vfx_swap.pipeline.credentials import make_test_credential, request_certificate

        if request:
            asked, key = request_certificate(out, organisation=organisation)
            console.event("done", request=asked, key=key)
            console.say(f"{asked}: to be sent to a certificate authority\n{key}: its private key, which stays here")
            return
        signing, key, root = make_test_credential(out, organisation=organisation, days=days, now=datetime.now(UTC))
        console.event("done", certificate=signing, key=key, root=root)
        console.note("For trying out only: nobody else trusts this root. For delivery, ask for a real one: --request.")
        console.note("For the facility file:")
        rows = (("certificate", signing), ("key", key), ("trust", root))
        # A TOML basic string takes JSON's escapes; a relative path would start at the facility file's folder.
        table = "\n".join(f"{name} = {dumps(str(path.absolute()), ensure_ascii=False)}" for name, path in rows)
        console.say(f"[provenance]\n{table}")


def tell_signed(console: Console, path: Path) -> None:
    """Tell of a file that was signed."""
    console.event("signed", file=path)
    console.say(f"{path}: signed")


def _signed(
    files: list[str], signer: Signer, *, like: list[Path], consent: list[Path], out: Path | None, each: bool, over: bool
) -> Iterator[Path]:
    """Sign what is named, one after the other; a shot file stands for what its render wrote."""
    from vfx_swap.pipeline.provenance_run import sign_outputs
    from vfx_swap.pipeline.provenance_shot import sign_shot

    shots = [one for one in files if _is_shot(one)]
    if shots and (like or consent or out is not None):
        raise UsageError(f"--like, --consent and --out do not go with a shot file ({shots[0]})", mend="Leave them out")
    for one in files:
        if _is_shot(one):
            yield from sign_shot(_shot(one), signer, today=local_today(), each=each, overwrite=over)
            continue
        yield from sign_outputs(
            [one], credential=signer.credential, facility=signer.facility, today=local_today(), like=like,
            consents=consent, out=out, each=each, overwrite=over,
        )  # fmt: skip


def _shot(path: str) -> Shot:
    from vfx_swap.pipeline.engines import engine_ids
    from vfx_swap.settings import load_shot

    return load_shot(path, engines=engine_ids())


def _is_shot(name: str) -> bool:
    return name.lower().endswith(".toml")


def _tell(console: Console, verdict: Verdict) -> None:
    console.event(
        "verified",
        file=verdict.file,
        state=verdict.state,
        signer=verdict.signer or None,
        codes=verdict.codes,
        made=verdict.made,
        missing=verdict.missing,
        added=verdict.added,
        changed=verdict.changed,
    )
    by = f"; it names {verdict.signer}" if verdict.signer else ""
    console.say(f"{verdict.file}: {STATES[verdict.state]}{by}")
    for word, names in (("missing", verdict.missing), ("added", verdict.added), ("altered", verdict.changed)):
        for name in names:
            console.say(f"  {word}  {name}")
