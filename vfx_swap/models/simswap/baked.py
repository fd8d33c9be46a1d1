"""A generator with one identity in it, as TorchScript: a picture in [0, 1] of any size in, one of the same size out.

The generator itself is traced; what asks for sizes is compiled around it, so that every size works.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["bake"]


class _OneIdentity(nn.Module):
    """The generator, its second input a constant."""

    def __init__(self, generator: nn.Module, identity: Tensor) -> None:
        super().__init__()
        self.generator = generator
        self.register_buffer("identity", identity)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W), in the generator's own space."""
        return self.generator(picture, self.identity.expand(picture.shape[0], -1))


class _AnyPicture(nn.Module):
    """Clips, pads and normalises before; undoes it after."""

    def __init__(self, inner: nn.Module, *, multiple: int, normalised: bool) -> None:
        super().__init__()
        self.inner = inner
        self.multiple = multiple
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if normalised else ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> the same."""
        height, width = picture.shape[2], picture.shape[3]
        # Whole multiples, and at least two: reflection needs neighbours at the bottom of the network.
        below = max(2 * self.multiple, (height + self.multiple - 1) // self.multiple * self.multiple) - height
        beside = max(2 * self.multiple, (width + self.multiple - 1) // self.multiple * self.multiple) - width
        padded = nn.functional.pad(picture.clamp(0.0, 1.0), [0, beside, 0, below], mode="replicate")
        answer = self.inner((padded - self.mean) / self.std) * self.std + self.mean
        return answer.clamp(0.0, 1.0)[:, :, :height, :width]


def bake(generator: nn.Module, identity: Tensor, *, normalised: bool) -> torch.jit.ScriptModule:
    """The script module.

    Args:
        generator: in evaluation mode.
        identity: (1, latent), of length 1.
        normalised: the generator's convention: True for ImageNet-normalised pictures, False for [0, 1].
    """
    multiple = int(generator.side_multiple)
    # A copy that asks for no gradients: whoever runs the file would else keep every layer's answer for them.
    generator = copy.deepcopy(generator).requires_grad_(requires_grad=False)
    example = torch.full((2, 3, 4 * multiple, 4 * multiple), 0.5)
    inner = torch.jit.trace(_OneIdentity(generator, identity).eval(), example)
    return torch.jit.script(_AnyPicture(inner, multiple=multiple, normalised=normalised).eval())
