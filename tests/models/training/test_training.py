"""Training: what each part promises, with networks small enough for a second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vfx_swap.errors import CannotRunError, ConsentExpiredError, InputError, ModelMismatchError, UsageError
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.training.crops import Answers, Crops, Usage, check_usage, read_crops, write_crops
from vfx_swap.models.training.pairs import augmented, draw_answered, draw_batch
from vfx_swap.models.training.run import train

pytest.importorskip("torch")


@pytest.fixture
def crops(tmp_path: Path) -> Crops:
    rng = np.random.default_rng(5)
    faces = rng.integers(0, 255, (9, 48, 48, 3), dtype=np.uint8)
    usage = Usage("consent-1", "0" * 64, "2020-01-01", "2030-12-31")
    names = ["a", "b", "c"]
    write_crops(
        tmp_path / "crops", pictures=faces, labels=np.repeat(np.arange(3), 3), identities=names,
        files=[f"{number}.png" for number in range(9)], template="arcface_112_v1", usage=dict.fromkeys(names, usage),
    )  # fmt: skip
    return read_crops(tmp_path / "crops")


@pytest.fixture
def answered(crops: Crops, tmp_path: Path) -> Crops:
    """Row 4, of b, is known with the faces of a and c; row 8, of c, with that of a: one grey each."""
    greys = np.array([180, 190, 200], np.uint8)[:, None, None, None]
    true = Answers(np.broadcast_to(greys, (3, 48, 48, 3)), np.array([4, 4, 8]), np.array([0, 2, 0]))
    write_crops(
        tmp_path / "answered", pictures=crops.pictures, labels=crops.labels, identities=crops.identities,
        files=[f"{number}.png" for number in range(9)], template=crops.template, usage=crops.usage, answers=true,
    )  # fmt: skip
    return read_crops(tmp_path / "answered")


def test_answers_come_back_and_go_with_their_people(answered: Crops, tmp_path: Path) -> None:
    assert answered.answers is not None
    assert (answered.answers.rows.tolist(), answered.answers.labels.tolist()) == ([4, 4, 8], [0, 2, 0])
    some = read_crops(tmp_path / "answered", identities=["c", "a"]).answers
    assert some is not None
    assert (some.rows.tolist(), some.labels.tolist(), some.pictures[:, 0, 0, 0].tolist()) == ([5], [1], [200])
    assert read_crops(tmp_path / "answered", identities=["b"]).answers is None
    np.save(tmp_path / "answered" / "answers.npy", np.zeros((2, 48, 48, 3), np.uint8))
    with pytest.raises(InputError, match=r"answers.npy is uint8 \(2, 48, 48, 3\), not uint8 \(3, 48, 48, 3\)"):
        read_crops(tmp_path / "answered")


def test_answered_pairs_bring_any_crop_of_whose_face_it_is(answered: Crops) -> None:
    assert answered.answers is not None
    drawn = [draw_answered(answered.labels, answered.answers, size=8, seed=2, step=step) for step in range(20)]
    for batch in drawn:
        assert batch.answers is not None
        assert not batch.same
        assert np.array_equal(batch.performers, answered.answers.rows[batch.answers])
        assert np.array_equal(answered.labels[batch.identities], answered.answers.labels[batch.answers])
    assert {int(row) for batch in drawn for row in batch.identities} == {0, 1, 2, 6, 7, 8}


def test_crops_come_back_and_hold_only_whom_was_asked_for(crops: Crops, tmp_path: Path) -> None:
    some = read_crops(tmp_path / "crops", identities=["c", "a"])
    assert some.identities == ("c", "a")
    assert some.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert np.array_equal(some.pictures[3:], crops.pictures[6:])
    with pytest.raises(UsageError, match="nobody"):
        read_crops(tmp_path / "crops", identities=["nobody"])


def test_crops_whose_consent_ran_out_are_refused(crops: Crops) -> None:
    check_usage(crops, today=date(2030, 12, 31))
    with pytest.raises(ConsentExpiredError, match="consent-1"):
        check_usage(crops, today=date(2031, 1, 1))


def test_pairs_are_of_one_person_and_of_two_in_turns(crops: Crops) -> None:
    for step in range(20):
        batch = draw_batch(crops.labels, size=8, seed=3, step=step)
        alike = crops.labels[batch.performers] == crops.labels[batch.identities]
        assert batch.same == (step % 2 == 0)
        assert alike.all() if batch.same else not alike.any()
        assert (batch.performers != batch.identities).all()
    again = draw_batch(crops.labels, size=8, seed=3, step=19)
    assert np.array_equal(again.performers, batch.performers)


def test_augmentation_is_of_the_step_and_none_is_none(crops: Crops) -> None:
    one = augmented(crops.pictures, seed=1, step=4, stream=0)
    assert np.array_equal(one, augmented(crops.pictures, seed=1, step=4, stream=0))
    assert not np.array_equal(one, augmented(crops.pictures, seed=1, step=5, stream=0))
    plain = augmented(crops.pictures, seed=1, step=4, stream=0, amount=0.0)
    assert np.allclose(plain.transpose(0, 2, 3, 1) * 255.0, crops.pictures, atol=1e-3)


def test_the_gradient_penalty_is_that_of_the_gradient() -> None:
    import torch

    from vfx_swap.models.training.losses import gradient_penalty

    slope = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    real, fake = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    found = gradient_penalty(lambda x: [(x * slope).sum((1, 2, 3), keepdim=True)], real, fake, torch.rand(2, 1, 1, 1))
    length = 0.5 * 48**0.5
    assert found.item() == pytest.approx((length - 1.0) ** 2, rel=1e-5)
    found.backward()
    assert slope.grad is not None
    assert slope.grad.abs().sum() > 0


def test_weak_feature_matching_looks_at_the_last_layers_alone() -> None:
    import torch

    from vfx_swap.models.training.losses import feature_matching

    real = [[torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2)]]
    fake = [[torch.full((1, 2), 9.0), torch.full((1, 2), 2.0), torch.full((1, 2), 1.0)]]
    assert feature_matching(real, fake, last=2).item() == pytest.approx(3.0)
    assert feature_matching(real, fake, last=3).item() == pytest.approx(12.0)


class _Failing:
    def __init__(self) -> None:
        self.written: list[int] = []

    def step(self, number: int) -> Mapping[str, float]:
        return {"loss": float("nan") if number == 3 else 1.0}

    def write(self, folder: Path, *, step: int) -> None:
        self.written.append(step)

    def read(self, folder: Path) -> int:
        raise NotImplementedError


def test_numbers_that_are_none_stop_the_run_at_once_and_are_not_written(tmp_path: Path) -> None:
    trainer = _Failing()
    with pytest.raises(CannotRunError, match="step 4: loss is nan"):
        train(trainer, folder=tmp_path, steps=10, save_every=1)
    assert trainer.written == [1, 2, 3]


@pytest.mark.parametrize("recipe", ["paper", "projected"])
def test_a_resumed_run_gives_the_same_bits(crops: Crops, tmp_path: Path, recipe: str) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)
    settings = GeneratorSettings(recipe=recipe, width=4, blocks=1, batch=2, accumulate=2)

    def fresh(**more: int) -> GeneratorTrainer:
        made = GeneratorSettings(**{**vars(settings), **more})
        return GeneratorTrainer(made, crops, face, device=torch.device("cpu"))

    train(fresh(), folder=tmp_path / "whole", steps=4, log_every=1)
    train(fresh(), folder=tmp_path / "parts", steps=2, log_every=1)
    with pytest.raises(UsageError, match="already"):
        train(fresh(), folder=tmp_path / "parts", steps=4)
    with pytest.raises(ModelMismatchError, match="batch '2', now '3'"):
        train(fresh(batch=3), folder=tmp_path / "parts", steps=4, resume=True)
    train(fresh(), folder=tmp_path / "parts", steps=4, resume=True, log_every=1)
    for name in ("generator.safetensors", "state.safetensors", "log.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    held = read_safetensors(tmp_path / "whole" / "generator.safetensors")
    assert held.metadata["convention"] == ("official" if recipe == "paper" else "train-script")
    terms = json.loads((tmp_path / "whole" / "log.jsonl").read_text().splitlines()[0])
    assert ("penalty" in terms) == (recipe == "paper")
    assert "reconstruction" in terms  # step 0 is of one person


def test_a_recogniser_learns_its_crops_and_opens_as_what_it_is(crops: Crops, tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.training.checkpoints import open_recogniser
    from vfx_swap.models.training.recogniser import RecogniserSettings, RecogniserTrainer

    settings = RecogniserSettings(width=4, blocks=(1, 1, 1, 1), latent=8, size=32, batch=9, augment=0.0, rate=0.01)
    trainer = RecogniserTrainer(settings, crops, device=torch.device("cpu"))
    train(trainer, folder=tmp_path / "run", steps=40, log_every=10)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]
    opened = open_recogniser(tmp_path / "run" / "recogniser.safetensors")
    picture = torch.rand(2, 3, 32, 32)
    assert torch.equal(opened(picture), trainer.network.eval()(picture))


def test_a_known_true_swap_is_what_a_swap_becomes(answered: Crops) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)
    still: dict[str, Any] = {
        "augment": 0.0,
        "features": 0.0,
        "identity": 0.0,
        "reconstruction": 0.0,
        "average": 0.5,
        "rate": 4e-3,
    }

    def trained(crops: Crops, **more: Any) -> tuple[float, set[str]]:
        """How far the swap of row 8 with a's face is from its answer."""
        settings = GeneratorSettings(width=8, blocks=1, batch=4, **{**still, **more})
        trainer = GeneratorTrainer(settings, crops, face, device=torch.device("cpu"))
        told = {name for step in range(80) for name in trainer.step(step)}
        looks = answered.pictures[[8, 0]].transpose(0, 3, 1, 2).astype(np.float32) / 255.0
        swap = trainer.swapped(looks[:1], looks[1:])
        return float(np.abs(swap - 200.0 / 255.0).mean()), told

    with_answers, told = trained(answered, answers=30.0)
    assert "answers" in told
    without, told = trained(answered, answers=0.0)
    assert "answers" not in told
    assert with_answers < 0.7 * without


def test_a_weight_of_answers_that_there_are_not_is_told(crops: Crops) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)
    settings = GeneratorSettings(width=4, blocks=1, batch=2, answers=5.0)
    with pytest.raises(UsageError, match="these crops bring none"):
        GeneratorTrainer(settings, crops, face, device=torch.device("cpu"))


def test_a_run_begun_with_answers_is_not_resumed_without(answered: Crops, crops: Crops, tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)

    def fresh(held: Crops) -> GeneratorTrainer:
        return GeneratorTrainer(GeneratorSettings(width=4, blocks=1, batch=2), held, face, device=torch.device("cpu"))

    train(fresh(answered), folder=tmp_path / "run", steps=1)
    with pytest.raises(ModelMismatchError, match="known '3', now None"):
        train(fresh(crops), folder=tmp_path / "run", steps=2, resume=True)
    assert train(fresh(answered), folder=tmp_path / "run", steps=2, resume=True) == 2


def test_an_answer_is_mirrored_and_graded_as_its_performer(crops: Crops, tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import ANSWERED_EVERY, GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)
    rows = np.arange(9)
    alike = replace(crops, answers=Answers(np.array(crops.pictures), rows, (crops.labels + 1) % 3))
    settings = GeneratorSettings(width=4, blocks=1, batch=8)
    trainer = GeneratorTrainer(settings, alike, face, device=torch.device("cpu"))
    for step in range(ANSWERED_EVERY):
        found = trainer._rows(step, 0)
        if step == ANSWERED_EVERY - 1 or found.same:
            assert found.wanted is not None
            assert torch.equal(found.wanted, found.performer)
        else:
            assert found.wanted is None
