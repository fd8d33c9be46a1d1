"""Checkpoints as safetensors: a network with what it is, and the whole state of a run. Nothing in them is code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.arcface.network import ArcFace
from vfx_swap.models.bring.safetensors_file import read_safetensors, write_safetensors
from vfx_swap.models.networks import load_weights
from vfx_swap.models.simswap.generator import Generator
from vfx_swap.models.weights import sha256_of

__all__ = [
    "StartWeights",
    "open_generator",
    "open_recogniser",
    "read_start",
    "read_state",
    "write_network",
    "write_state",
]

STATE = "vfx_swap/training_state.1"
_PROGRESS = ("schema", "step", "scale")
"""Facts of a state that say how far a run is and not which run it is."""


@dataclass(frozen=True, eq=False)
class StartWeights:
    """A generator's weights that training starts from."""

    path: Path
    tensors: Mapping[str, np.ndarray]
    convention: str
    """`official` or `train-script`."""
    sha256: str
    """Of the file."""
    width: int
    blocks: int


def read_start(path: Path) -> StartWeights:
    """A generator's checkpoint, as `vfx-swap train generator` writes it or `vfx-swap models add` keeps it.

    Raises:
        MissingInputError: the file cannot be read.
        ModelMismatchError: it is no generator of 224 pixels, or does not say what it takes.
    """
    held = read_safetensors(path)
    facts = held.metadata
    network, convention = facts.get("network", ""), facts.get("convention", "")
    if network not in ("gen224", "genfix") or not convention:
        raise ModelMismatchError(
            f"{f'the weights of {network!r}' if network else 'nothing says what it is'}: training starts from a 224 "
            "generator that tells its convention",
            where=path,
            mend="Add it first (vfx-swap models add FILE) and name the file that is kept",
        )
    try:
        width, blocks = int(facts.get("width", "64")), int(facts.get("blocks", "9"))
    except ValueError as error:
        raise ModelMismatchError(f"its sizes cannot be read ({error})", where=path) from error
    return StartWeights(path, held.tensors, convention, sha256_of(path), width, blocks)


def open_generator(path: Path) -> Generator:
    """A generator as `vfx-swap train generator` writes it, of whatever width; frozen.

    Raises:
        MissingInputError: the file cannot be read.
        ModelMismatchError: it is no generator, or not whole.
    """
    held, facts = read_start(path), read_safetensors(path).metadata
    try:
        latent = int(facts.get("latent", "512"))
        network = Generator(bounded=held.convention == "official", latent=latent, width=held.width, blocks=held.blocks)
    except (RuntimeError, ValueError) as error:
        raise ModelMismatchError(f"its sizes cannot be read ({error})", where=path) from error
    load_weights(network, held.tensors, where=path)
    network.eval().requires_grad_(False)
    return network


def write_network(path: Path, network: nn.Module, *, facts: Mapping[str, object]) -> None:
    """A network's weights with its facts: `network`, `convention`, sizes. `vfx-swap models add` reads these.

    Raises:
        OutputError: it cannot be written.
    """
    tensors = {key: value.detach().cpu().numpy() for key, value in network.state_dict().items()}
    write_safetensors(path, tensors, metadata={"format": "pt", **{key: str(value) for key, value in facts.items()}})


def open_recogniser(path: Path) -> ArcFace:
    """A recogniser as `vfx-swap train recogniser` writes it, or the whole network where the file says no sizes; frozen.

    Raises:
        MissingInputError: the file cannot be read.
        ModelMismatchError: it is no recogniser, or not whole.
    """
    held = read_safetensors(path)
    facts = held.metadata
    if facts.get("network", "arcface") != "arcface":
        raise ModelMismatchError(f"the weights of {facts['network']!r}, not of a recogniser", where=path)
    try:
        sizes = {key: int(facts[key]) for key in ("width", "latent", "size") if key in facts}
        counts = [int(part) for part in facts.get("blocks", "3 4 23 3").split()]
        one, two, three, four = counts
        network = ArcFace(blocks=(one, two, three, four), **sizes)
    except (TypeError, ValueError) as error:
        raise ModelMismatchError(f"its sizes cannot be read ({error})", where=path) from error
    load_weights(network, held.tensors, where=path)
    network.eval().requires_grad_(False)
    return network


def write_state(
    path: Path,
    *,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, torch.optim.Optimizer],
    facts: Mapping[str, str],
) -> None:
    """All that a run needs to go on to the bit: weights, buffers, moments. Draws are functions of the step.

    Raises:
        OutputError: it cannot be written.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value.detach().cpu().numpy() for key, value in module.state_dict().items()}
    for name, optimiser in optimisers.items():
        for place, held in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}/{place}/{key}": value.detach().cpu().numpy() for key, value in held.items()}
    write_safetensors(path, tensors, metadata={"schema": STATE, **facts})


def read_state(
    path: Path,
    *,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, torch.optim.Optimizer],
    facts: Mapping[str, str],
) -> Mapping[str, str]:
    """Put a run back where it was.

    Args:
        path: as `write_state` wrote it.
        modules: as they were given there.
        optimisers: likewise.
        facts: what must be the same as when it was written, as resuming would be another run otherwise.

    Returns:
        The facts of the file.

    Raises:
        MissingInputError: it cannot be read.
        ModelMismatchError: it is of another run, or not whole.
    """
    held = read_safetensors(path)
    if held.metadata.get("schema") != STATE:
        raise ModelMismatchError("not the state of a training run", where=path)
    then = {key: value for key, value in held.metadata.items() if key not in _PROGRESS}
    other = [f"{key} {then.get(key)!r}, now {facts.get(key)!r}" for key in sorted({*then, *facts})
             if then.get(key) != facts.get(key)]  # fmt: skip
    if other:
        mend = "Give the settings it was begun with, or another folder to begin anew"
        raise ModelMismatchError(f"begun with {'; '.join(other)}", where=path, mend=mend)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in held.tensors.items():
        name, _, rest = key.partition("/")
        parts.setdefault(name, {})[rest] = torch.from_numpy(np.array(value))
    for name, module in modules.items():
        load_weights(module, parts.get(name, {}), where=path)
    for name, optimiser in optimisers.items():
        moments: dict[int, dict[str, Any]] = {}
        for key, value in parts.get(name, {}).items():
            place, _, moment = key.partition("/")
            moments.setdefault(int(place), {})[moment] = value
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return held.metadata
