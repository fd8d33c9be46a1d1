"""Per-shot settings: the shot file, read strictly, all its problems at once."""

from __future__ import annotations

from vfx_swap.settings.digest import file_sha256, settings_digest
from vfx_swap.settings.keys import lighting_at
from vfx_swap.settings.load import Draft, draft_shot, load_shot, shot_from_values
from vfx_swap.settings.shot import (
    SHOT_SCHEMA,
    Cast,
    Focus,
    Grain,
    Light,
    Lighting,
    LightingKey,
    LightKey,
    Matte,
    Motion,
    Network,
    Qc,
    Shot,
    Write,
)

__all__ = [
    "SHOT_SCHEMA",
    "Cast",
    "Draft",
    "Focus",
    "Grain",
    "Light",
    "LightKey",
    "Lighting",
    "LightingKey",
    "Matte",
    "Motion",
    "Network",
    "Qc",
    "Shot",
    "Write",
    "draft_shot",
    "file_sha256",
    "lighting_at",
    "load_shot",
    "settings_digest",
    "shot_from_values",
]
