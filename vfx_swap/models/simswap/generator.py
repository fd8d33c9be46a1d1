"""SimSwap's generator: a performer's crop and an identity's vector in, the swapped crop out.

    first -> [down0] -> down1 -> down2 -> down3 -> [down4] -> identity blocks -> [up4] -> up3 -> up2
      -> up1 -> [up0] -> last

Four networks are one class:

    gen224        RGB in [0, 1], tanh at the end, RGB in [0, 1] out: the convention of the released files
    gen512        as gen224 with an outer stage (down0, up0) of half the width
    genfix        ImageNet-normalised RGB in, linear, the same space out: what the training script writes
    genfix_deep   as genfix with an inner stage (down4, up4)

The files of gen224 and genfix have the same keys: which one it is must be known from elsewhere. There are no skip
connections. Chen et al., "SimSwap" (ACM MM 2020); shapes below are for width 64 and pictures of 224.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vfx_swap.models.simswap.id_block import IdBlock

__all__ = ["Generator"]


class Generator(nn.Module):
    """Puts an identity into a crop."""

    def __init__(
        self,
        *,
        bounded: bool = True,
        outer: bool = False,
        inner: bool = False,
        latent: int = 512,
        width: int = 64,
        blocks: int = 9,
    ) -> None:
        """Fresh weights.

        Args:
            bounded: ends with tanh and gives [0, 1]; False: linear.
            outer: one more stage at full resolution, half as wide.
            inner: one more stage at the bottom.
            latent: length of the identity's vector.
            width: channels after the first layer (after `down0` where there is one); even where `outer`.
            blocks: identity blocks.
        """
        super().__init__()
        self.bounded = bounded
        self.latent = latent
        self.side_multiple = 16 if outer or inner else 8
        """Sides of a picture are multiples of this, and at least twice it."""
        first, deep = width // 2 if outer else width, 8 * width

        self.first_layer = nn.Sequential(  # (3, 224, 224) -> (64, 224, 224)
            nn.ReflectionPad2d(3), nn.Conv2d(3, first, 7), nn.BatchNorm2d(first), nn.ReLU()
        )
        self.down0 = _down(first, width) if outer else None
        self.down1 = _down(width, 2 * width)  # -> (128, 112, 112)
        self.down2 = _down(2 * width, 4 * width)  # -> (256, 56, 56)
        self.down3 = _down(4 * width, deep)  # -> (512, 28, 28)
        self.down4 = _down(deep, deep) if inner else None

        self.BottleNeck = nn.ModuleList(IdBlock(channels=deep, latent=latent) for _ in range(blocks))

        self.up4 = _up(deep, deep) if inner else None
        self.up3 = _up(deep, 4 * width)  # -> (256, 56, 56)
        self.up2 = _up(4 * width, 2 * width)  # -> (128, 112, 112)
        self.up1 = _up(2 * width, width)  # -> (64, 224, 224)
        self.up0 = _up(width, first) if outer else None
        last = [nn.ReflectionPad2d(3), nn.Conv2d(first, 3, 7)]  # -> (3, 224, 224)
        self.last_layer = nn.Sequential(*last, nn.Tanh()) if bounded else nn.Sequential(*last)

    def forward(self, picture: Tensor, identity: Tensor) -> Tensor:
        """The swapped picture.

        Args:
            picture: (B, 3, H, W) RGB, in [0, 1] where `bounded`, else ImageNet-normalised.
            identity: (B, latent), of length 1.

        Returns:
            (B, 3, H, W) in the space of `picture`.

        Raises:
            ValueError: a side is no multiple of `side_multiple`, or too small.
        """
        self._check(picture)
        x = self.first_layer(picture)
        for down in (self.down0, self.down1, self.down2, self.down3, self.down4):
            if down is not None:
                x = down(x)
        for block in self.BottleNeck:
            x = block(x, identity)
        for up in (self.up4, self.up3, self.up2, self.up1, self.up0):
            if up is not None:
                x = up(x)
        x = self.last_layer(x)
        return (x + 1.0) / 2.0 if self.bounded else x

    def _check(self, picture: Tensor) -> None:
        if torch.jit.is_tracing():  # a size asked for there would be written into the graph
            return
        height, width = picture.shape[2:]
        multiple = self.side_multiple
        if height % multiple or width % multiple or min(height, width) < 2 * multiple:
            raise ValueError(
                f"sides must be multiples of {multiple} and at least {2 * multiple}, got {width} x {height}"
            )


def _down(channels: int, wider: int) -> nn.Sequential:
    """(channels, H, W) -> (wider, H / 2, W / 2)."""
    return nn.Sequential(nn.Conv2d(channels, wider, 3, stride=2, padding=1), nn.BatchNorm2d(wider), nn.ReLU())


def _up(channels: int, narrower: int) -> nn.Sequential:
    """(channels, H, W) -> (narrower, 2 H, 2 W)."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(channels, narrower, 3, padding=1),
        nn.BatchNorm2d(narrower),
        nn.ReLU(),
    )
