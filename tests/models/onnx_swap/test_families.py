"""The battery that every family's card passes, on a tiny graph of its own names, shapes and conventions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, load_model_from_string

from tests.models.onnx_swap.graphs import family_graph
from tests.models.test_network_swapper import cut, face_at, half_plate, identity
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import DeviceError, ModelMismatchError, ModelMissingError
from vfx_swap.models.bring.add import AddOptions, add_models
from vfx_swap.models.bring.verify import verify_card
from vfx_swap.models.cards import Card, card_folder, read_cards
from vfx_swap.models.default import PARSE_ARCHITECTURES, load_model
from vfx_swap.models.network_swapper import NetworkAnswer, NetworkSwapper
from vfx_swap.models.onnx_swap.network import CardSwapNetwork
from vfx_swap.models.onnx_swap.open import BROUGHT_ARCHITECTURES, brought_registry, open_embedder, open_swapper
from vfx_swap.models.protocols import Detector, Occluder, Parser, Recogniser, Restorer
from vfx_swap.models.registry import LoadOptions, Registry, load_registry
from vfx_swap.types import Detection, Embedding, ModelImage

SHIPPED = read_cards(card_folder())
FAMILIES = [card for card in SHIPPED if card.is_family]
GRAPHS = [(card, number) for card in FAMILIES for number, spec in enumerate(card.match) if spec.inputs]
OPTIONS = LoadOptions(threads=1)
LARGE = {"gpen-1024", "gpen-2048"}
"""Their picture alone takes seconds: what they share with gpen-512 is proved there."""


def ids(rows: list[tuple[Card, int]]) -> list[str]:
    return [f"{card.id}-{number}" for card, number in rows]


def brought(home: Path, *rows: tuple[Card, int], batch: int | str = "batch", seed: int = 3) -> Registry:
    """A registry in which files of these families were added by `models add`."""
    for card, match in rows:
        path = home.parent / f"{card.id}-{match}.brought"
        path.write_bytes(family_graph(card, match=match, batch=batch, seed=seed))
        options = AddOptions(family=card.id)
        list(add_models(path, folder=home, cards=SHIPPED, accept=lambda _: True, options=options))
    return load_registry(architectures=BROUGHT_ARCHITECTURES, user_folders=[home])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "models"


def picture(side: int, *, seed: int = 1) -> ModelImage:
    return ModelImage(np.random.default_rng(seed).random((side, side, 3), dtype=np.float32))


def vector(length: int = 512, *, seed: int = 2, recogniser: str = "w600k-r50") -> Embedding:
    return Embedding(recogniser, np.random.default_rng(seed).standard_normal(length).astype(np.float32))


def source_for(card: Card, *, seed: int = 2) -> Embedding:
    """An identity as this swapper takes it."""
    assert card.swap is not None
    if card.swap.picture is None:
        return vector(seed=seed)
    side = card.swap.picture.size or 0
    return Embedding("picture", picture(side, seed=seed).rgb.reshape(-1))


def face(side: int) -> Detection:
    points = np.array([[0.38, 0.46], [0.62, 0.46], [0.5, 0.61], [0.4, 0.72], [0.6, 0.72]], np.float32) * side
    return Detection(np.array([0.2, 0.2, 0.8, 0.9], np.float32) * side, points, 0.9)


def same(one: NetworkAnswer, other: NetworkAnswer) -> None:
    np.testing.assert_allclose(one.image.rgb, other.image.rgb, rtol=0, atol=2e-6)
    assert (one.alpha is None) == (other.alpha is None)
    if one.alpha is not None and other.alpha is not None:
        np.testing.assert_allclose(one.alpha, other.alpha, rtol=0, atol=2e-6)


SWAPPERS = [(card, number) for card, number in GRAPHS if card.task == "swap"]


@pytest.mark.parametrize(("card", "match"), SWAPPERS, ids=ids(SWAPPERS))
@pytest.mark.parametrize("batch", ["batch", 1])
def test_swapper(card: Card, match: int, batch: int | str, home: Path) -> None:
    rows = [(card, match)]
    assert card.swap is not None
    if card.swap.converter is not None:
        rows.append((next(one for one in FAMILIES if one.id == card.swap.converter), 0))
    registry = brought(home, *rows, batch=batch)
    mine = registry.cards[card.id]
    assert verify_card(mine, folders=[home]).error is None
    opened = open_swapper(mine, options=OPTIONS, registry=registry, folders=[home])
    shown, identity = picture(opened.size), source_for(card)
    answer = opened.network(shown, identity)
    assert answer.image.rgb.shape == (opened.size, opened.size, 3)
    low, high = float(answer.image.rgb.min()), float(answer.image.rgb.max())
    assert 0.0 <= low < high <= 1.0
    # Of the family's whole range, so neither half of it was cut off nor squeezed by a wrong convention.
    assert low < 0.35
    assert high > 0.65
    has_mask = {"mask", "face_mask"} & set(card.match[match].outputs)
    assert (answer.alpha is not None) == bool(has_mask)
    np.testing.assert_array_equal(opened.network(shown, identity).image.rgb, answer.image.rgb)
    other = opened.network(shown, source_for(card, seed=7))
    if card.swap.source == "none":
        np.testing.assert_array_equal(other.image.rgb, answer.image.rgb)
    else:
        assert np.abs(other.image.rgb - answer.image.rgb).max() > 1e-3
    several = [shown, picture(opened.size, seed=5), picture(opened.size, seed=6)]
    network: Any = opened.network
    together = network.answers(several, identity)
    for one, alone in zip(together, (network(image, identity) for image in several), strict=True):
        same(one, alone)
    assert network.answers([], identity) == []


@pytest.mark.parametrize(
    "card", [card for card in FAMILIES if card.swap and card.swap.source == "picture"], ids=lambda card: card.id
)
def test_the_identity_s_picture_is_its_embedding(card: Card, home: Path) -> None:
    registry = brought(home, (card, 0))
    opened = open_swapper(registry.cards[card.id], options=OPTIONS, registry=registry, folders=[home])
    embedder = open_embedder(registry.cards[card.id], options=OPTIONS, registry=registry, folders=[home])
    assert embedder is not None
    assert embedder.id == opened.recogniser
    photograph = picture(300)
    embedding = embedder.embed(photograph, face(300))
    assert embedding.recogniser == opened.recogniser
    opened.network(picture(opened.size), embedding)
    with pytest.raises(ModelMismatchError, match="takes a picture of"):
        opened.network(picture(opened.size), vector())


RECOGNISERS = [(card, number) for card, number in GRAPHS if card.task == "recognise"]


@pytest.mark.parametrize(("card", "match"), RECOGNISERS, ids=ids(RECOGNISERS))
def test_recogniser(card: Card, match: int, home: Path) -> None:
    registry = brought(home, (card, match))
    recogniser = load_model(registry.cards[card.id], registry=registry, options=OPTIONS, folders=[home])
    assert isinstance(recogniser, Recogniser)
    photograph = picture(240)
    one = recogniser.embed(photograph, face(240))
    assert (one.recogniser, one.vector.shape, str(one.vector.dtype)) == (card.id, (512,), "float32")
    np.testing.assert_array_equal(recogniser.embed(photograph, face(240)).vector, one.vector)
    assert np.abs(recogniser.embed(picture(240, seed=9), face(240)).vector - one.vector).max() > 1e-3


def test_two_recognisers_are_added_at_unit_length(home: Path) -> None:
    cards = {card.id: card for card in FAMILIES}
    registry = brought(home, (cards["cscs-256"], 0), (cards["cscs-arcface"], 0))
    path = home.parent / "adapter"
    path.write_bytes(family_graph(cards["cscs-id-adapter"], seed=11))
    options = AddOptions(family="cscs-id-adapter")
    list(add_models(path, folder=home, cards=SHIPPED, accept=lambda _: True, options=options))
    registry = load_registry(architectures=BROUGHT_ARCHITECTURES, user_folders=[home])
    swapper = open_swapper(registry.cards["cscs-256"], options=OPTIONS, registry=registry, folders=[home])
    embedder = open_embedder(registry.cards["cscs-256"], options=OPTIONS, registry=registry, folders=[home])
    assert embedder is not None
    assert embedder.id == swapper.recogniser == "cscs-arcface+cscs-id-adapter"
    parts = [
        load_model(registry.cards[name], registry=registry, options=OPTIONS, folders=[home])
        for name in ("cscs-arcface", "cscs-id-adapter")
    ]
    vectors = [part.embed(picture(200), face(200)).vector for part in parts]
    wanted = sum(one / np.linalg.norm(one) for one in vectors)
    np.testing.assert_allclose(embedder.embed(picture(200), face(200)).vector, wanted, atol=1e-6)


CONVERTERS = [(card, number) for card, number in GRAPHS if card.task == "convert"]


@pytest.mark.parametrize(("card", "match"), CONVERTERS, ids=ids(CONVERTERS))
def test_converter(card: Card, match: int, home: Path) -> None:
    registry = brought(home, (card, match))
    converter = load_model(registry.cards[card.id], registry=registry, options=OPTIONS, folders=[home])
    one = converter.convert(vector().vector)
    assert (one.shape, one.dtype) == ((512,), np.float32)
    np.testing.assert_array_equal(converter.convert(vector().vector), one)
    # It scales its input itself, so the raw and the unit vector give the same.
    np.testing.assert_allclose(converter.convert(vector().vector * 7), one, atol=1e-5)
    assert np.abs(converter.convert(vector(seed=3).vector) - one).max() > 1e-3


def test_occluder(home: Path) -> None:
    card = next(card for card in FAMILIES if card.task == "occlude")
    registry = brought(home, (card, 0))
    occluder = load_model(registry.cards[card.id], registry=registry, options=OPTIONS, folders=[home])
    assert isinstance(occluder, Occluder)
    for side in (256, 200, 512):
        mask = occluder.visible(picture(side))
        assert mask.shape == (side, side)
        assert 0.0 <= float(mask.min()) < float(mask.max()) <= 1.0
        np.testing.assert_array_equal(occluder.visible(picture(side)), mask)


def test_occluder_is_shown_blue_first(home: Path) -> None:
    card = next(card for card in FAMILIES if card.task == "occlude")
    registry = brought(home, (card, 0))
    mine = registry.cards[card.id]
    shown = picture(256)
    turned = ModelImage(np.ascontiguousarray(shown.rgb[..., ::-1]))
    red_first = mine.model_copy(update={"picture": mine.picture.model_copy(update={"order": "RGB"})})
    as_card = load_model(mine, registry=registry, options=OPTIONS, folders=[home])
    other = load_model(red_first, registry=registry, options=OPTIONS, folders=[home])
    np.testing.assert_array_equal(as_card.visible(shown), other.visible(turned))
    assert np.abs(as_card.visible(shown) - other.visible(shown)).max() > 0.01


def test_parser(home: Path) -> None:
    card = next(card for card in FAMILIES if card.id == "bisenet-onnx")
    registry = brought(home, (card, 0)).with_architectures(*PARSE_ARCHITECTURES)
    parser = load_model(registry.cards[card.id], registry=registry, options=OPTIONS, folders=[home])
    assert isinstance(parser, Parser)
    points = np.zeros((478, 3), np.float32)
    shares = parser.parse(picture(512), points)
    assert shares.shape == (19, 512, 512)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-5)
    assert len(np.unique(np.argmax(shares, axis=0))) > 3
    np.testing.assert_array_equal(parser.parse(picture(512), points), shares)
    with pytest.raises(ModelMismatchError, match="512x512"):
        parser.parse(picture(256), points)


RESTORERS = [(card, number) for card, number in GRAPHS if card.task == "restore" and card.id not in LARGE]


@pytest.mark.parametrize(("card", "match"), RESTORERS, ids=ids(RESTORERS))
def test_restorer(card: Card, match: int, home: Path) -> None:
    registry = brought(home, (card, match))
    restorer = load_model(registry.cards[card.id], registry=registry, options=OPTIONS, folders=[home])
    assert isinstance(restorer, Restorer)
    side = card.picture.size or 0
    restored = restorer.restore(picture(side))
    assert restored.rgb.shape == (side, side, 3)
    assert float(restored.rgb.min()) < 0.35
    assert float(restored.rgb.max()) > 0.65
    np.testing.assert_array_equal(restorer.restore(picture(side)).rgb, restored.rgb)
    with pytest.raises(ModelMismatchError, match=f"{side}x{side}"):
        restorer.restore(picture(64))


def test_detector(home: Path) -> None:
    card = next(card for card in FAMILIES if card.id == "scrfd")
    registry = brought(home, (card, 0))
    detector = load_model(registry.cards[card.id], registry=registry, options=OPTIONS, folders=[home])
    assert isinstance(detector, Detector)
    dark = np.zeros((320, 640, 3), np.float32)
    assert list(detector.detect(ModelImage(dark))) == []
    bright = dark.copy()
    bright[96:128, 160:192] = 1.0  # one cell at stride 32, four at 16, sixteen at 8
    faces = detector.detect(ModelImage(bright))
    assert faces
    assert faces[0].score > 0.99
    large = max(faces, key=lambda one: one.height)
    np.testing.assert_allclose(large.box, [96, 32, 224, 160], atol=1.0)
    np.testing.assert_allclose(large.points[2], [160, 96], atol=1.0)
    half = ModelImage(np.ascontiguousarray(bright[::2, ::2]))
    small = max(detector.detect(half), key=lambda one: one.height)
    np.testing.assert_allclose(small.box, (large.box + 0.5) / 2 - 0.5, atol=1.0)


def test_a_graph_that_takes_and_gives_halves(home: Path) -> None:
    card = next(card for card in FAMILIES if card.id == "hyperswap-256")
    brought(home, (card, 0))
    model = load_model_from_string(family_graph(card, match=0))
    half = TensorProto.FLOAT16
    ends = (*model.graph.input, *model.graph.output)
    names = {one.name: f"{one.name}.whole" for one in ends}
    for node in model.graph.node:
        for words in (node.input, node.output):
            words[:] = [names.get(word, word) for word in words]
    first = [helper.make_node("Cast", [one.name], [names[one.name]], to=1) for one in model.graph.input]
    last = [helper.make_node("Cast", [names[one.name]], [one.name], to=half) for one in model.graph.output]
    nodes = [*first, *model.graph.node, *last]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for one in ends:
        one.type.tensor_type.elem_type = half
    path = home.parent / "half"
    path.write_bytes(model.SerializeToString())
    options = AddOptions(id="half")
    list(add_models(path, folder=home, cards=SHIPPED, accept=lambda _: True, options=options))
    registry = load_registry(architectures=BROUGHT_ARCHITECTURES, user_folders=[home])
    answers = [
        open_swapper(registry.cards[name], options=OPTIONS, registry=registry, folders=[home]).network(
            picture(256), vector()
        )
        for name in ("half", "hyperswap-256")
    ]
    np.testing.assert_allclose(answers[0].image.rgb, answers[1].image.rgb, atol=5e-3)


def test_a_swapper_without_its_converter_says_what_to_bring(home: Path) -> None:
    card = next(card for card in FAMILIES if card.id == "hififace-256")
    registry = brought(home, (card, 0))
    with pytest.raises(ModelMissingError, match="no file of the family 'crossface-hififace'") as caught:
        open_swapper(registry.cards[card.id], options=OPTIONS, registry=registry, folders=[home])
    assert "vfx-swap models add" in (caught.value.mend or "")
    alone = load_model(registry.cards[card.id], registry=registry, options=OPTIONS, folders=[home])
    with pytest.raises(ModelMismatchError, match="needs the converter 'crossface-hififace'"):
        alone(picture(256), vector())
    with pytest.raises(ModelMissingError, match="'w600k-r50'"):
        open_embedder(registry.cards[card.id], options=OPTIONS, registry=registry, folders=[home])


def test_all_that_runs_here_stands_in_one_registry(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shipped card has its code, but for the discriminator, which nothing renders with."""
    monkeypatch.setenv("VFX_SWAP_MODELS", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    registry = brought_registry()
    assert set(registry.cards) == {card.id for card in SHIPPED}
    for card in registry.cards.values():
        if card.task != "train":
            assert registry.architecture_of(card).id == card.architecture


def test_a_family_that_nobody_brought_says_so(home: Path) -> None:
    registry = load_registry(architectures=BROUGHT_ARCHITECTURES, user_folders=[])
    with pytest.raises(ModelMissingError, match="no file of the family 'inswapper-128'"):
        open_swapper(registry.cards["inswapper-128"], options=OPTIONS, registry=registry, folders=[home])


@pytest.mark.parametrize("family", ["inswapper-128", "xseg", "w600k-r50"])
def test_no_device_is_taken_in_another_s_place(family: str, home: Path) -> None:
    from vfx_swap.models.runtimes.onnx_session import import_onnxruntime

    if "CUDAExecutionProvider" in import_onnxruntime().get_available_providers():
        pytest.skip("this machine's ONNX Runtime has CUDA")
    card = next(card for card in FAMILIES if card.id == family)
    registry = brought(home, (card, 0))
    with pytest.raises(DeviceError, match="no CUDA provider"):
        load_model(registry.cards[family], registry=registry, options=LoadOptions(device="cuda"), folders=[home])


def test_a_card_that_names_what_the_graph_has_not_is_refused(home: Path) -> None:
    card = next(card for card in FAMILIES if card.id == "hyperswap-256")
    registry = brought(home, (card, 0))
    wrong = registry.cards[card.id].model_copy(
        update={"roles": {"target": "target", "source": "src", "image": "output"}}
    )
    with pytest.raises(ModelMismatchError, match=r"the card names \['src'\]"):
        load_model(wrong, registry=registry, options=OPTIONS, folders=[home])


def test_an_answer_of_nan_is_refused() -> None:
    class Broken:
        most: int | None = None
        inputs = frozenset({"target", "source"})

        def run(self, inputs: Any) -> Any:
            return {"image": np.full_like(inputs["target"], np.nan)}

    card = next(card for card in FAMILIES if card.id == "alphaface-256")
    with pytest.raises(ModelMismatchError, match="NaN"):
        CardSwapNetwork(card=card, runner=Broken())(picture(256), vector())


@pytest.mark.parametrize("name", ["hyperswap-256", "deepfacelab"])
def test_an_opened_swapper_runs_in_scene_linear_light(name: str, home: Path) -> None:
    """Through `NetworkSwapper`, on a plate with highlights far above white: what the mask leaves out keeps its bits."""
    card = next(card for card in FAMILIES if card.id == name)
    registry = brought(home, (card, 0))
    opened = open_swapper(registry.cards[name], options=OPTIONS, registry=registry, folders=[home])
    swapper = NetworkSwapper(
        id=name,
        template=opened.template,
        size=opened.size,
        network=opened.network,
        recogniser=opened.recogniser,
        config=load_config(environ={}),
    )
    who = identity(**{"w600k-r50": vector()}) if opened.recogniser else identity()
    prepared = swapper.prepare(who, colour_space="ACEScg")
    warp = swapper.warp_for(face_at(40, 10, 60))
    plate = np.where(np.isfinite(half_plate()), half_plate(), np.float32(0.2))
    crop = cut(plate, warp)
    swapped = swapper.swap(crop, face_at(40, 10, 60), prepared)
    outside = swapped.alpha == 0.0
    np.testing.assert_array_equal(swapped.rgb[outside], crop.rgb[outside])
    changed = np.abs(swapped.rgb - crop.rgb).max(axis=2) > 1e-4
    assert changed[~outside].mean() > 0.5
