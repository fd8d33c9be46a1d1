"""Takes in a user's model files: recognise, show the licence, then write a verified file and a card for it.

A torch checkpoint becomes safetensors; an ONNX file is copied, or used where it lies. Nothing of the file's
choosing runs, and nothing is written before the licence was accepted.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vfx_swap.errors import MissingInputError, ModelMismatchError, RefusedError, UsageError, VfxSwapError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.models.bring.archives import unpacked
from vfx_swap.models.bring.card_text import card_text
from vfx_swap.models.bring.look import Networks, RecognisedFile, is_archive, recognise_file
from vfx_swap.models.bring.onnx_file import Graph
from vfx_swap.models.bring.recognise import Convention
from vfx_swap.models.bring.safetensors_file import write_safetensors
from vfx_swap.models.bring.terms import LICENCE_FILE, PackTerms, read_pack_terms
from vfx_swap.models.cards import Card, CardFile, GraphSpec, SourceFile, read_user_cards
from vfx_swap.models.weights import sha256_of

__all__ = ["AddOptions", "Outcome", "add_models"]

FILES_LIMIT = 5000
"""Files looked at in one folder."""
_READ_BY_PEOPLE = re.compile(r"[^A-Za-z0-9._ -]")


@dataclass(frozen=True)
class AddOptions:
    """What the user says about the files."""

    family: str | None = None
    """Id of the family card, where a graph fits several."""
    convention: Convention | None = None
    """Of a SimSwap generator, where its keys cannot tell."""
    id: str | None = None
    """Of the new card; None: the family's."""
    in_place: bool = False
    """Use ONNX files where they are; their folder must be one in which models are looked for."""
    dry_run: bool = False
    """Say what would be added, write nothing."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one file."""

    name: str
    card: Card | None = None
    """None where it was not taken in."""
    card_path: Path | None = None
    """None where there is none, or in a dry run."""
    already: bool = False
    """True where the same file was added before."""
    note: str | None = None
    error: VfxSwapError | None = None


def add_models(
    path: Path,
    *,
    folder: Path,
    cards: Sequence[Card],
    accept: Callable[[Card], bool],
    options: AddOptions | None = None,
    search: Sequence[Path] = (),
    networks: Networks | None = None,
) -> Iterator[Outcome]:
    """Take in a file, every file of a folder, or every member of an archive.

    Of a folder or an archive, what is not taken in is an outcome with its error, and the rest goes on.

    Args:
        path: the file, folder or zip.
        folder: where cards and files are written.
        cards: shipped cards; their families are what files are recognised as.
        accept: shows a card with its licence and says whether the user accepts it.
        options: what the user says.
        search: folders in which models are looked for, for `in_place`.
        networks: keys and shapes by network; None: those known.

    Raises:
        MissingInputError: there is no such file.
        ModelMismatchError: a single file is no model known, or not whole, or not safe.
        UsageError: a single file cannot be told apart without a word from the user.
        RefusedError: the licence was not accepted.
        OutputError: nothing can be written there.
    """
    root = path if path.is_dir() else path.parent
    adder = _Adder(folder, cards, accept, options or AddOptions(), search, networks, root)
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())[:FILES_LIMIT]
        yield from adder.several([(str(one.relative_to(path)), one) for one in files])
    elif not path.exists():
        raise MissingInputError("there is no such file or folder", where=path)
    elif is_archive(path):
        if adder.options.in_place:
            raise UsageError("files inside an archive cannot be used in place", where=path, mend="Unpack it first")
        with unpacked(path) as members:
            if any(PurePosixPath(one.name).name == LICENCE_FILE for one in members):
                raise UsageError(
                    f"it holds a {LICENCE_FILE}, which names its pack by the folder",
                    where=path,
                    mend="Unpack it and add the folder",
                )
            yield from adder.several([(one.name, one.path) for one in members])
    else:
        yield adder.one(path.name, path)


@dataclass(frozen=True)
class _Adder:
    folder: Path
    cards: Sequence[Card]
    accept: Callable[[Card], bool]
    options: AddOptions
    search: Sequence[Path]
    networks: Networks | None
    root: Path
    """The folder that was brought, or the file's: a pack's licence and manifest are looked for up to there."""

    def several(self, files: Sequence[tuple[str, Path]]) -> Iterator[Outcome]:
        if self.options.id is not None and len(files) > 1:
            raise UsageError("--id names one model, but this holds several files", mend="Add the file by itself")
        for name, path in files:
            try:
                yield self.one(name, path)
            except (ModelMismatchError, UsageError, MissingInputError) as error:
                yield Outcome(name, error=error)

    def one(self, name: str, path: Path) -> Outcome:
        found = recognise_file(
            path,
            name=name,
            families=[card for card in self.cards if card.is_family],
            family=self.options.family,
            convention=self.options.convention,
            networks=self.networks,
        )
        users = {card.id: card for card in read_user_cards([self.folder])}
        before = next((one for one in users.values() if _made_from(one, found)), None)
        if before is not None and self.options.id in (None, before.id):
            return Outcome(name, before, self.folder / f"{before.id}.toml", already=True, note=found.note)
        if self.options.in_place:
            self._check_in_place(found)
        terms = read_pack_terms(path.parent, root=self.root) if "InsightFace" in found.family.licence else None
        card = _card_of(found, id=self._free_id(found, taken=users), terms=terms)
        if self.options.dry_run:
            return Outcome(name, card, note=found.note)
        if not self.accept(card):
            raise RefusedError(
                f"the licence of {card.name!r} ({card.licence}) was not accepted",
                where=name,
                mend="Say --accept-licence if you may use it on those terms",
            )
        card = card.model_copy(update={"file": (self._written(found, card),), "licence_accepted": _today()})
        if terms is not None:
            with atomic_write(self.folder / card.id / LICENCE_FILE) as temporary:
                temporary.write_bytes(terms.path.read_bytes())
        target = self.folder / f"{card.id}.toml"
        with atomic_write(target) as temporary:
            temporary.write_text(card_text(card), encoding="utf-8")
        return Outcome(name, card, target, note=found.note)

    def _check_in_place(self, found: RecognisedFile) -> None:
        if found.tensors is not None:
            raise UsageError("a checkpoint is converted, so it cannot be used in place", where=found.name)
        folder = found.path.resolve().parent
        if folder not in [one.resolve() for one in self.search]:
            raise UsageError(
                f"{str(folder)!r} is no folder in which models are looked for",
                where=found.name,
                mend=f"Set VFX_SWAP_MODELS to your own folder and this one: FOLDER:{folder}",
            )

    def _free_id(self, found: RecognisedFile, *, taken: dict[str, Card]) -> str:
        shipped = {card.id for card in self.cards if not card.is_family}
        families = {card.id for card in self.cards} - {found.family.id}
        wanted = self.options.id or found.family.id
        if wanted not in shipped | families and wanted not in taken:
            return wanted
        if self.options.id is not None:
            raise UsageError(f"there is a model {wanted!r} already", mend="Choose another --id, or remove its card")
        return f"{wanted}-{found.digest[:8]}"

    def _written(self, found: RecognisedFile, card: Card) -> CardFile:
        """The model's own file, on disk, with the digest of what was written."""
        if self.options.in_place:
            return CardFile(role="graph", name=found.path.name, sha256=found.digest, size=found.size)
        kind = "safetensors" if found.tensors is not None else "onnx"
        target = self.folder / card.id / f"{card.id}.{kind}"
        if found.tensors is None:
            with atomic_write(target) as temporary:
                temporary.write_bytes(found.data)
            digest = hashlib.sha256(found.data).hexdigest()
        else:
            said = {"format": "pt", "family": found.family.id, "source_sha256": found.digest}
            if found.family.weights is not None:
                said["network"] = found.family.weights.network
                said |= {"convention": found.family.weights.convention} if found.family.weights.convention else {}
            write_safetensors(target, found.tensors, metadata=said)
            digest = sha256_of(target)
        role = "network" if found.tensors is not None else "graph"
        return CardFile(role=role, name=target.name, sha256=digest, size=target.stat().st_size)


def _made_from(card: Card, found: RecognisedFile) -> bool:
    return card.family == found.family.id and card.brought is not None and card.brought.sha256 == found.digest


def _card_of(found: RecognisedFile, *, id: str, terms: PackTerms | None) -> Card:
    """The family's card, told about this file; the model's own file comes when it is written."""
    name = Path(found.name.replace("\\", "/")).name
    source = SourceFile(
        name=_READ_BY_PEOPLE.sub("_", name),
        sha256=found.digest,
        size=found.size,
        added=_today(),
        converted=found.tensors is not None,
    )
    changes: dict[str, Any] = {"id": id, "family": found.family.id, "match": (), "known": (), "brought": source}
    if found.graph is not None and found.fit is not None:
        changes |= {"roles": dict(found.fit.roles), "graph": _graph_spec(found.graph)}
        side = found.fit.lengths.get("size", found.fit.lengths.get("height"))
        if side is not None:
            changes["picture"] = found.family.picture.model_copy(update={"size": side})
    if terms is not None:
        changes |= {"licence": terms.licence, "commercial_use": terms.commercial_use}
    return found.family.model_copy(update=changes)


def _graph_spec(graph: Graph) -> GraphSpec:
    return GraphSpec(
        inputs={one.name: list(one.shape or ()) for one in graph.inputs},
        outputs={one.name: f"{one.dtype} {list(one.shape or ())}" for one in graph.outputs},
    )


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()
