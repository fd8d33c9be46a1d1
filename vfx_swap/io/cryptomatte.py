"""Cryptomatte 1.1.0: names to ids, coverages to ranked layers, and what the header says of them.

Specification: Friedman and Jones, "Cryptomatte Specification", version 1.2.0 of the text, version 1.1.0 of the format.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["RANKS", "cryptomatte_header", "cryptomatte_layers", "manifest_of", "murmur3_32", "name_id"]

RANKS = 6
"""Ids a pixel can hold: three layers of two, in every frame, as the specification suggests."""
_MASK = 0xFFFFFFFF


def murmur3_32(text: bytes, *, seed: int = 0) -> int:
    """MurmurHash3_x86_32 (A. Appleby, public domain)."""
    hashed = seed
    whole = len(text) // 4 * 4
    for (block,) in struct.iter_unpack("<I", text[:whole]):
        hashed = _turned(hashed ^ _mixed(block), 13) * 5 + 0xE6546B64 & _MASK
    if len(text) > whole:
        hashed ^= _mixed(int.from_bytes(text[whole:], "little"))
    hashed ^= len(text)
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & _MASK
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & _MASK
    return hashed ^ hashed >> 16


def _turned(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & _MASK


def _mixed(block: int) -> int:
    return _turned(block * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK


def name_id(name: str) -> np.float32:
    """The id of a name as the float a pixel holds: never 0, a denormal, NaN or inf (`uint32_to_float32`)."""
    return _as_float(_id_bits(name))


def _id_bits(name: str) -> int:
    hashed = murmur3_32(name.encode("utf-8"))
    exponent = hashed >> 23 & 255
    return hashed ^ (1 << 23) if exponent in (0, 255) else hashed


def _as_float(bits: int) -> np.float32:
    return np.float32(struct.unpack("<f", struct.pack("<I", bits))[0])


def manifest_of(names: Sequence[str]) -> str:
    """JSON: name -> the eight hexadecimal digits of its id."""
    return json.dumps({name: f"{_id_bits(name):08x}" for name in names}, separators=(",", ":"), ensure_ascii=False)


def cryptomatte_header(layer: str, names: Sequence[str]) -> dict[str, str]:
    """Attributes for the header.

    Args:
        layer: of the channels, such as `CryptoFaceRegion`.
        names: everything that frames of this output can hold, seen in this one or not.
    """
    key = f"cryptomatte/{murmur3_32(layer.encode('utf-8')):08x}"[: len("cryptomatte/") + 7]
    return {
        f"{key}/name": layer,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": manifest_of(names),
    }


def cryptomatte_layers(
    layer: str, coverages: Mapping[str, FloatArray], *, shape: tuple[int, int]
) -> dict[str, FloatArray]:
    """Channels of ranked ids and coverages, the greatest coverage of a pixel first.

    Args:
        layer: of the channels; ranks stand in `LAYER00.R/G/B/A`, `LAYER01...`: id, coverage, id, coverage.
        coverages: name -> (h, w) 0 to 1; those of a pixel sum to 1 at most.
        shape: (h, w), for a frame that holds nothing.

    Returns:
        Full channel name -> (h, w) float32; 0 is no id. Of more than `RANKS` in a pixel the least are left out.
    """
    ids = np.zeros((RANKS, *shape), np.float32)
    covered = np.zeros((RANKS, *shape), np.float32)
    for name, coverage in coverages.items():
        own = np.asarray(np.clip(coverage, 0.0, 1.0), np.float32)
        number = np.where(own > 0.0, name_id(name), np.float32(0.0)).astype(np.float32)
        for rank in range(RANKS):  # insertion: each rank keeps the greater and hands the other down
            more = own > covered[rank]
            if not more.any():
                continue
            covered[rank], own = np.where(more, own, covered[rank]), np.where(more, covered[rank], own)
            ids[rank], number = np.where(more, number, ids[rank]), np.where(more, ids[rank], number)
    out: dict[str, FloatArray] = {}
    for rank in range(RANKS):
        first, second = ("R", "G") if rank % 2 == 0 else ("B", "A")
        out[f"{layer}{rank // 2:02d}.{first}"] = ids[rank]
        out[f"{layer}{rank // 2:02d}.{second}"] = covered[rank]
    return out
