"""The identity as SimSwap sees it: nearest neighbours, the best of five templates, display bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.models import faces
from vfx_swap.colour.transfer import srgb_eotf_inverse
from vfx_swap.models.simswap_compat.align import align, crop_bgr
from vfx_swap.models.simswap_compat.identity import SimSwapEmbedder, bgr_bytes, reduced
from vfx_swap.models.templates import five_points
from vfx_swap.types import Detection, Embedding, ModelImage


class Keeps:
    """A recogniser that keeps what it is shown, and whose vector is a sum of it."""

    id = "simswap-arcface"

    def __init__(self) -> None:
        self.shown: list[ModelImage] = []

    def embed_crop(self, crop: ModelImage) -> Embedding:
        self.shown.append(crop)
        return Embedding(self.id, crop.rgb.sum(axis=(0, 1)))


def test_224_becomes_112_by_every_other_pixel_and_512_by_its_own_table() -> None:
    crop = np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    assert np.array_equal(reduced(crop).rgb, (crop[::2, ::2, ::-1] / np.float32(255.0)).astype(np.float32))
    large = np.random.default_rng(2).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    rows = [0, 4, 9, 13, 18, 22]
    assert np.array_equal(reduced(large).rgb[:6, 0, 0], (large[rows, 0, 2] / np.float32(255.0)).astype(np.float32))


def test_a_face_is_cut_as_its_generator_cuts_it() -> None:
    sitter = faces.collins()
    image = ModelImage(np.clip(srgb_eotf_inverse(sitter.rgb), 0.0, 1.0).astype(np.float32))
    points = five_points(sitter.points)
    detection = Detection(np.zeros(4, np.float32), points.astype(np.float32), 1.0)
    for size, mode, name in ((224, "None", "simswap-arcface"), (512, "ffhq", "simswap-arcface.ffhq")):
        keeps: Any = Keeps()
        way: Any = mode
        vector = SimSwapEmbedder(recogniser=keeps, size=size, mode=way).embed(image, detection)
        assert vector.recogniser == name
        frame = bgr_bytes(image)
        exact = detection.points.astype(np.float64)
        wanted = crop_bgr(frame, align(exact, size=size, mode=way).matrix, size=size)
        assert keeps.shown[0].rgb.shape == (112, 112, 3)
        assert np.array_equal(keeps.shown[0].rgb, reduced(wanted).rgb)
