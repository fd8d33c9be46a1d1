"""The face parser: which of 19 regions each pixel belongs to.

    picture -> ResNet-18 -> f8, f16, f32 -> context path (attention, from coarse to fine) -> fusion with f8 -> heads

BiSeNet: Yu et al. (ECCV 2018), with the spatial path replaced by the trunk's own f8, as in
zllrunning/face-parsing.PyTorch (MIT), whose names of parameters these are. ResNet: He et al. (CVPR 2016). Shapes below
are for width 64 and pictures of 512. The trunk starts from fresh weights: nothing is fetched.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

__all__ = [
    "AttentionRefinement",
    "BasicBlock",
    "BiSeNet",
    "ContextPath",
    "ConvNormRelu",
    "FeatureFusion",
    "Head",
    "Trunk",
]


class ConvNormRelu(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, channels: int, wider: int, *, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, wider, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(wider)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, wider, H, W)."""
        return self.relu(self.bn(self.conv(x)))


class BasicBlock(nn.Module):
    """Two convolutions and the way around them."""

    def __init__(self, channels: int, wider: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, wider, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(wider)
        self.conv2 = nn.Conv2d(wider, wider, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(wider)
        self.relu = nn.ReLU()
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, wider, 1, stride=stride, bias=False), nn.BatchNorm2d(wider))
            if stride != 1 or channels != wider
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, wider, H / stride, W / stride)."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Trunk(nn.Module):
    """ResNet-18 without its classifier."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)  # (64, 256, 256)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)  # (64, 128, 128)
        self.layer1 = nn.Sequential(BasicBlock(width, width, stride=1), BasicBlock(width, width, stride=1))
        self.layer2 = _layer(width, 2 * width)  # (128, 64, 64)
        self.layer3 = _layer(2 * width, 4 * width)  # (256, 32, 32)
        self.layer4 = _layer(4 * width, 8 * width)  # (512, 16, 16)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) -> features of 1/8, 1/16 and 1/32 of the size."""
        x = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(picture)))))
        f8 = self.layer2(x)
        f16 = self.layer3(f8)
        return f8, f16, self.layer4(f16)


class AttentionRefinement(nn.Module):
    """Features, each channel weighed by what the whole picture says."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.conv = ConvNormRelu(channels, wider)
        self.conv_atten = nn.Conv2d(wider, wider, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(wider)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, wider, H, W)."""
        feature = self.conv(x)
        attention = self.bn_atten(self.conv_atten(feature.mean(dim=(2, 3), keepdim=True))).sigmoid()  # (B, wider, 1, 1)
        return feature * attention


class ContextPath(nn.Module):
    """What the picture is as a whole, brought down to each place."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        context = 2 * width
        self.resnet = Trunk(width=width)
        self.arm16 = AttentionRefinement(4 * width, context)
        self.arm32 = AttentionRefinement(8 * width, context)
        self.conv_head32 = ConvNormRelu(context, context)
        self.conv_head16 = ConvNormRelu(context, context)
        self.conv_avg = ConvNormRelu(8 * width, context, kernel=1)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) -> f8 and u16 (both 128 channels, 1/8), u32 (128, 1/16)."""
        f8, f16, f32 = self.resnet(picture)
        average = self.conv_avg(f32.mean(dim=(2, 3), keepdim=True))  # (B, 128, 1, 1)
        u32 = interpolate(self.arm32(f32) + average, size=f16.shape[2:], mode="nearest")
        u32 = self.conv_head32(u32)  # (B, 128, 32, 32)
        u16 = interpolate(self.arm16(f16) + u32, size=f8.shape[2:], mode="nearest")
        return f8, self.conv_head16(u16), u32  # (B, 128, 64, 64), the same, (B, 128, 32, 32)


class FeatureFusion(nn.Module):
    """Detail and context together, channels weighed."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convblk = ConvNormRelu(channels, channels, kernel=1)
        self.conv1 = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.relu = nn.ReLU()

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        """Two of (B, 128, H, W) -> (B, 256, H, W)."""
        feature = self.convblk(torch.cat([detail, context], dim=1))
        attention = self.conv2(
            self.relu(self.conv1(feature.mean(dim=(2, 3), keepdim=True)))
        ).sigmoid()  # (B, 256, 1, 1)
        return feature * attention + feature


class Head(nn.Module):
    """Scores of the classes."""

    def __init__(self, channels: int, middle: int, *, classes: int) -> None:
        super().__init__()
        self.conv = ConvNormRelu(channels, middle)
        self.conv_out = nn.Conv2d(middle, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, classes, H, W)."""
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """Scores of every region at every pixel."""

    def __init__(self, *, classes: int = 19, width: int = 64) -> None:
        """Fresh weights.

        Args:
            classes: regions; 19 of CelebAMask-HQ, 0 is the background.
            width: channels of the trunk's first stage.
        """
        super().__init__()
        self.cp = ContextPath(width=width)
        self.ffm = FeatureFusion(4 * width)
        self.conv_out = Head(4 * width, 4 * width, classes=classes)
        self.conv_out16 = Head(2 * width, width, classes=classes)
        self.conv_out32 = Head(2 * width, width, classes=classes)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, without bounds; the greatest is the region.

        Args:
            picture: (B, 3, H, W) RGB, ImageNet-normalised; trained at 512, sides of at least 32.

        Returns:
            Three of (B, classes, H, W). The first is the answer; the others, from u16 and u32, help training.
        """
        f8, u16, u32 = self.cp(picture)
        scores = self.conv_out(self.ffm(f8, u16)), self.conv_out16(u16), self.conv_out32(u32)
        size = picture.shape[2:]
        s8, s16, s32 = (interpolate(score, size=size, mode="bilinear", align_corners=True) for score in scores)
        return s8, s16, s32


def _layer(channels: int, wider: int) -> nn.Sequential:
    """(channels, H, W) -> (wider, H / 2, W / 2)."""
    return nn.Sequential(BasicBlock(channels, wider, stride=2), BasicBlock(wider, wider, stride=1))
