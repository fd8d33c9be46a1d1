"""Who judges a swap: patch discriminators at two scales, or heads on the features of a frozen backbone. Needs torch."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from vfx_swap.models.simswap.discriminator import Discriminator, half_size

__all__ = ["Judge", "MultiScale", "Projected", "RandomBackbone", "Verdict"]

Verdict = tuple[list[Tensor], list[list[Tensor]]]
"""Scores (B, 1, h, w) of each judge, and its features, shallow to deep."""
SMALLEST_PATCH = 48
"""Side in pixels that the patch discriminator needs."""
_RANDOM_SEED = 20201012


class Judge(Protocol):
    """Scores pictures in the generator's own space."""

    def __call__(self, picture: Tensor, whose: Tensor | None = None) -> Verdict:
        """(B, 3, H, W) and, for one that is told, who it should be as (B, latent) -> scores and features."""


class MultiScale(nn.Module):
    """The patch discriminator twice: on the picture and, where that is large enough, on its half.

    One that is told whose face it should be adds to every patch's score how well the deepest features agree with that
    vector: Miyato and Koyama, "cGANs with Projection Discriminator" (ICLR 2018), equation 3.
    """

    def __init__(self, *, width: int, side: int, latent: int | None = None) -> None:
        """Fresh weights.

        Args:
            width: channels after the first layer.
            side: of the pictures, in pixels.
            latent: length of the vector that it is told; None: it is told none.
        """
        super().__init__()
        count = 2 if (side + 1) // 2 >= SMALLEST_PATCH else 1
        self.scales = nn.ModuleList(Discriminator(width=width) for _ in range(count))
        self.agreement = nn.ModuleList(
            [] if latent is None else [nn.Linear(latent, 8 * width, bias=False) for _ in range(count)]
        )

    def forward(self, picture: Tensor, whose: Tensor | None = None) -> Verdict:
        """(B, 3, H, W) and, where it is told, (B, latent) -> one or two scores, five features each."""
        scores, features = [], []
        for number, judge in enumerate(self.scales):
            *layers, score = judge(half_size(picture) if number else picture)
            if self.agreement:
                agreed = self.agreement[number](whose) * layers[-1].mean(dim=(2, 3))
                score = score + agreed.sum(dim=1).reshape(-1, 1, 1, 1)
            scores.append(score)
            features.append(list(layers))
        return scores, features


class RandomBackbone(nn.Module):
    """Four frozen stages of random orthogonal convolutions: what stands in where no trained backbone is given.

    Random features keep what a picture looks like but know nothing of the world: a trained backbone does better.
    """

    channels = (16, 32, 64, 96)

    def __init__(self) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_RANDOM_SEED)
            before = 3
            for channels in self.channels:
                convolution = nn.Conv2d(before, channels, 3, stride=2, padding=1)
                nn.init.orthogonal_(convolution.weight, gain=1.4)
                nn.init.zeros_(convolution.bias)
                stages.append(nn.Sequential(convolution, nn.LeakyReLU(0.2)))
                before = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> features at strides 2, 4, 8 and 16."""
        features = []
        for stage in self.stages:
            picture = stage(picture)
            features.append(picture)
        return features


class Projected(nn.Module):
    """Heads that score the mixed features of a frozen backbone: Sauer et al., "Projected GANs" (NeurIPS 2021).

    Features pass a fixed random 1x1 convolution each (mixing of channels) and a fixed random top-down path (mixing of
    scales); what is trained are the heads, spectrally normalised.
    """

    def __init__(self, *, backbone: nn.Module | None = None, width: int = 32) -> None:
        """Fresh heads.

        Args:
            backbone: gives four features (B, c, h, w), each half the size of the one before, and has `channels`, their
                counts; takes pictures as the generator gives them. None: `RandomBackbone`.
            width: channels of the heads.
        """
        super().__init__()
        self.backbone = RandomBackbone() if backbone is None else backbone
        counts = [int(count) for count in self.backbone.channels]  # type: ignore[union-attr, arg-type, unused-ignore]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_RANDOM_SEED + 1)
            self.mixers = nn.ModuleList(nn.Conv2d(count, width, 1) for count in counts)
            self.downward = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in counts[:-1])
        for part in (self.backbone, self.mixers, self.downward):
            part.requires_grad_(False)
        self.heads = nn.ModuleList(_head(width) for _ in counts)
        self.train()

    def train(self, mode: bool = True) -> Projected:
        """Training or evaluation; the backbone stays in evaluation, or its batch norms would drift."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, picture: Tensor, whose: Tensor | None = None) -> Verdict:
        """(B, 3, H, W) -> four scores; the features are the backbone's own. It is told nobody."""
        del whose
        features = self.backbone(picture)
        mixed = [mixer(feature) for mixer, feature in zip(self.mixers, features, strict=True)]
        for number in range(len(mixed) - 2, -1, -1):
            above = nn.functional.interpolate(mixed[number + 1], size=mixed[number].shape[2:], mode="bilinear")
            mixed[number] = mixed[number] + self.downward[number](above)
        return [head(feature) for head, feature in zip(self.heads, mixed, strict=True)], [list(features)]


def _head(width: int) -> nn.Sequential:
    def narrow(channels: int, out: int) -> nn.Module:
        return nn.utils.parametrizations.spectral_norm(nn.Conv2d(channels, out, 3, padding=1))

    return nn.Sequential(narrow(width, width), nn.LeakyReLU(0.2), narrow(width, 1))
