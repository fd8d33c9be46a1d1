"""The block that puts an identity into features: two convolutions, each normalised and then styled by the vector.

    x -> [reflect pad, conv 3x3] -> instance norm -> style 1 -> ReLU
      -> [reflect pad, conv 3x3] -> instance norm -> style 2 -> + x

After Chen et al., "SimSwap: An Efficient Framework For High Fidelity Face Swapping" (ACM MM 2020), section 3.1.
Adaptive instance norm is Huang and Belongie's (ICCV 2017). Names of parameters are those of published files.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["IdBlock", "IdStyle", "InstanceNorm"]

EPSILON = 1e-8


class InstanceNorm(nn.Module):
    """Each channel of each picture to mean 0 and variance 1 (biased), without parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and type."""
        # Half floats know no 1e-8 and lose squares: statistics are taken in float32.
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        centred = wide - wide.mean(dim=(2, 3), keepdim=True)  # (B, C, H, W)
        variance = (centred * centred).mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        return (centred * torch.rsqrt(variance + EPSILON)).to(x.dtype)


class IdStyle(nn.Module):
    """Scales and shifts channels by what the identity says."""

    def __init__(self, *, channels: int, latent: int) -> None:
        super().__init__()
        self.channels = channels
        self.linear = nn.Linear(latent, 2 * channels)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Features (B, C, H, W) and z (B, latent) -> (B, C, H, W): x * (1 + gamma) + beta."""
        style = self.linear(z).reshape(-1, 2, self.channels, 1, 1)  # (B, 2, C, 1, 1)
        gamma, beta = style[:, 0], style[:, 1]  # each (B, C, 1, 1)
        return x * (gamma + 1.0) + beta


class IdBlock(nn.Module):
    """A residual block that the identity styles twice; nothing follows the sum."""

    def __init__(self, *, channels: int, latent: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))
        self.style1 = IdStyle(channels=channels, latent=latent)
        self.conv2 = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))
        self.style2 = IdStyle(channels=channels, latent=latent)
        self.norm = InstanceNorm()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Features (B, C, H, W) and z (B, latent) -> (B, C, H, W). Sides of at least 2, for the reflection."""
        y = self.relu(self.style1(self.norm(self.conv1(x)), z))  # (B, C, H, W)
        y = self.style2(self.norm(self.conv2(y)), z)  # (B, C, H, W)
        return x + y
