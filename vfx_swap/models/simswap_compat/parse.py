"""What SimSwap replaces of a crop: the regions its parser finds, eroded softly."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.models.simswap_compat.align import nearest_indices

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "crop_mask", "parse_map", "parser_input", "soft_erosion"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of RGB in [0, 1]."""
PARSER_SIZE = 512
FACE_CLASSES = (1, 2, 3, 4, 5, 6, 10, 12, 13)
"""Skin, brows, eyes, spectacles, nose, lips. Hair, ears and neck stay the plate's; spectacles do not."""
MOUTH_CLASS = 11
LEAST_MAP = 5000.0
"""Sum of the map, of 255 a pixel, under which nothing is masked."""
KERNEL, THRESHOLD, ITERATIONS = 17, 0.9, 7


def parser_input(crop_bgr: np.ndarray) -> np.ndarray:
    """(3, 512, 512) float32: what the parser sees of a crop (S, S, 3) uint8 BGR, made 512 by nearest neighbours."""
    rgb = crop_bgr[..., ::-1].astype(np.float32) / np.float32(255.0)
    normal = (rgb - np.asarray(IMAGENET_MEAN, np.float32)) / np.asarray(IMAGENET_STD, np.float32)
    rows = nearest_indices(crop_bgr.shape[0], to=PARSER_SIZE)
    columns = nearest_indices(crop_bgr.shape[1], to=PARSER_SIZE)
    return np.ascontiguousarray(normal[np.ix_(rows, columns)].transpose(2, 0, 1))


def parse_map(labels: np.ndarray) -> np.ndarray:
    """(h, w, 2) float64, 255 on the face and 255 in the mouth, of labels (h, w), 0 to 18."""
    return 255.0 * np.stack([np.isin(labels, FACE_CLASSES), labels == MOUTH_CLASS], axis=-1)


def crop_mask(labels: np.ndarray, *, size: int) -> np.ndarray | None:
    """(size, size) float32, 0 to 1: what is replaced of a crop; None where so little was found that all of it is."""
    found = parse_map(labels)
    if float(found.sum()) < LEAST_MAP:
        return None
    scaled = cv2.resize(found, (size, size), interpolation=cv2.INTER_LINEAR)
    return soft_erosion((scaled.sum(axis=-1) / 255.0).astype(np.float32))[0]


def soft_erosion(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mask (h, w) float32, 0 to 1, eroded and given a soft edge.

    A cone of 17 pixels, whatever the size of the crop: six times the lesser of the mask and the mask blurred, once
    blurred; 0.9 and more becomes 1, the rest is stretched to 1.

    Returns:
        (h, w) float32, and (h, w) bool: where it became 1.
    """
    rows, columns = np.mgrid[:KERNEL, :KERNEL] - KERNEL // 2
    distance = np.hypot(rows, columns)
    kernel = distance.max() - distance
    kernel = (kernel / kernel.sum()).astype(np.float32)
    out = mask.astype(np.float32)
    for _ in range(ITERATIONS - 1):
        out = np.minimum(out, cv2.filter2D(out, -1, kernel, borderType=cv2.BORDER_CONSTANT))
    out = np.asarray(cv2.filter2D(out, -1, kernel, borderType=cv2.BORDER_CONSTANT), dtype=np.float32)
    hard = out >= THRESHOLD
    rest = np.where(hard, np.float32(0.0), out)
    most = float(rest.max())
    soft = rest / np.float32(most) if most > 0.0 else rest
    return np.where(hard, np.float32(1.0), soft).astype(np.float32), hard
