"""A swap as the recogniser is shown it in training: moved, mirrored, blurred and noisy, with gradients. Needs torch.

A generator that always shows the same pixels learns what pleases one network and nobody else; what must please through
many small changes is nearer to a face. After Athalye et al., "Synthesizing Robust Adversarial Examples" (ICML 2018),
section 3.1, turned to good use.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["shake"]

SHIFT = 0.06
"""Greatest shift, as a fraction of the side."""
BLUR = 1.2
"""Greatest sigma at 64 pixels, in pixels."""
NOISE = 0.06
"""Greatest standard deviation."""


def shake(pictures: Tensor, *, amount: float) -> Tensor:
    """Every picture changed by chance, drawn from torch's generator on the CPU.

    Whole pixels and fixed kernels: no step of it sums in an order that changes from run to run.

    Args:
        pictures: (b, 3, h, w) in [0, 1].
        amount: 0: nothing; 1: up to SHIFT, BLUR and NOISE, and half of them mirrored.

    Returns:
        (b, 3, h, w).
    """
    if amount <= 0.0:
        return pictures
    count, _, height, width = pictures.shape
    most = max(1, round(amount * SHIFT * width))
    draws = torch.rand(count, 3).tolist()
    moves = torch.randint(0, 2 * most + 1, (count, 2)).tolist()
    noise = torch.randn(pictures.shape).to(pictures.device)
    wide = nn.functional.pad(pictures, (most, most, most, most), mode="replicate")
    shaken = []
    for number, ((mirror, soft, grain), (down, across)) in enumerate(zip(draws, moves, strict=True)):
        one = wide[number : number + 1, :, down : down + height, across : across + width]
        if mirror < 0.5:
            one = one.flip(3)
        if soft < 0.5:
            one = _blurred(one, sigma=max(2.0 * soft * amount * BLUR * width / 64.0, 0.1))
        shaken.append(one + grain * amount * NOISE * noise[number : number + 1])
    return torch.cat(shaken)


def _blurred(picture: Tensor, *, sigma: float) -> Tensor:
    """By a Gaussian, cut off at three sigma."""
    reach = max(1, round(3.0 * sigma))
    across = torch.arange(-reach, reach + 1, dtype=picture.dtype, device=picture.device)
    kernel = torch.exp(-0.5 * (across / sigma) ** 2)
    kernel = (kernel / kernel.sum()).reshape(1, 1, 1, -1).expand(3, 1, 1, -1)
    wide = nn.functional.pad(picture, (reach, reach, reach, reach), mode="replicate")
    return nn.functional.conv2d(nn.functional.conv2d(wide, kernel, groups=3), kernel.transpose(2, 3), groups=3)
