from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from vfx_swap.errors import MissingInputError, ModelMissingError, SettingsError
from vfx_swap.models.cards import Card, card_folder, card_from_table, read_card, read_cards


@pytest.fixture
def table() -> dict[str, Any]:
    return tomllib.loads((card_folder() / "dlib-resnet.toml").read_text(encoding="utf-8"))


def test_default_cards_allow_paid_work_and_name_their_licence() -> None:
    cards = [card for card in read_cards(card_folder()) if card.default]
    assert {card.id for card in cards} >= {"centerface", "mediapipe-facemesh", "dlib-resnet"}
    assert all(card.commercial_use for card in cards)


def test_no_card_uses_the_68_point_predictor() -> None:
    assert not any("68" in file.name for card in read_cards(card_folder()) for file in card.file)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        pytest.param(("schema",), "vfx_swap/card.2", "schema", id="another schema"),
        pytest.param(("id",), "../evil", "id", id="id with a path"),
        pytest.param(("licence",), "", "licence", id="no licence"),
        pytest.param(("surprise",), 1, "surprise", id="unknown key"),
        pytest.param(("file", 0, "name"), "../../etc/passwd", "file name without folders", id="file outside"),
        pytest.param(("file", 0, "path"), "../x.dat", "inside the package", id="path outside the package"),
        pytest.param(("file", 0, "sha256"), "abc", "sha256", id="short digest"),
        pytest.param(("file", 0, "package"), None, "go together", id="path without package"),
        pytest.param(("file", 1, "role"), "network", "same role", id="role twice"),
        pytest.param(("embedding",), None, "embedding", id="recogniser without embedding"),
    ],
)
def test_a_wrong_card_is_refused(
    table: dict[str, Any], path: tuple[str | int, ...], value: object, reason: str
) -> None:
    inner: Any = table
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(SettingsError, match=reason):
        card_from_table(table)


def test_all_problems_come_at_once(table: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        card_from_table(table | {"task": "dance", "licence": "", "commercial_use": "yes"})
    assert {problem.key for problem in caught.value.problems} >= {"task", "licence", "commercial_use"}


def test_files_that_are_no_cards(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        read_card(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("a = ", encoding="utf-8")
    with pytest.raises(SettingsError, match="not TOML"):
        read_card(tmp_path / "broken.toml")
    (tmp_path / "renamed.toml").write_text((card_folder() / "centerface.toml").read_text("utf-8"), encoding="utf-8")
    with pytest.raises(SettingsError, match="not the file's name"):
        read_card(tmp_path / "renamed.toml")
    with pytest.raises(ModelMissingError, match="no model cards"):
        read_cards(tmp_path / "nowhere")


@pytest.mark.parametrize("card", read_cards(card_folder()), ids=lambda card: card.id)
def test_a_card_names_whoever_states_its_licence(card: Card) -> None:
    told = [fact for fact in card.facts if fact.startswith("Licence: ")]
    assert len(told) == 1
    if card.commercial_use:  # paid work is allowed on a source's word only, never on nobody's
        assert not card.licence.startswith("Unknown")
        assert re.search(r"github\.com/|MediaPipe|this project", told[0])
    else:
        assert re.search(r"github\.com/|model table|not confirmed|neither could be read|whoever did", told[0])


def test_a_published_file_is_known_by_its_whole_digest_and_to_one_family() -> None:
    known = [file.sha256 for card in read_cards(card_folder()) for file in card.known]
    assert {len(digest) for digest in known} == {64}
    assert len(known) == len(set(known)) > 40
