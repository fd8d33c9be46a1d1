"""Training of a face parser: what each part promises, with a network small enough for a second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vfx_swap.errors import CannotRunError, InputError, ModelMismatchError, UsageError
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.models.training.crops import Crops, Usage, read_crops, write_crops
from vfx_swap.models.training.run import train

pytest.importorskip("torch")

SIDE = 64


@pytest.fixture
def crops(tmp_path: Path) -> Crops:
    """Discs of hair with two eyes on a grey ground, each elsewhere."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    pictures = np.full((8, SIDE, SIDE, 3), 60, np.uint8)
    regions = np.zeros((8, SIDE, SIDE), np.uint8)
    for number in range(8):
        x, y = rng.uniform(24, 40, 2)
        for name, dx, radius, colour in (("hair", 0, 18, (200, 90, 40)), ("l_eye", -8, 5, (20, 40, 220)),
                                         ("r_eye", 8, 5, (20, 220, 40))):  # fmt: skip
            inside = (columns - x - dx) ** 2 + (rows - y) ** 2 < radius**2
            pictures[number][inside], regions[number][inside] = colour, region_index(name)
    usage = Usage("consent-1", "0" * 64, "2020-01-01", "2030-12-31")
    write_crops(
        tmp_path / "crops", pictures=pictures, labels=np.zeros(8, np.int64), identities=["a"],
        files=[f"{number}.png" for number in range(8)], template="ffhq_512", usage={"a": usage}, regions=regions,
    )  # fmt: skip
    return read_crops(tmp_path / "crops")


def test_regions_come_back_with_their_crops_and_others_are_refused(crops: Crops, tmp_path: Path) -> None:
    assert crops.regions is not None
    assert set(np.unique(crops.regions)) == {0, region_index("hair"), region_index("l_eye"), region_index("r_eye")}
    some = read_crops(tmp_path / "crops", identities=["a"])
    assert some.regions is not None
    assert np.array_equal(some.regions, crops.regions)
    fewer = np.array(crops.regions[:3])
    (tmp_path / "crops" / "regions.npy").unlink()  # it is mapped
    np.save(tmp_path / "crops" / "regions.npy", fewer)
    with pytest.raises(InputError, match=r"regions.npy is uint8 \(3, 64, 64\), not uint8 \(8, 64, 64\)"):
        read_crops(tmp_path / "crops")


def test_crops_without_regions_are_refused(crops: Crops) -> None:
    import torch

    from vfx_swap.models.training.parser import ParserSettings, ParserTrainer

    with pytest.raises(UsageError, match="no regions"):
        ParserTrainer(ParserSettings(steps=1), replace(crops, regions=None), device=torch.device("cpu"))


def test_a_mirrored_face_has_its_left_eye_on_the_left(crops: Crops) -> None:
    from vfx_swap.models.training.parser import moved

    assert crops.regions is not None
    left, right, mirrored = region_index("l_eye"), region_index("r_eye"), 0
    for step in range(6):
        looks, labels = moved(crops.pictures, crops.regions, seed=1, step=step, amount=1.0)
        for look, label in zip(looks, labels, strict=True):
            columns = [np.nonzero(label == eye)[1].mean() for eye in (left, right)]
            assert columns[0] < columns[1]
            blue_is_left = np.nonzero((look[2] > 1.5 * look[1]) & (look[2] > 1.5 * look[0]))[1].mean() < columns[1] - 4
            mirrored += not blue_is_left
    assert 12 < mirrored < 36  # of 48: about half


def test_pictures_and_regions_are_moved_alike_and_by_the_step(crops: Crops) -> None:
    from vfx_swap.models.training.parser import moved

    assert crops.regions is not None
    looks, labels = moved(crops.pictures, crops.regions, seed=1, step=5, amount=1.0)
    again = moved(crops.pictures, crops.regions, seed=1, step=5, amount=1.0)
    assert np.array_equal(looks, again[0])
    assert np.array_equal(labels, again[1])
    for look, label in zip(looks, labels, strict=True):
        orange = (look[0] > 1.5 * look[1]) & (look[0] > 1.5 * look[2])
        hair = label == region_index("hair")
        assert (orange & hair).sum() > 0.93 * (orange | hair).sum()
    plain, same = moved(crops.pictures, crops.regions, seed=1, step=5, amount=0.0)
    assert np.array_equal(same, crops.regions)
    assert np.allclose(plain.transpose(0, 2, 3, 1) * 255.0, crops.pictures, atol=1e-3)


def test_only_hard_pixels_are_trained_on_and_a_sixteenth_at_least() -> None:
    import torch

    from vfx_swap.models.training.parser import hard_pixels

    scores = torch.zeros(1, 2, 8, 8)
    scores[:, 0] = 9.0  # sure of region 0
    wanted = torch.zeros(1, 8, 8, dtype=torch.int64)
    wanted[0, 0, :8] = 1  # eight of 64 are wrong
    easy, hard = float(torch.log1p(torch.exp(torch.tensor(-9.0)))), 9.0
    assert hard_pixels(scores, wanted).item() == pytest.approx(hard, rel=1e-3)
    wanted[0, 0, :7] = 0  # one is wrong; four are the least
    assert hard_pixels(scores, wanted).item() == pytest.approx((hard + 3 * easy) / 4, rel=1e-3)


def test_the_rate_rises_and_falls_to_nothing() -> None:
    from vfx_swap.models.training.parser import ParserSettings, poly_rate

    settings = ParserSettings(steps=1000, rate=0.1, warm_up=100)
    rates = [poly_rate(settings, step) for step in (0, 49, 99, 500, 1000)]
    assert rates[0] == pytest.approx(0.001)
    assert rates[0] < rates[1] < rates[2]
    assert rates[3] == pytest.approx(0.1 * 0.5**0.9)
    assert rates[4] == 0.0


def test_every_head_is_trained_and_at_the_rate_of_the_step(crops: Crops) -> None:
    import torch

    from vfx_swap.models.training.parser import ParserSettings, ParserTrainer

    settings = ParserSettings(steps=4, width=4, batch=2, warm_up=1, decay=0.0)
    trainer = ParserTrainer(settings, crops, device=torch.device("cpu"))

    def heads() -> list[torch.Tensor]:
        network = trainer.network
        return [
            one.conv_out.weight.detach().clone() for one in (network.conv_out, network.conv_out16, network.conv_out32)
        ]

    fresh = heads()
    trainer.step(0)
    begun = heads()
    assert not any(torch.equal(one, other) for one, other in zip(fresh, begun, strict=True))
    trainer.step(4)  # the rate has fallen to nothing
    assert all(torch.equal(one, other) for one, other in zip(begun, heads(), strict=True))


def test_a_resumed_run_gives_the_same_bits(crops: Crops, tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.training.parser import ParserSettings, ParserTrainer

    def fresh(**more: int) -> ParserTrainer:
        made = ParserSettings(**{"steps": 4, "width": 4, "batch": 2, "warm_up": 1, **more})
        return ParserTrainer(made, crops, device=torch.device("cpu"))

    train(fresh(), folder=tmp_path / "whole", steps=4, log_every=1)
    train(fresh(), folder=tmp_path / "parts", steps=2, log_every=1)
    with pytest.raises(ModelMismatchError, match="steps '4', now '8'"):
        train(fresh(steps=8), folder=tmp_path / "parts", steps=8, resume=True)
    train(fresh(), folder=tmp_path / "parts", steps=4, resume=True, log_every=1)
    for name in ("parser.safetensors", "state.safetensors", "log.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    terms = json.loads((tmp_path / "whole" / "log.jsonl").read_text().splitlines()[0])
    assert set(terms) == {"step", "loss", "loss16", "loss32", "right"}


def test_it_learns_its_crops_and_opens_as_what_it_is(crops: Crops, tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.training.parser import ParserSettings, ParserTrainer, open_parser

    settings = ParserSettings(steps=40, width=8, batch=8, rate=0.05, warm_up=5, augment=0.0)
    trainer = ParserTrainer(settings, crops, device=torch.device("cpu"))
    train(trainer, folder=tmp_path / "run", steps=40, log_every=10)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["right"] > 0.9 > lines[0]["right"]
    network, size = open_parser(tmp_path / "run" / "parser.safetensors")
    assert size == SIDE
    picture = torch.rand(2, 3, SIDE, SIDE)
    assert torch.equal(network(picture)[0], trainer.network.eval()(picture)[0])
    facts = read_safetensors(tmp_path / "run" / "parser.safetensors").metadata
    assert (facts["network"], facts["width"], facts["consents"]) == ("bisenet", "8", "consent-1")
    assert facts["classes"].split() == list(REGIONS)
    with pytest.raises(ModelMismatchError, match="not of a trained parser"):
        open_parser(tmp_path / "run" / "state.safetensors")


def test_weights_that_ran_away_stop_the_run(crops: Crops, tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.training.parser import ParserSettings, ParserTrainer

    settings = ParserSettings(steps=20, width=4, batch=4, rate=1e30, warm_up=0)
    with pytest.raises(CannotRunError, match="training failed at step"):
        train(ParserTrainer(settings, crops, device=torch.device("cpu")), folder=tmp_path / "run", steps=20)


def test_a_whole_one_is_added_as_the_parser_it_is(crops: Crops, tmp_path: Path) -> None:
    import torch

    from vfx_swap.models.bring.add import add_models
    from vfx_swap.models.bring.look import recognise_file
    from vfx_swap.models.cards import card_folder, read_cards
    from vfx_swap.models.training.parser import ParserSettings, ParserTrainer

    trainer = ParserTrainer(ParserSettings(steps=1), crops, device=torch.device("cpu"))
    trainer.write(tmp_path / "run", step=0)
    path, cards = tmp_path / "run" / "parser.safetensors", read_cards(card_folder())
    found = recognise_file(path, name=path.name, families=[card for card in cards if card.is_family])
    assert found.family.id == "bisenet"
    (added,) = add_models(path, folder=tmp_path / "home", cards=cards, accept=lambda _card: True, search=[])
    assert added.card is not None
    assert added.card.id == "bisenet"
