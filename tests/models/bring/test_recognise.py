from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.bring.recognise import recognise_state
from vfx_swap.models.bring.state_keys import NETWORKS, network_keys
from vfx_swap.models.cards import Card, card_folder, read_cards

UNKNOWN = "0" * 64
OFFICIAL_224 = "24caf144e9aabd5acd1127b06f13ed3528240adb9e747d77a94ac3f33e672330"


@pytest.fixture(scope="module")
def families() -> list[Card]:
    return [card for card in read_cards(card_folder()) if card.is_family]


def blank(network: str) -> dict[str, NDArray[Any]]:
    """Zeros of every shape, that take no memory."""
    return {
        key: np.broadcast_to(np.float32(0), shape) if shape else np.array(7, np.int64)
        for key, shape in network_keys(network).items()
    }


@pytest.mark.torch
@pytest.mark.parametrize("name", NETWORKS)
def test_the_lists_are_those_of_the_networks(name: str) -> None:
    torch = pytest.importorskip("torch")
    from vfx_swap.models.networks import build_network

    with torch.device("meta"):
        built = {key: tuple(value.shape) for key, value in build_network(name).state_dict().items()}
    assert built == dict(network_keys(name))


@pytest.mark.parametrize(
    ("network", "convention", "family"),
    [
        ("gen224", "official", "simswap-224"),
        ("gen224", "train-script", "simswap-224-trained"),
        ("gen512", None, "simswap-512"),
        ("genfix_deep", None, "simswap-512-trained"),
        ("disc", None, "simswap-discriminator"),
        ("arcface", None, "simswap-arcface"),
        ("bisenet", None, "bisenet"),
    ],
)
def test_keys_and_shapes_tell_the_family(network: str, convention: Any, family: str, families: list[Card]) -> None:
    found = recognise_state(blank(network), digest=UNKNOWN, families=families, convention=convention)
    assert found.family.id == family
    assert list(found.tensors) == list(network_keys(network))


def test_a_224_generator_has_to_be_told_unless_its_digest_is_known(families: list[Card]) -> None:
    with pytest.raises(UsageError, match="cannot be told from its keys") as caught:
        recognise_state(blank("gen224"), digest=UNKNOWN, families=families, convention=None)
    assert "--convention train-script" in (caught.value.mend or "")
    found = recognise_state(blank("gen224"), digest=OFFICIAL_224, families=families, convention=None)
    assert found.family.id == "simswap-224"


def test_a_convention_that_no_such_network_has_is_refused(families: list[Card]) -> None:
    with pytest.raises(UsageError, match="no family with the keys of 'gen512'"):
        recognise_state(blank("gen512"), digest=UNKNOWN, families=families, convention="train-script")


def state(families: list[Card], tensors: dict[str, NDArray[Any]]) -> None:
    recognise_state(tensors, digest=UNKNOWN, families=families, convention="official")


def test_a_key_short_is_named(families: list[Card]) -> None:
    tensors = blank("gen224")
    del tensors["BottleNeck.4.style2.linear.bias"]
    with pytest.raises(ModelMismatchError, match=r"nearest to 'gen224'.*1 missing: BottleNeck\.4\.style2\.linear\.b"):
        state(families, tensors)


def test_a_key_too_many_is_named(families: list[Card]) -> None:
    with pytest.raises(ModelMismatchError, match=r"1 too many: surprise\.weight"):
        state(families, blank("gen224") | {"surprise.weight": np.zeros(3, np.float32)})


def test_a_wrong_shape_is_named(families: list[Card]) -> None:
    with pytest.raises(ModelMismatchError, match=r"1 mis-shaped: last_layer\.1\.bias is \[4\], not \[3\]"):
        state(families, blank("gen224") | {"last_layer.1.bias": np.zeros(4, np.float32)})


def test_integers_where_weights_should_be_are_refused(families: list[Card]) -> None:
    with pytest.raises(ModelMismatchError, match=r"1 of another kind of number: last_layer\.1\.bias is int64"):
        state(families, blank("gen224") | {"last_layer.1.bias": np.zeros(3, np.int64)})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(bad: float, families: list[Card]) -> None:
    with pytest.raises(ModelMismatchError, match=r"1 of the 3 numbers of 'last_layer\.1\.bias' are NaN or infinite"):
        state(families, blank("gen224") | {"last_layer.1.bias": np.array([0, bad, 0], np.float32)})


def test_untouched_norms_of_the_bottleneck_are_left_out_and_only_those(families: list[Card]) -> None:
    rest = {
        "BottleNeck.3.norm1.running_mean": np.zeros(512, np.float32),
        "BottleNeck.3.norm1.running_var": np.ones(512, np.float32),
        "BottleNeck.3.norm1.num_batches_tracked": np.array(0),
    }
    found = recognise_state(blank("gen224") | rest, digest=UNKNOWN, families=families, convention="official")
    assert found.dropped == tuple(rest)
    assert not set(rest) & set(found.tensors)
    used = rest | {"BottleNeck.3.norm1.running_mean": np.full(512, 0.1, np.float32)}
    with pytest.raises(ModelMismatchError, match=r"1 too many: BottleNeck\.3\.norm1\.running_mean"):
        state(families, blank("gen224") | used)
    elsewhere = {"up1.norm.running_var": np.ones(64, np.float32)}
    with pytest.raises(ModelMismatchError, match="1 too many"):
        state(families, blank("gen224") | elsewhere)


def test_the_wrapper_of_several_gpus_is_taken_off(families: list[Card]) -> None:
    wrapped = {f"module.{key}": value for key, value in blank("disc").items()}
    found = recognise_state(wrapped, digest=UNKNOWN, families=families, convention=None)
    assert found.family.id == "simswap-discriminator"
    assert list(found.tensors) == list(network_keys("disc"))


@pytest.mark.parametrize("tensors", [{}, {"a": np.zeros(3, np.float32)}])
def test_another_networks_keys_are_refused(tensors: dict[str, NDArray[Any]], families: list[Card]) -> None:
    with pytest.raises(ModelMismatchError, match="no network here has its"):
        state(families, tensors)
