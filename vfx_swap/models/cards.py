"""Model cards: what a model is, under which terms, from where, and how its files are told from others.

A card is a TOML file, `<id>.toml`, with `schema = "vfx_swap/card.1"`. Cards never hold weights.

A *family card* names no file but says how files of its kind are recognised (`[[match]]`, `[[known]]`): the user
brings one, and `vfx-swap models add` writes a card for it, the family's with the file filled in. Every convention
is a field, so that the user's card can say otherwise than the family's.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vfx_swap.errors import MissingInputError, ModelMissingError, Problem, SettingsError

__all__ = [
    "SCHEMA",
    "Card",
    "CardFile",
    "EmbeddingSpec",
    "GraphSpec",
    "KnownFile",
    "MatchSpec",
    "OutputSpec",
    "PictureSpec",
    "SlotSpec",
    "SourceFile",
    "SwapSpec",
    "Task",
    "WeightsSpec",
    "card_folder",
    "card_from_table",
    "read_card",
    "read_cards",
    "read_user_cards",
]

SCHEMA = "vfx_swap/card.1"
Task: TypeAlias = Literal[
    "detect", "landmarks", "recognise", "hands", "parse", "swap", "convert", "occlude", "restore", "train"
]
_Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Triple: TypeAlias = Annotated[tuple[float, float, float], Field(strict=False)]
_Id: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CardFile(_Table):
    """One file of a model."""

    role: str
    """What the architecture calls it, such as `graph`."""
    name: str
    """File name, as looked for in the folders of models."""
    sha256: _Digest
    size: Annotated[int, Field(gt=0)]
    """Bytes."""
    package: str | None = None
    """Installed distribution that carries it, or None: the user brings it."""
    path: str | None = None
    """Path inside that distribution, with forward slashes."""
    pip: str | None = None
    """Requirement that installs the package."""

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        # A card may come from anywhere: its file name must not climb out of the folder it is looked for in.
        if not name or name in (".", "..") or re.search(r"[/\\\x00]", name):
            raise ValueError(f"a file name without folders is needed, got {name!r}")
        return name

    @model_validator(mode="after")
    def _package_whole(self) -> CardFile:
        if (self.package is None) != (self.path is None):
            raise ValueError("package and path go together")
        if self.path is not None and (PurePosixPath(self.path).is_absolute() or ".." in PurePosixPath(self.path).parts):
            raise ValueError(f"path must stay inside the package, got {self.path!r}")
        return self


class GraphSpec(_Table):
    """The graph's signature: names, and shapes of inputs (a word stands for a free length)."""

    inputs: dict[str, list[int | str]] = {}
    outputs: dict[str, str] = {}
    """Name -> what it holds, in words."""


class PictureSpec(_Table):
    """How a picture is handed to the model.

    Values in [0, 1] become `low + value * (high - low)`, then `(x - mean) / std` per channel where given.
    """

    order: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC", "HWC"] = "NCHW"
    size: int | None = None
    """Side of the square crop in pixels; None: any size."""
    side_multiple: int = 1
    template: str | None = None
    """Name of the alignment template."""
    padding: float | None = None
    low: float = 0.0
    high: float = 1.0
    mean: _Triple | None = None
    std: _Triple | None = None


class OutputSpec(_Table):
    """How a picture comes out of the model: `y * std + mean` where given, then `(y - low) / (high - low)`, clipped."""

    order: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    low: float = 0.0
    high: float = 1.0
    mean: _Triple | None = None
    std: _Triple | None = None


class SwapSpec(_Table):
    """Where a swapper takes the identity from."""

    source: Literal["embedding", "picture", "none"]
    """`none`: the identity is in the weights, as in DeepFaceLab's."""
    recogniser: str | None = None
    """Id of the card whose embedding goes in."""
    recogniser_added: str | None = None
    """Id of a second recogniser: both vectors are scaled to unit length and added (CSCS)."""
    converter: str | None = None
    """Id of the card that takes the embedding into the model's own space."""
    scale: Literal["raw", "unit", "emap", "emap-unit"] = "raw"
    """After the converter: as it is; to unit length; times the graph's 512x512 map over the embedding's length
    (FaceFusion); that, to unit length (insightface, the author's)."""
    picture: PictureSpec | None = None
    """The identity's picture, where `source` is one."""

    @model_validator(mode="after")
    def _whole(self) -> SwapSpec:
        if (self.source == "picture") != (self.picture is not None):
            raise ValueError('a [swap.picture] table goes with source = "picture", and only with it')
        if (self.source == "embedding") != (self.recogniser is not None):
            raise ValueError('recogniser goes with source = "embedding", and only with it')
        return self


class SlotSpec(_Table):
    """One input or output of a graph, as a family's files have it."""

    names: list[str] = []
    """Names it goes by; none: any name."""
    shape: list[int | str]
    """A word stands for any length, the same word for the same one."""
    dtype: str = "float32"
    optional: bool = False


class MatchSpec(_Table):
    """One way to recognise a family's file. Slots are keyed by role: what the code that runs it calls them."""

    inputs: dict[str, SlotSpec] = {}
    outputs: dict[str, SlotSpec] = {}
    more_outputs: bool = False
    """True where a file may have outputs beyond those."""
    initializer: list[int] | None = None
    """Shape of a constant the graph must hold, as inswapper's 512x512 map."""
    network: str | None = None
    """State dict of this network (`vfx_swap/models/bring/state_keys.py`) instead of a graph."""

    @model_validator(mode="after")
    def _one_kind(self) -> MatchSpec:
        if (self.network is None) == (not self.inputs):
            raise ValueError("either inputs and outputs of a graph, or a network")
        return self


class KnownFile(_Table):
    """A published file of a family."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
    """Whole, or its first digits where no more is known; those never decide without the signature."""
    name: str
    by: str
    """Who says so."""


class SourceFile(_Table):
    """The file a user's card was made from."""

    name: str
    sha256: _Digest
    size: Annotated[int, Field(gt=0)]
    added: str
    """Day, ISO 8601."""
    converted: bool = False
    """True where the model's own file is a conversion (torch to safetensors), False for a copy."""


class WeightsSpec(_Table):
    """A state dict for one of our own networks."""

    network: str
    """As `build_network` calls it."""
    convention: Literal["official", "train-script"] | None = None
    """How pictures go in and come out of a SimSwap generator, where keys cannot tell."""


class EmbeddingSpec(_Table):
    """What a recogniser's vector means."""

    length: Annotated[int, Field(gt=0)]
    distance: Literal["euclidean", "cosine"]
    normalise: bool
    """True when vectors are scaled to unit length before they are compared."""
    same_person_below: Annotated[float, Field(ge=0)] = 0.0
    """Distance below which two faces are one person, by the model's authors; 0: it is not used to tell."""


class Card(_Table):
    """One model."""

    schema_: Annotated[Literal["vfx_swap/card.1"], Field(alias="schema")]
    id: _Id
    name: str
    task: Task
    architecture: str
    """Id of the code that runs it."""
    default: bool = False
    """True for the model used for its task when none is named."""
    licence: Annotated[str, Field(min_length=1)]
    """SPDX id, or the licence's name."""
    commercial_use: bool
    """True when the licence allows paid work."""
    origin: str
    paper: str | None = None
    notes: str = ""
    half: bool = False
    """True: on a GPU a torch network works in float16, and rounds accordingly; on a CPU it never does."""
    file: Annotated[tuple[CardFile, ...], Field(strict=False)] = ()
    graph: GraphSpec = GraphSpec()
    picture: PictureSpec = PictureSpec()
    embedding: EmbeddingSpec | None = None
    output: OutputSpec = OutputSpec()
    swap: SwapSpec | None = None
    weights: WeightsSpec | None = None
    roles: dict[str, str] = {}
    """Role -> name of the graph's input or output, in a user's card."""
    match: Annotated[tuple[MatchSpec, ...], Field(strict=False)] = ()
    known: Annotated[tuple[KnownFile, ...], Field(strict=False)] = ()
    facts: list[str] = []
    """Where each convention comes from; one begins with `Licence:` and says who states the licence."""
    family: _Id | None = None
    """The family card a user's card was made from."""
    brought: SourceFile | None = None
    licence_accepted: str | None = None
    """Day on which the user accepted the licence, ISO 8601."""

    @property
    def is_family(self) -> bool:
        """True for a card without a file of its own, that says how to recognise one the user brings."""
        return not self.file and bool(self.match)

    @model_validator(mode="after")
    def _whole(self) -> Card:
        if self.task == "swap" and self.match and self.swap is None:
            raise ValueError("a swapper's family card needs a [swap] table")
        if self.match and not self.facts:
            raise ValueError("a family card says in facts where its conventions come from")
        roles = [file.role for file in self.file]
        if len(set(roles)) != len(roles):
            raise ValueError(f"two files have the same role: {', '.join(roles)}")
        if self.task == "recognise" and self.embedding is None:
            raise ValueError("a recogniser's card needs an [embedding] table")
        return self


def card_folder() -> Path:
    """Where the cards lie: in the installed package, else beside it in a source checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "_cards"
    return installed if installed.is_dir() else here.parents[1] / "models"


def read_card(path: Path) -> Card:
    """One card.

    Raises:
        MissingInputError: there is no such file.
        SettingsError: it is not a card; all problems at once.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInputError(f"the model card cannot be read ({error.strerror})", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([Problem("", f"not TOML: {error}")], where=path) from error
    card = card_from_table(table, where=path)
    if card.id != path.stem:
        raise SettingsError(
            [Problem("id", f"{card.id!r} is not the file's name", f"Call the file {card.id}.toml")], where=path
        )
    return card


def card_from_table(table: Mapping[str, object], *, where: object = None) -> Card:
    """A card from parsed TOML.

    Raises:
        SettingsError: what is wrong with it, all problems at once.
    """
    try:
        return Card.model_validate(table)
    except ValidationError as error:
        problems = [Problem(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()]
        raise SettingsError(problems, where=where) from error


def read_user_cards(folders: Iterable[Path]) -> tuple[Card, ...]:
    """The cards in folders of models, first folder wins; TOML files that are no cards are left alone.

    Raises:
        MissingInputError: one cannot be read.
        SettingsError: one says that it is a card and is not a right one.
    """
    found: dict[str, Card] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
            if _says_card(path):
                card = read_card(path)
                found.setdefault(card.id, card)
    return tuple(found.values())


def _says_card(path: Path) -> bool:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise MissingInputError(f"the model card cannot be read ({error.strerror})", where=path) from error
    return re.search(rb'^\s*schema\s*=\s*"vfx_swap/card\.', text, re.MULTILINE) is not None


def read_cards(folder: Path) -> tuple[Card, ...]:
    """All cards of a folder, by id.

    Raises:
        ModelMissingError: there are none: the installation is broken.
        SettingsError: one of them is not a card.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ModelMissingError(
            "no model cards here", where=folder, mend="Reinstall vfx-swap; its cards are part of it"
        )
    return tuple(read_card(path) for path in paths)
