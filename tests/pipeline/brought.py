"""A short real shot (the portrait, moving) and tiny networks that the user brought, for tests of engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.models import faces
from tests.models.onnx_swap.graphs import family_graph
from tests.pipeline.shot_fakes import TODAY, no_models, write_exr
from vfx_swap.colour.ocio import LINEAR_REC709
from vfx_swap.errors import FrameFailure, InputError
from vfx_swap.models.bring.add import AddOptions, add_models
from vfx_swap.models.cards import Card, card_folder, read_cards
from vfx_swap.pipeline.consent import public_domain_consent
from vfx_swap.pipeline.identity_file import save_identity
from vfx_swap.pipeline.shot import Tools, render_shot
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.settings import Cast, Shot, Write
from vfx_swap.types import Embedding, Identity, SkinTexture, Track

FRAMES = (1, 2, 3)
SHIPPED = read_cards(card_folder())


def bring(home: Path, *families: str, seed: int = 3) -> None:
    """Add a tiny graph of each family to the user's folder, by the way that `models add` goes."""
    for family in families:
        card = next(one for one in SHIPPED if one.id == family)
        home.parent.mkdir(parents=True, exist_ok=True)
        path = home.parent / f"{family}.{seed}.brought"
        path.write_bytes(family_graph(card, seed=seed))
        outcomes = list(
            add_models(path, folder=home, cards=SHIPPED, accept=lambda _: True, options=AddOptions(family=family))
        )
        assert outcomes[0].card is not None


def card_of(home: Path, name: str) -> Card:
    """The user's card."""
    from vfx_swap.models.cards import read_card

    return read_card(home / f"{name}.toml")


def lead(path: Path, *embeddings: Embedding) -> str:
    """The portrait's identity as a pack, with some vectors; returns its path."""
    sitter = faces.collins()
    texture = SkinTexture(np.ones((8, 8, 3), np.float32), np.ones((8, 8), np.float32), np.full(3, 0.3, np.float32))
    consent = public_domain_consent(performer="lead", statement="made up")
    held = {one.recogniser: one for one in embeddings}
    save_identity(Identity("lead", (sitter.reference,), texture, held, consent, ""), path)
    return str(path)


def portrait_plate(folder: Path, frames: Sequence[int] = FRAMES) -> str:
    """The portrait moving two pixels a frame, half floats."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, number in enumerate(frames):
        write_exr(
            folder / f"plate.{number:04d}.exr", np.roll(faces.collins().rgb, 2 * index, axis=1).astype(np.float16)
        )
    return str(folder / "plate.####.exr")


def followed(plate: Any, *, places: Sequence[float] = (), **_: Any) -> Tracks:
    """The portrait's own landmarks, moved as `portrait_plate` moves them, or to `places` along the rows."""
    sitter, found, failures = faces.collins(), {}, []
    for index, number in enumerate(plate.shot_frames):
        try:
            plate.read(number)
        except InputError as error:
            failures.append(FrameFailure(number, str(error)))
            continue
        found[number] = sitter.face(shift=(float(places[index]) if places else 2.0 * index, 0.0), frame=number)
    track = Track(1, found, Embedding("fake", np.ones(4, np.float32)))
    return Tracks(tracks=(track,), frames=tuple(plate.shot_frames), failures=tuple(failures))


def shot_of(folder: Path, *, engine: str, identity: str, **more: Any) -> Shot:
    """The moving portrait with somebody in it."""
    pattern = folder / "plates" / "plate.####.exr"
    if not pattern.parent.exists():
        portrait_plate(pattern.parent)
    return Shot(
        name="sh010",
        plate=str(pattern),
        output=str(folder / "out" / "swap.####.exr"),
        colour_space=LINEAR_REC709,
        cast=(Cast(position="largest", identity=identity, reshape=0.0),),
        engine=engine,
        write=Write(layers=("matte",)),
        **more,
    )


def render(shot: Shot, **more: Any) -> Any:
    """Render with the real engines and a quick analyse pass."""
    quick = Tools(load_models=no_models, model_digests=lambda: {"fake": "1"}, analyse=followed)
    return render_shot(shot, today=TODAY, tools=more.pop("tools", quick), **more)


def elsewhere(shot: Shot, folder: Path) -> Shot:
    """The same shot, written to another folder."""
    return replace_output(shot, folder / "swap.####.exr")


def replace_output(shot: Shot, output: Path) -> Shot:
    """The same shot with another output."""
    return shot.model_copy(update={"output": str(output)})


__all__ = [
    "FRAMES", "SHIPPED", "bring", "card_of", "elsewhere", "followed", "lead", "portrait_plate", "render",
    "replace", "shot_of",
]  # fmt: skip
