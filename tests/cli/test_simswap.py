"""SimSwap's own command lines and its own picture, as they are typed, on narrow networks with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.io.filming import film, packets
from tests.models.onnx_swap.test_torch_networks import brought, small
from tests.models.portraits import astronaut
from tests.pipeline.brought import lead
from vfx_swap.cli.app import run
from vfx_swap.cli.simswap_flags import DEAD, SCRIPTS
from vfx_swap.models import networks
from vfx_swap.models.simswap_compat.identity import reduced
from vfx_swap.models.simswap_compat.paste import compat_frame
from vfx_swap.pipeline import simswap_cast
from vfx_swap.types import Detection, Embedding

pytestmark = pytest.mark.torch
VECTOR = np.random.default_rng(2).standard_normal(512).astype(np.float32)
CONSENT = ["--consented-by", "me", "--scope", "tests", "--expires", "2199-01-01"]
FIVE = np.array([[110, 90], [170, 90], [140, 125], [118, 155], [162, 155]], np.float32)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with SimSwap's generator and recogniser in it, narrow ones."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(networks, "build_network", small)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("VFX_SWAP_MODELS", str(folder))
    monkeypatch.chdir(tmp_path)
    for network, name in (("gen224", "checkpoints/people/latest_net_G.pth"), ("arcface", "arcface.tar")):
        brought(folder, network, convention="official" if network == "gen224" else None)
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "net.pth").rename(target)
    return folder


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(lead(tmp_path / "lead.identity", Embedding("simswap-arcface", VECTOR)))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    return write(tmp_path / "collins.png", np.round(255.0 * astronaut()[:320, 60:380, ::-1]).astype(np.uint8))


def write(path: Path, bgr: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), bgr)
    return path


def read(path: Path) -> np.ndarray:
    found = cv2.imread(str(path))
    assert found is not None
    return np.asarray(found)


def seen(*fives: np.ndarray, scores: tuple[float, ...] = (0.9, 0.8, 0.7)) -> Any:
    """A detector that always finds these faces."""
    box = np.zeros(4, np.float32)
    return lambda frame, **_: [Detection(box, five, score) for five, score in zip(fives, scores, strict=False)]


def painter(vector: np.ndarray) -> Any:
    """The narrow generator itself, told nothing by cards."""
    import torch

    network = small("gen224", seed=5)
    unit = torch.from_numpy((vector / np.linalg.norm(vector.astype(np.float64))).astype(np.float32))[None]

    def paint(planes: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(planes)[None], unit)[0].numpy())

    return paint


def recognised(crop: np.ndarray) -> np.ndarray:
    """The narrow recogniser's vector of a crop."""
    import torch

    image = reduced(crop).rgb
    normal = (image - np.array((0.485, 0.456, 0.406), np.float32)) / np.array((0.229, 0.224, 0.225), np.float32)
    with torch.inference_mode():
        answer = small("arcface", seed=5)(torch.from_numpy(normal.transpose(2, 0, 1).copy())[None])
    return np.asarray(answer[0].numpy())


def near(one: np.ndarray, other: np.ndarray, *, levels: int) -> bool:
    return bool(np.abs(one.astype(int) - other.astype(int)).max() <= levels)


def test_the_picture_that_simswap_would_write(
    portrait: Path, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simswap_cast, "faces_of", seen(FIVE, FIVE + np.array([60.0, 20.0], np.float32)))
    typed = ["swap", "--plate", str(portrait), "--identity", str(pack), "--compat", "simswap"]
    assert run([*typed, "--out", "one.png"]) == 0
    assert run([*typed, "--out", "all.png", "--all-faces"]) == 0
    frame, paint = read(portrait), painter(VECTOR)
    both = [FIVE.astype(np.float64), FIVE.astype(np.float64) + np.array([60.0, 20.0])]
    assert near(read(tmp_path / "one.png"), compat_frame(frame, both[:1], generator=paint), levels=1)
    assert near(read(tmp_path / "all.png"), compat_frame(frame, both, generator=paint), levels=1)
    assert not near(read(tmp_path / "one.png"), read(tmp_path / "all.png"), levels=1)
    assert not near(read(tmp_path / "one.png"), frame, levels=20)
    (row,) = json.loads((tmp_path / "one.render.json").read_text())["rows"]
    assert row["metrics"]["faces"] == 1
    assert row["metrics"]["consent"]


def test_a_face_is_found_by_the_default_detector(portrait: Path, pack: Path, tmp_path: Path) -> None:
    typed = ["swap", "--plate", str(portrait), "--identity", str(pack), "--compat", "simswap", "--out", "one.png"]
    assert run(typed) == 0
    away = np.abs(read(tmp_path / "one.png").astype(int) - read(portrait).astype(int)).max(axis=-1)
    rows, columns = np.nonzero(away > 8)
    assert 100 < columns.mean() < 220
    assert 60 < rows.mean() < 180
    assert away[:, :40].max() == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--strength", "0.5"], "--strength and --compat exclude each other"),
        (["--layer", "matte", "--pixel-boost", "2"], "--pixel-boost"),
        (["--engine", "reprojection"], "reprojection"),
        (["--parser", "landmark-parser"], "masks by bisenet"),
    ],
)
def test_what_simswap_does_not_know_is_refused(
    more: list[str], told: str, portrait: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["swap", "--plate", str(portrait), "--identity", str(pack), "--compat", "simswap", "--out", "no.png"]
    assert run([*typed, *more]) == 2
    assert told in capsys.readouterr().err
    assert not Path("no.png").exists()


def test_a_movie_keeps_its_sound(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simswap_cast, "faces_of", seen(FIVE))
    plate = film(tmp_path / "in.mp4", size=(320, 240), count=24, sound="aac")
    typed = ["simswap", "test_video_swapsingle", "--crop_size", "224", "--pic_a_path", str(pack)]
    assert run([*typed, "--video_path", str(plate), "--output_path", str(tmp_path / "out.mp4")]) == 0
    kept, all_of_it = packets(tmp_path / "out.mp4", "audio"), packets(plate, "audio")
    # What begins after the last picture is over does not belong to it.
    assert kept == all_of_it[: len(kept)]
    assert len(kept) >= len(all_of_it) - 1 > 40
    with av.open(str(tmp_path / "out.mp4")) as movie, av.open(str(plate)) as before:
        shown = [one.to_ndarray(format="bgr24") for one in movie.decode(video=0)]
        was = next(before.decode(video=0)).to_ndarray(format="bgr24")
    assert len(shown) == 24
    assert np.abs(shown[0][90:150, 110:170].astype(int) - was[90:150, 110:170].astype(int)).mean() > 10
    rows = json.loads((tmp_path / "out.render.json").read_text())["rows"]
    assert [row["frame"] for row in rows] == list(range(1, 25))
    assert len({row["output_digest"] for row in rows}) == 1


def test_one_image_is_the_generator_s_answer_to_an_aligned_crop(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    smooth = [cv2.resize(random.integers(40, 216, (14, 14, 3), dtype=np.uint8), (224, 224)) for _ in range(2)]
    who, under = (write(tmp_path / f"{name}.png", one) for name, one in zip("ab", smooth, strict=True))
    typed = ["simswap", "test_one_image", "--name", "people", "--Arc_path", "arcface.tar", "--pic_a_path", str(who)]
    typed += ["--pic_b_path", str(under), "--output_path", "O", "--isTrain", "False", "--no_simswaplogo"]
    assert run([*typed, *CONSENT]) == 0
    planes = (smooth[1][..., ::-1].astype(np.float32) / np.float32(255.0)).transpose(2, 0, 1)
    wanted = painter(recognised(smooth[0]))(np.ascontiguousarray(planes)).transpose(1, 2, 0)[..., ::-1] * 255.0
    got = read(tmp_path / "O" / "result.jpg").astype(float)
    assert np.abs(got - wanted).mean() < 4.0  # JPEG
    assert np.abs(wanted - smooth[1]).mean() > 20.0
    (row,) = json.loads(Path("O/result.render.json").read_text())["rows"]
    assert row["metrics"]["consent"].startswith("consent-")


def test_nobody_goes_in_without_consent(portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["simswap", "test_wholeimage_swapsingle.py", "--crop_size", "224", "--pic_b_path", str(portrait)]
    typed += ["--pic_a_path", str(portrait), "--output_path", "O"]
    assert run(typed) == 3
    told = capsys.readouterr().err
    assert "nobody vouches" in told
    assert "--consented-by WHO --scope TEXT --expires DATE" in told
    assert run([*typed, "--consented-by", "me"]) == 3
    assert "--scope, --expires missing" in capsys.readouterr().err
    assert not Path("O").exists()
    assert run([*typed, *CONSENT]) == 0
    assert Path("O/result_whole_swapsingle.jpg").is_file()


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A facility that keeps a ledger."""
    (tmp_path / "facility.toml").write_text(
        'schema = "vfx_swap/facility.1"\n[ledger]\nfile = "usage.jsonl"\n', encoding="utf-8"
    )
    monkeypatch.setenv("VFX_SWAP_FACILITY", str(tmp_path / "facility.toml"))
    return tmp_path / "usage.jsonl"


def _lines(ledger: Path) -> list[tuple[str, str, str, int]]:
    """Event, shot, frames and how many identities, of every line."""
    lines = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    return [(line["event"], line["shot"], line["frames"], len(line["uses"])) for line in lines]


def test_simswap_s_own_picture_is_a_use_on_record(portrait: Path, pack: Path, ledger: Path) -> None:
    typed = ["swap", "--plate", str(portrait), "--identity", str(pack), "--compat", "simswap", "--out", "one.png"]
    assert run(typed) == 0
    assert _lines(ledger) == [("begun", "one", "1", 1), ("rendered", "one", "1", 1)]
    typed = ["simswap", "test_wholeimage_swapsingle", "--crop_size", "224", "--pic_b_path", str(portrait)]
    assert run([*typed, "--pic_a_path", str(portrait), "--output_path", "O", *CONSENT]) == 0
    assert [event for event, *_ in _lines(ledger)] == ["begun", "rendered"] * 2
    aligned = write(portrait.parent / "b.png", cv2.resize(read(portrait), (224, 224)))
    typed = ["simswap", "test_one_image", "--pic_a_path", str(aligned), "--pic_b_path", str(aligned)]
    assert run([*typed, "--output_path", "O", *CONSENT]) == 0
    assert _lines(ledger)[-2:] == [("begun", "result", "1", 1), ("rendered", "result", "1", 1)]
    assert run(["consent", "ledger", "verify"]) == 0


def test_a_refusal_is_on_record_and_nothing_is_done_that_cannot_be(
    tmp_path: Path, portrait: Path, pack: Path, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace
    from datetime import date

    from vfx_swap.pipeline.consent import consent_from_options
    from vfx_swap.pipeline.identity_file import load_identity, save_identity

    late = tmp_path / "late.identity"
    over = consent_from_options(
        who="me", scope="tests", expires="2020-01-02", performer="lead", valid_from=date(2020, 1, 1)
    )
    save_identity(replace(load_identity(pack), consent=over, sha256=""), late)
    typed = ["simswap", "test_wholeimage_swapmulti", "--crop_size", "224", "--pic_b_path", str(portrait)]
    assert run([*typed, "--pic_a_path", str(late), "--output_path", "O"]) == 3
    assert (
        run(["swap", "--plate", str(portrait), "--identity", str(late), "--compat", "simswap", "--out", "x.png"]) == 3
    )
    assert [event for event, *_ in _lines(ledger)] == ["refused", "refused"]
    capsys.readouterr()
    ledger.unlink()
    ledger.mkdir()
    assert (
        run(["swap", "--plate", str(portrait), "--identity", str(pack), "--compat", "simswap", "--out", "y.png"]) != 0
    )
    assert "usage.jsonl" in capsys.readouterr().err
    assert not Path("y.png").exists()


def test_a_pack_without_a_record_is_refused(tmp_path: Path, portrait: Path) -> None:
    from dataclasses import replace

    from vfx_swap.pipeline.identity_file import load_identity, save_identity

    path = Path(lead(tmp_path / "bare.identity", Embedding("simswap-arcface", VECTOR)))
    save_identity(replace(load_identity(path), consent=None), path)
    typed = ["simswap", "test_wholeimage_swapmulti", "--crop_size", "224", "--pic_a_path", str(path)]
    assert run([*typed, "--pic_b_path", str(portrait), "--output_path", "O", *CONSENT]) == 3


def test_performers_are_told_apart_by_their_pictures(
    tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people in a frame; the one of the photograph is replaced, and by a threshold of 0 nobody is."""
    random = np.random.default_rng(3)
    faces = [cv2.resize(random.integers(0, 256, (9, 9, 3), dtype=np.uint8), (300, 240)) for _ in range(2)]
    frame = write(tmp_path / "both.png", np.ascontiguousarray(np.hstack(faces)))
    small_face = (0.6 * (FIVE - FIVE.mean(axis=0)) + (150.0, 120.0)).astype(np.float32)
    beside = np.array([300.0, 0.0], np.float32)
    alone = write(tmp_path / "right.png", faces[1])

    def finds(image: np.ndarray, **_: Any) -> Any:
        return seen(*((small_face,) if image.shape[1] == 300 else (small_face, small_face + beside)))(image)

    monkeypatch.setattr(simswap_cast, "faces_of", finds)
    typed = ["simswap", "test_wholeimage_swapspecific", "--crop_size", "224", "--pic_a_path", str(pack)]
    typed += ["--pic_specific_path", str(alone), "--pic_b_path", str(frame), "--output_path", "O"]
    assert run(typed) == 0
    away = np.abs(read(Path("O/result_whole_swapspecific.jpg")).astype(int) - read(frame).astype(int)).mean(axis=-1)
    assert away[100:140, 430:470].mean() > 20.0
    assert away[:, :300].max() < 20.0  # JPEG
    assert run([*typed, "--id_thres", "0"]) == 0
    (row,) = json.loads(Path("O/result_whole_swapspecific.render.json").read_text())["rows"]
    assert row["metrics"]["faces"] == 0


def test_several_performers_are_paired_by_the_order_of_their_files(
    tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "multi"
    folder.mkdir()
    typed = ["simswap", "test_wholeimage_swap_multispecific", "--crop_size", "224", "--pic_b_path", str(portrait)]
    typed += ["--multisepcific_dir", str(folder), "--output_path", "O", *CONSENT]
    write(folder / "SRC_01.png", read(portrait))
    assert run(typed) == 2
    assert "1 files begin with SRC_ and 0 with DST_" in capsys.readouterr().err
    lead(folder / "DST_01.identity", Embedding("simswap-arcface", VECTOR))
    assert run(typed) == 0
    (row,) = json.loads(Path("O/result_whole_swap_multispecific.render.json").read_text())["rows"]
    assert row["metrics"]["faces"] == 1


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        (["test_two_images"], 2, "SimSwap has no script"),
        (["test_video_swapmulti", "--pic_a_path", "x"], 2, "the movie is not said"),
        (["test_wholeimage_swapmulti"], 2, "who goes in is not said"),
        (["test_wholeimage_swapmulti", "--pic_a_pth", "x"], 2, "Did you mean --pic_a_path?"),
        (["test_wholeimage_swapmulti", "--pic_a_path", "PACK"], 4, "nobody added simswap-512"),
        (["test_wholeimage_swapmulti", "--pic_a_path", "PACK", "--crop_size", "224", "--name", "mine"], 0, "written"),
        (["test_one_image", "--pic_a_path", "PACK", "--Arc_path", "no-file"], 2, "no such file"),
        (["test_one_image", "--pic_a_path", "PACK", "--Arc_path", "lead.identity"], 4, "not the recogniser"),
        (["test_one_image", "--pic_a_path", "PACK"], 2, "320x320"),
        (["test_wholeimage_swapmulti", "--pic_a_path", "PACK", "--crop_size", "224", "--use_mask"], 4, "bisenet"),
        (["test_wholeimage_swapmulti", "--pic_a_path", "PACK", "--gpu_ids", "0", "--device", "cpu"], 2, "exclude"),
        (["test_wholeimage_swapmulti", "--pic_a_path", "PACK", "--crop_size", "224", "--ngf"], 2, "needs a value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_told(
    typed: list[str], code: int, told: str, portrait: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ["simswap", *(str(pack) if one == "PACK" else one for one in typed), "--pic_b_path", str(portrait)]
    assert run([*whole, "--output_path", "O"]) == code
    seen_by_user = capsys.readouterr()
    assert told in seen_by_user.err + seen_by_user.out


def test_weights_that_were_not_added_are_not_loaded(
    portrait: Path, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "checkpoints" / "mine" / "latest_net_G.pth"
    other.parent.mkdir()
    other.write_bytes((tmp_path / "arcface.tar").read_bytes())
    typed = ["simswap", "test_wholeimage_swapmulti", "--crop_size", "224", "--name", "mine", "--pic_a_path", str(pack)]
    assert run([*typed, "--pic_b_path", str(portrait), "--output_path", "O"]) == 4
    told = capsys.readouterr().err
    assert "were not added yet" in told
    assert "vfx-swap models add checkpoints/mine/latest_net_G.pth" in told


def test_the_nine_scripts_and_the_dead_flags_are_all_there(
    portrait: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(SCRIPTS) == 9
    dead = [part for flag, value in DEAD.items() for part in ((flag, "1") if value else (flag,))]
    typed = ["simswap", "test_wholeimage_swapmulti", "--crop_size", "224", "--pic_a_path", str(pack), *dead]
    assert run([*typed, "--pic_b_path", str(portrait), "--output_path", "O"]) == 0
    notes = capsys.readouterr().err
    assert "note: --loadSize changes nothing here" in notes
    assert "--no_simswaplogo" not in notes
