"""Measures the way to a network and back; prints the table of docs/colour.md: scripts/bench colour.

The plate is made: ACEScg, half float, skin-like pixels of every brightness and some saturated ones. The network
is ideal but for what a network always has, a picture bounded to [0, 1] and a little noise: it multiplies the
light it is shown by a known tint. The true answer is that tint on the plate itself, so every way back can be
compared with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.encode import apply_increment, encode
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.colour.transfer import apply_matrix, soft_clip_inverse, srgb_eotf, srgb_eotf_inverse
from vfx_swap.types import ModelImage

__all__ = ["BANDS", "TINT", "WAYS", "main", "make_plate", "measure", "table"]

TINT = np.array([1.18, 0.88, 0.75], dtype=np.float32)
"""The stand-in network's edit, a factor on linear Rec.709 light."""

NOISE = 1.0 / 255.0
"""Standard deviation of the stand-in network's noise, code values."""

BANDS = ((0.01, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.5), (1.5, 4.0), (4.0, 16.0), (16.0, 400.0))
"""Brightest channel of the plate in linear Rec.709, relative to display white."""

Way = Callable[[FloatArray, np.ndarray, np.random.Generator | None], FloatArray]


def make_plate(seed: int, pixels: int, from_709: np.ndarray) -> FloatArray:
    """A (pixels / 512, 512, 3) ACEScg plate of half values, evenly spread over stops from 0.005 to 400."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.uniform(np.log(0.005), np.log(400.0), (pixels // 512, 512, 1)))
    skin = np.array([1.0, 0.72, 0.58]) ** rng.uniform(0.0, 1.3, level.shape)
    shade = np.clip(skin * rng.normal(1.0, 0.08, (*level.shape[:2], 3)), 0.02, None)
    rgb = level * shade / shade.max(axis=-1, keepdims=True)
    return apply_matrix(rgb.astype(np.float32), from_709).astype(np.float16).astype(np.float32)


def network(image: FloatArray, shown: FloatArray, rng: np.random.Generator | None) -> FloatArray:
    """The stand-in: its picture tinted in linear light, bounded, with noise; None: what it was shown."""
    if rng is None:
        return image
    answer = srgb_eotf_inverse(shown * TINT) + rng.normal(0.0, NOISE, image.shape).astype(np.float32)
    return np.clip(answer, np.float32(0.0), np.float32(1.0))


def clip_and_replace(plate: FloatArray, to_709: np.ndarray, rng: np.random.Generator | None) -> FloatArray:
    """Clip to [0, 1], sRGB, network, sRGB back: what tools for 8-bit pictures do."""
    light = np.clip(apply_matrix(plate, to_709), np.float32(0.0), np.float32(1.0))
    answer = srgb_eotf(network(srgb_eotf_inverse(light), light, rng))
    return apply_matrix(answer, np.linalg.inv(to_709))


def invert_the_soft_clip(plate: FloatArray, to_709: np.ndarray, rng: np.random.Generator | None) -> FloatArray:
    """Soft clip, sRGB, network, and both inverted."""
    encoded = encode(plate, to_lin709=to_709)
    answer = srgb_eotf(network(encoded.image.rgb, encoded.shown, rng))
    # At 1 the inverse is inf: held at the largest half, as a file would.
    light = np.minimum(soft_clip_inverse(answer), np.float32(65504.0))
    return apply_matrix(light, np.linalg.inv(to_709))


def bounded_increment(plate: FloatArray, to_709: np.ndarray, rng: np.random.Generator | None) -> FloatArray:
    """What vfx-swap does."""
    encoded = encode(plate, to_lin709=to_709)
    answer = ModelImage(network(encoded.image.rgb, encoded.shown, rng))
    return apply_increment(plate, encoded, answer, from_lin709=np.linalg.inv(to_709)).rgb


WAYS: dict[str, Way] = {
    "clip, replace": clip_and_replace,
    "soft clip, invert, replace": invert_the_soft_clip,
    "bounded increment": bounded_increment,
}


def measure(way: Way, *, seed: int = 1, pixels: int = 512 * 512) -> tuple[list[tuple[float, float]], float]:
    """Median and 99th percentile of the error per band, in % of the true answer; and what identity keeps.

    Returns:
        A pair for every one of `BANDS`, and the fraction of half pixels whose bits an identity network kept.
    """
    to_709 = load_config(environ={}).matrix(source="ACEScg", destination=LINEAR_REC709)
    from_709 = np.linalg.inv(to_709)
    plate = make_plate(seed, pixels, from_709)
    light = apply_matrix(plate, to_709)
    truth = light * TINT
    result = apply_matrix(way(plate, to_709, np.random.default_rng(seed + 1)), to_709)
    error = np.abs(result - truth).max(axis=-1) / truth.max(axis=-1)
    level = light.max(axis=-1)
    rows = []
    for low, high in BANDS:
        inside = error[(level >= low) & (level < high)] * 100.0
        rows.append((float(np.median(inside)), float(np.percentile(inside, 99.0))))
    with np.errstate(over="ignore"):
        same = way(plate, to_709, None).astype(np.float16).view(np.uint16) == plate.astype(np.float16).view(np.uint16)
    return rows, float(same.all(axis=-1).mean())


def table(*, seed: int = 1, pixels: int = 512 * 512) -> str:
    """The table of docs/colour.md, in Markdown."""
    heads = [f"{low:g} to {high:g}" for low, high in BANDS]
    lines = [
        f"| way back | {' | '.join(heads)} | bits kept by identity |",
        f"|---|{'---|' * len(heads)}---|",
    ]
    for name, way in WAYS.items():
        rows, kept = measure(way, seed=seed, pixels=pixels)
        cells = [f"{shown(median)} / {shown(worst)}" for median, worst in rows]
        lines.append(f"| {name} | {' | '.join(cells)} | {kept * 100.0:.1f} % |")
    return "\n".join(lines)


def shown(percent: float) -> str:
    """Two digits below ten, whole numbers above, `> 10^4` for what has run away."""
    if percent > 1e4:
        return "> 10^4"
    return f"{percent:.1f}" if percent < 10.0 else f"{percent:.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pixels", type=int, default=512 * 512)
    options = parser.parse_args(arguments)
    print(table(seed=options.seed, pixels=options.pixels))


if __name__ == "__main__":
    main()
