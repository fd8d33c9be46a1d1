"""`scripts/bench quality` on a stand-in for a shot of doubles: what it reads, what it says, what it compares."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image
from rich.console import Console
from scipy import ndimage

from scripts.benchmarks import quality
from scripts.benchmarks._doubles import DoubleShot, find_shots, reference_pictures
from scripts.benchmarks._seen import Onlooker
from scripts.benchmarks._shots import with_settings
from scripts.benchmarks._truth import Look, measure_shot, neighbours, read_frames
from scripts.benchmarks._truth_report import METRICS, print_changes, print_truth
from scripts.benchmarks._truth_result import ShotResult, as_json
from scripts.benchmarks._truth_sheet import make_strip, write_sheet
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import load_config
from vfx_swap.pipeline.demo_portraits import portrait_landmarks
from vfx_swap.pipeline.qc_truth import face_region
from vfx_swap.types import Detection, Embedding, Landmarks, ModelImage, Pose

SHAPE = (200, 240)
FRAMES = (1001, 1002, 1003)
POINTS = (portrait_landmarks() - np.array([190.0, 60.0, 0.0])) * np.array([1.1, 1.1, 1.1]) + np.array([60.0, 20.0, 0.0])
POINTS = POINTS.astype(np.float32)
IDENTITY = Embedding("r", np.array([1.0, 0.0], dtype=np.float32))


def _write(path: Path, channels: dict[str, FloatArray]) -> None:
    names = tuple(channels)
    spec = oiio.ImageSpec(SHAPE[1], SHAPE[0], len(names), oiio.FLOAT)
    spec.channelnames = names
    spec.attribute("compression", "zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(np.stack(list(channels.values()), axis=-1), dtype=np.float32))
    output.close()


def _rgb(picture: FloatArray) -> dict[str, FloatArray]:
    return {name: picture[..., index] for index, name in enumerate("RGB")}


def _face(seed: int) -> FloatArray:
    features = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 4.0)
    return np.asarray(2.0 ** (0.5 * features / features.std())[..., None] * np.array([0.4, 0.28, 0.2]), np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shot: a face that moves by whole pixels, a hand over its cheek; the swap is halfway to the truth."""
    folder = tmp_path_factory.mktemp("doubles")
    shot = folder / "shots" / "talk"
    told: dict[str, Any] = {}
    ours, theirs = _face(1), _face(2)
    for index, number in enumerate(FRAMES):
        points = POINTS + np.array([index, 0.0, 0.0], dtype=np.float32)
        cover = face_region(points, shape=SHAPE, inset=0.0, mouth=True)
        hand = np.zeros(SHAPE, np.float32)
        x, y = points[425, :2].astype(int)
        hand[y - 10 : y + 40, x - 10 : x + 20] = 1.0
        light = np.float32(1.0) + np.float32(0.02) * _face(number)[..., :1]  # the plate flickers a little by itself
        plate, other = (np.roll(one, index, axis=1) * light for one in (ours, theirs))
        visible = (cover * (1.0 - hand))[..., None] > 0
        true = np.where(visible, other, plate)
        half = np.where(visible, np.sqrt((plate + 0.01) * (other + 0.01)) - 0.01, plate)
        _write(shot / f"plate.{number}.exr", _rgb(plate))
        _write(shot / f"true.{number}.exr", _rgb(true))
        _write(
            shot / f"truth.{number}.exr", {"albedo.R": cover, "matte.face": cover * (1.0 - hand), "matte.hand": hand}
        )
        _write(folder / f"swap.{number}.exr", _rgb(half) | {"matte.0.A": cover * (1.0 - hand)})
        rows = points[:468].tolist()
        told[str(number)] = {"faces": [{"performer": "ana", "landmarks": rows, "true_landmarks": rows}], "lights": []}
    (shot / "truth.json").write_text(json.dumps(told))
    (shot / "shot.json").write_text(
        json.dumps({"name": "talk", "performers": [{"name": "ana", "identity": "ben"}], "occluders": ["hand"]})
    )
    _write(shot / "plate.1004.exr", _rgb(ours))  # half-rendered: no truth yet
    for view in ("smile", "front"):
        _write(folder / "people" / "ben" / f"{view}.exr", _rgb(ours))
    return folder


class _Models:
    """Finds the face where it is; its embedding tells how far the picture is from the identity's."""

    def __init__(self) -> None:
        self.calls = 0
        self.digests = {"fake": "1"}
        self.detector = SimpleNamespace(detect=lambda picture: [])
        self.landmarker = SimpleNamespace(landmarks=self._landmarks)
        self.recogniser = SimpleNamespace(embed=self._embed)

    def _landmarks(self, picture: ModelImage, detection: Detection) -> Landmarks:
        self.calls += 1
        points = POINTS - POINTS[:468].min(axis=0) + np.append(detection.box[:2], 0.0)
        points = points.astype(np.float32)
        return Landmarks(points, np.full(52, float(picture.rgb.mean()), np.float32), Pose(0.0, 0.0, 0.0), 1.0)

    def _embed(self, picture: ModelImage, detection: Detection) -> Embedding:
        return Embedding("r", np.array([float(picture.rgb.mean()), 0.0], dtype=np.float32))


def _measured(root: Path, tmp_path: Path, *, result: str = "swap", models: Any = None) -> ShotResult:
    shot = find_shots(root)["talk"]
    config = load_config()
    looks = list(read_frames(shot, str(root / "swap.####.exr"), frames=FRAMES, config=config))
    looks = [dataclasses.replace(look, swap=getattr(look, result)) for look in looks]
    fake: Any = models or _Models()
    onlooker = Onlooker(fake, tmp_path / "seen")
    return measure_shot(looks, onlooker=onlooker, config=config, identities={"ana": IDENTITY})


def test_shots_are_found_with_their_whole_frames(root: Path) -> None:
    shot = find_shots(root)["talk"]
    assert shot.frames == FRAMES
    assert shot.performers == (("ana", "ben"),)
    truth = shot.truth(1002)
    assert list(truth.occluders) == ["hand"]
    assert truth.faces[0].points[0, 0] == pytest.approx(POINTS[0, 0] + 1.0, abs=1e-3)
    assert [path.name for path in reference_pictures(root, "ben")] == ["front.exr", "smile.exr"]
    with pytest.raises(SystemExit, match="scripts/doubles"):
        reference_pictures(root, "nobody")


def test_the_true_swap_scores_nought_and_the_plate_one(root: Path, tmp_path: Path) -> None:
    right, nothing = (_measured(root, tmp_path, result=result) for result in ("true", "plate"))
    assert right.swap["true_error_ratio"] == 0.0
    assert right.swap["true_flicker_stops"] == pytest.approx(0.0, abs=1e-6)
    assert right.swap["flicker_ratio"] == right.true["flicker_ratio"]
    assert nothing.swap["true_error_ratio"] == 1.0
    assert nothing.swap["true_feature_ratio"] == 1.0
    assert nothing.swap["true_error_worst_ratio"] == 1.0
    assert nothing.swap["true_error_stops"] == nothing.plate["true_error_stops"]
    assert nothing.swap["flicker_ratio"] == 1.0
    assert nothing.swap["true_flicker_stops"] == nothing.plate["true_flicker_stops"] > 0.0
    assert nothing.swap["distance_to_performer"] == 0.0


def test_a_swap_halfway_there_is_measured_as_that(root: Path, tmp_path: Path) -> None:
    found = _measured(root, tmp_path)
    assert found.swap["true_error_ratio"] == pytest.approx(0.5, abs=0.02)
    assert found.swap["true_done"] == pytest.approx(0.5, abs=0.02)
    assert found.swap["holdout_iou_hand"] == pytest.approx(1.0)
    assert found.swap["face_left_percent"] == pytest.approx(0.0, abs=0.1)
    assert found.swap["changed_outside_pixels"] == 0.0
    assert found.swap["true_landmark_error_percent"] == pytest.approx(0.0, abs=0.02)
    assert found.swap["landmark_jitter_percent"] == pytest.approx(0.0, abs=0.02)
    assert set(found.regions()) == {"eyes", "brows", "mouth", "nose", "outline", "skin"}
    worst = found.worst()
    assert worst is not None
    assert worst.swap["true_error_ratio"] == found.swap["true_error_worst_ratio"]
    case = as_json(found)
    assert case["worst"]["frame"] in FRAMES
    assert len(case["frames"]) == len(FRAMES)
    json.dumps(case)


def test_every_number_of_a_case_has_a_name(root: Path, tmp_path: Path) -> None:
    found = _measured(root, tmp_path)
    unnamed = {key for numbers in (found.swap, found.true, found.plate) for key in numbers} - set(METRICS)
    assert unnamed <= {"true_colour_ratio", "true_feature_stops"}


def test_what_was_seen_is_not_looked_at_again(root: Path, tmp_path: Path) -> None:
    models = _Models()
    first = _measured(root, tmp_path, models=models)
    looked = models.calls
    assert looked == 3 * len(FRAMES)
    again = _measured(root, tmp_path, models=models)
    assert models.calls == looked
    assert again.swap == first.swap
    other = _Models()
    other.digests = {"fake": "2"}
    _measured(root, tmp_path, models=other)
    assert other.calls == looked


def test_a_third_of_the_frames_still_holds_neighbours() -> None:
    assert neighbours(range(1001, 1013)) == (1001, 1002, 1007, 1008)
    assert neighbours([7]) == (7,)


def test_the_sheet_shows_five_panels_at_200_percent(root: Path, tmp_path: Path) -> None:
    shot: DoubleShot = find_shots(root)["talk"]
    config = load_config()
    look: Look = next(read_frames(shot, str(root / "swap.####.exr"), frames=FRAMES, config=config))
    face = look.truth.faces[0]
    strip = make_strip("worst", look, centre=(110.0, 90.0), face_height=face.height, config=config)
    assert len(strip.panels) == 5
    side = int(2 * 1.45 * face.height)
    assert abs(strip.panels[0].width - min(side, 2 * SHAPE[1])) <= 2
    middle = np.asarray(strip.panels[3])[2, 2]
    np.testing.assert_array_equal(middle, [128, 128, 128])  # equal there: grey
    write_sheet(tmp_path / "sheets" / "talk.png", [strip, strip], title="talk")
    with Image.open(tmp_path / "sheets" / "talk.png") as sheet:
        assert sheet.width > 4 * strip.panels[0].width


def test_settings_are_laid_on_the_shot() -> None:
    values: dict[str, Any] = {
        "name": "a",
        "cast": [{"identity": "x"}, {"identity": "y"}],
        "matte": {"holdout": ["hair"]},
    }
    laid = with_settings(values, ["matte.feather=0.1", "cast.reshape = 0.8", 'engine="other"', 'grain.match="none"'])
    assert laid["matte"] == {"holdout": ["hair"], "feather": 0.1}
    assert [row["reshape"] for row in laid["cast"]] == [0.8, 0.8]
    assert laid["engine"] == "other"
    assert laid["grain"] == {"match": "none"}
    assert "reshape" not in values["cast"][0]
    with pytest.raises(SystemExit, match="no TOML value"):
        with_settings(values, ["matte.feather=a b"])


def test_tables_say_what_got_better_and_what_worse(root: Path, tmp_path: Path) -> None:
    new, old = (as_json(_measured(root, tmp_path, result=result)) for result in ("swap", "plate"))
    console = Console(record=True, width=200)
    print_truth(console, {"talk": new})
    print_changes(console, {"talk": new}, {"talk": old})
    text = console.export_text()
    assert "worst frame" in text
    assert "1.000 -> 0.5" in text
    line = next(line for line in text.splitlines() if "share of the change" in line and "->" in line)
    assert "0.00 -> 0.50 +" in line
    back = Console(record=True, width=200)
    print_changes(back, {"talk": old}, {"talk": new})
    assert "0.50 -> 0.00 -" in back.export_text()
    assert "other frames" not in text
    fewer = Console(record=True, width=200)
    print_changes(fewer, {"talk": {**new, "frames": new["frames"][:2]}}, {"talk": old})
    assert "talk: measured on other frames than before" in fewer.export_text()
    none = Console(record=True, width=200)
    print_changes(none, {"talk": new}, {"turn": old})
    assert "nothing to compare" in none.export_text()


def test_a_shot_that_is_not_there_is_refused_with_those_that_are(root: Path) -> None:
    with pytest.raises(SystemExit, match="no shot called tlak; there are: portraits, demo, doubles, talk"):
        quality.main(["--doubles", str(root), "--shots", "tlak"])
