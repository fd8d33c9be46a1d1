"""The registry: which cards there are, and which code runs them. A value: adding makes a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from vfx_swap.errors import ModelMissingError, UsageError
from vfx_swap.models.cards import Card, Task, card_folder, read_cards, read_user_cards
from vfx_swap.models.weights import model_folders

__all__ = ["Architecture", "LoadOptions", "Registry", "load_registry"]


@dataclass(frozen=True)
class LoadOptions:
    """How a model is to run."""

    device: str = "cpu"
    """`cpu`, `cuda` or `cuda:N`."""
    threads: int = 2
    """Threads of one operator. Fixed, not the machine's count: it can change the last bits of a result."""

    batch: int = 1
    """Pictures of a swapper's forward pass, each time; it decides the last bits of a result too."""
    runtime: Literal["default", "tensorrt"] = "default"
    """`tensorrt`: for ONNX graphs on a GPU, in place of the CUDA provider."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise UsageError(f"at least one thread is needed, got {self.threads}")
        if self.batch < 1:
            raise UsageError(f"a pass takes at least one picture, got {self.batch}")


Loader = Callable[[Card, Mapping[str, Path], LoadOptions], Any]
"""Card, verified files by role, options -> the model (a Detector, Landmarker, Recogniser, ...)."""


@dataclass(frozen=True)
class Architecture:
    """Code that runs models of one kind."""

    id: str
    """What a card's `architecture` names."""
    task: Task
    load: Loader
    """Imports what it needs when called, not before."""


@dataclass(frozen=True)
class Registry:
    """Cards and architectures by id."""

    cards: Mapping[str, Card] = field(default_factory=dict)
    architectures: Mapping[str, Architecture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cards", MappingProxyType(dict(self.cards)))
        object.__setattr__(self, "architectures", MappingProxyType(dict(self.architectures)))

    def with_cards(self, *cards: Card) -> Registry:
        """A registry with more cards; this one stays as it is.

        Raises:
            UsageError: an id is taken, or two cards are the default of one task.
        """
        merged = dict(self.cards)
        for card in cards:
            if card.id in merged:
                raise UsageError(f"there are two model cards with the id {card.id!r}", mend="Give one another id")
            rival = next((other for other in merged.values() if other.task == card.task and other.default), None)
            if card.default and rival is not None:
                raise UsageError(f"{rival.id!r} and {card.id!r} are both the default for the task {card.task!r}")
            merged[card.id] = card
        return Registry(merged, self.architectures)

    def with_architectures(self, *architectures: Architecture) -> Registry:
        """A registry with more architectures; this one stays as it is.

        Raises:
            UsageError: an id is taken.
        """
        merged = dict(self.architectures)
        for architecture in architectures:
            if architecture.id in merged:
                raise UsageError(f"there are two architectures with the id {architecture.id!r}")
            merged[architecture.id] = architecture
        return Registry(self.cards, merged)

    def card(self, id: str, *, task: Task | None = None) -> Card:
        """The card with an id.

        Raises:
            UsageError: there is none, or it does another task.
        """
        card = self.cards.get(id)
        if card is None or (task is not None and card.task != task):
            fitting = [one.id for one in self.cards.values() if task is None or one.task == task]
            what = "no model card has the id" if card is None else f"the model card does not do {task!r}:"
            raise UsageError(f"{what} {id!r}", mend=f"Choose one of: {', '.join(fitting) or 'none'}")
        return card

    def default_card(self, task: Task) -> Card:
        """The card used for a task when none is named.

        Raises:
            ModelMissingError: no card is the default.
        """
        for card in self.cards.values():
            if card.task == task and card.default:
                return card
        raise ModelMissingError(
            f"no model card is the default for {task!r}", mend="Name one; see: vfx-swap models list"
        )

    def architecture_of(self, card: Card) -> Architecture:
        """The code that runs a card.

        Raises:
            UsageError: the card names code that is not here, or that does another task.
        """
        architecture = self.architectures.get(card.architecture)
        if architecture is None or architecture.task != card.task:
            raise UsageError(
                f"the model card {card.id!r} names the architecture {card.architecture!r} for {card.task!r}, "
                "which is not here",
                mend=f"Known: {', '.join(sorted(self.architectures)) or 'none'}",
            )
        return architecture


def load_registry(
    *,
    architectures: Iterable[Architecture] = (),
    folder: Path | None = None,
    user_folders: Iterable[Path] | None = None,
) -> Registry:
    """A registry of the cards in a folder, and of those the user added.

    A user's card takes the place of the family card with its id, and of no other card.

    Args:
        architectures: code that runs them.
        folder: where the cards lie; None: those that come with the package, with the user's.
        user_folders: where the user's cards lie; None: `model_folders()`, or none where `folder` is given.

    Raises:
        SettingsError: a card is malformed.
        UsageError: ids clash.
    """
    shipped = read_cards(card_folder() if folder is None else folder)
    where = (model_folders() if folder is None else ()) if user_folders is None else user_folders
    users = read_user_cards(where)
    replaced = {card.id for card in users}
    kept = [card for card in shipped if not (card.is_family and card.id in replaced)]
    return Registry().with_architectures(*architectures).with_cards(*kept, *users)
