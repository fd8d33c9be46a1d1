"""Terms given other weights, a shaken recogniser, and a generator that opens as what it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.training.crops import Crops, Usage
from vfx_swap.models.training.pairs import other_pictures, retoned, shaken
from vfx_swap.models.training.recipes import recipe_named, weighted

pytest.importorskip("torch")


def _crops() -> Crops:
    faces = np.random.default_rng(5).integers(0, 255, (6, 48, 48, 3), dtype=np.uint8)
    usage = Usage("consent-1", "0" * 64, "2020-01-01", "2030-12-31")
    names = ("a", "b")
    return Crops(faces, np.repeat(np.arange(2), 3), names, "arcface_112_v1", dict.fromkeys(names, usage))


def test_weights_are_the_recipes_unless_given() -> None:
    paper = recipe_named("paper")
    assert weighted(paper, identity=None, reconstruction=None, features=None) == paper
    other = weighted(paper, identity=3.0, reconstruction=0.0, features=None)
    assert (other.identity, other.reconstruction, other.features) == (3.0, 0.0, paper.features)
    assert weighted(paper, penalty=0.5).penalty == 0.5
    with pytest.raises(UsageError, match="no weight of charm"):
        weighted(paper, charm=1.0)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="weight of features"):
            weighted(paper, identity=None, reconstruction=None, features=wrong)


def test_shaken_looks_are_of_the_step_and_move_little() -> None:
    yy, xx = np.mgrid[0:48, 0:48].astype(np.float32) / 47.0
    looks = np.stack([np.stack([xx, yy, 1.0 - xx])] * 6)
    one = shaken(looks, seed=1, step=4)
    assert np.array_equal(one, shaken(looks, seed=1, step=4))
    assert not np.array_equal(one, shaken(looks, seed=1, step=5))
    assert one.dtype == np.float32
    assert one.min() >= 0.0
    assert one.max() <= 1.0
    assert 0.01 < np.abs(one - looks).mean() < 0.1
    assert np.allclose(shaken(looks, seed=1, step=4, amount=0.0), looks, atol=1e-5)


@pytest.mark.parametrize("recipe", ["paper", "projected"])
def test_a_generator_opens_and_swaps_as_in_training(tmp_path: Path, recipe: str) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.checkpoints import open_generator, write_network
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer, swapped_by

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)
    settings = GeneratorSettings(recipe=recipe, width=4, blocks=1, batch=2, identity=0.0)
    trainer = GeneratorTrainer(settings, _crops(), face, device=torch.device("cpu"))
    assert trainer.recipe.identity == 0.0
    trainer.step(0)
    trainer.write_generator(tmp_path / "generator.safetensors", step=1)
    looks = np.random.default_rng(2).random((2, 3, 48, 48), dtype=np.float32)
    opened = swapped_by(open_generator(tmp_path / "generator.safetensors"), face)
    assert np.array_equal(opened(looks, looks[::-1].copy()), trainer.swapped(looks, looks[::-1].copy()))
    # The identity's picture counts, and only by its vector.
    assert not np.array_equal(opened(looks, looks), opened(looks, looks[::-1].copy()))
    write_network(tmp_path / "face.safetensors", face, facts={"network": "arcface"})
    with pytest.raises(ModelMismatchError, match="arcface"):
        open_generator(tmp_path / "face.safetensors")


def test_a_shaken_swap_moves_little_and_lets_gradients_through() -> None:
    import torch

    from vfx_swap.models.training.shakes import shake

    yy, xx = np.mgrid[0:48, 0:48].astype(np.float32) / 47.0
    looks = torch.from_numpy(np.stack([np.stack([xx, yy, 1.0 - xx])] * 8)).requires_grad_()
    assert shake(looks, amount=0.0) is looks
    torch.manual_seed(4)
    one = shake(looks, amount=1.0)
    torch.manual_seed(4)
    assert torch.equal(one, shake(looks, amount=1.0))
    assert not torch.equal(one, shake(looks, amount=1.0))
    assert one.shape == looks.shape
    still = looks.detach()
    either = torch.minimum(
        (one.detach() - still).abs().mean(dim=(1, 2, 3)), (one.detach().flip(3) - still).abs().mean(dim=(1, 2, 3))
    )
    assert 0.0 < float(either.max()) < 0.1
    one.sum().backward()
    assert looks.grad is not None
    assert float(looks.grad.min()) >= 0.0
    assert abs(float(looks.grad.sum()) / looks.numel() - 1.0) < 1e-3


def test_shaking_changes_the_identity_s_loss_alone_and_belongs_to_the_run(tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)

    def begun(shake: float) -> GeneratorTrainer:
        settings = GeneratorSettings(width=4, blocks=1, batch=2, shake=shake)
        return GeneratorTrainer(settings, _crops(), face, device=torch.device("cpu"))

    plain, shaken_run = begun(0.0), begun(1.0)
    one, other = plain.step(0), shaken_run.step(0)
    assert one["identity"] != other["identity"]
    assert one["features"] == other["features"]
    shaken_run.write(tmp_path, step=1)
    with pytest.raises(ModelMismatchError):
        begun(0.0).read(tmp_path)
    assert begun(1.0).read(tmp_path) == 1


def test_a_judge_that_is_told_scores_by_whom_it_is_told_and_learns_who_is_who(tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)

    def begun(**given: bool | str) -> GeneratorTrainer:
        settings = GeneratorSettings(width=4, blocks=1, batch=4, **given)  # type: ignore[arg-type]
        return GeneratorTrainer(settings, _crops(), face, device=torch.device("cpu"))

    trainer = begun(tell=True)
    look = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    here, there = torch.eye(8)[:1].expand(2, 8), torch.eye(8)[1:2].expand(2, 8)
    (one,), (other,) = trainer.judge(look, here)[0], trainer.judge(look, there)[0]
    added = (one - other).detach()
    assert added.abs().min() > 0.0
    assert torch.allclose(added, added[:, :, :1, :1].expand_as(added), atol=1e-5), "the same for every patch"
    before = trainer.judge.agreement[0].weight.detach().clone()
    for step in range(2):
        trainer.step(step)
    assert not torch.equal(before, trainer.judge.agreement[0].weight)
    trainer.write(tmp_path, step=2)
    with pytest.raises(ModelMismatchError):
        begun().read(tmp_path)
    with pytest.raises(UsageError, match="cannot be told"):
        begun(tell=True, recipe="projected")


def test_more_recognisers_judge_a_swap_and_belong_to_the_run(tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    def face(seed: int, *, latent: int = 8) -> ArcFace:
        torch.manual_seed(seed)
        network = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=latent, size=32)
        network.eval().requires_grad_(False)
        return network

    def begun(*also: ArcFace) -> GeneratorTrainer:
        settings = GeneratorSettings(width=4, blocks=1, batch=2)
        return GeneratorTrainer(settings, _crops(), face(1), device=torch.device("cpu"), also=also)

    alone, twice, both = begun().step(1), begun(face(1)).step(1), begun(face(2, latent=6)).step(1)
    assert twice["identity"] == pytest.approx(alone["identity"]), "its own opinion again"
    assert both["identity"] != pytest.approx(alone["identity"])
    assert both["features"] == alone["features"]
    trainer = begun(face(2))
    trainer.step(0)
    trainer.write(tmp_path, step=1)
    for other in ((), (face(3),)):
        with pytest.raises(ModelMismatchError, match="also"):
            begun(*other).read(tmp_path)
    assert begun(face(2)).read(tmp_path) == 1


def test_a_robust_recogniser_is_taught_pictures_moved_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import Tensor

    from vfx_swap.models.training.recogniser import RecogniserSettings, RecogniserTrainer

    def begun(robust: float) -> RecogniserTrainer:
        settings = RecogniserSettings(
            width=4, blocks=(1, 1, 1, 1), latent=8, size=32, batch=6, augment=0.0, robust=robust
        )
        return RecogniserTrainer(settings, _crops(), device=torch.device("cpu"))

    trainer, seen = begun(0.02), []
    told = trainer._told

    def listened(pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        answer = told(pictures, labels)
        seen.append((pictures.detach(), float(answer[1].detach())))
        return answer

    plain = begun(0.0)
    torch.manual_seed(3)
    pictures, labels = torch.rand(6, 3, 32, 32) * 0.6 + 0.2, torch.tensor([0, 1, 0, 1, 0, 1])
    moved = trainer._moved(pictures, labels, share=1.0)
    shorter = trainer._moved(pictures, labels, share=0.25) - pictures
    assert 0.0 < float(shorter.square().mean(dim=(1, 2, 3)).sqrt().max()) <= 0.005 + 1e-6
    far = (moved - pictures).square().mean(dim=(1, 2, 3)).sqrt()
    assert float(far.max()) <= 0.02 + 1e-6
    assert float(far.min()) > 0.01
    trainer.network.eval()
    with torch.no_grad():
        assert float(told(moved, labels)[1]) > float(told(pictures, labels)[1]) + 0.01
    monkeypatch.setattr(trainer, "_told", listened)
    assert trainer.step(500)["loss"] != plain.step(500)["loss"]
    assert len(seen) == 2, "once to find the move, once to learn"
    assert not torch.equal(seen[0][0], seen[1][0])
    for wrong in (-0.1, 0.6, float("nan")):
        with pytest.raises(UsageError, match="robust"):
            begun(wrong)


def test_retoned_looks_keep_their_features_and_lose_their_colour() -> None:
    yy, xx = np.mgrid[0:48, 0:48].astype(np.float32) / 47.0
    looks = np.stack([np.stack([0.2 + 0.5 * xx, 0.3 + 0.3 * yy, 0.4 * xx * yy])] * 64).astype(np.float32)
    assert np.array_equal(retoned(looks, seed=1, step=2, share=0.0), looks)
    made = retoned(looks, seed=1, step=2, share=1.0)
    assert np.array_equal(made, retoned(looks, seed=1, step=2, share=1.0))
    assert not np.array_equal(made, retoned(looks, seed=1, step=3, share=1.0))
    assert made.dtype == np.float32
    assert made.min() >= 0.0
    assert made.max() <= 1.0
    # A grey one has the same shape in every channel, but for its cast's gain.
    inside = made[:, :, :24, :24] + 1e-6
    grey = np.ptp(inside[:, 0] / inside[:, 1], axis=(1, 2)) < 1e-3
    assert 0.3 < grey.mean() < 0.7
    assert np.std([one.mean() for one in made]) > 0.08, "brighter and darker"
    half = retoned(looks, seed=1, step=2, share=0.5)
    kept = np.array([np.array_equal(one, look) for one, look in zip(half, looks, strict=True)])
    assert 0.3 < kept.mean() < 0.7


def test_a_recogniser_shown_other_tones_learns_otherwise() -> None:
    import torch

    from vfx_swap.models.training.recogniser import RecogniserSettings, RecogniserTrainer

    def loss(retone: float) -> float:
        settings = RecogniserSettings(width=4, blocks=(1, 1, 1, 1), latent=8, size=32, batch=6, retone=retone)
        return RecogniserTrainer(settings, _crops(), device=torch.device("cpu")).step(0)["loss"]

    assert loss(0.0) != loss(1.0)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="retone"):
            loss(wrong)


def test_moves_begin_small(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from vfx_swap.models.training.recogniser import ROBUST_AFTER, RecogniserSettings, RecogniserTrainer

    settings = RecogniserSettings(width=4, blocks=(1, 1, 1, 1), latent=8, size=32, batch=4, robust=0.02)
    trainer, shares = RecogniserTrainer(settings, _crops(), device=torch.device("cpu")), []

    def moved(pictures: torch.Tensor, labels: torch.Tensor, *, share: float) -> torch.Tensor:
        shares.append(share)
        return pictures

    monkeypatch.setattr(trainer, "_moved", moved)
    for step in (0, ROBUST_AFTER // 2, 3 * ROBUST_AFTER):
        trainer.step(step)
    assert shares == [0.0, 0.5, 1.0]


def test_a_real_picture_of_somebody_else_is_half_of_what_is_fake() -> None:
    import torch

    from vfx_swap.models.training.losses import hinge_discriminator

    real, fake, wrong = ([torch.full((1, 1, 2, 2), value)] for value in (0.25, 0.5, -3.0))
    assert float(hinge_discriminator(real, fake)) == pytest.approx(0.75 + 1.5)
    assert float(hinge_discriminator(real, fake, wrong)) == pytest.approx(0.75 + 0.5 * 1.5)


def test_another_picture_is_of_the_same_person_and_another_one_where_there_is_one() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    rows = np.array([0, 1, 3, 4, 5, 2])
    seen = [other_pictures(labels, rows, seed=3, step=step) for step in range(20)]
    for others in seen:
        assert np.array_equal(labels[others], labels[rows])
        assert others[2] == 3, "a person of one picture keeps it"
        assert np.all((others != rows)[[0, 1, 3, 4, 5]])
    assert len({tuple(one) for one in seen}) > 1
    assert np.array_equal(seen[4], other_pictures(labels, rows, seed=3, step=4))


def test_a_board_holds_the_curves_and_the_sheets(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from PIL import Image
    from tensorboardX.proto.event_pb2 import Event

    from vfx_swap.models.training.board import BOARD, Board

    board = Board(tmp_path)
    assert not (tmp_path / BOARD).exists()
    board.terms(20, {"identity": 0.5, "judge": 2.0})
    Image.fromarray(np.full((8, 12, 3), 200, np.uint8)).save(tmp_path / "samples.png")
    board.sheet(20, tmp_path / "samples.png")
    board.close()
    [file] = (tmp_path / BOARD).iterdir()
    events, data, at = [], file.read_bytes(), 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        events.append(Event.FromString(data[at + 12 : at + 12 + length]))
        at += 16 + length
    values = {one.tag: one for event in events for one in event.summary.value if event.step == 20}
    assert values["identity"].simple_value == 0.5
    assert values["judge"].simple_value == 2.0
    assert (values["samples"].image.width, values["samples"].image.height) == (12, 8)
