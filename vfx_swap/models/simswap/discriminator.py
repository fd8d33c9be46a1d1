"""The patch discriminator that stands beside the released generators: is each patch of a picture a photograph's?

    down1 -> down2 -> down3 -> down4 -> conv1 -> conv2

After pix2pixHD's (Wang et al., CVPR 2018), each convolution 4x4 with padding 1. Shapes below are for width 64 and
pictures of 224. A second one sees the picture at half size, by `half_size`.
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Discriminator", "half_size"]

SLOPE = 0.2
"""Of the leaky ReLUs."""


class Discriminator(nn.Module):
    """Scores patches, and gives the features on the way, which training compares."""

    def __init__(self, *, width: int = 64) -> None:
        """Fresh weights.

        Args:
            width: channels after the first layer.
        """
        super().__init__()
        deep = 8 * width
        self.down1 = nn.Sequential(nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE))  # (64, 112, 112)
        self.down2 = _layer(width, 2 * width, stride=2)  # (128, 56, 56)
        self.down3 = _layer(2 * width, 4 * width, stride=2)  # (256, 28, 28)
        self.down4 = _layer(4 * width, deep, stride=2)  # (512, 14, 14)
        self.conv1 = _layer(deep, deep, stride=1)  # (512, 13, 13)
        self.conv2 = nn.Sequential(nn.Conv2d(deep, 1, 4, padding=1))  # (1, 12, 12)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What every layer gives, the scores last.

        Args:
            picture: (B, 3, H, W), in the space of the generator's answers; sides of at least 48.

        Returns:
            Five features and the scores (B, 1, H / 16 - 2, W / 16 - 2), without bounds.
        """
        x1 = self.down1(picture)
        x2 = self.down2(x1)
        x3 = self.down3(x2)
        x4 = self.down4(x3)
        x5 = self.conv1(x4)
        return x1, x2, x3, x4, x5, self.conv2(x5)


def half_size(picture: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 3, H / 2, W / 2) rounded up: what the second discriminator sees, means of 3x3."""
    return nn.functional.avg_pool2d(picture, 3, stride=2, padding=1, count_include_pad=False)


def _layer(channels: int, wider: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, wider, 4, stride=stride, padding=1), nn.BatchNorm2d(wider), nn.LeakyReLU(SLOPE)
    )
