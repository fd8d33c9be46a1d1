"""Pictures to tensors and back, as a card's [picture] and [output] tables say."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.geometry.warps import cut_crop, fit_similarity
from vfx_swap.models.cards import OutputSpec, PictureSpec
from vfx_swap.models.onnx_swap.runners import Tensor
from vfx_swap.models.templates import template_named
from vfx_swap.types import ModelImage, Window

__all__ = ["aligned", "masks_of", "pictures_of", "resized", "tensor_of"]


def tensor_of(images: Sequence[ModelImage], spec: PictureSpec) -> Tensor:
    """(n, 3, s, s) or (n, s, s, 3) float32: `low + x (high - low)`, then `(x - mean) / std`.

    Raises:
        ModelMismatchError: a picture is not of the network's size.
    """
    for image in images:
        if spec.size is not None and image.rgb.shape != (spec.size, spec.size, 3):
            raise ModelMismatchError(
                f"the network takes pictures of {spec.size}x{spec.size}, it was shown {image!r}",
                mend="Check picture.size on the model's card",
            )
    values: FloatArray = np.stack([image.rgb for image in images]).astype(np.float32)
    values = np.float32(spec.low) + values * np.float32(spec.high - spec.low)
    if spec.mean is not None and spec.std is not None:
        mean, std = (np.array(three, dtype=np.float32) for three in (spec.mean, spec.std))
        values = (values - mean) / std
    if spec.order == "BGR":
        values = values[..., ::-1]
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if spec.layout == "NCHW" else values)


def pictures_of(tensor: Tensor, spec: OutputSpec) -> list[ModelImage]:
    """What the network painted, in [0, 1]: `y std + mean`, then `(y - low) / (high - low)`, clipped.

    Raises:
        ModelMismatchError: the tensor is no picture.
    """
    values = tensor.astype(np.float32)
    if values.ndim != 4 or values.shape[1 if spec.layout == "NCHW" else 3] != 3:
        raise ModelMismatchError(f"it answered {values.shape}, which is no picture laid out as {spec.layout}")
    if spec.layout == "NCHW":
        values = values.transpose(0, 2, 3, 1)
    if spec.order == "BGR":
        values = values[..., ::-1]
    if spec.mean is not None and spec.std is not None:
        values = values * np.array(spec.std, np.float32) + np.array(spec.mean, np.float32)
    values = (values - np.float32(spec.low)) / np.float32(spec.high - spec.low)
    return [ModelImage(np.ascontiguousarray(np.clip(one, 0.0, 1.0).astype(np.float32))) for one in values]


def masks_of(tensor: Tensor) -> list[FloatArray]:
    """(height, width) in [0, 1] of each picture, from (n, 1, h, w), (n, h, w, 1) or (n, h, w).

    Raises:
        ModelMismatchError: the tensor is no mask.
    """
    values = tensor.astype(np.float32)
    if values.ndim == 4 and values.shape[1] == 1:
        values = values[:, 0]
    elif values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise ModelMismatchError(f"it answered {tensor.shape}, which is no mask")
    return [np.ascontiguousarray(np.clip(one, 0.0, 1.0)) for one in values]


def aligned(image: ModelImage, points: np.ndarray, spec: PictureSpec) -> ModelImage:
    """A face of a picture on the network's template, at its size; what is outside the picture is black.

    Args:
        image: the whole picture.
        points: (5, 2) pixels: left eye, right eye, nose, left and right mouth corner; left is the image's.
        spec: with a size and a template.

    Raises:
        NoFaceError: the points fall together.
        ValueError: the card says neither size nor template.
    """
    if spec.size is None or spec.template is None:
        raise ValueError("the card needs picture.size and picture.template")
    height, width = image.rgb.shape[:2]
    warp = fit_similarity(points, template_named(spec.template).pixels(spec.size), width=spec.size, height=spec.size)
    crop = cut_crop(image.rgb, data_window=Window(0, 0, width, height), warp=warp, colour_space="display")
    seen = np.nan_to_num(crop.rgb) * crop.alpha[..., np.newaxis]
    return ModelImage(np.clip(seen, 0.0, 1.0).astype(np.float32))


def resized(values: FloatArray, *, height: int, width: int) -> FloatArray:
    """A picture or mask at another size: area-averaged when smaller, bilinear when larger."""
    if values.shape[:2] == (height, width):
        return values
    how = cv2.INTER_AREA if height * width < values.shape[0] * values.shape[1] else cv2.INTER_LINEAR
    result: FloatArray = np.clip(cv2.resize(values, (width, height), interpolation=how), 0.0, 1.0).astype(np.float32)
    return result
