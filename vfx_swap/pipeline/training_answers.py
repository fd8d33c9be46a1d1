"""True swaps beside the pictures that are trained on: `NAME/answers/IDENTITY/PICTURE` is NAME's PICTURE with that face.

They come from renders of digital doubles, or from a performer and a lead filmed alike: what a swap of them should be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import InputError, UsageError
from vfx_swap.pipeline.identity import read_photograph

__all__ = ["PICTURES", "answers_to", "check_answers", "read_answers"]

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr"}
FOLDER = "answers"


def check_answers(people: Sequence[Path]) -> None:
    """Refuse answers that answer nothing, before any picture is read.

    Args:
        people: a folder of pictures each.

    Raises:
        UsageError: an answer shows nobody, or somebody of whom there is no folder, or is of no picture.
    """
    names = {one.name for one in people}
    for person in people:
        stems = {one.stem for one in person.iterdir() if one.suffix.lower() in PICTURES}
        stray = sorted(one for one in (person / FOLDER).glob("*") if one.suffix.lower() in PICTURES)
        if stray:
            mend = f"Put it into a folder named after that person: {FOLDER}/NAME/{stray[0].name}"
            raise UsageError("an answer does not say whose face it shows", where=stray[0], mend=mend)
        for path in _answers(person):
            if path.parent.name not in names:
                mend = f"Name the folder after one of: {', '.join(sorted(names))}"
                raise UsageError(f"{path.parent.name!r} is nobody whose pictures are here", where=path, mend=mend)
            if path.stem not in stems:
                mend = f"Give it the name of the picture of {person.name!r} that it answers"
                raise UsageError(f"there is no picture {path.stem!r} of {person.name!r}", where=path, mend=mend)


def answers_to(picture: Path) -> list[tuple[str, Path]]:
    """Who else's face a picture is known with, and the file that shows it; by name, one file for each."""
    found = {path.parent.name: path for path in reversed(_answers(picture.parent)) if path.stem == picture.stem}
    return sorted(found.items())


def read_answers(
    picture: Path, *, shape: tuple[int, ...], config: ColourConfig, say: Callable[[str], None]
) -> list[tuple[str, FloatArray]]:
    """The answers to a picture.

    Args:
        picture: the plate of them all.
        shape: of its pixels; theirs is the same.
        config: of colour.
        say: called with warnings.

    Returns:
        Whose face, and (h, w, 3) scene-linear Rec.709.

    Raises:
        InputError: one cannot be read, or is of another size.
    """
    found = []
    for name, path in answers_to(picture):
        pixels = read_photograph(path, config=config, colour_space=None, warn=say)
        if pixels.shape != shape:
            what = f"{pixels.shape[1]} x {pixels.shape[0]}, where its picture is {shape[1]} x {shape[0]}"
            raise InputError(what, where=path, mend="An answer is the same picture with another face")
        found.append((name, pixels))
    return found


def _answers(person: Path) -> list[Path]:
    return sorted(one for one in (person / FOLDER).glob("*/*") if one.suffix.lower() in PICTURES)
