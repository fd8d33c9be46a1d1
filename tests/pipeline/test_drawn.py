"""Mattes of the user's own in a render: what they hold out, what they keep the swap from, when a frame is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.comp.painted import likeness
from tests.io.test_mattes import write
from tests.pipeline.shot_fakes import ALL, HEIGHT, SHOT_FILE, WIDTH, make_shot, render, rows_of
from tests.pipeline.test_swap import Pasted, face_at, frame
from tests.pipeline.test_swap import shot as a_shot
from vfx_swap.errors import FramesFailedError, SettingsError
from vfx_swap.pipeline.drawn import Drawn
from vfx_swap.pipeline.swap import CastFace, swap_frame
from vfx_swap.pipeline.validate import open_shot, open_values
from vfx_swap.settings import Matte, settings_digest
from vfx_swap.types import Crop, Face, SwapResult

SIDE = 160


class Watching(Pasted):
    """Remembers what was said to be in front."""

    seen: Any = None

    def swap(self, crop: Crop, face: Face, prepared: None, /) -> Crop:
        self.seen = crop.front
        return super().swap(crop, face, prepared)


def swapped(drawn: Drawn | None) -> tuple[SwapResult, Watching]:
    performer, matte = likeness(SIDE, seed=0)
    identity, _ = likeness(SIDE, seed=5)
    swapper = Watching(identity, matte)
    one = CastFace(0, face_at(80.0, 80.0, 120.0), swapper, None, 1.0, drawn=drawn)
    return swap_frame(frame(performer), [one], shot=a_shot(), want_patch=True), swapper


def soft() -> np.ndarray:
    """From 0 at the left to 1 at the right."""
    return np.tile(np.linspace(0.0, 1.0, SIDE, dtype=np.float32), (SIDE, 1))


def test_soft_edges_mix_light() -> None:
    bare, _ = swapped(None)
    for drawn in (Drawn(soft(), None), Drawn(None, soft())):
        result, _ = swapped(drawn)
        np.testing.assert_allclose(result.matte, bare.matte * (1.0 - soft()), atol=2e-4)
        plate, _ = likeness(SIDE, seed=0)
        inside = (bare.matte >= 0.999) & (result.matte > 0.01)
        mixed = plate + (1.0 - soft())[..., None] * (bare.frame.rgb - plate)
        np.testing.assert_allclose(result.frame.rgb[inside], mixed[inside], rtol=2e-3, atol=1e-4)
        gone = result.matte == 0.0
        assert np.array_equal(result.frame.rgb[gone].view(np.uint32), plate[gone].view(np.uint32))


def test_what_is_held_out_is_no_skin_and_what_is_garbage_still_is() -> None:
    _, told = swapped(Drawn(soft(), None))
    np.testing.assert_allclose(told.seen, soft(), atol=1e-5)
    _, told = swapped(Drawn(None, soft()))
    assert told.seen is None
    bare, _ = swapped(None)
    empty, told = swapped(Drawn(np.zeros_like(soft()), np.zeros_like(soft())))
    assert told.seen is None
    assert np.array_equal(empty.frame.rgb.view(np.uint32), bare.frame.rgb.view(np.uint32))


def roto(folder: Path, frames: Any = ALL, *, value: float = 1.0, origin: tuple[int, int] = (0, 0)) -> str:
    folder.mkdir(exist_ok=True)
    for number in frames:
        plane = np.full((HEIGHT, WIDTH), value, np.float32)
        write(folder / f"r.{number:04d}.exr", {"A": plane}, origin=origin)
    return str(folder / "r.####.exr")


def test_a_frame_whose_roto_changed_is_rendered_again_and_no_other(tmp_path: Path) -> None:
    pattern = roto(tmp_path / "roto")
    shot = make_shot(tmp_path, matte=Matte(holdout_matte=pattern))
    assert render(shot).rendered == ALL
    before = rows_of(Path(shot.output).parent)
    assert render(shot).skipped == ALL
    roto(tmp_path / "roto", [ALL[1]], value=0.5)
    again = render(shot)
    assert (again.rendered, again.skipped) == ((ALL[1],), tuple(n for n in ALL if n != ALL[1]))
    after = rows_of(Path(shot.output).parent)
    assert [n for n in ALL if before[n]["input_digest"] != after[n]["input_digest"]] == [ALL[1]]
    # Elsewhere on the disk it is the same matte.
    moved = shot.model_copy(update={"matte": Matte(holdout_matte=roto(tmp_path / "copy"))})
    assert settings_digest(moved) == settings_digest(shot)
    assert settings_digest(moved) != settings_digest(shot.model_copy(update={"matte": Matte()}))


def test_a_matte_of_another_size_or_a_damaged_one_fails_its_frame_alone(tmp_path: Path) -> None:
    pattern = roto(tmp_path / "roto")
    write(tmp_path / "roto" / f"r.{ALL[0]:04d}.exr", {"A": np.zeros((3, 3), np.float32)})
    (tmp_path / "roto" / f"r.{ALL[1]:04d}.exr").write_bytes(b"damaged")
    shot = make_shot(tmp_path, matte=Matte(garbage_matte=pattern))
    with pytest.raises(FramesFailedError) as caught:
        render(shot)
    failed = {failure.frame: failure.reason for failure in caught.value.failures}
    assert list(failed) == list(ALL[:2])
    assert "3x3, the plate" in failed[ALL[0]]


def problems(folder: Path, lines: str) -> dict[str, tuple[str, int | None]]:
    make_shot(folder)
    path = folder / "shot.toml"
    path.write_text(SHOT_FILE + "[matte]\n" + lines)
    with pytest.raises(SettingsError) as caught:
        open_shot(path, config=None)
    return {one.key: (one.what, one.line) for one in caught.value.problems}


def test_what_is_wrong_is_told_by_key_and_line_before_a_frame_is_rendered(tmp_path: Path) -> None:
    roto(tmp_path / "roto", ALL[:1])
    at = SHOT_FILE.count("\n") + 2
    found = problems(tmp_path, 'holdout_matte = "gone.####.exr"\ngarbage_channel = "A"\n')
    assert found["matte.holdout_matte"][1] == at
    assert "no frame" in found["matte.holdout_matte"][0]
    assert found["matte.garbage_channel"][1] == at + 1
    found = problems(tmp_path, 'garbage_matte = "roto/r.####.exr"\n')
    assert f"{ALL[1]}" in found["matte.garbage_matte"][0]
    lines = 'missing = "hold"\nholdout_matte = "roto/r.####.exr"\nholdout_channel = "hand.A"\n'
    assert "hand.A" in problems(tmp_path, lines)["matte.holdout_channel"][0]
    assert "matte.missing" in problems(tmp_path, 'missing = "black"\nholdout_matte = "roto/r.####.exr"\n')
    values = {"name": "a", "plate": str(tmp_path / "plates/plate.####.exr"), "output": str(tmp_path / "o.####.exr")}
    cast = [{"position": "largest", "identity": str(tmp_path / "who.identity")}]
    matte = {"holdout_matte": "roto/r.####.exr", "missing": "none"}
    shot = open_values({**values, "cast": cast, "matte": matte}, config=None, folder=tmp_path)
    assert shot.matte.holdout_matte == str(tmp_path / "roto/r.####.exr")
