"""What the suite asks of an adapter, in words that every host has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["Asked", "Driver", "Outcome", "Seen"]


@dataclass(frozen=True)
class Asked:
    """One render, as an artist sets it up."""

    plate: str
    """Pattern with `####`."""
    output: str
    """Pattern with `####` and a version."""
    identity: str
    first: int
    last: int
    cancel: bool = False
    """Press the cancel button once the first frame is done."""


@dataclass(frozen=True)
class Outcome:
    """What the artist has afterwards."""

    state: str
    """`done`, `cancelled` or `failed`."""
    files: tuple[Path, ...] = ()
    """Frames of the result that the host shows, where it shows one."""
    text: str = ""
    """What stands where the artist looks: status, error, warnings."""


@dataclass(frozen=True)
class Seen:
    """What an adapter shows before anything is rendered."""

    engines: tuple[str, ...] = ()
    knobs: frozenset[str] = field(default_factory=frozenset)
    """Keys of the shot file that have a knob."""
    identities: dict[str, str] = field(default_factory=dict)
    """Name -> consent in words."""


class Driver(Protocol):
    """An adapter in its host, real or fake. Every call waits until the host is at rest."""

    name: str

    def start(self, *, command: list[str], server: str, folder: Path, maps: str = "") -> None:
        """Open the host, the adapter in it told where the agent and the server are; `maps` as `paths.parse_maps`."""

    def describe(self) -> Seen:
        """Press the button that asks the agent what there is.

        Raises:
            Exception: any; its text is what the artist reads.
        """

    def render(self, asked: Asked) -> Outcome:
        """Set a render up, press the button, and look."""

    def close(self) -> None:
        """Close the host."""
