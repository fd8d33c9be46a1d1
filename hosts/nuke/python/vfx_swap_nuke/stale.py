"""The badge below the node's name: whether the result that it shows is of what the node says now."""

from __future__ import annotations

from typing import Any

from vfx_swap_nuke import fingerprint
from vfx_swap_nuke.node import badge, record

__all__ = ["is_stale", "mark"]


def is_stale(group: Any) -> bool:
    """Whether a result is shown that other settings, or another plate, made."""
    kept = record(group)
    if kept.get("state") != "done":
        return False
    # A slider that is dragged must not walk over the whole script: what stands above counts only where the node's own
    # knobs are those of the result.
    above = str((kept.get("plate") or {}).get("fingerprint", ""))
    quick = fingerprint.of_node(group, plate=above) if above else ""
    return kept.get("fingerprint") not in (quick, "") or kept.get("fingerprint") != fingerprint.of_node(group)


def mark(group: Any) -> None:
    """Write the badge anew, where a result is there."""
    kept = record(group)
    if kept.get("state") == "done":
        badge(group, f"v{kept.get('version', 0):03d} {'stale' if is_stale(group) else 'current'}")
