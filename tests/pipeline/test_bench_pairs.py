"""`scripts/bench quality --pairs`: the file it reads, and the paper's measures by hand-made faces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scripts.benchmarks import _pairs, quality
from scripts.benchmarks._pairs import Look, cosine, nearest_person, posture_degrees, self_swap_l1, summary
from scripts.benchmarks._pairs_file import read_pairs_file
from scripts.benchmarks._shots import write_plate
from tests.pipeline.shot_fakes import make_identity
from vfx_swap.errors import MissingInputError, NoFaceError, SettingsError
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.qc import SeenFace
from vfx_swap.types import Detection, Embedding, Frame, Landmarks, ModelImage, Pose, Window

GOOD = """schema = "vfx_swap/pairs.1"
[[plate]]
name = "a"
person = "anna"
path = "a.exr"
[[plate]]
name = "shot"
person = "ben"
path = "shot.####.exr"
[[identity]]
name = "b"
person = "ben"
references = ["b.png"]
consent = "b.json"
[[identity]]
name = "packed"
person = "anna"
pack = "anna.identity"
"""


def _file(folder: Path, text: str) -> Path:
    for name in ("a.exr", "shot.1001.exr", "b.png", "b.json", "anna.identity"):
        (folder / name).touch()
    path = folder / "pairs.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _face(vector: tuple[float, float], yaw: float = 0.0) -> SeenFace:
    points = np.zeros((478, 3), dtype=np.float32)
    landmarks = Landmarks(points, np.zeros(52, dtype=np.float32), Pose(yaw, 0.0, 0.0), 1.0)
    detection = Detection(np.array([0, 0, 9, 9], np.float32), np.zeros((5, 2), np.float32), 1.0)
    return SeenFace(detection, landmarks, Embedding("r", np.array(vector, dtype=np.float32)))


def test_every_plate_goes_with_every_identity_unless_pairs_are_named(tmp_path: Path) -> None:
    every = read_pairs_file(_file(tmp_path, GOOD))
    assert [(p.name, i.name) for p, i in every.pairs] == [
        ("a", "b"),
        ("a", "packed"),
        ("shot", "b"),
        ("shot", "packed"),
    ]
    one = read_pairs_file(_file(tmp_path, GOOD + '[[pair]]\nplate = "a"\nidentity = "b"\n'))
    assert [(p.name, i.name) for p, i in one.pairs] == [("a", "b")]
    assert one.identities[0].references == (tmp_path / "b.png",)


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("pairs.1", "pairs.9").replace("a.exr", "gone.exr").replace('consent = "b.json"\n', "")
    text += '[[pair]]\nplate = "a"\nidentity = "nobody"\ncolour = 1\n[[pair]]\nplate = "x"\nidentity = "nobody"\n'
    with pytest.raises(SettingsError) as caught:
        read_pairs_file(_file(tmp_path, "surplus = 1\n" + text))
    keys = {problem.key for problem in caught.value.problems}
    wanted = {"schema", "surplus", "plate[0].path", "identity[0].consent", "pair[0].colour"}
    assert keys == wanted | {"pair[1].plate", "pair[1].identity"}


@pytest.mark.parametrize("twice", ['[[pair]]\nplate = "a"\nidentity = "b"\n' * 2, GOOD.split("\n", 1)[1]])
def test_nothing_is_there_twice(tmp_path: Path, twice: str) -> None:
    with pytest.raises(SettingsError, match="is there twice"):
        read_pairs_file(_file(tmp_path, GOOD + twice))


def test_no_file_and_no_toml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingInputError):
        read_pairs_file(tmp_path / "none.toml")
    with pytest.raises(SystemExit) as left:
        quality.main(["--pairs", str(_file(tmp_path, "= no")), "--out", str(tmp_path / "out")])
    assert left.value.code == 2
    assert "cannot be read as TOML" in capsys.readouterr().err


def test_nearest_is_by_angle_not_by_distance() -> None:
    long, near = Embedding("r", np.array([9.0, 0.9], np.float32)), Embedding("r", np.array([0.8, 0.6], np.float32))
    face = Embedding("r", np.array([1.0, 0.0], np.float32))
    assert cosine(face, near) == pytest.approx(0.8)
    assert nearest_person(face, [("near", near), ("long", long)]) == "long"


def test_posture_counts_all_three_angles_the_short_way_round() -> None:
    assert posture_degrees(Pose(0.0, 0.0, 179.0), Pose(3.0, 4.0, -169.0)) == pytest.approx(13.0)


def test_self_swap_l1_is_inside_the_matte() -> None:
    plate, swap = np.zeros((4, 4, 3), np.float32), np.ones((4, 4, 3), np.float32)
    swap[:2] = 0.25
    matte = np.zeros((4, 4), np.float32)
    assert self_swap_l1(plate, swap, matte) is None
    matte[:2] = 1.0
    assert self_swap_l1(plate, swap, matte) == pytest.approx(0.25)


def test_summary_counts_the_performer_as_a_miss_and_keeps_self_swaps_apart() -> None:
    anna, ben = _face((1.0, 0.0)), _face((0.0, 1.0))
    gallery = [("anna", anna.embedding), ("ben", ben.embedding)]
    looks = [
        Look("ben", False, anna, _face((0.1, 1.0), yaw=2.0), 0.5),
        Look("ben", False, anna, _face((1.0, 0.1), yaw=4.0), 0.5),
    ]
    found = summary(looks, gallery, ben.embedding)
    assert found["retrieved"] == 0.5
    assert found["posture_error_degrees"] == pytest.approx(3.0)
    assert "self_swap_l1" not in found
    alone = summary([replace(look, self_swap=True) for look in looks], gallery, ben.embedding)
    assert alone["self_swap_l1"] == 0.5
    assert not {"retrieved", "cosine_to_performer"} & set(alone)


@pytest.mark.parametrize("path", ["shot.####.png", "gone.####.exr"])
def test_a_sequence_is_of_exr_frames_that_are_there(tmp_path: Path, path: str) -> None:
    text = GOOD.replace("shot.####.exr", path)
    (tmp_path / "shot.1001.png").touch()
    with pytest.raises(SettingsError, match=r"plate\[1\]\.path"):
        read_pairs_file(_file(tmp_path, text))


COLOURS = {"anna": (0.5, 0.02, 0.02), "ben": (0.02, 0.5, 0.02)}
"""A face is a flat colour here, and its vector that colour."""
SIZE = 48


def _vector(colour: Any) -> Embedding:
    return Embedding("colours", np.asarray(colour, np.float32))


class _Colours:
    """Detector, landmarker and recogniser of flat faces."""

    id = "colours"

    def detect(self, picture: ModelImage) -> tuple[Detection, ...]:
        height, width = picture.rgb.shape[:2]
        return (Detection(np.array([0, 0, width, height], np.float32), np.zeros((5, 2), np.float32), 1.0),)

    def landmarks(self, picture: ModelImage, _: Detection) -> Landmarks:
        points = np.zeros((478, 3), np.float32)
        points[:, 1] = np.linspace(0.0, picture.rgb.shape[0] - 1.0, 478)
        return Landmarks(points, np.zeros(52, np.float32), Pose(0.0, 0.0, 0.0), 1.0)

    def embed(self, picture: ModelImage, _: Detection) -> Embedding:
        height, width = picture.rgb.shape[:2]
        return _vector(picture.rgb[height // 2, width // 2])


def _rendered(name: str, **asked: Any) -> Any:
    """Stands for a render of two frames; one pair cannot be swapped."""
    if name == "weak_on_ben":
        raise NoFaceError("nobody is seen", where=asked["plate"])
    return SimpleNamespace(rendered=(1001, 1002))


def _frames_read(plate: str, swap: str, **_: Any) -> Iterator[tuple[Frame, Frame, Any]]:
    """Plate, swap and matte; whose colours they are stands in their names. In the second frame nothing is swapped."""
    performer, identity = Path(plate).stem, Path(swap).parent.name
    own = np.full((SIZE, SIZE, 3), COLOURS[performer], np.float32)
    matte = np.zeros((SIZE, SIZE), np.float32)
    matte[16:32, 16:32] = 1.0
    goes_in = COLOURS[performer] if identity == "weak" else COLOURS["ben"]
    new = np.where(matte[..., None] > 0, np.asarray(goes_in, np.float32), own)
    window = Window(0, 0, SIZE, SIZE)
    for number, matted in ((1001, matte), (1002, np.zeros_like(matte))):
        yield (
            Frame(number, own, window, window, "lin_rec709_scene"),
            Frame(number, new if matted.any() else own, window, window, "lin_rec709_scene"),
            matted,
        )


def test_pairs_are_swapped_looked_at_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'schema = "vfx_swap/pairs.1"\n'
    for person, colour in COLOURS.items():
        write_plate(tmp_path / f"{person}.exr", np.full((SIZE, SIZE, 3), colour, np.float32))
        text += f'[[plate]]\nname = "{person}"\nperson = "{person}"\npath = "{person}.exr"\n'
    for name in ("strong", "weak"):
        made = load_identity(Path(make_identity(tmp_path / f"{name}.identity", name=name)))
        save_identity(replace(made, embeddings={"colours": _vector(COLOURS["ben"])}), tmp_path / f"{name}.identity")
        text += f'[[identity]]\nname = "{name}"\nperson = "ben"\npack = "{name}.identity"\n'
    (tmp_path / "pairs.toml").write_text(text, encoding="utf-8")

    @contextmanager
    def models() -> Iterator[Any]:
        yield SimpleNamespace(detector=_Colours(), landmarker=_Colours(), recogniser=_Colours())

    monkeypatch.setattr(quality, "load_face_models", models)
    monkeypatch.setattr(_pairs, "vectors_here", tuple)
    monkeypatch.setattr(_pairs, "render", _rendered)
    monkeypatch.setattr(_pairs, "read_pairs", _frames_read)
    with pytest.raises(SystemExit) as left:  # one pair failed; the others are measured
        quality.main(["--pairs", str(tmp_path / "pairs.toml"), "--out", str(tmp_path / "out"), "--json"])
    assert left.value.code == 1
    told = json.loads((tmp_path / "out" / "pairs.json").read_text(encoding="utf-8"))
    assert (told["schema"], told["recogniser"]) == (quality.PAIRS_SCHEMA, "colours")
    cases = told["cases"]
    assert list(cases) == ["strong on anna", "weak on anna", "strong on ben", "weak on ben"]
    assert [cases[f"{one} on anna"]["pair"]["retrieved"] for one in ("strong", "weak")] == [1.0, 0.0]
    assert cases["weak on anna"]["pair"]["cosine_to_performer"] == pytest.approx(1.0)
    assert {key: cases["strong on anna"]["pair"][key] for key in ("frames", "missed")} == {"frames": 1.0, "missed": 1.0}
    assert cases["strong on ben"]["pair"]["self_swap_l1"] == pytest.approx(0.0, abs=1e-6)
    assert "retrieved" not in cases["strong on ben"]["pair"]
    assert "nobody is seen" in cases["weak on ben"]["error"]
    said = capsys.readouterr()
    assert [json.loads(line)["case"] for line in said.out.splitlines()] == list(cases)
    assert "1 of 2" in said.err
    assert "weak on ben failed" in said.err
