"""Proves again that the files of a card are what it says: licence, digest, then signature or keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vfx_swap.errors import CannotRunError, ModelMismatchError, VfxSwapError
from vfx_swap.models.bring.onnx_file import Graph, read_graph
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.bring.state_keys import network_keys
from vfx_swap.models.bring.terms import LICENCE_FILE, check_recorded_terms
from vfx_swap.models.cards import Card
from vfx_swap.models.weights import verified_files

__all__ = ["Verdict", "verify_card"]


@dataclass(frozen=True, eq=False)
class Verdict:
    """What was proved of a card."""

    card: Card
    proved: tuple[str, ...]
    """In words, what holds."""
    error: VfxSwapError | None = None
    """What does not; None when all holds."""


def verify_card(
    card: Card, *, folders: Sequence[Path], networks: Mapping[str, Mapping[str, tuple[int, ...]]] | None = None
) -> Verdict:
    """Check a card's files against the card.

    Args:
        card: with files.
        folders: where they are looked for.
        networks: keys and shapes by network; None: those known.
    """
    proved: list[str] = []
    try:
        recorded = next((file for one in folders if (file := one / card.id / LICENCE_FILE).is_file()), None)
        if recorded is not None:
            proved.append(check_recorded_terms(recorded, commercial_use=card.commercial_use))
        elif LICENCE_FILE in card.licence:
            raise ModelMismatchError(
                f"the card names a {LICENCE_FILE}, which is gone", where=card.id, mend="Add the pack again"
            )
        for role, path in verified_files(card, folders=folders).items():
            proved.append(f"{path.name}: sha256 as on the card")
            if path.suffix == ".onnx":
                graph = read_graph(path.read_bytes(), where=path)
                _check_graph(card, graph, where=path)
                proved.append(f"{path.name}: graph as on the card")
            elif path.suffix == ".safetensors" and card.weights is not None:
                wanted = _keys(card.weights.network, networks)
                held = {key: value.shape for key, value in read_safetensors(path).tensors.items()}
                if held != dict(wanted):
                    raise ModelMismatchError(f"its keys are not those of {card.weights.network!r}", where=path)
                proved.append(f"{path.name}: all {len(held)} keys and shapes of {role} {card.weights.network}")
    except CannotRunError as error:
        return Verdict(card, tuple(proved), error)
    return Verdict(card, tuple(proved))


def _keys(network: str, networks: Mapping[str, Mapping[str, tuple[int, ...]]] | None) -> Mapping[str, tuple[int, ...]]:
    """Keys of a network; `genfix` has those of `gen224`."""
    if networks is not None:
        return networks[network]
    return network_keys("gen224" if network == "genfix" else network)


def _check_graph(card: Card, graph: Graph, *, where: Path) -> None:
    """Names and fixed lengths of the inputs, names of the outputs."""
    held = {one.name: one for one in graph.inputs}
    for name, lengths in card.graph.inputs.items():
        shape = held[name].shape if name in held else None
        fits = name in held and (
            shape is None
            or (
                len(shape) == len(lengths)
                and all(
                    isinstance(wanted, str) or wanted == length for wanted, length in zip(lengths, shape, strict=True)
                )
            )
        )
        if not fits:
            raise ModelMismatchError(
                f"the card has an input {name} {lengths}, the graph: {graph}", where=where, mend="Add the file again"
            )
    missing = set(card.graph.outputs) - {one.name for one in graph.outputs}
    if missing:
        raise ModelMismatchError(
            f"the card has outputs {sorted(missing)}, the graph: {graph}", where=where, mend="Add the file again"
        )
