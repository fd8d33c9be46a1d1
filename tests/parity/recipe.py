"""Weights and inputs that anyone can make again: the recipe of README.md, in code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["HERE", "identity_and_picture", "keys_of", "probe", "weights_of"]

HERE = Path(__file__).resolve().parent
SEED = 20240807


def keys_of(name: str) -> dict[str, tuple[tuple[int, ...], str]]:
    """Key -> shape and type, in the reference's order."""
    rows = [line.split("\t") for line in (HERE / f"{name}.keys.tsv").read_text(encoding="utf-8").splitlines()]
    return {key: (tuple(int(n) for n in shape.split("x") if n), dtype) for key, shape, dtype in rows}


def weights_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[Any]]:
    """Numbers for every key, each from a seed of its own."""
    return {key: _tensor(key, shape) for key, shape in shapes.items()}


def identity_and_picture(side: int, *, normalised: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(1, 512) of length 1, and (1, 3, side, side)."""
    random = np.random.RandomState(SEED)
    yy, xx = np.mgrid[0:side, 0:side] / (side - 1)
    base = np.stack([
        0.5 + 0.4 * np.sin(6.3 * xx + 2 * yy), 0.5 + 0.35 * np.cos(5.1 * yy - xx), 0.2 + 0.6 * xx * yy
    ])  # fmt: skip
    picture = np.clip(base[None] + 0.05 * random.standard_normal((1, 3, side, side)), 0, 1).astype(np.float32)
    identity = random.standard_normal((1, 512)).astype(np.float32)
    identity /= np.linalg.norm(identity)
    if normalised:
        mean, std = (np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        picture = (picture - mean) / std
    return identity, picture


def probe(values: NDArray[Any]) -> NDArray[np.float64]:
    """[sum, sum of absolutes, 64 values spread over the array]."""
    flat = values.astype(np.float64).reshape(-1)
    return np.concatenate([[flat.sum(), np.abs(flat).sum()], flat[:: max(1, flat.size // 64)][:64]])


def _tensor(key: str, shape: tuple[int, ...]) -> NDArray[Any]:
    seed = int.from_bytes(hashlib.sha256(f"{SEED}:{key}".encode()).digest()[:4], "little")
    random, count, last = np.random.RandomState(seed), int(np.prod(shape)), key.rpartition(".")[2]
    if last == "num_batches_tracked":
        return np.array(7, np.int64)
    if last == "running_var":
        values = 0.5 + random.random_sample(count)
    elif last == "running_mean":
        values = 0.1 * random.standard_normal(count)
    elif len(shape) >= 2:
        values = random.standard_normal(count) * np.sqrt(1.0 / np.prod(shape[1:]))
    elif last == "weight":  # of a batch norm, or the one slope of a PReLU
        values = 0.5 + random.random_sample(count) if count > 1 else 0.1 + 0.2 * random.random_sample(1)
    else:
        values = 0.05 * random.standard_normal(count)
    return values.reshape(shape).astype(np.float32)
