"""Models: protocols, cards, registry, weights, and one folder per architecture."""

from __future__ import annotations

from vfx_swap.models.networks import build_network

__all__ = ["build_network"]
