"""How grain is read: an operator that slopes and edges do not answer to, and what it says of grain of any softness.

Film and sensor noise grow with the square root of light, so grain is read in the square root of scene-linear values,
where its strength is about the same at every brightness (`grain_levels`).
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "BLOCK",
    "FLATTEST",
    "FLAT_BIAS",
    "LEAST_BLOCKS",
    "OPERATOR",
    "OPERATOR_NORM",
    "response_of",
    "softness_of",
]

OPERATOR = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], dtype=np.float32)
"""Blind to planes and straight ramps (J. Immerkaer, "Fast Noise Variance Estimation", CVIU 64(2), 1996)."""
OPERATOR_NORM = 6.0
_SOFTNESS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Blurs (sigma, px) of white noise that grain is compared with."""
_RESPONSE = (1.0, 0.990, 0.884, 0.658, 0.427, 0.174, 0.084)
"""What the operator reads of white noise blurred so and scaled back to deviation 1 (checked by a test)."""
_HALF_OVER_FULL = (0.500, 0.506, 0.581, 0.808, 1.246, 2.671, 4.280)
"""Its reading at half size (2x2 means) over its reading at full size, for the same (checked by a test)."""
BLOCK = 8
"""Side in pixels of the blocks that are read."""
FLATTEST = 0.25
"""Share of the blocks, the flattest, that count: in the others the operator reads texture."""
FLAT_BIAS = 0.88
"""What the flattest quarter of blocks reads of pure grain, over its true deviation (checked by a test)."""
LEAST_BLOCKS = 16
"""Fewer blocks than this tell nothing."""


def softness_of(ratio: float) -> float:
    """Sigma in pixels of grain, from what the operator reads of it at half size over what it reads at full size."""
    return float(np.interp(ratio, _HALF_OVER_FULL, _SOFTNESS))


def response_of(softness: float) -> float:
    """What the operator reads of grain of deviation 1 and a softness in pixels."""
    return float(np.interp(softness, _SOFTNESS, _RESPONSE))
