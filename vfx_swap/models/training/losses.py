"""Losses of Chen et al., "SimSwap" (ACM MM 2020), section 3.3, each a plain function. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = [
    "feature_matching",
    "gradient_penalty",
    "hinge_discriminator",
    "hinge_generator",
    "identity_loss",
    "margin_logits",
    "reconstruction",
]


def identity_loss(vectors: Tensor, wanted: Tensor) -> Tensor:
    """Mean of 1 - cosine. Both (B, latent), of any length; the result is a scalar in [0, 2]."""
    return (1.0 - nn.functional.cosine_similarity(vectors, wanted, dim=1)).mean()


def reconstruction(swapped: Tensor, performer: Tensor) -> Tensor:
    """Mean absolute difference of two (B, 3, H, W): the performer of same-identity pairs, or a known true swap."""
    return (swapped - performer).abs().mean()


def feature_matching(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]], *, last: int) -> Tensor:
    """Weak feature matching: the mean absolute difference of the last feature layers, summed over discriminators.

    Args:
        real: of each discriminator its features of the performer's crop, shallow to deep, scores left out.
        fake: of the swap, likewise.
        last: how many layers, counted from the deepest. All of them is the original feature matching of pix2pixHD.
    """
    terms = [
        (a.detach() - b).abs().mean()
        for one, other in zip(real, fake, strict=True)
        for a, b in zip(one[-last:], other[-last:], strict=True)
    ]
    return torch.stack(terms).sum()


def hinge_discriminator(
    real: Sequence[Tensor], fake: Sequence[Tensor], mismatched: Sequence[Tensor] | None = None
) -> Tensor:
    """Mean over discriminators of relu(1 - D(real)) + relu(1 + D(fake)).

    Args:
        real: scores of real pictures.
        fake: of swaps.
        mismatched: of real pictures of somebody else than the judge was told: they count for half of what is fake.
            Reed et al., "Generative Adversarial Text to Image Synthesis" (ICML 2016), algorithm 1.
    """
    fakes = [nn.functional.relu(1.0 + one).mean() for one in fake]
    if mismatched is not None:
        wrong = [nn.functional.relu(1.0 + one).mean() for one in mismatched]
        fakes = [0.5 * (a + b) for a, b in zip(fakes, wrong, strict=True)]
    return torch.stack([nn.functional.relu(1.0 - a).mean() + b for a, b in zip(real, fakes, strict=True)]).mean()


def hinge_generator(fake: Sequence[Tensor]) -> Tensor:
    """Mean over discriminators of -D(fake)."""
    return torch.stack([-scores.mean() for scores in fake]).mean()


def gradient_penalty(scored: Callable[[Tensor], Sequence[Tensor]], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Mean of (|gradient of D| - 1)^2 between real and swapped pictures: Gulrajani et al. (NeurIPS 2017), eq. 3.

    Args:
        scored: a picture's scores by each discriminator.
        real: (B, 3, H, W).
        fake: the same shape.
        mix: (B, 1, 1, 1) in [0, 1], how much of `real`.
    """
    between = (mix * real + (1.0 - mix) * fake).detach().requires_grad_(True)
    # Means, so that the penalty does not grow with how many patches a picture has.
    scores = torch.stack([one.mean(dim=(1, 2, 3)) for one in scored(between)]).mean(dim=0).sum()
    (gradient,) = torch.autograd.grad(scores, between, create_graph=True)
    return ((gradient.flatten(1).norm(dim=1) - 1.0) ** 2).mean()


def margin_logits(vectors: Tensor, centres: Tensor, labels: Tensor, *, margin: float, scale: float) -> Tensor:
    """Scaled cosines with an angle added to the right class: ArcFace, Deng et al. (CVPR 2019), eq. 3.

    Args:
        vectors: (B, latent).
        centres: (classes, latent).
        labels: (B,) int64.
        margin: radians.
        scale: of the cosines.

    Returns:
        (B, classes) logits.
    """
    cosine = nn.functional.linear(nn.functional.normalize(vectors), nn.functional.normalize(centres))
    angle = torch.acos(cosine.clamp(-1.0 + 1e-6, 1.0 - 1e-6))
    # An angle past pi would come back: there the plain penalty of the paper's code takes over.
    pushed = torch.where(angle + margin < torch.pi, torch.cos(angle + margin), cosine - margin * margin)
    right = nn.functional.one_hot(labels, centres.shape[0]).bool()
    return scale * torch.where(right, pushed, cosine)
