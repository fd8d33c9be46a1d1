"""The networks, narrow and shallow: the same code in a hundredth of the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["REDUCED", "inputs_of", "outputs_of"]


def _generator(**options: Any) -> Any:
    from vfx_swap.models.simswap.generator import Generator

    return Generator(width=4, blocks=2, latent=16, **options)


def _disc() -> Any:
    from vfx_swap.models.simswap.discriminator import Discriminator

    return Discriminator(width=4)


def _arcface() -> Any:
    from vfx_swap.models.arcface.network import ArcFace

    return ArcFace(width=32, blocks=(1, 2, 1, 1), latent=16, size=48)


def _bisenet() -> Any:
    from vfx_swap.models.bisenet.network import BiSeNet

    return BiSeNet(width=8)


REDUCED: dict[str, Callable[[], Any]] = {
    "gen224": _generator,
    "gen512": lambda: _generator(outer=True),
    "genfix": lambda: _generator(bounded=False),
    "genfix_deep": lambda: _generator(bounded=False, inner=True),
    "disc": _disc,
    "arcface": _arcface,
    "bisenet": _bisenet,
}
"""Network's name -> makes one with fresh weights, training."""


def inputs_of(name: str, *, batch: int = 2, height: int = 48, width: int = 64) -> list[Any]:
    """Pictures in [0, 1] and, for a generator, identities of length 1; the same every time."""
    import torch

    random = torch.Generator().manual_seed(5)
    if name == "arcface":
        height = width = 48
    pictures = torch.rand(batch, 3, height, width, generator=random)
    if not name.startswith("gen"):
        return [pictures]
    identities = torch.randn(batch, 16, generator=random)
    return [pictures, identities / identities.norm(dim=1, keepdim=True)]


def outputs_of(network: Any, inputs: list[Any]) -> tuple[Any, ...]:
    """The network's answers, always as a tuple."""
    answer = network(*inputs)
    return answer if isinstance(answer, tuple) else (answer,)
