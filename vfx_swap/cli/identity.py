"""`vfx-swap identity`: build an identity pack, show one, write its face model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.types import Consent, Identity

__all__ = ["identity_app"]

identity_app = typer.Typer(help="Identity packs: who goes in, with consent on record.")


@identity_app.command("build")
def build(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the identity is called.")],
    reference: Annotated[list[Path], typer.Option(metavar="FILE", help="Photograph of the person; repeatable.")],
    out: Annotated[Path, typer.Option(metavar="NAME.identity", help="The pack to write.")],
    consent: Annotated[Path | None, typer.Option(metavar="FILE", help="Consent record, JSON or TOML.")] = None,
    consented_by: Annotated[str | None, typer.Option(metavar="WHO", help="Who vouches for the consent.")] = None,
    scope: Annotated[str | None, typer.Option(metavar="TEXT", help="The use allowed, in words.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="Last day it holds, as 2027-12-31.")] = None,
    project: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Project or shot it is limited to; repeatable.")
    ] = None,
    face: Annotated[int | None, typer.Option(min=1, metavar="N", help="Which face, from the left, from 1.")] = None,
    colour_space: Annotated[str | None, typer.Option(metavar="NAME", help="OCIO space of the photographs.")] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Build an identity pack from photographs, with the consent record that every use is checked against.

    Give --consent, or --consented-by with --scope and --expires.
    """
    with running(json=json, debug=debug) as console:
        # Before the models load: a mistake here should not cost a wait.
        record = _consent(name, consent, consented_by, scope, expires, tuple(project or ()))
        from vfx_swap.colour.ocio import load_config
        from vfx_swap.models.default import load_face_models
        from vfx_swap.pipeline.engines import texture_builder
        from vfx_swap.pipeline.identity import build_identity, save_identity

        def warn(text: str) -> None:
            console.event("warning", message=text)
            console.note(f"warning: {text}")

        with load_face_models() as models:
            identity = build_identity(
                name=name,
                references=reference,
                consent=record,
                models=models,
                config=load_config(),
                texture_builder=texture_builder(),
                face=face,
                colour_space=colour_space,
                warn=warn,
            )
        identity, added = _with_vectors(identity, again=False)
        saved = save_identity(identity, out)
        console.event(
            "done", out=out, name=saved.name, references=len(saved.references), sha256=saved.sha256, added=list(added)
        )
        count = len(saved.references)
        console.say(f"identity {saved.name!r} from {count} photograph{'s' if count != 1 else ''}: {out}")
        if added:
            console.say(f"seen by your recognisers as well: {', '.join(added)}")


def _consent(
    name: str, file: Path | None, who: str | None, scope: str | None, expires: str | None, projects: tuple[str, ...]
) -> Consent:
    """The record that the options give.

    Raises:
        UsageError: none or both ways were used, or one only in part.
        SettingsError, MissingInputError: the record's file is wrong or missing.
    """
    from vfx_swap.pipeline.consent import consent_from_file, consent_from_options

    options = {"--consented-by": who, "--scope": scope, "--expires": expires}
    given = [option for option, value in options.items() if value is not None]
    if file is not None:
        if given or projects:
            extra = ", ".join(given + (["--project"] if projects else []))
            raise UsageError(
                f"--consent and {extra} exclude each other", mend="The record says it all: leave those out"
            )
        return consent_from_file(file)
    if who is None or scope is None or expires is None:
        lacking = ", ".join(option for option, value in options.items() if value is None)
        mend = "Give --consent FILE, or --consented-by WHO --scope TEXT --expires DATE"
        raise UsageError(f"no consent: {lacking} missing" if given else "no consent was given", mend=mend)
    return consent_from_options(
        who=who, scope=scope, expires=expires, performer=name, valid_from=local_today(), projects=projects
    )


@identity_app.command("show")
def show(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An identity pack.")],
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Print what a pack holds, and whether its consent allows a use today."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.errors import RefusedError
        from vfx_swap.pipeline.consent import consent_in_force
        from vfx_swap.pipeline.identity_file import load_identity

        identity = load_identity(file)
        refused = None
        try:
            consent_in_force(identity, today=local_today(), pack=file)
        except RefusedError as error:
            refused = error.what
        _tell(console, identity, refused)


@identity_app.command("mesh")
def mesh(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An identity pack.")],
    out: Annotated[Path, typer.Option(metavar="FACE", help="The mesh: .obj, .glb or .usda.")],
    subdivide: Annotated[int, typer.Option(min=0, max=2, metavar="N", help="Times the skin is subdivided.")] = 1,
    project: Annotated[str, typer.Option(metavar="NAME", help="The project, where the consent names any.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over files that exist.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the person's face as a textured mesh with 52 expression shapes, for Blender, Maya or Houdini."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.io.shaped_mesh import mesh_files
        from vfx_swap.pipeline.engines import face_mesh
        from vfx_swap.pipeline.face_model import write_face_model
        from vfx_swap.pipeline.identity_file import load_identity

        mesh_files(out, ())  # a suffix that is not written is told before the pack is read
        identity = load_identity(file)
        files = write_face_model(
            identity,
            out,
            mesh=face_mesh(),
            today=local_today(),
            project=project,
            levels=subdivide,
            overwrite=overwrite,
            pack=file,
        )
        console.event("done", out=out, name=identity.name, files=[str(path) for path in files])
        beside = f" and {len(files) - 1} files beside it" if len(files) > 1 else ""
        console.say(f"face model of {identity.name!r}: {out}{beside}")


@identity_app.command("embed")
def embed(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An identity pack.")],
    out: Annotated[
        Path | None, typer.Option(metavar="NAME.identity", help="Where the pack goes; absent: its own place.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make those anew that the pack holds.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add to a pack what the networks you brought need of it: a vector by every recogniser that is here.

    It is made from the photographs in the pack. Frames swapped with the pack before are rendered again.
    """
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.identity_file import load_identity, save_identity

        identity = load_identity(file)
        made, added = _with_vectors(identity, again=again)
        target = file if out is None else out
        saved = save_identity(made, target) if added or target != file else identity
        held = sorted(saved.embeddings)
        console.event("done", out=target, name=saved.name, added=list(added), recognisers=held, sha256=saved.sha256)
        if added:
            console.say(f"{target}: added {', '.join(added)}")
        else:
            console.say(f"{file}: nothing to add; it holds {', '.join(held)}")
            console.say("Other networks need their recogniser first: vfx-swap models add FILE; docs/models.md")


def _with_vectors(identity: Identity, *, again: bool) -> tuple[Identity, tuple[str, ...]]:
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.pipeline.embeddings import vectors_here, with_vectors

    return with_vectors(identity, config=load_config(), vectors=vectors_here(), again=again)


def _tell(console: Console, identity: Identity, refused: str | None) -> None:
    consent = identity.consent
    record = None
    if consent is not None:
        record = {
            "id": consent.id,
            "granted_by": consent.granted_by,
            "scope": consent.scope,
            "uses": list(consent.uses),
            "projects": list(consent.projects),
            "valid_from": consent.valid_from.isoformat(),
            "expires": consent.expires.isoformat(),
        }
    references = [{"source": one.source, "sha256": one.sha256} for one in identity.references]
    console.event(
        "identity",
        name=identity.name,
        sha256=identity.sha256,
        references=references,
        recognisers=sorted(identity.embeddings),
        texture_size=identity.texture.rgb.shape[0],
        consent=record,
        refused=refused,
    )
    console.event("done")
    console.say(f"name        {identity.name}")
    console.say(f"sha256      {identity.sha256}")
    for one in identity.references:
        height, width = one.rgb.shape[:2]
        console.say(f"reference   {one.source}, {width}x{height}, yaw {one.pose.yaw_degrees:.0f} degrees")
    console.say(f"recognisers {', '.join(sorted(identity.embeddings)) or 'none'}")
    for key, value in (record or {}).items():
        text = ", ".join(value) if isinstance(value, list) else value
        console.say(f"consent     {key}: {text or 'any'}")
    console.say("usable      today" if refused is None else f"refused     {refused}")
