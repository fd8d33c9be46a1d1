from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models.bring.torch_files import call, write_legacy, write_zip
from tests.models.onnx_swap.graphs import family_graph
from vfx_swap.errors import MissingInputError, ModelMismatchError, RefusedError, SettingsError, UsageError
from vfx_swap.models.bring.add import AddOptions, Outcome, add_models
from vfx_swap.models.bring.card_text import card_text
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.bring.verify import verify_card
from vfx_swap.models.cards import Card, card_folder, card_from_table, read_card, read_cards
from vfx_swap.models.registry import load_registry
from vfx_swap.models.weights import card_states, sha256_of

SHIPPED = read_cards(card_folder())
CARDS = {card.id: card for card in SHIPPED}
NETWORKS: dict[str, dict[str, tuple[int, ...]]] = {
    "gen224": {"first.weight": (2, 3), "norm.running_var": (3,)},
    "disc": {"other.weight": (4,)},
}
"""Stand-ins that fit in a test: what counts is that every key and shape is held to."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def tensors() -> dict[str, NDArray[Any]]:
    return {
        "first.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "norm.running_var": np.ones(3, dtype=np.float32),
    }


def yes(card: Card) -> bool:
    return True


def add(path: Path, home: Path, *, accept: Callable[[Card], bool] = yes, **said: Any) -> list[Outcome]:
    options = AddOptions(**said)
    return list(
        add_models(path, folder=home, cards=SHIPPED, accept=accept, options=options, search=[home], networks=NETWORKS)
    )


def graph_file(path: Path, family: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(family_graph(CARDS[family]))
    return path


def test_a_graph_becomes_a_card_and_a_copy(tmp_path: Path, home: Path) -> None:
    brought = graph_file(tmp_path / "what_ever.bin", "inswapper-128")
    (outcome,) = add(brought, home)
    card = read_card(home / "inswapper-128.toml")
    assert outcome.card == card
    assert (home / "inswapper-128" / "inswapper-128.onnx").read_bytes() == brought.read_bytes()
    assert card.brought is not None
    assert (card.brought.name, card.brought.sha256) == ("what_ever.bin", sha256_of(brought))
    assert card.licence_accepted == card.brought.added
    assert (card.licence, card.commercial_use) == (CARDS["inswapper-128"].licence, False)
    assert card.swap == CARDS["inswapper-128"].swap
    assert verify_card(card, folders=[home]).error is None
    registry = load_registry(user_folders=[home])
    assert registry.cards["inswapper-128"] == card
    assert [state.state for state in card_states([card], folders=[home])] == ["found"]


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_a_checkpoint_becomes_safetensors(
    write: Any, tensors: dict[str, NDArray[Any]], tmp_path: Path, home: Path
) -> None:
    brought = write(tmp_path / "latest_net_G.pth", tensors)
    (outcome,) = add(brought, home, convention="train-script")
    card = read_card(home / "simswap-224-trained.toml")
    assert outcome.card == card
    held = read_safetensors(home / "simswap-224-trained" / "simswap-224-trained.safetensors")
    assert {key: value.tolist() for key, value in held.tensors.items()} == {
        key: value.tolist() for key, value in tensors.items()
    }
    assert held.metadata["convention"] == "train-script"
    assert held.metadata["source_sha256"] == sha256_of(brought)
    assert card.brought is not None
    assert card.brought.converted
    assert card.weights is not None
    assert card.weights.network == "genfix"
    # The safetensors file says its convention by itself: another machine need not be told again.
    (again,) = add(home / "simswap-224-trained" / "simswap-224-trained.safetensors", tmp_path / "other")
    assert again.card is not None
    assert again.card.family == "simswap-224-trained"


def test_nothing_is_written_before_the_licence_is_accepted(tmp_path: Path, home: Path) -> None:
    brought = graph_file(tmp_path / "a.onnx", "hyperswap-256")
    seen: list[Card] = []

    def no(card: Card) -> bool:
        seen.append(card)
        return False

    with pytest.raises(RefusedError, match=r"ResearchRAIL.*was not accepted"):
        add(brought, home, accept=no)
    assert [card.licence for card in seen] == [CARDS["hyperswap-256"].licence]
    assert not home.exists()
    (outcome,) = add(brought, home, accept=no, dry_run=True)
    assert outcome.card is not None
    assert outcome.card_path is None
    assert not home.exists()


def test_the_same_file_is_added_once_and_another_gets_a_name_of_its_own(tmp_path: Path, home: Path) -> None:
    first = graph_file(tmp_path / "a.onnx", "xseg")
    add(first, home)
    (again,) = add(first, home)
    assert again.already
    second = tmp_path / "b.onnx"
    second.write_bytes(family_graph(CARDS["xseg"], seed=9))
    (other,) = add(second, home)
    assert other.card is not None
    assert other.card.id == f"xseg-{sha256_of(second)[:8]}"
    (named,) = add(first, home, id="my-occluder")
    assert named.card is not None
    assert named.card.id == "my-occluder"
    assert sorted(path.stem for path in home.glob("*.toml")) == ["my-occluder", "xseg", other.card.id]
    registry = load_registry(user_folders=[home])
    assert {"my-occluder", "xseg", other.card.id} <= set(registry.cards)


@pytest.mark.parametrize("taken", ["centerface", "uniface-256"])
def test_an_id_of_a_shipped_card_is_not_taken(taken: str, tmp_path: Path, home: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        add(graph_file(tmp_path / "a.onnx", "xseg"), home, id=taken)
    assert not home.exists()


def test_a_user_s_card_may_say_otherwise_than_its_family(tmp_path: Path, home: Path) -> None:
    add(graph_file(tmp_path / "a.onnx", "simswap-unofficial-512"), home)
    path = home / "simswap-unofficial-512.toml"
    path.write_text(path.read_text().replace("arcface_112_v1", "ffhq_512"))
    assert load_registry(user_folders=[home]).cards["simswap-unofficial-512"].picture.template == "ffhq_512"


def test_an_archive_as_published_gives_its_models(tensors: dict[str, NDArray[Any]], tmp_path: Path, home: Path) -> None:
    net = write_zip(tmp_path / "latest_net_G.pth", tensors)
    disc = write_legacy(tmp_path / "latest_net_D1.pth", {"other.weight": np.ones(4, np.float32)})
    with zipfile.ZipFile(tmp_path / "checkpoints.zip", "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.write(net, "people/latest_net_G.pth")
        archive.write(disc, "people/latest_net_D1.pth")
        archive.writestr("people/iter.txt", "12\n")
    outcomes = {one.name: one for one in add(tmp_path / "checkpoints.zip", home, convention="official")}
    assert {name: one.card and one.card.id for name, one in outcomes.items()} == {
        "people/latest_net_G.pth": "simswap-224",
        "people/latest_net_D1.pth": "simswap-discriminator",
        "people/iter.txt": None,
    }
    assert "neither a torch checkpoint" in str(outcomes["people/iter.txt"].error)
    with pytest.raises(UsageError, match="several files"):
        add(tmp_path / "checkpoints.zip", home, id="x")


def test_a_folder_of_another_tool_is_gone_through_and_what_is_left_is_named(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / ".assets" / "models"
    graph_file(folder / "hyperswap_1a_256.onnx", "hyperswap-256")
    graph_file(folder / "ghost_1_256.onnx", "ghost-256").write_bytes(family_graph(CARDS["ghost-256"], match=3))
    (folder / "hyperswap_1a_256.hash").write_text("0123abcd")
    (folder / "broken.onnx").write_bytes(b"\x08\x08half")
    write_zip(folder / "sub.pth", {}, text=call("os", "system", "true"))
    outcomes = {one.name: one for one in add(folder, home)}
    assert [name for name, one in outcomes.items() if one.card] == ["hyperswap_1a_256.onnx"]
    reasons = {name: str(one.error) for name, one in outcomes.items() if one.error}
    assert "fits 4 families" in reasons["ghost_1_256.onnx"]
    assert "os.system" in reasons["sub.pth"]
    assert "cut off" in reasons["broken.onnx"]
    assert "neither a torch checkpoint" in reasons["hyperswap_1a_256.hash"]
    (one,) = add(folder / "ghost_1_256.onnx", home, family="ghost-256")
    assert one.card is not None
    assert one.card.id == "ghost-256"


def test_files_can_stay_where_another_tool_keeps_them(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "facefusion"
    brought = graph_file(folder / "uniface_256.onnx", "uniface-256")
    with pytest.raises(UsageError, match="no folder in which models are looked for") as caught:
        add(brought, home, in_place=True)
    assert str(folder) in (caught.value.mend or "")
    said = AddOptions(in_place=True)
    found = list(add_models(folder, folder=home, cards=SHIPPED, accept=yes, options=said, search=[home, folder]))
    card = read_card(home / "uniface-256.toml")
    assert [one.card for one in found] == [card]
    assert [path.name for path in home.iterdir()] == ["uniface-256.toml"]
    assert verify_card(card, folders=[home, folder]).error is None
    brought.write_bytes(family_graph(CARDS["uniface-256"], seed=4))
    assert isinstance(verify_card(card, folders=[home, folder]).error, ModelMismatchError)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", "neither a torch"), (b"hello, this is text", "neither a torch"), (bytes(64), "neither a torch")],
)
def test_what_is_no_model_is_refused(body: bytes, reason: str, tmp_path: Path, home: Path) -> None:
    (tmp_path / "x").write_bytes(body)
    with pytest.raises(ModelMismatchError, match=reason):
        add(tmp_path / "x", home)
    with pytest.raises(MissingInputError):
        add(tmp_path / "none", home)


def test_a_zip_behind_a_graph_does_not_make_it_an_archive(tmp_path: Path, home: Path) -> None:
    brought = graph_file(tmp_path / "a.onnx", "xseg")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("x", b"y")
    brought.write_bytes(brought.read_bytes() + (tmp_path / "b.zip").read_bytes())
    with pytest.raises(ModelMismatchError, match="ONNX"):
        add(brought, home)


def test_a_card_that_cannot_be_read_is_named(home: Path) -> None:
    (home / "mine.toml").mkdir(parents=True)
    with pytest.raises(MissingInputError, match="cannot be read") as caught:
        load_registry(user_folders=[home])
    assert caught.value.where == str(home / "mine.toml")


def test_a_size_of_the_file_s_own_comes_on_its_card(tmp_path: Path, home: Path) -> None:
    (outcome,) = add(graph_file(tmp_path / "someone.dfm", "deepfacelab"), home)
    assert outcome.card is not None
    assert outcome.card.picture.size == 64


def test_verify_finds_what_has_changed(tmp_path: Path, home: Path, tensors: dict[str, NDArray[Any]]) -> None:
    add(graph_file(tmp_path / "a.onnx", "xseg"), home)
    card = read_card(home / "xseg.toml")
    other = card.model_copy(update={"graph": card.graph.model_copy(update={"inputs": {"another": [1, 2]}})})
    assert "the card has an input another" in str(verify_card(other, folders=[home]).error)
    file = home / "xseg" / "xseg.onnx"
    file.write_bytes(family_graph(CARDS["xseg"], seed=8))
    assert "not the file of the model" in str(verify_card(card, folders=[home]).error)
    file.unlink()
    assert "not installed" in str(verify_card(card, folders=[home]).error)
    add(write_zip(tmp_path / "g.pth", tensors), home, convention="official")
    generator = read_card(home / "simswap-224.toml")
    assert verify_card(generator, folders=[home], networks=NETWORKS).error is None
    lacking = {"gen224": {**NETWORKS["gen224"], "more": (1,)}}
    assert "keys are not those" in str(verify_card(generator, folders=[home], networks=lacking).error)


def test_cards_survive_their_text() -> None:
    for card in SHIPPED:
        assert _reread(card) == card
    odd = SHIPPED[0].model_copy(
        update={"notes": 'a "quote"\nand \\ and \x7f é', "roles": {"a b": "in_face:0", "": "x"}}
    )
    assert _reread(odd) == odd


def _reread(card: Card) -> Card:
    return card_from_table(tomllib.loads(card_text(card)))


def test_a_broken_card_of_the_user_s_is_named(home: Path) -> None:
    home.mkdir()
    (home / "unrelated.toml").write_text("[tool]\nx = 1\n")
    assert set(load_registry(user_folders=[home]).cards) == set(CARDS)
    (home / "mine.toml").write_text('schema = "vfx_swap/card.1"\nid = "mine"\n')
    with pytest.raises(SettingsError, match=r"mine\.toml"):
        load_registry(user_folders=[home])
