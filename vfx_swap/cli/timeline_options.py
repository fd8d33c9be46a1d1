"""The options of `vfx-swap timeline`, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vfx_swap.cli.session import MissingFrames

__all__ = [
    "ActiveOnlyOption",
    "AllFacesOption",
    "CastOption",
    "ClipOption",
    "ColourSpaceOption",
    "EditArgument",
    "EngineOption",
    "FpsOption",
    "HandlesOption",
    "IdentityOption",
    "LayerOption",
    "LeaveRefusedOption",
    "MarkerOption",
    "MediaOption",
    "MetadataOption",
    "MissingOption",
    "OutOption",
    "OverwriteOption",
    "ParserOption",
    "PixelBoostOption",
    "PlanOption",
    "ReshapeOption",
    "StrengthOption",
    "TrackOption",
]

EditArgument = Annotated[Path, typer.Argument(metavar="EDIT.otio", help="The timeline; .edl, .fcpxml and .xml too.")]
OutOption = Annotated[Path, typer.Option(metavar="NEW.otio", help="The timeline to write.")]
CastOption = Annotated[
    list[str] | None,
    typer.Option(metavar="PHOTO=IDENTITY", help="Who is in the plates = who goes in; repeatable."),
]
IdentityOption = Annotated[str | None, typer.Option(metavar="I", help="Identity pack for every clip's largest face.")]
AllFacesOption = Annotated[bool, typer.Option("--all-faces", help="With --identity: every face.")]
TrackOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Clips of this track: its name, or V1; repeatable.")
]
MarkerOption = Annotated[
    list[str] | None, typer.Option(metavar="TEXT", help="Clips under a marker of this name or colour; repeatable.")
]
MetadataOption = Annotated[
    list[str] | None, typer.Option(metavar="KEY[=VALUE]", help="Clips whose metadata say so; repeatable.")
]
ClipOption = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Clips of this name; repeatable.")]
HandlesOption = Annotated[int, typer.Option(metavar="N", min=0, max=1000, help="Frames before and after what is seen.")]
MediaOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where renders go; absent: NEW_media beside NEW.otio.")
]
ActiveOnlyOption = Annotated[
    bool, typer.Option("--active-only", help="Clips carry the swapped media alone, as Resolve wants it.")
]
LeaveRefusedOption = Annotated[
    bool, typer.Option("--leave-refused", help="Leave clips that cannot be done as they are, each named.")
]
PlanOption = Annotated[bool, typer.Option("--plan", help="Check all, say what would be rendered, do nothing.")]
FpsOption = Annotated[float | None, typer.Option(metavar="F", help="Of an EDL, which does not say; absent: 24.")]
EngineOption = Annotated[str | None, typer.Option(metavar="E", help="The swapper: reprojection, or a card's id.")]
PixelBoostOption = Annotated[
    int | None, typer.Option(min=1, max=8, metavar="N", help="N times the network's own size each way.")
]
ParserOption = Annotated[str | None, typer.Option(metavar="CARD", help="What finds a network's matte.")]
StrengthOption = Annotated[float | None, typer.Option(metavar="0..1", help="How much of the swap shows.")]
ReshapeOption = Annotated[float | None, typer.Option(metavar="0..1", help="Pull toward the identity's proportions.")]
ColourSpaceOption = Annotated[str | None, typer.Option(metavar="NAME", help="The plates' OCIO colour space.")]
MissingOption = Annotated[MissingFrames, typer.Option(help="What a missing frame becomes.")]
LayerOption = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Extra EXR layer; repeatable.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Render frames even where they are current.")]
