"""`vfx-swap models add` and `models verify`: bring your own files, and prove that they are still the ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running
from vfx_swap.errors import ModelMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vfx_swap.cli.console import Console
    from vfx_swap.models.bring.add import Outcome
    from vfx_swap.models.cards import Card

__all__ = ["add_files", "verify_files"]


def add_files(
    *,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A model file, a folder of them, or a zip as published.")
    ],
    family: Annotated[
        str | None, typer.Option(help="Id of the family, where a graph fits several (see `models list`).")
    ] = None,
    convention: Annotated[
        Literal["official", "train-script"] | None,
        typer.Option(help="Of a SimSwap generator: released weights, or a checkpoint of its train.py."),
    ] = None,
    card_id: Annotated[str | None, typer.Option("--id", help="Id of the new card; else the family's.")] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence that is shown, without being asked.")
    ] = False,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Use ONNX files where they are, in a folder of VFX_SWAP_MODELS.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what each file is; write nothing.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take in model files of your own: recognise them by content, show the licence, write a card and a checked file."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.models.bring.add import AddOptions, add_models
        from vfx_swap.models.cards import card_folder, read_cards
        from vfx_swap.models.weights import model_folders

        folders = model_folders()
        options = AddOptions(family, convention, card_id, in_place, dry_run)
        added = 0
        for outcome in add_models(
            path,
            folder=folders[0],
            cards=read_cards(card_folder()),
            accept=_asker(console, accepted=accept_licence),
            options=options,
            search=folders,
        ):
            _tell(console, outcome, dry_run=dry_run)
            added += outcome.card is not None
        console.event("done", models=added)
        if added == 0:
            raise ModelMismatchError(
                "no file here is a model that can be brought", where=path, mend="docs/models.md lists the families"
            )


def verify_files(
    *,
    card_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids of cards; all that have files when none is named."),
    ] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check every model's files again: SHA-256, then the graph's signature or the keys and shapes of its weights."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.models.bring.verify import verify_card
        from vfx_swap.models.registry import load_registry
        from vfx_swap.models.weights import model_folders

        registry = load_registry()
        named = [registry.card(one) for one in card_ids or []] or [
            card for card in registry.cards.values() if card.file
        ]
        wrong = []
        for card in named:
            verdict = verify_card(card, folders=model_folders())
            error = verdict.error
            console.event(
                "model",
                id=card.id,
                ok=error is None,
                proved=verdict.proved,
                reason=None if error is None else str(error),
            )
            console.say(f"{card.id:24} {'ok' if error is None else 'WRONG'}")
            for line in (*verdict.proved, *([] if error is None else [str(error)])):
                console.say(f"{'':24} {line}")
            if error is not None:
                wrong.append(card.id)
        console.event("done", models=len(named), wrong=wrong)
        if wrong:
            raise ModelMismatchError(
                f"{len(wrong)} of {len(named)} models are not what their cards say: {', '.join(wrong)}"
            )


def _tell(console: Console, outcome: Outcome, *, dry_run: bool) -> None:
    card, error = outcome.card, outcome.error
    console.event(
        "model" if card is not None else "skipped",
        file=outcome.name,
        id=None if card is None else card.id,
        family=None if card is None else card.family,
        licence=None if card is None else card.licence,
        commercial_use=None if card is None else card.commercial_use,
        card=None if outcome.card_path is None else str(outcome.card_path),
        already=outcome.already,
        note=outcome.note,
        reason=None if error is None else error.what,
        mend=None if error is None else error.mend,
    )
    if card is None:
        mend = "" if error is None or error.mend is None else f". {error.mend}"
        console.say(f"{outcome.name}: not taken: {'' if error is None else error.what}{mend}")
        return
    what = "is here already as" if outcome.already else "would become" if dry_run else "is now"
    console.say(f"{outcome.name}: {card.name}; {what} {card.id}")
    if dry_run:
        console.say(f"  licence: {_terms(card)}")
    if outcome.card_path is not None:
        console.say(f"  card: {outcome.card_path}")
    if outcome.note is not None:
        console.say(f"  {outcome.note}")


def _terms(card: Card) -> str:
    paid = "paid work allowed" if card.commercial_use else "NOT FOR PAID WORK as far as this card knows"
    return f"{card.licence}. {paid}. From {card.origin}"


def _asker(console: Console, *, accepted: bool) -> Callable[[Card], bool]:
    def accept(card: Card) -> bool:
        console.note(f"{card.name}: {_terms(card)}")
        if accepted or console.json or not (sys.stdin is not None and sys.stdin.isatty()):
            return accepted
        return typer.confirm("May you use it on those terms?", default=False, err=True)

    return accept
