"""Where results and plates go, and versions: a file that is there belongs to its version and is never written over."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from vfx_swap_bridge.paths import existing, next_version, to_printf, version_of

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.plate import expanded, in_view

__all__ = [
    "default_output", "free_version", "has_files", "output_of", "plate_pattern", "script_folder", "set_version",
    "version_of", "with_version", "with_view",
]  # fmt: skip


def script_folder() -> str:
    """Folder of the script; empty where it was never saved."""
    try:
        name = nuke.scriptName()
    except RuntimeError:
        return ""
    return os.path.dirname(name).replace("\\", "/")  # as text: Windows' own paths too


def default_output(group: Any) -> str:
    """Beside the script, `vfx_swap/VfxSwap1_v001/VfxSwap1_v001.%04d.exr`; a folder a view where there are several."""
    folder = script_folder()
    name = re.sub(r"[^A-Za-z0-9_-]", "_", group.fullName())
    path = f"{folder}/vfx_swap/{name}_v001/{name}_v001.%04d.exr" if folder else ""
    return with_view(path) if path and len(nuke.views()) > 1 else path


def with_view(pattern: str) -> str:
    """The same with a folder a view before the file."""
    folder, slash, file = pattern.rpartition("/")
    return f"{folder}{slash}%V/{file}"


def output_of(group: Any) -> str:
    """The node's output as the artist gave it, Tcl expanded."""
    return expanded(str(group[names.OUTPUT].value()))


def with_version(pattern: str, number: int) -> str:
    """The path with another version wherever its version stands; a path without one gets it after its first word."""
    return str(to_printf(next_version(pattern, number=number)))


def set_version(group: Any, number: int) -> None:
    """Another version in the node's output."""
    pattern = str(group[names.OUTPUT].value())
    if pattern and version_of(pattern) != number:
        group[names.OUTPUT].setValue(with_version(pattern, number))


def has_files(pattern: str, views: Sequence[str]) -> bool:
    """Whether any frame of the pattern is on disk, in any of the views."""
    return any(existing(in_view(pattern, view)) for view in views)


def free_version(pattern: str, views: Sequence[str]) -> str:
    """The first version, from the pattern's own on, of which no frame is there."""
    number = max(version_of(pattern), 1)
    found = with_version(pattern, number)
    while has_files(found, views):
        number += 1
        found = with_version(found, number)
    return found


def plate_pattern(output: str, views: Sequence[str]) -> str:
    """Where the plate of a result goes: `plate_v001/` beside the result's folder, by the result's version."""
    folder = output.rpartition("/")[0].replace("/%V", "")
    top = folder.rpartition("/")[0] if version_of(folder.rpartition("/")[2]) else folder
    path = f"{top}/plate_v{max(version_of(output), 1):03d}/plate_v{max(version_of(output), 1):03d}.%04d.exr"
    return free_version(with_view(path) if len(views) > 1 else path, views)
