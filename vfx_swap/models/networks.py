"""Our own networks by name: made with fresh weights, and loaded strictly. Needs torch when one is made.

gen224 gen512           SimSwap's generators as released: plain RGB in [0, 1] in and out
genfix genfix_deep      as its training script writes them: ImageNet-normalised, linear
disc                    patch discriminator
arcface                 recogniser
bisenet                 face parser
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.torch_kernels.device import import_torch

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "NETWORKS",
    "LoadReport",
    "NetworkSpec",
    "build_network",
    "load_weights",
    "network_spec",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""RGB, of values in [0, 1]; torchvision's, as every network here but gen224 and gen512 wants it."""
IMAGENET_STD = (0.229, 0.224, 0.225)
_NAMED = 8
"""Keys named in a message; the rest is counted."""
_NORM_AT_REST = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0.0}
"""A batch norm that nothing ever went through."""


@dataclass(frozen=True)
class NetworkSpec:
    """What goes in and out of a network."""

    name: str
    size: int
    """Side in pixels of the pictures it was made for."""
    inputs: tuple[str, ...]
    """`picture` (B, 3, H, W) RGB and, for a generator, `identity` (B, 512) of length 1."""
    outputs: tuple[str, ...]
    normalised: bool
    """True: pictures go in (and out of a generator) as (x - IMAGENET_MEAN) / IMAGENET_STD; False: in [0, 1]."""
    fixed_size: bool = False
    """True where no other size will do."""

    @property
    def is_generator(self) -> bool:
        """Whether an identity goes in."""
        return "identity" in self.inputs


_PICTURE, _BOTH = ("picture",), ("picture", "identity")
_LAYERS = ("layer1", "layer2", "layer3", "layer4", "layer5", "scores")
NETWORKS: Mapping[str, NetworkSpec] = MappingProxyType({
    spec.name: spec
    for spec in (
        NetworkSpec("gen224", 224, _BOTH, ("swapped",), normalised=False),
        NetworkSpec("gen512", 512, _BOTH, ("swapped",), normalised=False),
        NetworkSpec("genfix", 224, _BOTH, ("swapped",), normalised=True),
        NetworkSpec("genfix_deep", 512, _BOTH, ("swapped",), normalised=True),
        # Released beside gen224: it sees what that gives.
        NetworkSpec("disc", 224, _PICTURE, _LAYERS, normalised=False),
        NetworkSpec("arcface", 112, _PICTURE, ("embedding",), normalised=True, fixed_size=True),
        NetworkSpec("bisenet", 512, _PICTURE, ("scores", "scores16", "scores32"), normalised=True),
    )
})  # fmt: skip


@dataclass(frozen=True)
class LoadReport:
    """What `load_weights` did."""

    loaded: int
    """Keys."""
    ignored: tuple[str, ...]
    """Batch norms of identity blocks at rest: some published files carry them, no network uses them."""


def network_spec(name: str) -> NetworkSpec:
    """What is known of a network.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in NETWORKS:
        raise UsageError(f"there is no network {name!r}", mend=f"Networks: {', '.join(NETWORKS)}")
    return NETWORKS[name]


def build_network(name: str, *, seed: int | None = None) -> nn.Module:
    """A network with fresh weights, on the CPU, float32, in evaluation mode.

    Args:
        name: one of `NETWORKS`. For reduced ones call the classes themselves: they take width and depth.
        seed: the same seed gives the same weights, and torch's own random state is left as it was; None: drawn from
            that state.

    Raises:
        UsageError: there is no network of this name.
        DeviceError: torch is not installed.
    """
    network_spec(name)
    torch = import_torch()
    if seed is None:
        return _made(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _made(name)


def load_weights(network: nn.Module, tensors: Mapping[str, Any], *, where: object = None) -> LoadReport:
    """Put weights into a network: every key it has, with its shape, and no other.

    Args:
        network: of any width and depth.
        tensors: key -> torch tensor or numpy array; numbers are taken over in the network's own types.
        where: where they come from, for messages.

    Raises:
        ModelMismatchError: keys are missing, too many or of another shape or kind; each is named, nothing is loaded.
    """
    torch = import_torch()
    wanted = network.state_dict()
    ignored = tuple(key for key, value in tensors.items() if key not in wanted and _at_rest(key, value))
    given = {key: value for key, value in tensors.items() if key not in ignored}
    faults = _faults(wanted, given)
    if faults:
        raise ModelMismatchError(
            f"not the weights of this {type(network).__name__} of {len(wanted)} keys: {'; '.join(faults)}",
            where=where,
            mend="Give the whole state dict of this very network, or build the network that it is of",
        )
    # copy: torch shares memory with numpy otherwise, and warns of arrays that are read-only.
    plain = {
        key: torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
        for key, value in given.items()
    }
    network.load_state_dict(plain, strict=True)
    return LoadReport(len(wanted), ignored)


def _made(name: str) -> nn.Module:
    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.bisenet.network import BiSeNet
    from vfx_swap.models.simswap.discriminator import Discriminator
    from vfx_swap.models.simswap.generator import Generator

    makers: dict[str, Callable[[], nn.Module]] = {
        "gen224": Generator,
        "gen512": lambda: Generator(outer=True),
        "genfix": lambda: Generator(bounded=False),
        "genfix_deep": lambda: Generator(bounded=False, inner=True),
        "disc": Discriminator,
        "arcface": ArcFace,
        "bisenet": BiSeNet,
    }
    return makers[name]().eval()


def _at_rest(key: str, value: Any) -> bool:
    """Whether this is a part of a batch norm in an identity block that nothing ever went through."""
    resting = _NORM_AT_REST.get(key.rpartition(".")[2])
    if not key.startswith("BottleNeck.") or resting is None or len(value.shape) > 1:
        return False
    return bool((value == resting).all())


def _faults(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    missing = [key for key in wanted if key not in given]
    surplus = [key for key in given if key not in wanted]
    misshaped = [
        f"{key} is {list(given[key].shape)}, not {list(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in given and tuple(given[key].shape) != tuple(tensor.shape)
    ]
    other_kind = [
        f"{key} is {given[key].dtype}, not {tensor.dtype}"
        for key, tensor in wanted.items()
        if key in given and ("float" in str(given[key].dtype)) != tensor.is_floating_point()
    ]
    words = {"missing": missing, "too many": surplus, "of another shape": misshaped, "of another kind": other_kind}
    return [
        f"{len(keys)} {word} ({', '.join(keys[:_NAMED])}{', ...' if len(keys) > _NAMED else ''})"
        for word, keys in words.items()
        if keys
    ]
