"""The identity network: a ResNet of 101 layers with squeeze and excitation; a face in, a vector out.

    stem -> layer1 (3 blocks) -> layer2 (4) -> layer3 (23) -> layer4 (3) -> norm -> linear -> norm

ArcFace: Deng et al. (CVPR 2019); squeeze and excitation: Hu et al. (CVPR 2018). Layers and names are those of
SE-LResNet101E-IR in foamliu/InsightFace-PyTorch (Apache-2.0), by which SimSwap's own file was trained. Shapes below
are for width 64 and pictures of 112.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["ArcFace", "ResidualBlock", "SqueezeExcite"]

REDUCTION = 16
"""Channels to one, in the squeeze."""


class SqueezeExcite(nn.Module):
    """Weighs channels by what the whole picture says."""

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        squeezed = max(1, channels // REDUCTION)
        self.fc = nn.Sequential(nn.Linear(channels, squeezed), nn.PReLU(), nn.Linear(squeezed, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        weight = self.fc(x.mean(dim=(2, 3)))  # (B, C)
        return x * weight[:, :, None, None]


class ResidualBlock(nn.Module):
    """Norm, conv, norm, PReLU, conv, norm, squeeze and excitation, sum, and the same PReLU once more."""

    def __init__(self, *, channels: int, wider: int, stride: int) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, wider, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(wider)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, wider, 1, stride=stride, bias=False), nn.BatchNorm2d(wider))
            if stride != 1 or channels != wider
            else None
        )
        self.se = SqueezeExcite(channels=wider)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, wider, H / stride, W / stride), rounded up."""
        y = self.prelu(self.bn1(self.conv1(self.bn0(x))))  # (B, channels, H, W)
        y = self.se(self.bn2(self.conv2(y)))  # (B, wider, H / stride, W / stride)
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.prelu(y + shortcut)


class ArcFace(nn.Module):
    """Says who a face is."""

    def __init__(
        self,
        *,
        blocks: tuple[int, int, int, int] = (3, 4, 23, 3),
        width: int = 64,
        latent: int = 512,
        size: int = 112,
        dropout: float = 0.5,
    ) -> None:
        """Fresh weights.

        Args:
            blocks: of the four stages.
            width: channels of the first stage; each next one has twice as many.
            latent: length of the vector.
            size: side of the picture in pixels: the linear layer is made for it.
            dropout: while training.
        """
        super().__init__()
        self.size = size
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.conv1 = nn.Conv2d(3, width, 3, bias=False)  # (64, 110, 110): no padding
        self.bn1 = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU()
        self.maxpool = nn.MaxPool2d(2, stride=2)  # (64, 55, 55)
        stages = [
            _stage(channels, wider, count=count, stride=1 if index == 0 else 2)
            for index, ((channels, wider), count) in enumerate(zip(pairwise(widths), blocks, strict=True))
        ]
        # Out of the four: (64, 55, 55), (128, 28, 28), (256, 14, 14), (512, 7, 7).
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.bn2 = nn.BatchNorm2d(8 * width)
        self.dropout = nn.Dropout(dropout)
        side = -(-((size - 2) // 2) // 8)  # halved three times, rounded up
        self.fc = nn.Linear(8 * width * side * side, latent)
        self.bn3 = nn.BatchNorm1d(latent)

    def forward(self, picture: Tensor) -> Tensor:
        """The face's vector, of any length: who compares or injects it scales it to 1 first.

        Args:
            picture: (B, 3, size, size) RGB, ImageNet-normalised.

        Returns:
            (B, latent).

        Raises:
            ValueError: the picture has another size.
        """
        if not torch.jit.is_tracing() and tuple(picture.shape[2:]) != (self.size, self.size):
            raise ValueError(f"a picture of {self.size} x {self.size} is needed, got {tuple(picture.shape)}")
        x = self.maxpool(self.prelu(self.bn1(self.conv1(picture))))  # (B, 64, 55, 55)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (B, 512, 7, 7)
        x = self.dropout(self.bn2(x))
        x = x.reshape(x.shape[0], -1)  # (B, 25088), channel by channel also where channels lie last in memory
        return self.bn3(self.fc(x))


def _stage(channels: int, wider: int, *, count: int, stride: int) -> nn.Sequential:
    first = ResidualBlock(channels=channels, wider=wider, stride=stride)
    rest = [ResidualBlock(channels=wider, wider=wider, stride=1) for _ in range(count - 1)]
    return nn.Sequential(first, *rest)
