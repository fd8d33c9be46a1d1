from __future__ import annotations

import pytest

from vfx_swap.errors import ModelMissingError, UsageError
from vfx_swap.models.cards import card_folder, read_card
from vfx_swap.models.default import FACE_ARCHITECTURES
from vfx_swap.models.registry import LoadOptions, Registry, load_registry


def test_adding_makes_a_new_registry_and_leaves_the_old() -> None:
    empty = Registry()
    full = empty.with_cards(read_card(card_folder() / "centerface.toml"))
    assert dict(empty.cards) == {}
    assert list(full.cards) == ["centerface"]
    with pytest.raises(TypeError):
        full.cards["other"] = full.cards["centerface"]  # type: ignore[index]


def test_ids_and_defaults_are_unique() -> None:
    card = read_card(card_folder() / "centerface.toml")
    registry = Registry().with_cards(card)
    with pytest.raises(UsageError, match="two model cards"):
        registry.with_cards(card)
    with pytest.raises(UsageError, match="both the default"):
        registry.with_cards(card.model_copy(update={"id": "other"}))
    other = card.model_copy(update={"id": "other", "default": False})
    assert registry.with_cards(other).default_card("detect") is card
    with pytest.raises(UsageError, match="two architectures"):
        Registry().with_architectures(*FACE_ARCHITECTURES, FACE_ARCHITECTURES[0])


def test_cards_are_chosen_by_id_and_task() -> None:
    registry = load_registry(architectures=FACE_ARCHITECTURES)
    assert registry.card("dlib-resnet", task="recognise").task == "recognise"
    with pytest.raises(UsageError, match="no model card has the id 'arcface'") as caught:
        registry.card("arcface", task="recognise")
    assert "dlib-resnet" in (caught.value.mend or "")
    with pytest.raises(UsageError, match="does not do 'detect'"):
        registry.card("dlib-resnet", task="detect")
    with pytest.raises(ModelMissingError, match="default"):
        Registry().default_card("detect")


def test_a_card_without_code_is_refused() -> None:
    registry = load_registry()
    with pytest.raises(UsageError, match="architecture 'centerface'"):
        registry.architecture_of(registry.card("centerface"))


def test_no_threads_is_no_way_to_run() -> None:
    with pytest.raises(UsageError, match="thread"):
        LoadOptions(threads=0)
