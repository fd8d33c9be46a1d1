from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, load_model_from_string, numpy_helper

from tests.models.onnx_swap.graphs import family_graph
from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.bring.onnx_file import find_map, read_graph
from vfx_swap.models.bring.recognise import recognise_graph
from vfx_swap.models.cards import Card, card_folder, read_cards

UNKNOWN = "0" * 64
CARDS = {card.id: card for card in read_cards(card_folder())}
FAMILIES = [card for card in CARDS.values() if card.is_family]
GRAPHS = [(card, number) for card in FAMILIES for number, spec in enumerate(card.match) if spec.inputs]
ALIKE = [
    {"alphaface-256", "ghost-256", "hififace-256", "simswap-unofficial-256"},
    {"crossface-ghost", "crossface-hififace", "crossface-simswap"},
    {"gfpgan-512", "gpen-512"},
    {"cscs-arcface", "cscs-id-adapter", "ghost-arcface", "glintr100", "simswap-arcface-onnx", "w600k-r50"},
]
"""Families whose files no signature tells apart."""


def changed(data: bytes, change: Callable[[Any], None]) -> bytes:
    model = load_model_from_string(data)
    change(model)
    result: bytes = model.SerializeToString()
    return result


@pytest.fixture(scope="module")
def graph() -> bytes:
    return family_graph(CARDS["inswapper-128"])


@pytest.mark.parametrize(("card", "match"), GRAPHS, ids=[f"{card.id}-{number}" for card, number in GRAPHS])
def test_a_graph_is_its_family_or_one_of_those_that_look_the_same(card: Card, match: int) -> None:
    graph = read_graph(family_graph(card, match=match), where="x")
    assert recognise_graph(graph, digest=UNKNOWN, families=FAMILIES, family=card.id)[0] is card
    named = any(slot.names for slot in card.match[match].outputs.values())  # which GHOST's own outputs have
    group = next((group for group in ALIKE if card.id in group and not named), None)
    if group is None:
        assert recognise_graph(graph, digest=UNKNOWN, families=FAMILIES, family=None)[0] is card
    else:
        with pytest.raises(UsageError, match=", ".join(sorted(group))) as caught:
            recognise_graph(graph, digest=UNKNOWN, families=FAMILIES, family=None)
        assert "--family" in (caught.value.mend or "")
    for known in (one.sha256 for one in card.known):
        digest = known.ljust(64, "0")
        assert recognise_graph(graph, digest=digest, families=FAMILIES, family=None)[0] is card


def test_a_known_digest_does_not_override_the_signature() -> None:
    digest = CARDS["hyperswap-256"].known[0].sha256
    graph = read_graph(family_graph(CARDS["uniface-256"]), where="x")
    assert recognise_graph(graph, digest=digest, families=FAMILIES, family=None)[0].id == "uniface-256"


def test_roles_are_found_by_name_and_shape() -> None:
    card = CARDS["simswap-unofficial-512"]
    graph = read_graph(family_graph(card, match=1), where="x")
    fit = recognise_graph(graph, digest=UNKNOWN, families=FAMILIES, family=None)[1]
    assert dict(fit.roles) == {"target": "input", "source": "onnx::Gemm_1", "image": "output"}
    mask = read_graph(family_graph(CARDS["hyperswap-256"]), where="x")
    roles = recognise_graph(mask, digest=UNKNOWN, families=FAMILIES, family=None)[1].roles
    assert (roles["image"], roles["mask"]) == ("output", "mask")


def test_a_family_that_it_is_not_is_refused(graph: bytes) -> None:
    signature = read_graph(graph, where="x")
    with pytest.raises(ModelMismatchError, match="not one of 'uniface-256'") as caught:
        recognise_graph(signature, digest=UNKNOWN, families=FAMILIES, family="uniface-256")
    assert "inswapper-128" in (caught.value.mend or "")
    with pytest.raises(UsageError, match="there is no family 'nonsense'"):
        recognise_graph(signature, digest=UNKNOWN, families=FAMILIES, family="nonsense")


def test_an_unknown_graph_is_refused_with_its_signature() -> None:
    node = helper.make_node("Relu", ["a"], ["b"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 7]) for name in "ab"]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]), ir_version=8)
    signature = read_graph(model.SerializeToString(), where="x")
    with pytest.raises(ModelMismatchError, match=r"no family of models has this graph: in: a float32 \[2, 7\]"):
        recognise_graph(signature, digest=UNKNOWN, families=FAMILIES, family=None)


def test_the_embeddings_map_is_found_wherever_it_lies(graph: bytes) -> None:
    wanted = find_map(graph, shape=(512, 512), where="x")

    def first(model: Any) -> None:
        constants = [one for one in model.graph.initializer if one.name == "buff2fs"]
        others = [one for one in model.graph.initializer if one.name != "buff2fs"]
        del model.graph.initializer[:]
        model.graph.initializer.extend([*constants, *others])

    def crowded(model: Any) -> None:
        """A constant of the same shape that the graph uses, after the map."""
        model.graph.initializer.append(numpy_helper.from_array(np.zeros((512, 512), np.float32), "last"))
        model.graph.node.append(helper.make_node("Identity", ["last"], ["nowhere"]))

    def named(model: Any) -> None:
        """Two that nothing uses: the name says which."""
        for one in model.graph.initializer:
            one.name = "the_emap" if one.name == "buff2fs" else one.name
        model.graph.initializer.append(numpy_helper.from_array(np.zeros((512, 512), np.float32), "spare"))

    for change in (first, crowded, named):
        np.testing.assert_array_equal(find_map(changed(graph, change), shape=(512, 512), where="x"), wanted)

    def doubtful(model: Any) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.zeros((512, 512), np.float32), "spare"))

    with pytest.raises(ModelMismatchError, match="2 constants of shape"):
        find_map(changed(graph, doubtful), shape=(512, 512), where="x")


def test_a_truncated_graph_is_refused(graph: bytes) -> None:
    for data in (b"", graph[: len(graph) // 2], graph[:-9], b"\x08\x08", b"\x08garbage"):
        with pytest.raises(ModelMismatchError, match="cut off"):
            read_graph(data, where="swap.onnx")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("weights.bin", "lies in another file"),
        ("/etc/passwd", "not its own"),
        ("../../secret", "not its own"),
        ("..\\x", "not its own"),
    ],
)
def test_weights_in_other_files_are_refused(place: str, reason: str, graph: bytes) -> None:
    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)

    with pytest.raises(ModelMismatchError, match=reason) as caught:
        read_graph(changed(graph, change), where="swap.onnx")
    assert caught.value.where == "swap.onnx"


def test_weights_in_other_files_are_found_inside_branches_too() -> None:
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "hidden")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    result = helper.make_tensor_value_info("r", TensorProto.FLOAT, [2])
    branch = helper.make_graph([helper.make_node("Constant", [], ["r"], value=tensor)], "then", [], [result])
    node = helper.make_node("If", ["c"], ["out"], then_branch=branch, else_branch=branch)
    ends = [
        helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        helper.make_tensor_value_info("out", TensorProto.FLOAT, [2]),
    ]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]), ir_version=8)
    with pytest.raises(ModelMismatchError, match="'/etc/passwd'"):
        read_graph(model.SerializeToString(), where="x")


@pytest.mark.parametrize(
    ("domain", "kind", "named"),
    [("evil.ops", "Run", "evil.ops::Run"), ("", "NoSuchOperator", "NoSuchOperator")],
)
def test_custom_operators_are_refused(domain: str, kind: str, named: str, graph: bytes) -> None:
    def change(model: Any) -> None:
        model.graph.node.append(helper.make_node(kind, [], ["x"], domain=domain))

    with pytest.raises(ModelMismatchError, match=f"custom operator {named}"):
        read_graph(changed(graph, change), where="x")


def test_nan_weights_are_refused(graph: bytes) -> None:
    def change(model: Any) -> None:
        values = numpy_helper.to_array(model.graph.initializer[0]).copy()
        values.flat[0] = np.nan
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, model.graph.initializer[0].name))

    with pytest.raises(ModelMismatchError, match=r"1 of the \d+ numbers of its constant 'c0' are NaN"):
        read_graph(changed(graph, change), where="x")


def test_a_constant_that_is_cut_off_is_refused(graph: bytes) -> None:
    def change(model: Any) -> None:
        model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]

    with pytest.raises(ModelMismatchError, match="cut off"):
        read_graph(changed(graph, change), where="x")


def test_any_byte_changed_is_either_harmless_or_refused() -> None:
    whole = family_graph(CARDS["xseg"])
    random = np.random.default_rng(5)
    refused = 0
    for number in range(600):
        body = bytearray(whole)
        for _ in range(1 + number % 4):
            body[int(random.integers(len(body)))] = int(random.integers(256))
        try:
            read_graph(bytes(body), where="x")
        except ModelMismatchError:
            refused += 1
    assert refused > 100
