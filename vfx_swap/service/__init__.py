"""The gRPC server: shots and frames in, swaps out; jobs that survive it, workers that compute, who may do what."""

from __future__ import annotations

__all__: list[str] = []
