"""`vfx-swap swap`: one still, sequence or movie, without a shot file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vfx_swap.cli.compare import COMPARE, run_comparison
from vfx_swap.cli.compat import run_compat
from vfx_swap.cli.option_names import told_by_options
from vfx_swap.cli.rendering import RESUME, SignOption, run_shot, sign_rendered, signer_for
from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, MissingFrames, running
from vfx_swap.errors import UsageError

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console

__all__ = ["cast_tables", "given", "swap"]

MAX_NAME = 128
"""Characters of a shot's name."""


def swap(
    *,
    plate: Annotated[str, typer.Option(metavar="P", help="The plate: name.####.exr, one picture, or a movie.")],
    out: Annotated[str, typer.Option(metavar="O", help="Where results go, in the same forms.")],
    identity: Annotated[str | None, typer.Option(metavar="I", help="Identity pack that goes in.")] = None,
    cast: Annotated[
        list[str] | None,
        typer.Option(metavar="PHOTO=IDENTITY", help="Who is in the plate = who goes in; repeatable."),
    ] = None,
    all_faces: Annotated[bool, typer.Option("--all-faces", help="Swap every face, not the largest only.")] = False,
    frames: Annotated[str, typer.Option(metavar="RANGE", help="Such as 1001-1024 or 1-100x2; absent: all.")] = "",
    engine: Annotated[
        str | None, typer.Option(metavar="E", help="The swapper: reprojection, a card's id; compare: all side by side.")
    ] = None,
    pixel_boost: Annotated[
        int | None, typer.Option(min=1, max=8, metavar="N", help="N times the network's own size each way.")
    ] = None,
    parser: Annotated[
        str | None, typer.Option(metavar="CARD", help="What finds a network's matte; none: an ellipse.")
    ] = None,
    compat: Annotated[
        Literal["simswap"] | None, typer.Option(help="simswap: the picture that SimSwap itself would write.")
    ] = None,
    strength: Annotated[float | None, typer.Option(metavar="0..1", help="How much of the swap shows.")] = None,
    reshape: Annotated[
        float | None, typer.Option(metavar="0..1", help="Pull toward the identity's proportions.")
    ] = None,
    colour_space: Annotated[str | None, typer.Option(metavar="NAME", help="The plate's OCIO colour space.")] = None,
    missing: Annotated[MissingFrames, typer.Option(help="What a missing frame becomes.")] = "error",
    holdout_matte: Annotated[str | None, typer.Option(metavar="M", help="Your matte of what stays in front.")] = None,
    garbage_matte: Annotated[str | None, typer.Option(metavar="M", help="Your matte of where nothing is put.")] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Extra EXR layer, such as matte, patch or stmap; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Render frames even where they are current.")] = False,
    sign: SignOption = False,
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Swap the face in a plate: the largest one, every one, or those that photographs name.

    Frames already written from the same inputs are skipped, so the same command goes on where it stopped.
    """
    with running(json=json, debug=debug, resume=RESUME) as console:
        typed: dict[str, Any] = {
            "plate": plate, "out": out, "who": cast_tables(identity, cast or [], all_faces=all_faces), "engine": engine,
            "parser": parser, "frames": frames, "missing": missing,
        }  # fmt: skip
        finer = given(
            strength=strength, reshape=reshape, colour_space=colour_space, layer=layer, pixel_boost=pixel_boost,
            holdout_matte=holdout_matte, garbage_matte=garbage_matte,
        )  # fmt: skip
        if compat is not None:
            _refuse_in_compat({**finer, **({"sign": True} if sign else {})})
            run_compat(console, device=device, **typed)
        else:
            with told_by_options(identity="--cast" if cast else "--identity"):
                _render(console, typed, finer, overwrite=overwrite, sign=sign, device=device)


def _render(
    console: Console, typed: Mapping[str, Any], finer: Mapping[str, Any], *, overwrite: bool, sign: bool, device: str
) -> None:
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.pipeline.validate import open_values
    from vfx_swap.settings.shot import DEFAULT_ENGINE

    _refuse_without_network(typed, finer)
    how = {key: finer[key] for key in ("strength", "reshape") if key in finer}
    values: dict[str, Any] = {
        "name": _name_of(typed["out"]),
        "plate": typed["plate"],
        "output": typed["out"],
        "frames": typed["frames"],
        "missing": typed["missing"],
        "engine": typed["engine"] or DEFAULT_ENGINE,
        "cast": [{**one, **how} for one in typed["who"]],
        "write": {"layers": list(finer.get("layer", []))},
        "matte": {key: finer[key] for key in ("holdout_matte", "garbage_matte") if key in finer},
        "network": given(pixel_boost=finer.get("pixel_boost"), parser=typed["parser"]),
        **given(colour_space=finer.get("colour_space")),
    }
    if typed["engine"] == COMPARE:
        if sign:
            raise UsageError("--sign does not go with --engine compare", mend="Sign the engine's own render")
        run_comparison(console, values, device=device)
        return
    shot = open_values(values, config=load_config())
    signer = signer_for(shot) if sign else None
    run_shot(console, shot, frames=None, overwrite=overwrite, device=device)
    if signer is not None:
        sign_rendered(console, shot, signer)


def _name_of(out: str) -> str:
    """A name fit for the files beside the frames: what shots may not be called becomes `_`."""
    from vfx_swap.io.paths import FramePattern

    try:
        text = FramePattern.parse(out).name
    except UsageError:  # told with all that is wrong, as --out
        return "shot"
    plain = "".join("_" if ord(sign) < 32 or sign in "\\\x7f" else sign for sign in text)[:MAX_NAME]
    return f"_{plain[1:]}" if plain.startswith(".") else plain


def _refuse_without_network(typed: Mapping[str, Any], finer: Mapping[str, Any]) -> None:
    """
    Raises:
        UsageError: something is asked for that the default engine, which is no network, would pass over.
    """
    from vfx_swap.settings.load import ENGINES

    asked = [
        *(["--pixel-boost"] if "pixel_boost" in finer else []),
        *(["--parser"] if typed["parser"] is not None else []),
    ]
    if asked and (typed["engine"] is None or typed["engine"] in ENGINES):
        raise UsageError(
            f"{' and '.join(asked)} {'is' if len(asked) == 1 else 'are'} for networks, and none was named",
            mend="Name one with --engine (`vfx-swap models list`), or leave it out",
        )


def _refuse_in_compat(finer: Mapping[str, Any]) -> None:
    """
    Raises:
        UsageError: something is asked for that SimSwap's own pipeline does not know.
    """
    asked = [f"--{name.replace('_', '-')}" for name in finer]
    if asked:
        raise UsageError(
            f"{', '.join(asked)} and --compat exclude each other", mend="SimSwap knows nothing of it: leave one out"
        )


def given(**values: Any) -> dict[str, Any]:
    """Those that were given: for the others the shot's own defaults hold."""
    return {key: value for key, value in values.items() if value is not None}


def cast_tables(identity: str | None, casts: list[str], *, all_faces: bool) -> list[dict[str, Any]]:
    """The `[[cast]]` tables that the options stand for.

    Raises:
        UsageError: none or both of --identity and --cast, or a --cast that is not PHOTO=IDENTITY.
    """
    if (identity is None) == (not casts):
        what = "who goes in is not said" if identity is None else "--identity and --cast exclude each other"
        raise UsageError(what, mend="Give --identity FILE, or --cast PHOTO=IDENTITY once or more")
    if casts and all_faces:
        raise UsageError("--all-faces and --cast exclude each other", mend="Cast each face by its photograph, or all")
    if identity is not None:
        return [{"position": "all" if all_faces else "largest", "identity": identity}]
    return [_photo_and_identity(text) for text in casts]


def _photo_and_identity(text: str) -> dict[str, str]:
    """`PHOTO=IDENTITY`, split at the '=' that leaves two files, since a path may hold one too."""
    parts = text.split("=")
    splits = [("=".join(parts[:at]), "=".join(parts[at:])) for at in range(1, len(parts))]
    whole = [(photo, pack) for photo, pack in splits if photo and pack]
    if not whole:
        raise UsageError(f"--cast {text!r} is not PHOTO=IDENTITY", mend="Write it like stunt.jpg=lead.identity")
    photo, pack = next(((one, two) for one, two in whole if _is_file(one) and _is_file(two)), whole[0])
    return {"performer": photo, "identity": pack}


def _is_file(text: str) -> bool:
    return "\0" not in text and Path(text).expanduser().is_file()
