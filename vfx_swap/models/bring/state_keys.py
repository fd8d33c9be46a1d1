"""Which keys and shapes the state dicts of the known networks have: what a checkpoint is recognised by.

Written from the architecture's description (shapes of every layer), so that nothing has to be built to know
a file: a generator's list takes a millisecond. Batch norms hold weight, bias, running mean and variance, and
a count without shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

__all__ = ["NETWORKS", "KeyShapes", "network_keys"]

KeyShapes: TypeAlias = dict[str, tuple[int, ...]]
"""Key -> shape, in the order of the state dict."""

NETWORKS = ("gen224", "gen512", "genfix_deep", "disc", "arcface", "bisenet")
"""Networks told apart by keys. `genfix`, as train.py writes it at 224, has the keys of `gen224`."""


def network_keys(name: str) -> Mapping[str, tuple[int, ...]]:
    """Keys and shapes of a network's state dict.

    Raises:
        KeyError: no such network.
    """
    makers: dict[str, Callable[[], KeyShapes]] = {
        "gen224": partial(_generator, outer=False, inner=False),
        "gen512": partial(_generator, outer=True, inner=False),
        "genfix_deep": partial(_generator, outer=False, inner=True),
        "disc": _discriminator,
        "arcface": _arcface,
        "bisenet": _bisenet,
    }
    return MappingProxyType(makers[name]())


def _conv(key: str, into: int, out: int, side: int, *, bias: bool = True) -> KeyShapes:
    keys: KeyShapes = {f"{key}.weight": (out, into, side, side)}
    return keys | {f"{key}.bias": (out,)} if bias else keys


def _linear(key: str, into: int, out: int) -> KeyShapes:
    return {f"{key}.weight": (out, into), f"{key}.bias": (out,)}


def _norm(key: str, width: int) -> KeyShapes:
    keys: KeyShapes = {f"{key}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
    return keys | {f"{key}.num_batches_tracked": ()}


def _conv_norm(key: str, into: int, out: int, side: int, *, first: int) -> KeyShapes:
    """A convolution and its batch norm at neighbouring places of a Sequential."""
    return _conv(f"{key}.{first}", into, out, side) | _norm(f"{key}.{first + 1}", out)


def _generator(*, outer: bool, inner: bool) -> KeyShapes:
    """The generator: `outer` has a stage more at full resolution (released 512), `inner` one at the bottleneck."""
    stem = 32 if outer else 64
    keys = _conv_norm("first_layer", 3, stem, 7, first=1)
    if outer:
        keys |= _conv_norm("down0", 32, 64, 3, first=0)
    for stage, width in enumerate((64, 128, 256), start=1):
        keys |= _conv_norm(f"down{stage}", width, width * 2, 3, first=0)
    if inner:
        keys |= _conv_norm("down4", 512, 512, 3, first=0)
    for block in range(9):
        for half in (1, 2):
            keys |= _conv(f"BottleNeck.{block}.conv{half}.1", 512, 512, 3)
            keys |= _linear(f"BottleNeck.{block}.style{half}.linear", 512, 1024)
    if inner:
        keys |= _conv_norm("up4", 512, 512, 3, first=1)
    for stage, width in ((3, 512), (2, 256), (1, 128)):
        keys |= _conv_norm(f"up{stage}", width, width // 2, 3, first=1)
    if outer:
        keys |= _conv_norm("up0", 64, 32, 3, first=1)
    return keys | _conv("last_layer.1", stem, 3, 7)


def _discriminator() -> KeyShapes:
    keys = _conv("down1.0", 3, 64, 4)
    for stage, width in ((2, 64), (3, 128), (4, 256)):
        keys |= _conv_norm(f"down{stage}", width, width * 2, 4, first=0)
    return keys | _conv_norm("conv1", 512, 512, 4, first=0) | _conv("conv2.0", 512, 1, 4)


def _arcface() -> KeyShapes:
    """SE-ResNet-101 with pre-norm blocks and one PReLU slope a block."""
    keys = _conv("conv1", 3, 64, 3, bias=False) | _norm("bn1", 64) | {"prelu.weight": (1,)}
    width = 64
    for stage, (planes, blocks) in enumerate(zip((64, 128, 256, 512), (3, 4, 23, 3), strict=True), start=1):
        for block in range(blocks):
            key = f"layer{stage}.{block}"
            keys |= _norm(f"{key}.bn0", width) | _conv(f"{key}.conv1", width, width, 3, bias=False)
            keys |= _norm(f"{key}.bn1", width) | {f"{key}.prelu.weight": (1,)}
            keys |= _conv(f"{key}.conv2", width, planes, 3, bias=False) | _norm(f"{key}.bn2", planes)
            if width != planes:
                keys |= _conv(f"{key}.downsample.0", width, planes, 1, bias=False)
                keys |= _norm(f"{key}.downsample.1", planes)
            keys |= _linear(f"{key}.se.fc.0", planes, planes // 16) | {f"{key}.se.fc.1.weight": (1,)}
            keys |= _linear(f"{key}.se.fc.2", planes // 16, planes)
            width = planes
    return keys | _norm("bn2", 512) | _linear("fc", 512 * 7 * 7, 512) | _norm("bn3", 512)


def _block_norm(key: str, into: int, out: int, side: int) -> KeyShapes:
    return _conv(f"{key}.conv", into, out, side, bias=False) | _norm(f"{key}.bn", out)


def _bisenet() -> KeyShapes:
    trunk = "cp.resnet"
    keys = _conv(f"{trunk}.conv1", 3, 64, 7, bias=False) | _norm(f"{trunk}.bn1", 64)
    into = 64
    for stage, out in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            key = f"{trunk}.layer{stage}.{block}"
            keys |= _conv(f"{key}.conv1", into, out, 3, bias=False) | _norm(f"{key}.bn1", out)
            keys |= _conv(f"{key}.conv2", out, out, 3, bias=False) | _norm(f"{key}.bn2", out)
            if into != out:
                keys |= _conv(f"{key}.downsample.0", into, out, 1, bias=False) | _norm(f"{key}.downsample.1", out)
            into = out
    for arm, width in (("arm16", 256), ("arm32", 512)):
        keys |= _block_norm(f"cp.{arm}.conv", width, 128, 3)
        keys |= _conv(f"cp.{arm}.conv_atten", 128, 128, 1, bias=False) | _norm(f"cp.{arm}.bn_atten", 128)
    keys |= _block_norm("cp.conv_head32", 128, 128, 3) | _block_norm("cp.conv_head16", 128, 128, 3)
    keys |= _block_norm("cp.conv_avg", 512, 128, 1) | _block_norm("ffm.convblk", 256, 256, 1)
    keys |= _conv("ffm.conv1", 256, 64, 1, bias=False) | _conv("ffm.conv2", 64, 256, 1, bias=False)
    for head, into, middle in (("conv_out", 256, 256), ("conv_out16", 128, 64), ("conv_out32", 128, 64)):
        keys |= _block_norm(f"{head}.conv", into, middle, 3) | _conv(f"{head}.conv_out", middle, 19, 1, bias=False)
    return keys
