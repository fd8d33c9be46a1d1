"""`vfx-swap models`: the model cards, and the files found for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.model_export import export_model
from vfx_swap.cli.model_files import add_files, verify_files
from vfx_swap.cli.session import DebugOption, JsonOption, running

if TYPE_CHECKING:
    from vfx_swap.models.cards import Card
    from vfx_swap.models.weights import CardState

__all__ = ["models_app", "paid_work"]

models_app = typer.Typer(help="Model cards, and the files found for them.")
models_app.command("add")(add_files)
models_app.command("verify")(verify_files)
models_app.command("export")(export_model)


@models_app.command("list")
def list_models(*, json: JsonOption = False, debug: DebugOption = False) -> None:
    """List every model card: its task, its licence, and whether its files are here and are the right ones."""
    with running(json=json, debug=debug) as console:
        states = _states(None)
        here = [state for state in states if state.state != "to bring"]
        families = sorted((state for state in states if state.state == "to bring"), key=lambda one: one.card.task)
        for state in (*here, *families):
            if families and state is families[0]:
                console.say("\nBring your own (vfx-swap models add FILE; docs/models.md says which file):")
            console.event("model", **_fields(state))
            default = ", default" if state.card.default else ""
            terms = f"{state.card.licence}, {paid_work(state.card)}{default}"
            console.say(f"{state.card.id:24} {state.card.task:10} {state.state:9} {terms}")
            if state.reason is not None:
                console.say(f"{'':24} {state.reason}")
        console.event("done", models=len(states))


@models_app.command("show")
def show_model(
    *,
    card_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a card, as `models list` gives it.")],
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show one card in full, and where its files were found."""
    with running(json=json, debug=debug) as console:
        state = _states(card_id)[0]
        card = state.card
        fields = card.model_dump(mode="json", by_alias=True)
        console.event("model", **_fields(state), card=fields)
        console.event("done", models=1)
        rows = {
            "id": card.id,
            "name": card.name,
            "task": card.task + (" (default)" if card.default else ""),
            "licence": f"{card.licence}, {paid_work(card)}",
            "origin": card.origin,
            "paper": card.paper or "",
            "architecture": card.architecture,
            "notes": card.notes,
            "state": state.state,
        }
        for key, value in rows.items():
            if value:
                console.say(f"{key:13} {value}")
        for fact in card.facts:
            console.say(f"{'fact':13} {fact}")
        if card.brought is not None:
            console.say(f"{'brought':13} {card.brought.name}, {card.brought.added}, sha256 {card.brought.sha256}")
        for known in card.known:
            console.say(f"{'known':13} {known.name}, sha256 {known.sha256}, by {known.by}")
        for file in card.file:
            console.say(f"{'file':13} {file.role}: {file.name}, {file.size} bytes, sha256 {file.sha256}")
        for path in state.paths:
            console.say(f"{'found':13} {path}")
        if state.reason is not None:
            console.say(f"{'reason':13} {state.reason}")


def paid_work(card: Card) -> str:
    """Whether the licence allows paid work, in words."""
    return "paid work allowed" if card.commercial_use else "no paid work"


def _states(card_id: str | None) -> tuple[CardState, ...]:
    from vfx_swap.models.registry import load_registry
    from vfx_swap.models.weights import card_states, model_folders

    registry = load_registry()
    cards = registry.cards.values() if card_id is None else (registry.card(card_id),)
    return card_states(cards, folders=model_folders())


def _fields(state: CardState) -> dict[str, object]:
    return {
        "id": state.card.id,
        "task": state.card.task,
        "state": state.state,
        "licence": state.card.licence,
        "commercial_use": state.card.commercial_use,
        "default": state.card.default,
        "family": state.card.family or (state.card.id if state.card.is_family else None),
        "paths": [str(path) for path in state.paths],
        "reason": state.reason,
    }
