"""More pixels from a network than its own size: the crop in n x n interleaved pictures, each at that size.

Polyphase sampling, as other tools do it under this name: picture (j, i) holds the pixels j, j + n, ... by i, i + n, ...
of a crop n times as large, and the answers are put back between each other. No picture sees more detail than the
network's own size holds, so the crop goes through a low-pass first: what is finer would fold into each picture as a
pattern that is not there, another one in each, and show as a grid. That detail is not lost: the answer is laid on the
plate as an increment over what the network was shown, and the plate's own finer detail stays under it.
Neighbouring answers differ all the same, since no network is blind to shifts: what repeats every n pixels is that
difference, and is filtered out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.network_answer import NetworkAnswer
from vfx_swap.types import ModelImage

__all__ = ["LOW_PASS", "boosted", "low_pass", "phases", "without_grid", "woven"]

LOW_PASS = 0.4
"""Standard deviation of the low-pass in pixels of the network: 0.45 is left at its finest pattern (two pixels a
period), 0.04 at the first that would fold onto none (one pixel a period)."""


def boosted(
    network: Callable[[Sequence[ModelImage]], Sequence[NetworkAnswer]], image: ModelImage, *, times: int
) -> tuple[ModelImage, NetworkAnswer]:
    """A network's answer at `times` its size.

    Args:
        network: pictures of its own size to their answers, in order.
        image: (times s, times s) the crop.
        times: n; 1 shows the crop as it is.

    Returns:
        What the network was shown, put together, and its answer, both of the crop's size.

    Raises:
        ModelMismatchError: an answer has another size than its picture.
    """
    if times == 1:
        return image, network([image])[0]
    shown = low_pass(image, times=times)
    pictures = phases(shown.rgb, times=times)
    answers = network([ModelImage(np.ascontiguousarray(one)) for one in pictures])
    for one in answers:
        if one.image.rgb.shape != pictures[0].shape:
            raise ModelMismatchError(f"it was shown {pictures[0].shape} and answered {one.image!r}")
    raw = woven([one.image.rgb for one in answers], times=times)
    # What is answered as it was shown stays so to the bit: the plate keeps its own there.
    smooth = np.where(raw == shown.rgb, raw, np.clip(without_grid(raw, times=times), 0.0, 1.0))
    woven_image = ModelImage(np.ascontiguousarray(smooth.astype(np.float32)))
    masks = [one.alpha for one in answers if one.alpha is not None]
    return shown, NetworkAnswer(woven_image, woven(masks, times=times) if len(masks) == len(answers) else None)


def low_pass(image: ModelImage, *, times: int) -> ModelImage:
    """The crop without what pictures of a `times`-th of its size cannot hold."""
    soft = cv2.GaussianBlur(image.rgb, (0, 0), LOW_PASS * times, borderType=cv2.BORDER_REPLICATE)
    return ModelImage(np.clip(soft, 0.0, 1.0).astype(np.float32))


def without_grid(values: FloatArray, *, times: int) -> FloatArray:
    """(height, width, 3) without what repeats every `times` pixels or in whole parts of that.

    A mean over `times` pixels each way, which is 0 for all of these; over an even count with half weights at both
    ends, so that nothing moves, which is 0 for them too.
    """
    kernel = np.full(times, 1.0 / times)
    if times % 2 == 0:
        kernel = np.convolve(kernel, [0.5, 0.5])
    filtered: FloatArray = cv2.sepFilter2D(values, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return filtered


def phases(values: FloatArray, *, times: int) -> list[FloatArray]:
    """(n s, n s, ...) as n x n of (s, s, ...), row by row."""
    return [values[row::times, column::times] for row in range(times) for column in range(times)]


def woven(parts: Sequence[FloatArray], *, times: int) -> FloatArray:
    """`phases` the other way round."""
    height, width = parts[0].shape[:2]
    out: FloatArray = np.empty((height * times, width * times, *parts[0].shape[2:]), np.float32)
    for index, part in enumerate(parts):
        out[index // times :: times, index % times :: times] = part
    return out
