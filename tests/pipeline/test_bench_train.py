"""`scripts/bench train`: what is held back, who is paired, and that each measure tells what PROTOCOL says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.benchmarks import train as bench
from vfx_swap.arrays import FloatArray
from vfx_swap.models.bring.safetensors_file import read_safetensors, write_safetensors
from vfx_swap.models.training.crops import Answers, Crops, Usage, read_crops, write_crops

PEOPLE, EACH, SIDE = 4, 5, 8


def _write(folder: Path) -> None:
    """Everyone is one grey; a picture's own mark is its last pixel."""
    labels = np.repeat(np.arange(PEOPLE), EACH)
    pictures = np.empty((len(labels), SIDE, SIDE, 3), dtype=np.uint8)
    pictures[:] = (40 + 50 * labels)[:, None, None, None]
    pictures[:, -1, -1] = np.arange(len(labels))[:, None]
    names = [f"p{number}" for number in range(PEOPLE)]
    usage = Usage("consent-1", "0" * 64, "2020-01-01", "2030-12-31")
    write_crops(
        folder, pictures=pictures, labels=labels, identities=names, files=[f"{n}.png" for n in range(len(labels))],
        template="arcface_112_v1", usage=dict.fromkeys(names, usage),
    )  # fmt: skip


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Crops, Crops]:
    _write(tmp_path / "crops")
    assert bench.split(tmp_path / "crops", tmp_path / "split", hold=2) == (PEOPLE * 3, PEOPLE * 2)
    return read_crops(tmp_path / "split" / "seen"), read_crops(tmp_path / "split" / "held")


def test_the_last_pictures_of_everyone_are_held_back(parts: tuple[Crops, Crops], tmp_path: Path) -> None:
    seen, held = parts
    assert held.pictures[:, -1, -1, 0].tolist() == [3, 4, 8, 9, 13, 14, 18, 19]
    assert not set(seen.pictures[:, -1, -1, 0].tolist()) & set(held.pictures[:, -1, -1, 0].tolist())
    assert seen.identities == held.identities
    with pytest.raises(ValueError, match="p0 has 5 pictures"):
        bench.split(tmp_path / "crops", tmp_path / "all", hold=5)


def test_true_swaps_of_pictures_held_back_are_held_back_too(tmp_path: Path) -> None:
    _write(tmp_path / "crops")
    held = read_crops(tmp_path / "crops")
    true = Answers(np.array(held.pictures[[1, 4, 7]]), np.array([1, 4, 7]), np.array([2, 2, 3]))
    write_crops(
        tmp_path / "answered", pictures=held.pictures, labels=held.labels, identities=held.identities,
        files=[f"{n}.png" for n in range(len(held.labels))], template=held.template, usage=held.usage, answers=true,
    )  # fmt: skip
    bench.split(tmp_path / "answered", tmp_path / "split", hold=2)
    seen = read_crops(tmp_path / "split" / "seen")
    assert seen.answers is not None
    assert seen.answers.labels.tolist() == [2, 3]
    assert np.array_equal(seen.answers.pictures, seen.pictures[seen.answers.rows])
    assert read_crops(tmp_path / "split" / "held").answers is None


def test_everyone_is_as_often_performer_as_identity_and_never_with_themselves() -> None:
    labels = np.repeat(np.arange(PEOPLE), 2)
    different, same = bench.pairs_of(labels, count=12)
    assert len(set(different)) == 12
    assert all(labels[one.performer] != labels[one.identity] for one in different)
    for role in ("performer", "identity"):
        assert np.bincount([labels[getattr(one, role)] for one in different]).tolist() == [3, 3, 3, 3]
    assert [(labels[one.performer], one.performer != one.identity) for one in same] == [(n, True) for n in range(4)]


def _grey(picture: NDArray[np.uint8]) -> FloatArray:
    return np.array([float(picture[0, 0].mean())], dtype=np.float32)


@pytest.mark.parametrize(("takes", "retrieved"), [("identity", 1.0), ("performer", 0.0)])
def test_a_swap_is_retrieved_as_whose_face_it_has(parts: tuple[Crops, Crops], takes: str, retrieved: float) -> None:
    seen, held = parts

    def swap(performers: FloatArray, identities: FloatArray) -> FloatArray:
        return identities if takes == "identity" else performers

    told = bench.judged(swap, seen=seen, held=held, vector=_grey, pairs=12)
    assert (told["retrieved"], told["nearer"]) == (retrieved, retrieved)
    near, far = ("to_identity", "to_performer") if takes == "identity" else ("to_performer", "to_identity")
    assert told[near] == 0.0
    assert told[far] > 40.0
    # Two pictures of one person differ by 1 in their last pixel alone.
    assert told["self_l1"] == pytest.approx(1.0 / 255.0 / SIDE**2 if takes == "identity" else 0.0)
    assert "true_l1" not in told


def test_the_true_swap_is_compared_where_it_differs_from_the_plate(parts: tuple[Crops, Crops]) -> None:
    seen, held = parts
    plate = np.full((SIDE, SIDE, 3), 100, dtype=np.uint8)
    true = plate.copy()
    true[:4] = 151
    trues = [bench.TrueSwap(plate, true, "p1")]

    def swap(performers: FloatArray, identities: FloatArray) -> FloatArray:
        return np.full_like(performers, 125.5 / 255.0)

    told = bench.judged(swap, seen=seen, held=held, vector=_grey, trues=trues, pairs=4)
    assert told["plate_l1"] == pytest.approx(51.0 / 255.0)
    assert told["true_l1"] == pytest.approx(25.0 / 255.0, abs=1.0 / 255.0)


def test_a_crop_is_shown_to_the_recogniser_enlarged_and_placed_by_the_template() -> None:
    from vfx_swap.models.templates import template_named
    from vfx_swap.types import Detection, Embedding, ModelImage

    class Seeing:
        id = "seeing"
        same_person_below = 0.6
        image: ModelImage
        points: FloatArray

        def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
            self.image, self.points = image, detection.points
            return Embedding(recogniser=self.id, vector=np.ones(4, dtype=np.float32))

    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    eye = template_named("arcface_112_v1").pixels(64)[0].round().astype(int)
    picture[eye[1], eye[0]] = 255
    seeing = Seeing()
    assert bench.crop_vector(picture, template="arcface_112_v1", recogniser=seeing).tolist() == [1.0] * 4
    assert seeing.image.rgb.shape == (384, 384, 3)
    brightest = np.unravel_index(int(seeing.image.rgb[..., 0].argmax()), (384, 384))
    assert np.abs(seeing.points[0][::-1] - brightest).max() < 4.0


def test_curves_are_drawn(tmp_path: Path) -> None:
    bench.curves(
        tmp_path / "curves.png",
        log=[{"step": 1, "identity": 0.9}, {"step": 2, "identity": 0.5, "reconstruction": 0.1}],
        rows=[{"step": 2, "to_identity": 0.5, "to_performer": 0.6, "retrieved": 0.3, "nearer": 0.4, "self_l1": 0.1}],
    )
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_the_mean_of_checkpoints_is_the_mean_of_their_weights(tmp_path: Path) -> None:
    kept = []
    for step, value in ((250, 1.0), (500, 4.0)):
        kept.append(tmp_path / f"generator-{step:07d}.safetensors")
        write_safetensors(kept[-1], {"a": np.full((2, 3), value, np.float32)}, metadata={"convention": "official"})
    made = bench._mean(kept, tmp_path / "out")
    assert made.name == "mean-0000500.safetensors"
    file = read_safetensors(made)
    assert file.metadata["convention"] == "official"
    assert file.tensors["a"].dtype == np.float32
    assert np.array_equal(file.tensors["a"], np.full((2, 3), 2.5, np.float32))
