"""Engines side by side in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.brought import bring, followed, lead, shot_of
from tests.pipeline.shot_fakes import TODAY, no_models
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import RefusedError, UsageError
from vfx_swap.pipeline.compare import ROW_HEIGHT, Comparison, compare_engines, lay_out
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.shot import Tools
from vfx_swap.types import Embedding

VECTOR = Embedding("w600k-r50", np.random.default_rng(2).standard_normal(512).astype(np.float32))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("VFX_SWAP_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def compared(folder: Path, identity: str, *, out: str = "compare.png") -> Comparison:
    shot = shot_of(folder, engine="reprojection", identity=identity)
    values = shot.model_dump(mode="json", exclude={"schema_", "engine", "write", "lighting"})
    values["output"] = str(folder / out)
    tools = Tools(load_models=no_models, model_digests=lambda: {"fake": "1"}, analyse=followed)
    return compare_engines(values, config=load_config(), today=TODAY, tools=tools)


def test_every_engine_here_has_its_column_and_one_that_cannot_is_named(tmp_path: Path, home: Path) -> None:
    bring(home, "inswapper-128", "ghost-256")
    report = compared(tmp_path, lead(tmp_path / "lead.identity", VECTOR))
    assert report.engines == ("reprojection", "inswapper-128")
    assert report.frames == (1, 2, 3)
    assert list(report.left_out) == ["ghost-256"]
    assert "crossface-ghost" in str(report.left_out["ghost-256"])
    with Image.open(tmp_path / "compare.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    pitch = (pixels.shape[1] - 8) // 3
    plate, default, network = (pixels[60 : 60 + ROW_HEIGHT, 8 + at * pitch : (at + 1) * pitch] for at in range(3))
    assert np.abs(network - plate).mean() > 3.0
    assert np.abs(network - default).mean() > 3.0
    # The corner is hair and background: nobody touched it.
    assert np.abs(network[:40, :40] - plate[:40, :40]).max() <= 3


def test_consent_is_asked_for_as_everywhere(tmp_path: Path) -> None:
    path = Path(lead(tmp_path / "bare.identity"))
    from dataclasses import replace

    save_identity(replace(load_identity(path), consent=None), path)
    with pytest.raises(RefusedError):
        compared(tmp_path, str(path))
    assert not (tmp_path / "compare.png").exists()


def test_a_comparison_is_a_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one picture"):
        compared(tmp_path, lead(tmp_path / "lead.identity"), out="compare.exr")


def test_columns_are_laid_out_at_one_height() -> None:
    red, blue = (np.zeros((40, 30, 3), np.uint8) for _ in range(2))
    red[..., 0], blue[..., 2] = 255, 255
    sheet = np.asarray(lay_out(["a", "b"], [("frame 1", [red, blue])]))
    middle = sheet[30 + 30 + ROW_HEIGHT // 2]
    assert (middle[:, 0] == 255).sum() == (middle[:, 2] == 255).sum() == 384
    assert np.flatnonzero(middle[:, 0] == 255).max() < np.flatnonzero(middle[:, 2] == 255).min()
