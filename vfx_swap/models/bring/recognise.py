"""Which family a file belongs to: by SHA-256, keys and shapes, or graph signature; never by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.bring.onnx_file import Fit, Graph, fit_graph
from vfx_swap.models.bring.state_keys import NETWORKS, network_keys
from vfx_swap.models.cards import Card

__all__ = ["Convention", "StateDict", "recognise_graph", "recognise_state"]

Convention: TypeAlias = Literal["official", "train-script"]
_NAMED = 6
"""Keys named in a message; the rest is counted."""
_UNTOUCHED = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0.0, "weight": 1.0, "bias": 0.0}
"""A batch norm as it is made, before it saw anything."""


@dataclass(frozen=True, eq=False)
class StateDict:
    """A recognised checkpoint."""

    family: Card
    tensors: Mapping[str, NDArray[Any]]
    """Exactly the network's keys, in its order."""
    dropped: tuple[str, ...]
    """Keys left out: batch norms of the bottleneck that nothing ever went through."""


def recognise_graph(graph: Graph, *, digest: str, families: Iterable[Card], family: str | None) -> tuple[Card, Fit]:
    """The family of a graph.

    Args:
        graph: its signature.
        digest: SHA-256 of the file.
        families: family cards.
        family: id of the one the user says it is; None: the file must tell.

    Raises:
        ModelMismatchError: no family, or not the one that was said.
        UsageError: several families have this signature, or there is no family of that id.
    """
    candidates = list(families)
    fits = {card.id: fit for card in candidates if (fit := _first_fit(graph, card)) is not None}
    cards = {card.id: card for card in candidates}
    if family is not None:
        if family not in cards:
            raise UsageError(f"there is no family {family!r}", mend=f"Choose one of: {', '.join(sorted(cards))}")
        if family not in fits:
            raise ModelMismatchError(f"its graph is not one of {family!r}: {graph}", mend=_what_it_fits(fits))
        return cards[family], fits[family]
    known = [one for one in fits if any(digest.startswith(file.sha256) for file in cards[one].known)]
    surest = max((fit.certainty for fit in fits.values()), default=0)
    chosen = known if len(known) == 1 else [one for one, fit in fits.items() if fit.certainty == surest]
    if not chosen:
        raise ModelMismatchError(
            f"no family of models has this graph: {graph}",
            mend="See docs/models.md for the families; a card of your own can name another",
        )
    if len(chosen) > 1:
        raise UsageError(
            f"its graph fits {len(chosen)} families: {', '.join(chosen)}",
            mend="Say which it is with --family, by what its maker calls it: they differ in what they are fed",
        )
    return cards[chosen[0]], fits[chosen[0]]


def recognise_state(
    tensors: Mapping[str, NDArray[Any]],
    *,
    digest: str,
    families: Iterable[Card],
    convention: Convention | None,
    networks: Mapping[str, Mapping[str, tuple[int, ...]]] | None = None,
) -> StateDict:
    """The family of a state dict: every key and shape, none missing and none too many.

    Args:
        tensors: by key.
        digest: SHA-256 of the file.
        families: family cards.
        convention: of a generator; None: keys or digest must tell.
        networks: keys and shapes by network; None: those known.

    Raises:
        ModelMismatchError: keys or shapes are not a known network's, or its numbers are not numbers.
        UsageError: the convention has to be said, or no such network has it.
    """
    known = {name: network_keys(name) for name in NETWORKS} if networks is None else networks
    plain = _without_wrapper(tensors)
    network = max(known, key=lambda name: _likeness(plain, known[name]))
    if not plain or _likeness(plain, known[network]) < 0.5:
        keys = ", ".join(list(plain)[:_NAMED]) or "none"
        raise ModelMismatchError(f"no network here has its {len(plain)} keys ({keys}, ...)")
    dropped = tuple(key for key in plain if key not in known[network] and _untouched_norm(key, plain[key]))
    kept = {key: value for key, value in plain.items() if key not in dropped}
    _check_strictly(kept, known[network], network=network)
    family = _family_of(network, digest=digest, families=families, convention=convention)
    return StateDict(family, {key: kept[key] for key in known[network]}, dropped)


def _first_fit(graph: Graph, card: Card) -> Fit | None:
    fits = [fit for spec in card.match if spec.inputs and (fit := fit_graph(graph, spec)) is not None]
    return max(fits, key=lambda fit: fit.certainty, default=None)


def _what_it_fits(fits: Mapping[str, Fit]) -> str:
    return f"It fits: {', '.join(fits)}" if fits else "It fits no family; see docs/models.md"


def _without_wrapper(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Keys without the `module.` that DataParallel puts before each."""
    if tensors and all(key.startswith("module.") for key in tensors):
        return {key.removeprefix("module."): value for key, value in tensors.items()}
    return dict(tensors)


def _likeness(tensors: Mapping[str, NDArray[Any]], keys: Mapping[str, tuple[int, ...]]) -> float:
    """Shared keys and shapes over all keys of both."""
    shared = sum(1 for key in tensors if key in keys)
    alike = sum(1 for key, value in tensors.items() if keys.get(key) == value.shape)
    return (shared + alike) / (2.0 * max(len(set(tensors) | set(keys)), 1))


def _untouched_norm(key: str, value: NDArray[Any]) -> bool:
    resting = _UNTOUCHED.get(key.rpartition(".")[2])
    return key.startswith("BottleNeck.") and resting is not None and bool(np.all(value == resting))


def _check_strictly(tensors: Mapping[str, NDArray[Any]], keys: Mapping[str, tuple[int, ...]], *, network: str) -> None:
    missing = [key for key in keys if key not in tensors]
    surplus = [key for key in tensors if key not in keys]
    misshaped = [
        f"{key} is {list(tensors[key].shape)}, not {list(shape)}"
        for key, shape in keys.items()
        if key in tensors and tensors[key].shape != shape
    ]
    other_kind = [
        f"{key} is {value.dtype}"
        for key, value in tensors.items()
        if key in keys and (value.dtype.kind == "f") == key.endswith("num_batches_tracked")
    ]
    faults = [
        f"{len(keys)} {word}: {'; '.join(keys[:_NAMED])}{' ...' if len(keys) > _NAMED else ''}"
        for word, keys in (
            ("missing", missing),
            ("too many", surplus),
            ("mis-shaped", misshaped),
            ("of another kind of number", other_kind),
        )
        if keys
    ]
    if faults:
        raise ModelMismatchError(
            f"nearest to {network!r}, but of its {len(keys)} keys {'; '.join(faults)}",
            mend="Bring the whole state dict of the network, as it was trained",
        )
    for key, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            count = int(np.count_nonzero(~np.isfinite(value)))
            raise ModelMismatchError(
                f"{count} of the {value.size} numbers of {key!r} are NaN or infinite",
                mend="The training of this model failed, or the file is damaged: bring another",
            )


def _family_of(network: str, *, digest: str, families: Iterable[Card], convention: Convention | None) -> Card:
    fitting = [card for card in families if any(spec.network == network for spec in card.match)]
    if not fitting:
        raise ModelMismatchError(f"a state dict of {network!r}, for which no card is here")
    if convention is not None and any(_convention(card) is not None for card in fitting):
        said = [card for card in fitting if _convention(card) == convention]
        if not said:
            raise UsageError(
                f"no family with the keys of {network!r} has the convention {convention!r}",
                mend=f"Its keys tell: {_convention(fitting[0])}",
            )
        return said[0]
    known = [card for card in fitting if any(digest.startswith(one.sha256) for one in card.known)]
    chosen = known or fitting
    if len(chosen) > 1:
        raise UsageError(
            "a 224 generator: whether it takes plain or ImageNet-normalised pictures cannot be told from its keys",
            mend="Say --convention official for weights released by SimSwap's authors, "
            "--convention train-script for a checkpoint written by its train.py",
        )
    return chosen[0]


def _convention(card: Card) -> str | None:
    return None if card.weights is None else card.weights.convention
