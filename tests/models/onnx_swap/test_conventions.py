"""Each convention by its numbers: what a network is fed and how its answer is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card, OutputSpec, PictureSpec, card_folder, read_cards
from vfx_swap.models.onnx_swap.dfm import DfmNetwork
from vfx_swap.models.onnx_swap.network import CardSwapNetwork, scaled
from vfx_swap.models.onnx_swap.tensors import aligned, masks_of, pictures_of, tensor_of
from vfx_swap.models.templates import TEMPLATES
from vfx_swap.types import Embedding, ModelImage

CARDS = {card.id: card for card in read_cards(card_folder())}
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
COLOUR = np.array([0.25, 0.5, 0.75])

TARGETS = {
    "inswapper-128": COLOUR,
    "instyleswapper-256": COLOUR,
    "simswap-224": COLOUR,
    "simswap-512": COLOUR,
    "simswap-224-trained": (COLOUR - MEAN) / STD,
    "simswap-512-trained": (COLOUR - MEAN) / STD,
    "simswap-unofficial-256": (COLOUR - MEAN) / STD,
    "simswap-unofficial-512": COLOUR,
    "ghost-256": COLOUR * 2 - 1,
    "hififace-256": COLOUR * 2 - 1,
    "hyperswap-256": COLOUR * 2 - 1,
    "blendswap-256": COLOUR,
    "uniface-256": COLOUR * 2 - 1,
    "alphaface-256": COLOUR,
    "cscs-256": COLOUR * 2 - 1,
    "deepfacelab": COLOUR[::-1],
}
"""Family -> what a pixel of that colour becomes on the way in."""
OUTPUTS = {
    **dict.fromkeys(TARGETS, COLOUR),
    **dict.fromkeys(("ghost-256", "hififace-256", "hyperswap-256", "uniface-256", "cscs-256"), COLOUR * 2 - 1),
    **dict.fromkeys(("simswap-224-trained", "simswap-512-trained"), (COLOUR - MEAN) / STD),
    "deepfacelab": COLOUR[::-1],
}
"""Family -> what the network answers where it means that colour."""
VECTORS = {
    "inswapper-128": "emap-unit",
    "instyleswapper-256": "emap-unit",
    "simswap-224": "unit",
    "simswap-224-trained": "unit",
    "simswap-512": "unit",
    "simswap-512-trained": "unit",
    "simswap-unofficial-256": "unit",
    "simswap-unofficial-512": "unit",
    "ghost-256": "raw",
    "hififace-256": "unit",
    "hyperswap-256": "unit",
    "alphaface-256": "raw",
    "cscs-256": "raw",
}


def flat(side: int) -> ModelImage:
    return ModelImage(np.broadcast_to(COLOUR.astype(np.float32), (side, side, 3)).copy())


def test_every_swapper_s_convention_is_tested_here() -> None:
    swappers = {card.id for card in CARDS.values() if card.task == "swap" and card.is_family}
    assert swappers == set(TARGETS) == set(OUTPUTS)
    taking = {name for name in swappers if CARDS[name].swap is not None and CARDS[name].swap.source == "embedding"}  # type: ignore[union-attr]
    assert taking == set(VECTORS)


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_swapper_is_fed(name: str) -> None:
    spec = CARDS[name].picture
    tensor = tensor_of([flat(spec.size or 64)], spec)
    pixel = tensor[0, :, 3, 4] if spec.layout == "NCHW" else tensor[0, 3, 4]
    np.testing.assert_allclose(pixel, TARGETS[name], atol=1e-5)


@pytest.mark.parametrize("name", OUTPUTS)
def test_how_a_swapper_s_answer_is_read(name: str) -> None:
    spec = CARDS[name].output
    values = np.broadcast_to(OUTPUTS[name].astype(np.float32), (1, 8, 8, 3))
    tensor = values.transpose(0, 3, 1, 2) if spec.layout == "NCHW" else values
    np.testing.assert_allclose(pictures_of(tensor, spec)[0].rgb[2, 3], COLOUR, atol=1e-5)


@pytest.mark.parametrize("name", VECTORS)
def test_how_the_identity_is_scaled(name: str) -> None:
    spec = CARDS[name].swap
    assert spec is not None
    assert spec.scale == VECTORS[name]


def test_the_four_ways_to_scale_an_embedding() -> None:
    vector = np.array([3.0, 4.0], np.float32)
    emap = np.array([[0.0, 2.0], [1.0, 0.0]], np.float32)
    np.testing.assert_allclose(scaled(vector, scale="raw", emap=None), [3, 4])
    np.testing.assert_allclose(scaled(vector, scale="unit", emap=None), [0.6, 0.8])
    np.testing.assert_allclose(scaled(vector, scale="emap", emap=emap), [0.8, 1.2], atol=1e-6)
    unit = np.array([0.8, 1.2]) / np.hypot(0.8, 1.2)
    np.testing.assert_allclose(scaled(vector, scale="emap-unit", emap=emap), unit, atol=1e-6)
    with pytest.raises(ModelMismatchError, match="does not fit"):
        scaled(vector, scale="emap", emap=np.eye(3, dtype=np.float32))
    with pytest.raises(ModelMismatchError, match="no direction"):
        scaled(np.zeros(2, np.float32), scale="unit", emap=None)


def test_the_source_picture_is_in_its_own_range() -> None:
    """UniFace's target is -1 to 1 and its source 0 to 1."""
    seen: dict[str, Any] = {}

    class Watching:
        most: int | None = None
        inputs = frozenset({"target", "source"})

        def run(self, inputs: Any) -> Any:
            seen.update(inputs)
            return {"image": inputs["target"]}

    for name, low in (("uniface-256", -0.5), ("blendswap-256", 0.25)):
        card: Card = CARDS[name]
        assert card.swap is not None
        assert card.swap.picture is not None
        side = card.swap.picture.size or 0
        source = Embedding("x", flat(side).rgb.reshape(-1))
        answer = CardSwapNetwork(card=card, runner=Watching())(flat(256), source)
        np.testing.assert_allclose(seen["source"][0, :, 5, 5], COLOUR, atol=1e-6)
        assert seen["source"].shape == (1, 3, side, side)
        np.testing.assert_allclose(seen["target"][0, 0, 5, 5], low, atol=1e-6)
        np.testing.assert_allclose(answer.image.rgb, flat(256).rgb, atol=1e-6)


def test_values_past_the_range_are_clipped_and_shapes_checked() -> None:
    tensor = np.array([-3.0, 0.5, 9.0], np.float32).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(pictures_of(tensor, OutputSpec())[0].rgb[0, 0], [0.0, 0.5, 1.0])
    with pytest.raises(ModelMismatchError, match="no picture"):
        pictures_of(np.zeros((1, 4, 2, 2), np.float32), OutputSpec())
    with pytest.raises(ModelMismatchError, match="no picture"):
        pictures_of(np.zeros((1, 3, 2, 2), np.float32), OutputSpec(layout="NHWC"))
    with pytest.raises(ModelMismatchError, match="no mask"):
        masks_of(np.zeros((1, 3, 2, 2), np.float32))
    for shape in ((2, 1, 4, 5), (2, 4, 5, 1), (2, 4, 5)):
        assert [one.shape for one in masks_of(np.full(shape, 2.0, np.float32))] == [(4, 5)] * 2
    with pytest.raises(ModelMismatchError, match="32x32"):
        tensor_of([flat(16)], PictureSpec(size=32))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_face_is_laid_on_the_template(name: str) -> None:
    """A white dot at each of five points comes out where the template has it."""
    size, side = 128, 400
    template = TEMPLATES[name].pixels(size)
    points = template * 2.0 + 40.0
    picture = np.zeros((side, side, 3), np.float32)
    for x, y in points:
        picture[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = 1.0
    crop = aligned(ModelImage(picture), points, PictureSpec(size=size, template=name)).rgb[..., 0]
    for x, y in template:
        assert crop[round(y), round(x)] > 0.8
    assert float((crop > 0.5).sum()) < 5 * 16


def test_a_dfm_s_alpha_is_where_both_of_its_masks_agree_and_morph_is_fed() -> None:
    seen: dict[str, Any] = {}
    face = np.zeros((1, 8, 8, 1), np.float32)
    painted = np.zeros((1, 8, 8, 1), np.float32)
    face[:, :6], painted[:, 3:] = 1.0, 0.5

    class Watching:
        most: int | None = None
        inputs = frozenset({"target", "morph"})

        def run(self, inputs: Any) -> Any:
            seen.update(inputs)
            return {"image": inputs["target"], "face_mask": face, "mask": painted}

    alpha = DfmNetwork(card=CARDS["deepfacelab"], runner=Watching(), morph=0.25)(flat(8)).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha[:, 0], [0, 0, 0, 0.5, 0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(seen["morph"], [0.25])
    with pytest.raises(ValueError, match="morph"):
        DfmNetwork(card=CARDS["deepfacelab"], runner=Watching(), morph=2.0)
