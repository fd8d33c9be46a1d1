"""SimSwap's pipeline against what the reference gives (tests/parity, README there)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from vfx_swap.errors import NoFaceError, UsageError
from vfx_swap.models.simswap_compat.align import (
    POSES,
    AlignMode,
    align,
    crop_bgr,
    nearest_indices,
    track_template,
)
from vfx_swap.models.simswap_compat.parse import crop_mask, parse_map, parser_input, soft_erosion
from vfx_swap.models.simswap_compat.paste import compat_frame, frame_mask

PARITY = Path(__file__).parents[2] / "parity" / "pipeline.npz"
MODES: list[tuple[int, AlignMode]] = [(112, "None"), (224, "None"), (512, "ffhq")]


@pytest.fixture(scope="module")
def parity() -> Mapping[str, np.ndarray]:
    with np.load(PARITY) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def frame(parity: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.asarray(cv2.imdecode(parity["paste_frame"], cv2.IMREAD_COLOR))


def pastel(crop: np.ndarray) -> np.ndarray:
    """What stood in the generator's place: red and blue changed about, contrast taken off."""
    return (0.2 + 0.6 * crop[::-1]).astype(np.float32)


def oval(_seen: np.ndarray) -> np.ndarray:
    """What stood in the parser's place."""
    y, x = np.mgrid[0:512, 0:512] / 511.0 * 2.0 - 1.0
    skin = (x / 0.6) ** 2 + (y / 0.8) ** 2 < 1.0
    mouth = (x / 0.25) ** 2 + ((y - 0.45) / 0.08) ** 2 < 1.0
    return np.asarray(np.where(mouth, 11, np.where(skin, 1, 0)))


@pytest.mark.parametrize(("size", "mode"), MODES)
def test_alignment_is_the_reference_s(parity: Mapping[str, np.ndarray], size: int, mode: AlignMode) -> None:
    found = [align(points, size=size, mode=mode) for points in parity["landmarks"]]
    assert [one.template for one in found] == parity[f"idx_{size}_{mode}"].tolist()
    wanted = parity[f"M_{size}_{mode}"]
    # The reference fits in float32: it is off by 1e-7 of its largest number, a pixel count of up to 2740.
    for one, matrix in zip(found, wanted, strict=True):
        assert np.abs(one.matrix[:, :2] - matrix[:, :2]).max() < 1e-6
        assert np.abs(one.matrix - matrix).max() < 3e-7 * max(float(np.abs(matrix).max()), 1000.0)


def test_all_five_templates_are_chosen(parity: Mapping[str, np.ndarray]) -> None:
    assert set(parity["idx_224_None"].tolist()) == {0, 1, 2, 3, 4}


def test_newarc_is_none() -> None:
    points = POSES[1] * 3.0 + 7.0
    assert np.array_equal(align(points, size=224, mode="newarc").matrix, align(points, size=224).matrix)


@pytest.mark.parametrize("size", [224, 512])
def test_nearest_reduction(parity: Mapping[str, np.ndarray], size: int) -> None:
    assert np.array_equal(nearest_indices(size, to=112), parity[f"nearest_{size}_to_112"])


def test_soft_erosion(parity: Mapping[str, np.ndarray]) -> None:
    soft, hard = soft_erosion(parity["se_in"].astype(np.float32))
    assert np.abs(soft[::2, ::2] - parity["se_out"]).max() < 5e-6
    assert np.array_equal(hard, parity["se_hard"])


def test_soft_erosion_of_nothing_is_nothing() -> None:
    assert not soft_erosion(np.zeros((32, 32), np.float32))[0].any()


def test_parse_map(parity: Mapping[str, np.ndarray]) -> None:
    assert np.array_equal(parse_map(parity["parse_labels"]), parity["parse_map"])


def test_too_little_found_masks_nothing() -> None:
    labels = np.zeros((512, 512), np.uint8)
    labels[0, :19] = 1
    assert crop_mask(labels, size=224) is None
    labels[0, :20] = 1
    assert crop_mask(labels, size=224) is not None


def test_parser_sees_imagenet_rgb_by_nearest() -> None:
    crop = np.zeros((224, 224, 3), np.uint8)
    crop[:, :, 2] = np.arange(224)
    seen = parser_input(crop)
    assert seen.shape == (3, 512, 512)
    red = np.float32((np.arange(512) * 224 // 512) / 255.0)
    assert np.allclose(seen[0, 7], (red - 0.485) / 0.229, atol=1e-6)
    assert np.allclose(seen[1:, 0, 0], [-0.456 / 0.224, -0.406 / 0.225], atol=1e-6)


@pytest.mark.parametrize(("size", "mode"), MODES[1:])
def test_crop(parity: Mapping[str, np.ndarray], frame: np.ndarray, size: int, mode: AlignMode) -> None:
    matrix = align(parity["paste_landmarks"], size=size, mode=mode).matrix
    assert np.abs(matrix - parity[f"paste_{size}_M"]).max() < 1e-4
    found = crop_bgr(frame, matrix, size=size)[::4, ::4].astype(int)
    assert np.abs(found - parity[f"paste_{size}_crop"]).max() <= 1


@pytest.mark.parametrize("parser", [None, oval])
@pytest.mark.parametrize(("size", "mode"), MODES[1:])
def test_whole_frame(
    parity: Mapping[str, np.ndarray],
    frame: np.ndarray,
    size: int,
    mode: AlignMode,
    parser: Callable[[np.ndarray], np.ndarray] | None,
) -> None:
    faces = [parity["paste_landmarks"]]
    found = compat_frame(frame, faces, generator=pastel, parser=parser, size=size, mode=mode)
    wanted = parity[f"paste_{size}_mask{int(parser is not None)}"]
    off = np.abs(found[::3, ::3].astype(int) - wanted)
    assert off.max() <= 1
    assert (off > 0).mean() < 1e-3
    assert np.abs(wanted.astype(int) - frame[::3, ::3]).max() > 20


def test_small_faces_are_not_replaced() -> None:
    """The reference's fault: its mask counts frame pixels."""

    def most(side: float) -> float:
        matrix = np.array([[224 / side, 0.0, -100.0 * 224 / side], [0.0, 224 / side, -100.0 * 224 / side]])
        return float(frame_mask(matrix, size=224, shape=(400, 400)).max())

    assert most(38.0) == 0.0
    assert most(60.0) == pytest.approx(0.80, abs=0.05)
    assert most(200.0) == pytest.approx(1.0, abs=1e-6)


def test_levels_are_cut_off() -> None:
    """The reference's fault: 100.99 is written as 100."""
    frame = np.full((300, 300, 3), 10, np.uint8)
    points = POSES[2] * 2.0 + 40.0
    level = np.float32(100.99 / 255.0)
    out = compat_frame(frame, [points], generator=lambda crop: np.full_like(crop, level), size=224)
    assert out[150, 150].tolist() == [100, 100, 100]
    assert out[2, 2].tolist() == [10, 10, 10]


def turning(*, frames: int = 61) -> list[np.ndarray]:
    """Five points of a head that turns from one profile to the other: a rigid head, seen from afar."""
    head = np.array(
        [[-16.3, -17.0, 8.0], [16.3, -17.0, 8.0], [0.0, 0.0, 26.0], [-13.5, 18.5, 12.0], [13.5, 18.5, 12.0]]
    )
    out = []
    for angle in np.radians(np.linspace(-60.0, 60.0, frames)):
        turned = head @ np.array(
            [[np.cos(angle), 0.0, -np.sin(angle)], [0.0, 1.0, 0.0], [np.sin(angle), 0.0, np.cos(angle)]]
        )
        out.append(turned[:, :2] * 3.0 + 300.0)
    return out


def jumps(matrices: list[np.ndarray]) -> np.ndarray:
    """By how many crop pixels a point at the middle of the head moves from a frame to the next."""
    at = np.array([[m @ (300.0, 300.0, 1.0)] for m in matrices])[:, 0]
    return np.asarray(np.linalg.norm(np.diff(at, axis=0), axis=1))


def test_a_track_s_template_does_not_pop() -> None:
    track = turning()
    reference = [align(points, size=224) for points in track]
    assert len({one.template for one in reference}) >= 3
    chosen = track_template(track, size=224)
    assert chosen == 2
    ours = [align(points, size=224, template=chosen).matrix for points in track]
    assert jumps([one.matrix for one in reference]).max() > 8.0
    assert jumps(ours).max() < 2.5


def test_a_track_in_profile_takes_the_profile_s_template() -> None:
    track = turning()
    assert track_template([POSES[0] * 2.0 + 3.0] * 5 + track[30:32], size=224) == 0


def test_bad_points_and_templates_are_refused() -> None:
    with pytest.raises(NoFaceError, match="fall together"):
        align(np.full((5, 2), 3.0), size=224)
    with pytest.raises(NoFaceError, match="without a frame"):
        track_template([], size=224)
    with pytest.raises(UsageError, match="no number 1"):
        align(POSES[2], size=512, mode="ffhq", template=1)


def test_a_mirrored_face_is_not_mirrored() -> None:
    matrix = align(POSES[2] * [-1.0, 1.0] + [112.0, 0.0], size=112).matrix
    assert np.linalg.det(matrix[:, :2]) > 0.0
