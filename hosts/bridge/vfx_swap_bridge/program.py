"""Where vfx-swap is, and in what environment it is started."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import Union

from .errors import AgentError

__all__ = ["SCRUBBED", "VARIABLE", "agent_command", "agent_environment"]

VARIABLE = "VFX_SWAP_AGENT"
"""The environment variable that names the program."""
SCRUBBED = re.compile(
    r"PYTHON.*|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_.*|QT_.*|QML.*|BLENDER_.*|NUKE_.*|RESOLVE_.*|FUSION_.*", re.IGNORECASE
)
"""What hosts set for their own libraries, and would break ours. OCIO stays: it is the show's."""
_PYTHON = re.compile(r"python[\d.]*w?(\.exe)?", re.IGNORECASE)
Command = Union[str, Sequence[str], None]


def agent_command(command: Command = None, *, server: str = "") -> list[str]:
    """The argument list that starts an agent; never a shell's line.

    Args:
        command: program with its first arguments, or a path, or a text as typed in a preference; else VFX_SWAP_AGENT,
            else `vfx-swap` on PATH. Of a Python interpreter the module is run, apart from the user's settings (-I).
        server: `HOST:PORT` or `unix:/path`; empty: this machine's own workers.

    Raises:
        AgentError: `AgentMissing`: there is no such program.
    """
    words = _words(command or os.environ.get(VARIABLE, ""))
    if not words:
        found = shutil.which("vfx-swap")
        if found is None:
            raise AgentError(
                "AgentMissing",
                "vfx-swap was not found on this machine",
                mend=f"Install it, or say where it is: in the preferences, or in the variable {VARIABLE}",
            )
        words = [found]
    program = shutil.which(words[0])
    if program is None:
        raise AgentError(
            "AgentMissing",
            f"there is no program {words[0]!r}",
            mend=f"Say where vfx-swap is: in the preferences, or in the variable {VARIABLE}",
        )
    start = [program, *words[1:]]
    if len(start) == 1 and _PYTHON.fullmatch(os.path.basename(program)):
        start += ["-I", "-m", "vfx_swap"]
    return [*start, "agent", *(["--server", server] if server else [])]


def agent_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what its host set for itself, and with what is given.

    VFX_SWAP_ variables go along: they are ours.
    """
    kept = {name: value for name, value in os.environ.items() if not SCRUBBED.fullmatch(name)}
    return {**kept, **(more or {})}


def _words(command: Command) -> list[str]:
    if command is None:
        return []
    if not isinstance(command, str):
        return [str(word) for word in command]
    text = command.strip()
    if not text:
        return []
    # A path with spaces is one word; anything else is split as it would be typed.
    if os.path.exists(text) or shutil.which(text):
        return [text]
    words = shlex.split(text, posix=os.name != "nt")
    return [word.strip('"') for word in words] if os.name == "nt" else words
