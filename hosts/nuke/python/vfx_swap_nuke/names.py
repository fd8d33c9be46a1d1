"""Names of the node's knobs and of what lies inside it, and its schema."""

from __future__ import annotations

__all__ = [
    "BADGE", "CONSENT", "DESCRIBED", "FARM", "FIRST", "HANDLES", "HERE", "IDENTITY", "INSIDE", "JOB", "LAST", "OUTPUT",
    "PATHS", "PERFORMER", "PLACES", "PLATE", "PREFIX", "RESULT", "SCHEMA", "SCHEMA_NUMBER", "SERVED", "SERVER",
    "STATUS", "SWITCH", "USE_RESULT", "VERSION", "VIEWS", "WHERE", "WRITE",
]  # fmt: skip

PREFIX = "vs_"
"""Of every knob that is ours."""

SCHEMA = "vs_schema"
SCHEMA_NUMBER = 1
"""Raised when an older node needs more than it has; migrate.py then says how it gets it."""
IDENTITY = "vs_identity"
CONSENT = "vs_consent"
PERFORMER = "vs_performer"
FIRST = "vs_first"
LAST = "vs_last"
HANDLES = "vs_handles"
VIEWS = "vs_views"
OUTPUT = "vs_output"
VERSION = "vs_version"
WHERE = "vs_where"
SERVER = "vs_server"
PATHS = "vs_paths"
USE_RESULT = "vs_use_result"
STATUS = "vs_status"
BADGE = "vs_badge"
JOB = "vs_job"
DESCRIBED = "vs_described"

HERE, SERVED, FARM = "this machine", "server", "farm job"
PLACES: tuple[str, ...] = (HERE, SERVED, FARM)

PLATE, WRITE, RESULT, SWITCH = "Plate", "PlateOut", "SwapIn", "UseResult"
INSIDE: tuple[tuple[str, str], ...] = (
    (PLATE, "Input"), (WRITE, "Write"), (RESULT, "Read"), (SWITCH, "Switch"), ("Output1", "Output"),
)  # fmt: skip
"""Name and class of every node inside."""
