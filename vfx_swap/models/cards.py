"""Model cards: what a model is, under which terms, from where, and how its files are told from others.

A card is a TOML file, `<id>.toml`, with `schema = "vfx_swap/card.1"`. Cards never hold weights.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
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
    "PictureSpec",
    "Task",
    "card_folder",
    "card_from_table",
    "read_card",
    "read_cards",
]

SCHEMA = "vfx_swap/card.1"
Task: TypeAlias = Literal["detect", "landmarks", "recognise", "hands", "parse", "swap"]
_Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
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
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class EmbeddingSpec(_Table):
    """What a recogniser's vector means."""

    length: Annotated[int, Field(gt=0)]
    distance: Literal["euclidean", "cosine"]
    normalise: bool
    """True when vectors are scaled to unit length before they are compared."""
    same_person_below: Annotated[float, Field(gt=0)]
    """Distance below which two faces are one person, by the model's authors."""


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
    file: Annotated[tuple[CardFile, ...], Field(strict=False)] = ()
    graph: GraphSpec = GraphSpec()
    picture: PictureSpec = PictureSpec()
    embedding: EmbeddingSpec | None = None

    @model_validator(mode="after")
    def _whole(self) -> Card:
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
