"""Networks that the user brought, as engines of whole shots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.pipeline.brought import SHIPPED, bring, elsewhere, lead, render, shot_of
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import DeviceError, IdentityError, ModelMismatchError, SettingsError, UsageError
from vfx_swap.models.cards import Card
from vfx_swap.models.onnx_swap.network import swap_of
from vfx_swap.pipeline.embeddings import vectors_here, with_vectors
from vfx_swap.pipeline.engines import engine_ids, open_engine
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.validate import open_values
from vfx_swap.settings import Network, Shot
from vfx_swap.types import Embedding

ENGINE = "inswapper-128"
VECTOR = Embedding("w600k-r50", np.random.default_rng(2).standard_normal(512).astype(np.float32))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("VFX_SWAP_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def shot(tmp_path: Path, home: Path) -> Shot:
    bring(home, ENGINE)
    return shot_of(tmp_path, engine=ENGINE, identity=lead(tmp_path / "lead.identity", VECTOR))


def pixels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """RGB and the union of the matte layers, as stored."""
    source: Any = oiio.ImageInput.open(str(path))
    names, values = source.spec().channelnames, np.asarray(source.read_image(format="float"))
    source.close()
    matte = np.zeros(values.shape[:2], np.float32)
    for index, name in enumerate(names):
        if name.startswith("matte."):
            matte = np.maximum(matte, values[..., index])
    return values[..., [names.index(one) for one in "RGB"]], matte


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("swap*.exr"))}


def test_a_brought_network_swaps_inside_the_face_and_nowhere_else(tmp_path: Path, shot: Shot) -> None:
    report = render(shot)
    assert report.rendered == (1, 2, 3)
    before, _ = pixels(tmp_path / "plates" / "plate.0002.exr")
    after, matte = pixels(tmp_path / "out" / "swap.0002.exr")
    assert before[matte == 0].tobytes() == after[matte == 0].tobytes()
    inside = matte > 0.9
    assert 3000 < inside.sum() < 12000
    assert np.abs(after - before)[inside].mean() > 0.05
    # The fringe over the forehead stays the plate's: the matte is the parser's, not the crop's box.
    assert matte[5:60, 200:300].max() == 0.0


def test_ranges_of_a_shot_have_the_bits_of_the_whole(tmp_path: Path, shot: Shot) -> None:
    render(shot)
    apart = elsewhere(shot, tmp_path / "apart")
    for number in (3, 1, 2):
        render(apart, frames=[number])
    assert written(tmp_path / "apart") == written(tmp_path / "out")
    assert render(shot).skipped == (1, 2, 3)


def test_another_model_under_the_same_id_is_another_picture(tmp_path: Path, home: Path, shot: Shot) -> None:
    render(shot)
    first = written(tmp_path / "out")
    card = home / f"{ENGINE}.toml"
    card.write_text(card.read_text().replace('scale = "emap-unit"', 'scale = "emap"'))
    assert render(shot).rendered == (1, 2, 3)
    assert written(tmp_path / "out") != first
    card.unlink()
    bring(home, ENGINE, seed=11)
    assert render(shot).rendered == (1, 2, 3)


def test_settings_of_networks_render_anew_and_leave_the_default_engine_alone(tmp_path: Path, shot: Shot) -> None:
    render(shot)
    whole = {name: pixels(tmp_path / "out" / name)[1] for name in written(tmp_path / "out")}
    ellipse = shot.model_copy(update={"network": Network(parser="none")})
    assert render(ellipse).rendered == (1, 2, 3)
    plain = pixels(tmp_path / "out" / "swap.0001.exr")[1]
    assert (plain > 0).sum() > 1.2 * (whole["swap.0001.exr"] > 0).sum()
    boosted = shot.model_copy(update={"network": Network(pixel_boost=2)})
    assert render(boosted).rendered == (1, 2, 3)
    from vfx_swap.settings import settings_digest

    default = [one.model_copy(update={"engine": "reprojection"}) for one in (shot, boosted)]
    assert settings_digest(default[0]) == settings_digest(default[1])
    assert settings_digest(shot) != settings_digest(boosted)


def test_passes_of_several_frames_have_the_bits_of_any_range(tmp_path: Path, shot: Shot) -> None:
    together = shot.model_copy(update={"network": Network(batch=3)})
    render(together)
    apart = elsewhere(together, tmp_path / "apart")
    for number in (3, 1, 2):
        render(apart, frames=[number])
    assert written(tmp_path / "apart") == written(tmp_path / "out")
    assert render(shot).rendered == (1, 2, 3), "bits may hang on the number of pictures in a pass: it is in the digest"


def test_tensorrt_is_never_taken_for_granted(tmp_path: Path, shot: Shot) -> None:
    with pytest.raises(DeviceError, match="needs a GPU"):
        render(shot.model_copy(update={"network": Network(runtime="tensorrt")}))


def test_exposure_is_one_for_a_track_whatever_range_is_rendered(tmp_path: Path, shot: Shot) -> None:
    """A flash in one frame: its neighbours' network picture is lit as theirs, and so is its own."""
    import vfx_swap.pipeline.network_engine as engine_of
    from tests.models import faces
    from tests.pipeline.shot_fakes import write_exr

    said: list[str] = []
    real = engine_of.NetworkEngine.fit

    def fit(self: Any, *args: Any) -> Any:
        swapper, fitted = real(self, *args)
        said.append(fitted)
        return swapper, fitted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_of.NetworkEngine, "fit", fit)
        render(shot, frames=[1])
        write_exr(tmp_path / "plates" / "plate.0002.exr", (faces.collins().rgb * 64.0).astype(np.float16))
        render(shot)
        render(elsewhere(shot, tmp_path / "apart"), frames=[2])
    assert said == ["arcface_128 -1"] * 3


def test_a_track_that_is_lit_otherwise_renders_all_its_frames_anew(tmp_path: Path, shot: Shot) -> None:
    """Most of the track becomes brighter: the exposure is another one, and so is a frame that is as it was."""
    from tests.models import faces
    from tests.pipeline.shot_fakes import write_exr

    render(shot)
    first = written(tmp_path / "out")["swap.0001.exr"]
    for number in (2, 3):
        write_exr(tmp_path / "plates" / f"plate.{number:04d}.exr", (faces.collins().rgb * 64.0).astype(np.float16))
    assert render(shot).rendered == (1, 2, 3)
    assert written(tmp_path / "out")["swap.0001.exr"] != first


def test_a_damaged_frame_fails_alone(tmp_path: Path, shot: Shot) -> None:
    from vfx_swap.errors import FramesFailedError

    (tmp_path / "plates" / "plate.0002.exr").write_bytes(b"broken")
    with pytest.raises(FramesFailedError) as caught:
        render(shot)
    assert [one.frame for one in caught.value.failures] == [2]
    assert sorted(written(tmp_path / "out")) == ["swap.0001.exr", "swap.0003.exr"]


def test_engines_here_are_the_default_one_and_what_was_brought(tmp_path: Path, home: Path, shot: Shot) -> None:
    assert engine_ids() == ("reprojection", ENGINE)
    with pytest.raises(UsageError, match="no engine is called 'simswap-224'") as caught:
        open_engine(shot.model_copy(update={"engine": "simswap-224"}), config=load_config())
    assert "reprojection, inswapper-128" in str(caught.value.mend)
    values = {"name": "s", "plate": shot.plate, "output": shot.output, "engine": "inswapper", "cast": []}
    with pytest.raises(SettingsError) as told:
        open_values(values, config=load_config())
    (problem,) = [one for one in told.value.problems if one.key == "engine"]
    assert "Did you mean 'inswapper-128'" in str(problem.mend)


def test_a_network_whose_file_was_changed_is_refused(home: Path, shot: Shot) -> None:
    (home / ENGINE / f"{ENGINE}.onnx").write_bytes(b"\x08 something else")
    with pytest.raises(ModelMismatchError):
        open_engine(shot, config=load_config())


def test_a_gpu_that_is_not_there_is_never_replaced_by_the_cpu(shot: Shot) -> None:
    from dataclasses import replace

    from vfx_swap.models.kernels import NUMPY

    with pytest.raises(DeviceError):
        open_engine(shot, config=load_config(), kernels=replace(NUMPY, device="cuda:7"))


def test_an_identity_without_the_vector_is_refused_before_the_plate_is_read(tmp_path: Path, home: Path) -> None:
    bring(home, ENGINE)
    pack = lead(tmp_path / "old.identity")
    shot = shot_of(tmp_path, engine=ENGINE, identity=pack)
    (tmp_path / "plates" / "plate.0001.exr").write_bytes(b"nobody gets this far")
    with pytest.raises(IdentityError, match="no embedding by 'w600k-r50'") as caught:
        render(shot)
    assert "Bring w600k-r50 (vfx-swap models add" in str(caught.value.mend)
    bring(home, "w600k-r50")
    with pytest.raises(IdentityError) as caught:
        render(shot)
    assert caught.value.mend == f"Add it to the pack: vfx-swap identity embed {pack}"


def test_a_pack_made_before_a_network_came_is_brought_up_to_date(tmp_path: Path, home: Path) -> None:
    path = Path(lead(tmp_path / "old.identity", Embedding("dlib-resnet", np.ones(128, np.float32))))
    assert vectors_here() == ()
    bring(home, ENGINE, "w600k-r50", "uniface-256")
    config = load_config()
    vectors = vectors_here()
    assert [(one.name, one.wanted_by) for one in vectors] == [("w600k-r50", (ENGINE,))]
    made, added = with_vectors(load_identity(path), config=config, vectors=vectors)
    assert added == ("w600k-r50",)
    save_identity(made, path)
    again = load_identity(path)
    assert sorted(again.embeddings) == ["dlib-resnet", "w600k-r50"]
    assert again.embeddings["w600k-r50"].vector.shape == (512,)
    assert with_vectors(again, config=config, vectors=vectors)[1] == ()
    assert render(shot_of(tmp_path, engine=ENGINE, identity=str(path))).rendered == (1, 2, 3)


def test_a_network_that_takes_the_identity_s_picture_needs_nothing_in_the_pack(tmp_path: Path, home: Path) -> None:
    bring(home, "uniface-256")
    shot = shot_of(tmp_path, engine="uniface-256", identity=lead(tmp_path / "lead.identity"))
    assert render(shot, frames=[1]).rendered == (1,)
    before, _ = pixels(tmp_path / "plates" / "plate.0001.exr")
    after, matte = pixels(tmp_path / "out" / "swap.0001.exr")
    assert np.abs(after - before)[matte > 0.9].mean() > 0.02


SWAPPERS = [card for card in SHIPPED if card.is_family and card.task == "swap" and card.match[0].network is None]


@pytest.mark.parametrize("card", SWAPPERS, ids=lambda card: card.id)
def test_every_family_of_graphs_swaps_a_shot(card: Card, tmp_path: Path, home: Path) -> None:
    """From the file to the frame: brought, its recogniser and converter brought, the pack brought up to date."""
    spec = swap_of(card)
    needs = [one for one in (spec.recogniser, spec.recogniser_added, spec.converter) if one is not None]
    bring(home, card.id, *needs)
    path = Path(lead(tmp_path / "lead.identity"))
    made, added = with_vectors(load_identity(path), config=load_config(), vectors=vectors_here())
    save_identity(made, path)
    assert bool(added) == (spec.source == "embedding")
    shot = shot_of(tmp_path, engine=card.id, identity=str(path))
    assert render(shot, frames=[2]).rendered == (2,)
    before, _ = pixels(tmp_path / "plates" / "plate.0002.exr")
    after, matte = pixels(tmp_path / "out" / "swap.0002.exr")
    assert before[matte == 0].tobytes() == after[matte == 0].tobytes()
    assert np.abs(after - before)[matte > 0].mean() > 0.005
