"""`vfx-swap provenance`: C2PA manifests on outputs, signed and verified, and the certificates for it."""

from __future__ import annotations

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
    from vfx_swap.settings.facility import Facility

__all__ = ["provenance_app"]

provenance_app = typer.Typer(help="Provenance: C2PA manifests on outputs, signed and verified.")

FilesArgument = Annotated[list[str], typer.Argument(metavar="FILE...", help="Stills, movies, sequences.")]
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
        from vfx_swap.pipeline.credentials import load_credential
        from vfx_swap.pipeline.provenance_run import sign_outputs
        from vfx_swap.settings.facility import load_facility

        held = load_facility(facility)
        signing = load_credential(*_signing(held, certificate, key), now=datetime.now(UTC))
        written = 0
        for path in sign_outputs(
            file,
            credential=signing,
            facility=held,
            today=local_today(),
            like=tuple(like or ()),
            consents=tuple(consent or ()),
            out=out,
            each=each,
            overwrite=overwrite,
        ):
            written += 1
            console.event("signed", file=path)
            console.say(f"{path}: signed")
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
        for verdict in verify_outputs(file, trust=None if roots is None else load_trust(roots)):
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


def _signing(facility: Facility, certificate: Path | None, key: Path | None) -> tuple[Path, Path]:
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key go together")
    if certificate is not None and key is not None:
        return certificate, key
    if facility.provenance is None:
        mend = "Give --certificate and --key, or write [provenance] into the facility file"
        raise UsageError("nothing says what signs", mend=mend)
    return Path(facility.provenance.certificate), Path(facility.provenance.key)


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
