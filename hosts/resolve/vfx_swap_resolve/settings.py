"""What the artist chose: kept in a file between sessions, and on each clip that was swapped."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from vfx_swap_resolve.plates import PRESET

__all__ = ["Settings", "load", "save", "settings_path"]


@dataclass(frozen=True)
class Settings:
    """How clips are swapped."""

    identity: str = ""
    """Identity pack: a path, or `identities/NAME` of a server."""
    performer: str = ""
    """Photograph of the performer; empty: the largest face."""
    which: str = "playhead"
    """`playhead`: the clip under it; `flagged`: every clip with a flag."""
    flag: str = "Cyan"
    plate: str = "files"
    """`files`: the clip's own; `render`: rendered by Resolve, with what it does to the clip."""
    preset: str = PRESET
    handles: int = 8
    place: str = "take"
    """`take`, `track` above, or `loader` in the clip's Fusion composition."""
    folder: str = ""
    """Where plates and results go; empty: `vfx_swap` beside the clip's files, or in the home folder."""
    server: str = ""
    agent: str = ""
    """The vfx-swap command; empty: `VFX_SWAP_AGENT`, else the one on the path."""
    maps: str = ""
    """Paths of this machine = those of the agent's, such as `P:/show=/mnt/show`; joined by `|`."""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Key of the shot file -> value, for what is not as it comes."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Out of a file or a clip: what is unknown or of a wrong kind is passed over."""
        known: dict[str, Any] = {}
        for one in fields(cls):
            value, default = values.get(one.name), getattr(cls(), one.name)
            if isinstance(value, type(default)) or (one.name == "knobs" and isinstance(value, dict)):
                known[one.name] = value
        return cls(**known)

    def values(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "knobs": dict(self.knobs)}


def settings_path(environ: Mapping[str, str], *, platform: str = sys.platform) -> str:
    """The file of this user's settings."""
    home = os.path.expanduser("~")
    if platform == "win32":
        base = environ.get("APPDATA") or os.path.join(home, "AppData", "Roaming")
    elif platform == "darwin":
        base = os.path.join(home, "Library", "Application Support")
    else:
        base = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return os.path.join(base, "vfx-swap", "resolve.json")


def load(path: str) -> Settings:
    """Those of the file; as they come where there is none, or none that reads."""
    try:
        with open(path, encoding="utf-8") as stream:
            values = json.load(stream)
    except (OSError, ValueError):
        return Settings()
    return Settings.of(values) if isinstance(values, dict) else Settings()


def save(path: str, settings: Settings) -> None:
    """Write the file whole, or leave the old one where it cannot be written."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8") as stream:
            json.dump(settings.values(), stream, indent=1, sort_keys=True)
        os.replace(f"{path}.new", path)
    except OSError:
        return
