"""BiSeNet as a parser, on random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.torch_devices import open_or_skip
from vfx_swap.errors import ModelMismatchError, ModelMissingError
from vfx_swap.models.bring.safetensors_file import write_safetensors
from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD
from vfx_swap.models.protocols import Parser
from vfx_swap.models.registry import LoadOptions, load_registry
from vfx_swap.types import Face, ModelImage, Pose

pytestmark = pytest.mark.torch
SIZE = 512


@pytest.fixture(scope="module")
def network() -> Any:
    open_or_skip("torch")
    from vfx_swap.models.networks import build_network

    return build_network("bisenet", seed=5)


@pytest.fixture(scope="module")
def picture() -> ModelImage:
    return ModelImage(np.random.default_rng(1).random((SIZE, SIZE, 3)).astype(np.float32))


POINTS = np.zeros((478, 3), np.float32)


def test_regions_are_a_softmax_of_the_first_scores(network: Any, picture: ModelImage) -> None:
    import torch

    from vfx_swap.models.bisenet.parser import BiSeNetParser

    parser = BiSeNetParser(id="bisenet", network=network)
    assert isinstance(parser, Parser)
    found = parser.parse(picture, POINTS)
    assert found.shape == (19, SIZE, SIZE)
    assert np.abs(found.sum(axis=0) - 1.0).max() < 1e-5
    seen = (picture.rgb - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)  # type: ignore[arg-type, operator]
    with torch.inference_mode():
        scores = network(torch.from_numpy(seen.transpose(2, 0, 1).copy())[None])[0]
    plain = np.exp(scores[0].numpy().astype(np.float64))
    assert np.abs(found - plain / plain.sum(axis=0)).max() < 1e-5
    assert len(np.unique(found.argmax(axis=0))) > 3


def test_the_crop_is_ffhqs(network: Any) -> None:
    from vfx_swap.models.bisenet.parser import BiSeNetParser
    from vfx_swap.models.templates import five_points, template_named

    points = np.random.default_rng(2).normal(100.0, 30.0, (478, 3)).astype(np.float32)
    wanted = template_named("ffhq_512").pixels(SIZE)
    for rows, place in (((33, 133), 0), ((362, 263), 1), ((1,), 2), ((61,), 3), ((291,), 4)):
        points[list(rows), :2] = wanted[place] * 0.5 + 20.0
    warp = BiSeNetParser(id="bisenet", network=network).warp_for(
        Face(1, points, np.zeros(52, np.float32), Pose(0.0, 0.0, 0.0), 1.0)
    )
    assert (warp.width, warp.height) == (SIZE, SIZE)
    laid = five_points(points) @ warp.matrix[:, :2].T + warp.matrix[:, 2]
    assert np.abs(laid - wanted).max() < 1e-3


def test_weights_come_from_the_users_file(network: Any, picture: ModelImage, tmp_path: Path) -> None:
    from vfx_swap.models.bisenet.parser import BiSeNetParser, load_bisenet

    path = tmp_path / "mine.safetensors"
    tensors = {key: value.numpy() for key, value in network.state_dict().items()}
    write_safetensors(path, tensors, metadata={})
    card = load_registry().card("bisenet")
    parser = load_bisenet(card, {"network": path}, LoadOptions())
    wanted = BiSeNetParser(id="x", network=network).parse(picture, POINTS)
    assert np.array_equal(parser.parse(picture, POINTS), wanted)
    del tensors["conv_out.conv_out.weight"]
    write_safetensors(path, tensors, metadata={})
    with pytest.raises(ModelMismatchError, match=r"conv_out\.conv_out\.weight"):
        load_bisenet(card, {"network": path}, LoadOptions())


def test_without_weights_it_says_what_to_do() -> None:
    from vfx_swap.models.bisenet.parser import load_bisenet

    with pytest.raises(ModelMissingError, match="models add"):
        load_bisenet(load_registry().card("bisenet"), {}, LoadOptions())
