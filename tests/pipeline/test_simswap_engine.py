"""SimSwap's generators as engines of shots: narrow ones with random weights, brought as torch files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import faces
from tests.models.onnx_swap.test_torch_networks import brought, small
from tests.pipeline.brought import followed, lead, render, shot_of
from tests.pipeline.shot_fakes import no_models
from tests.pipeline.test_network_engine import pixels
from vfx_swap.cli.app import run
from vfx_swap.colour.ocio import load_config
from vfx_swap.models import networks
from vfx_swap.models.simswap_compat.align import POSES
from vfx_swap.models.templates import five_points
from vfx_swap.pipeline.embeddings import vectors_here, with_vectors
from vfx_swap.pipeline.engines import engine_ids, open_engine
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.shot_plate import open_shot_plate
from vfx_swap.settings import Network
from vfx_swap.types import Embedding, Face, Track

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(networks, "build_network", small)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("VFX_SWAP_MODELS", str(folder))
    return folder


def up_to_date(path: Path) -> str:
    made, _ = with_vectors(load_identity(path), config=load_config(), vectors=vectors_here())
    save_identity(made, path)
    return str(path)


@pytest.mark.parametrize(
    ("network", "convention", "engine", "vector"),
    [
        ("gen224", "official", "simswap-224", "simswap-arcface"),
        ("gen224", "train-script", "simswap-224-trained", "simswap-arcface"),
        ("gen512", None, "simswap-512", "simswap-arcface.ffhq"),
        ("genfix_deep", None, "simswap-512-trained", "simswap-arcface.ffhq"),
    ],
)
def test_a_generator_swaps_a_shot(
    network: str, convention: Any, engine: str, vector: str, tmp_path: Path, home: Path
) -> None:
    brought(home, network, convention=convention)
    brought(home, "arcface")
    assert engine_ids() == ("reprojection", engine)
    path = up_to_date(Path(lead(tmp_path / "lead.identity")))
    held = load_identity(Path(path)).embeddings
    assert sorted(held) == ["simswap-arcface", "simswap-arcface.ffhq"]
    # Another crop of the face is another vector.
    assert (held["simswap-arcface"].vector != held["simswap-arcface.ffhq"].vector).any()
    shot = shot_of(tmp_path, engine=engine, identity=path)
    assert render(shot, frames=[1]).rendered == (1,)
    before, _ = pixels(tmp_path / "plates" / "plate.0001.exr")
    after, matte = pixels(tmp_path / "out" / "swap.0001.exr")
    assert before[matte == 0].tobytes() == after[matte == 0].tobytes()
    assert np.abs(after - before)[matte > 0.9].mean() > 0.02
    # The vector that goes in is the one of this generator: the other one does not count.
    for name in held if engine in ("simswap-224", "simswap-512") else ():
        changed = {**held, name: Embedding(name, -held[name].vector)}
        other = lead(tmp_path / "other.identity", *changed.values())
        turned = shot.model_copy(update={"cast": (shot.cast[0].model_copy(update={"identity": other}),)})
        assert render(turned, frames=[1]).rendered == (1,)
        same = np.array_equal(pixels(tmp_path / "out" / "swap.0001.exr")[0], after)
        assert same == (name != vector)


def turned_to(pose: int, frame: int) -> Face:
    """A face whose five points are one of SimSwap's templates, with a little noise."""
    points = faces.collins().points.copy()
    wanted = POSES[pose] * 2.0 + 60.0 + np.random.default_rng(frame).normal(0.0, 0.8, (5, 2))
    for index, place in ((33, 0), (133, 0), (362, 1), (263, 1), (1, 2), (61, 3), (291, 4)):
        points[index, :2] = wanted[place]
    return Face(frame, points.astype(np.float32), np.zeros(52, np.float32), faces.collins().pose, 1.0)


@pytest.mark.parametrize(("majority", "other"), [(0, 2), (4, 3)])
def test_one_template_fits_all_of_a_track(majority: int, other: int, tmp_path: Path, home: Path) -> None:
    """Four frames of one pose and one of its neighbour: what most of the track is holds for every frame."""
    brought(home, "gen224", convention="official")
    brought(home, "arcface")
    shot = shot_of(tmp_path, engine="simswap-224", identity=up_to_date(Path(lead(tmp_path / "lead.identity"))))
    engine = open_engine(shot, config=load_config())
    found = {frame: turned_to(other if frame == 3 else majority, frame) for frame in range(1, 6)}
    track = Track(1, found, Embedding("fake", np.ones(4, np.float32)))
    assert engine.fit is not None
    with open_shot_plate(shot.plate, config=load_config(), colour_space=shot.colour_space).plate as plate:
        opened = open_shot_plate(shot.plate, config=load_config(), colour_space=shot.colour_space)
        swapper, fitted = engine.fit(engine.swapper_for(shot.cast[0]), track, opened)
        assert plate.frames == (1, 2, 3)
    assert fitted.startswith(f"simswap_pose_{majority + 1} ")
    warp = swapper.warp_for(found[1])
    onto = five_points(found[1].points) @ warp.matrix[:, :2].T + warp.matrix[:, 2]
    np.testing.assert_allclose(onto, POSES[majority] * 2.0, atol=4.0)


def test_a_card_with_another_template_has_that_one(tmp_path: Path, home: Path) -> None:
    brought(home, "gen224", convention="official")
    brought(home, "arcface")
    card = home / "simswap-224.toml"
    card.write_text(card.read_text().replace('template = "arcface_112_v1"', 'template = "arcface_128"'))
    shot = shot_of(tmp_path, engine="simswap-224", identity=up_to_date(Path(lead(tmp_path / "lead.identity"))))
    engine = open_engine(shot, config=load_config())
    track = Track(1, {1: turned_to(0, 1)}, Embedding("fake", np.ones(4, np.float32)))
    opened = open_shot_plate(shot.plate, config=load_config(), colour_space=shot.colour_space)
    assert engine.fit is not None
    assert engine.fit(engine.swapper_for(shot.cast[0]), track, opened)[1].startswith("arcface_128 ")
    opened.plate.close()


def test_identity_embed_as_it_is_typed(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(lead(tmp_path / "lead.identity", Embedding("dlib-resnet", np.ones(128, np.float32))))
    before = path.read_bytes()
    assert run(["identity", "embed", str(path)]) == 0
    assert "nothing to add; it holds dlib-resnet" in capsys.readouterr().out
    assert path.read_bytes() == before
    brought(home, "arcface")
    assert run(["identity", "embed", str(path)]) == 0
    assert "added simswap-arcface, simswap-arcface.ffhq" in capsys.readouterr().out
    once = path.read_bytes()
    assert run(["identity", "embed", str(path), "--again", "--out", str(tmp_path / "two.identity")]) == 0
    assert (tmp_path / "two.identity").read_bytes() == once
    assert sorted(load_identity(path).embeddings) == ["dlib-resnet", "simswap-arcface", "simswap-arcface.ffhq"]


def test_half_precision_is_taken_and_rounds() -> None:
    import torch

    from vfx_swap.models.onnx_swap.runners import TorchRunner

    network = small("gen224", seed=5)
    random = np.random.default_rng(1)
    fed = {
        "target": random.random((1, 3, 64, 64), dtype=np.float32),
        "source": np.full((1, 512), 512**-0.5, np.float32),
    }
    device = torch.device("cpu")
    answers = [
        TorchRunner(
            network=copy.deepcopy(network), inputs=("target", "source"), output="image", device=device, half=half
        ).run(fed)["image"]
        for half in (False, True)
    ]
    assert answers[1].dtype == np.float32
    assert 0.0 < np.abs(answers[0] - answers[1]).max() < 0.05


def test_a_card_s_half_is_of_gpus_alone_and_part_of_the_digest(tmp_path: Path, home: Path) -> None:
    brought(home, "gen224", convention="official")
    brought(home, "arcface")
    shot = shot_of(tmp_path, engine="simswap-224", identity=up_to_date(Path(lead(tmp_path / "lead.identity"))))
    render(shot, frames=[1])
    before = pixels(tmp_path / "out" / "swap.0001.exr")[0]
    plain = dict(open_engine(shot, config=load_config()).digests)
    card = home / "simswap-224.toml"
    card.write_text(card.read_text().replace('task = "swap"', 'task = "swap"\nhalf = true'))
    assert dict(open_engine(shot, config=load_config()).digests) != plain
    assert render(shot, frames=[1]).rendered == (1,)
    assert np.array_equal(pixels(tmp_path / "out" / "swap.0001.exr")[0], before)


def test_on_a_device_s_arrays_the_picture_is_the_same_but_for_rounding(tmp_path: Path, home: Path) -> None:
    """The way that frames go on a GPU, on torch's CPU: crops come as tensors, and go back as tensors."""
    from vfx_swap.models.torch_kernels.kernels import torch_kernels
    from vfx_swap.pipeline.shot import Tools

    brought(home, "gen224", convention="official")
    brought(home, "arcface")
    shot = shot_of(tmp_path, engine="simswap-224", identity=up_to_date(Path(lead(tmp_path / "lead.identity"))))
    render(shot, frames=[1])
    plain, matte = pixels(tmp_path / "out" / "swap.0001.exr")
    tools = Tools(
        load_models=no_models,
        model_digests=lambda: {"fake": "1"},
        analyse=followed,
        open_kernels=lambda _: torch_kernels(None),
    )
    assert render(shot, frames=[1], tools=tools).rendered == (1,)
    there, matte_there = pixels(tmp_path / "out" / "swap.0001.exr")
    assert np.array_equal(matte > 0, matte_there > 0)
    # Half floats: a step is a thousandth of the value.
    close = np.abs(there - plain) <= 0.004 + 0.01 * np.abs(plain)
    assert close.mean() > 0.9999


def test_a_parser_that_is_brought_makes_the_matte_and_simswap_s_mask(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    from tests.models.bring.torch_files import write_zip
    from tests.models.networks.reduced import REDUCED
    from tests.models.onnx_swap.test_torch_networks import numbers
    from tests.models.portraits import astronaut
    from tests.pipeline.brought import SHIPPED
    from vfx_swap.models.bisenet import parser as bisenet
    from vfx_swap.models.bring.add import add_models

    def narrow(name: str, *, seed: int | None = 0) -> Any:
        if name != "bisenet":
            return small(name, seed=seed)
        import torch

        torch.manual_seed(3)
        return REDUCED["bisenet"]().eval()

    monkeypatch.setattr(networks, "build_network", narrow)
    monkeypatch.setattr(bisenet, "build_network", narrow)
    brought(home, "gen224", convention="official")
    brought(home, "arcface")
    keys = {key: tuple(value.shape) for key, value in narrow("bisenet").state_dict().items()}
    path = write_zip(tmp_path / "79999_iter.pth", numbers(narrow("bisenet")))
    list(add_models(path, folder=home, cards=SHIPPED, accept=lambda _: True, networks={"bisenet": keys}))
    pack = up_to_date(Path(lead(tmp_path / "lead.identity")))
    shot = shot_of(tmp_path, engine="simswap-224", identity=pack, network=Network(parser="bisenet"))
    digests = open_engine(shot, config=load_config()).digests
    assert "bisenet/bisenet.safetensors" in digests
    assert render(shot, frames=[1]).rendered == (1,)
    picture = tmp_path / "collins.png"
    cv2.imwrite(str(picture), np.round(255.0 * astronaut()[:320, 60:380, ::-1]).astype(np.uint8))
    typed = ["swap", "--plate", str(picture), "--identity", pack, "--compat", "simswap"]
    assert run([*typed, "--out", str(tmp_path / "box.png")]) == 0
    assert run([*typed, "--parser", "bisenet", "--out", str(tmp_path / "mask.png")]) == 0
    box, mask = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("box", "mask"))
    assert box is not None
    assert mask is not None
    assert (box != mask).any()


def test_pixel_boost_and_parser_as_they_are_typed(tmp_path: Path, home: Path) -> None:
    import cv2

    from tests.models.portraits import astronaut

    brought(home, "gen224", convention="official")
    brought(home, "arcface")
    pack = up_to_date(Path(lead(tmp_path / "lead.identity")))
    picture = tmp_path / "collins.png"
    cv2.imwrite(str(picture), np.round(255.0 * astronaut()[:320, 60:380, ::-1]).astype(np.uint8))
    typed = ["swap", "--plate", str(picture), "--identity", pack, "--engine", "simswap-224"]
    out = str(tmp_path / "out.png")
    seen = []
    for more in ([], ["--pixel-boost", "2"], ["--pixel-boost", "2", "--parser", "none"]):
        assert run([*typed, *more, "--out", out]) == 0
        seen.append(cv2.imread(out))
    assert not np.array_equal(np.asarray(seen[0]), np.asarray(seen[1]))
    assert not np.array_equal(np.asarray(seen[1]), np.asarray(seen[2]))
    assert run([*typed, "--parser", "no-such", "--out", out]) == 2
    assert run([*typed, "--pixel-boost", "9", "--out", out]) == 2


def test_identity_build_adds_what_the_user_s_recognisers_see(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import cv2

    from tests.models.portraits import astronaut

    brought(home, "arcface")
    photo = tmp_path / "lead.png"
    cv2.imwrite(str(photo), np.round(255.0 * astronaut()[..., ::-1]).astype(np.uint8))
    typed = ["identity", "build", "lead", "--reference", str(photo), "--out", str(tmp_path / "lead.identity")]
    assert run([*typed, "--consented-by", "me", "--scope", "tests", "--expires", "2199-01-01"]) == 0
    assert "seen by your recognisers as well: simswap-arcface, simswap-arcface.ffhq" in capsys.readouterr().out
    held = load_identity(tmp_path / "lead.identity").embeddings
    assert sorted(held) == ["dlib-resnet", "simswap-arcface", "simswap-arcface.ffhq"]
