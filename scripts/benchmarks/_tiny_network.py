"""A network of random weights as an engine, where nobody brought one: it shows what the road around it does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.pipeline.brought import bring
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.types import Embedding

__all__ = ["bring_tiny", "with_tiny_vectors"]

FAMILY = "inswapper-128"
VECTOR = "w600k-r50"


def bring_tiny(folder: Path) -> str:
    """Bring it into a folder of this run's own; the engine's id.

    Its output is a random mix of the picture's channels, moved by the identity's vector.
    """
    home = folder / "models"
    os.environ["VFX_SWAP_MODELS"] = str(home)
    if not home.exists():
        bring(home, FAMILY)
    return FAMILY


def with_tiny_vectors(packs: Sequence[Path]) -> None:
    """Give packs the vector that it takes, made up."""
    vector = np.random.default_rng(2).standard_normal(512).astype(np.float32)
    for path in packs:
        identity = load_identity(path)
        if VECTOR not in identity.embeddings:
            held = {**identity.embeddings, VECTOR: Embedding(VECTOR, vector)}
            save_identity(replace(identity, embeddings=held, sha256=""), path)
