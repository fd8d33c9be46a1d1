"""The 19 regions of CelebAMask-HQ, in the order every parser of the field gives them, under the field's names."""

from __future__ import annotations

__all__ = ["BACKGROUND", "REGIONS", "region_index"]

REGIONS: tuple[str, ...] = (
    *("background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r"),
    *("nose", "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat"),
)
"""`l_` and `r_` of pairs are left and right as the picture shows them, `u_lip` and `l_lip` the upper and the lower lip,
`eye_g` spectacles, `mouth` what lies between the lips, `ear_r` an ear-ring, `neck_l` a necklace."""
BACKGROUND = REGIONS[0]
"""All that is no region: what is left of 1."""


def region_index(name: str) -> int:
    """A region's place among the 19."""
    return REGIONS.index(name)
