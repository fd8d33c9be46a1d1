"""Fine-tuning: pairs of one casting alone, from weights that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.bring.safetensors_file import read_safetensors, write_safetensors
from vfx_swap.models.training.crops import Crops, Usage, read_crops, write_crops
from vfx_swap.models.training.pairs import draw_batch
from vfx_swap.models.training.run import train

pytest.importorskip("torch")


@pytest.fixture
def crops(tmp_path: Path) -> Crops:
    """Two performers, two identities: the first identity on the first performer, the second on both."""
    rng = np.random.default_rng(5)
    usage = Usage("consent-1", "0" * 64, "2020-01-01", "2030-12-31")
    names = ["track1", "track2", "anna", "ben"]
    write_crops(
        tmp_path / "crops", pictures=rng.integers(0, 255, (10, 48, 48, 3), dtype=np.uint8),
        labels=np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3]), identities=names, files=[f"{n}.png" for n in range(10)],
        template="arcface_112_v1", usage=dict.fromkeys(names, usage),
        casting=[("track1", "anna"), ("track1", "ben"), ("track2", "ben")],
    )  # fmt: skip
    return read_crops(tmp_path / "crops")


def test_only_this_casting_is_swapped_and_everybody_is_reconstructed(crops: Crops) -> None:
    seen: set[tuple[int, int]] = set()
    alone: set[int] = set()
    for step in range(60):
        batch = draw_batch(crops.labels, size=4, seed=3, step=step, casting=crops.casting)
        pairs = set(zip(crops.labels[batch.performers].tolist(), crops.labels[batch.identities].tolist(), strict=True))
        if batch.same:
            assert all(one == other for one, other in pairs)
            alone |= {one for one, _ in pairs}
        else:
            seen |= pairs
    assert seen == {(0, 2), (0, 3), (1, 3)}
    assert alone == {0, 1, 2, 3}


def test_a_trainer_keeps_to_the_casting_of_its_crops(crops: Crops) -> None:
    trainer = _trainer(crops, augment=0.0)

    def whose(look: Any) -> int:
        off = np.abs(np.asarray(look).transpose(1, 2, 0) * 255.0 - crops.pictures).mean(axis=(1, 2, 3))
        return int(crops.labels[int(off.argmin())])

    for step in (1, 3, 5, 7):
        rows = trainer._rows(step, 0)
        assert not rows.same
        pairs = {(whose(one), whose(other)) for one, other in zip(rows.performer, rows.identity, strict=True)}
        assert pairs <= set(crops.casting)


def test_of_fewer_people_the_casting_that_is_left_counts(crops: Crops, tmp_path: Path) -> None:
    some = read_crops(tmp_path / "crops", identities=["ben", "track2", "track1"])
    assert some.casting == ((2, 0), (1, 0))
    with pytest.raises(UsageError, match="nobody of track2, anna is cast"):
        read_crops(tmp_path / "crops", identities=["track2", "anna"])


def _trainer(crops: Crops, *, start: Path | None = None, **more: Any) -> Any:
    import torch

    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.checkpoints import read_start
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    torch.manual_seed(1)
    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)
    settings = GeneratorSettings(**{"width": 4, "blocks": 1, "batch": 2, **more})
    begun = None if start is None else read_start(start)
    return GeneratorTrainer(settings, crops, face, device=torch.device("cpu"), start=begun)


def test_training_starts_from_the_weights_and_says_so(crops: Crops, tmp_path: Path) -> None:
    import torch

    train(_trainer(crops), folder=tmp_path / "first", steps=3)
    start = tmp_path / "first" / "generator.safetensors"
    begun, fresh = _trainer(crops, start=start, seed=9), _trainer(crops, seed=9)
    held = read_safetensors(start).tensors
    for network in (begun.generator, begun.average):
        assert all(np.array_equal(value.numpy(), held[key]) for key, value in network.state_dict().items())
    assert not torch.equal(fresh.generator.state_dict()["first_layer.1.weight"], torch.from_numpy(
        held["first_layer.1.weight"].copy()
    ))  # fmt: skip
    train(begun, folder=tmp_path / "tuned", steps=2)
    facts = read_safetensors(tmp_path / "tuned" / "generator.safetensors").metadata
    assert facts["from"] == begun._start.sha256
    assert "from" not in read_safetensors(start).metadata
    with pytest.raises(ModelMismatchError, match="begun with from"):
        train(_trainer(crops, start=tmp_path / "tuned" / "generator.safetensors", seed=9),
              folder=tmp_path / "tuned", steps=4, resume=True)  # fmt: skip


def test_a_resumed_tuning_gives_the_same_bits(crops: Crops, tmp_path: Path) -> None:
    train(_trainer(crops), folder=tmp_path / "first", steps=1)
    start = tmp_path / "first" / "generator.safetensors"
    train(_trainer(crops, start=start), folder=tmp_path / "whole", steps=4)
    train(_trainer(crops, start=start), folder=tmp_path / "parts", steps=2)
    train(_trainer(crops, start=start), folder=tmp_path / "parts", steps=4, resume=True)
    for name in ("generator.safetensors", "state.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_weights_of_another_convention_size_or_kind_are_refused(crops: Crops, tmp_path: Path) -> None:
    from vfx_swap.models.training.checkpoints import read_start

    train(_trainer(crops), folder=tmp_path / "first", steps=1)
    start = tmp_path / "first" / "generator.safetensors"
    with pytest.raises(ModelMismatchError, match="recipe 'projected' trains 'train-script'"):
        _trainer(crops, start=start, recipe="projected")
    with pytest.raises(ModelMismatchError):
        _trainer(crops, start=start, width=8)
    held = read_safetensors(start)
    assert (read_start(start).width, read_start(start).blocks) == (4, 1)
    plain = tmp_path / "plain.safetensors"
    write_safetensors(plain, held.tensors, metadata={})
    with pytest.raises(ModelMismatchError, match="nothing says what it is"):
        read_start(plain)
