"""What a shot must pass before a worker sees it: its paths, its identities, their consent, all of its settings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vfx_swap.service.identity_store import IdentityStore
from vfx_swap.types import Identity

__all__ = ["Admission", "AnyPath", "Places"]

KEPT = 1000
"""Identities whose records are remembered."""


class Places(Protocol):
    """Says which paths are taken; `roots.Roots` is one. What is not taken is refused by PathRefusedError."""

    def readable(self, path: str, /) -> Path:
        """A file that may be read."""
        ...

    def readable_pattern(self, text: str, /) -> str:
        """A plate that may be read: every frame of it."""
        ...

    def writable(self, path: str, /) -> Path:
        """A file that may be written."""
        ...

    def shot(self, values: Mapping[str, Any], /) -> dict[str, Any]:
        """Values of a shot file with every path mapped and allowed; PathRefusedError where one is not."""
        ...


class AnyPath:
    """Takes every path: for work within this process, which can do nothing that its user cannot."""

    def readable(self, path: str, /) -> Path:
        """The path as it is."""
        return Path(path)

    def readable_pattern(self, text: str, /) -> str:
        """The pattern as it is."""
        return text

    def writable(self, path: str, /) -> Path:
        """The path as it is."""
        return Path(path)

    def shot(self, values: Mapping[str, Any], /) -> dict[str, Any]:
        """The values as they are."""
        return dict(values)


class Admission:
    """Lets shots in, when they are submitted and again before each of their chunks.

    Args:
        places: which paths are taken.
        identities: those that the server keeps.
        today: the day that consent is checked for.
    """

    def __init__(self, places: Places, identities: IdentityStore, *, today: Callable[[], date]) -> None:
        self._places = places
        self._identities = identities
        self._today = today
        self._seen: dict[str, tuple[tuple[int, int, int], Identity]] = {}
        """Path -> what the file was when it was read, and the identity without its pictures."""
        self._lock = threading.Lock()

    def prepared(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A client's values as they are kept: paths in this machine's words, `identities/NAME` as it is.

        Raises:
            PathRefusedError: paths are not taken; all of them at once.
            SettingsError: anything else is wrong with the values, or with what they name; holds every problem.
            RefusedError: consent is missing, has ended, or is of another scope.
            MissingInputError: the server keeps no such identity.
        """
        from vfx_swap.colour.ocio import load_config
        from vfx_swap.pipeline.validate import open_values

        mapped = self._places.shot(values)
        resolved = self._identities.resolved(mapped)
        open_values(resolved, config=load_config(), folder="/")
        self._require_consent(resolved)
        return mapped

    def admitted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Kept values as a worker gets them: paths looked at once more, the packs of identities in place.

        Raises:
            PathRefusedError: a path is not taken any more.
            RefusedError: consent does not hold any more.
            MissingInputError: an identity is gone.
        """
        resolved = self._identities.resolved(self._places.shot(values))
        self._require_consent(resolved)
        return resolved

    def _require_consent(self, values: Mapping[str, Any]) -> None:
        from vfx_swap.pipeline.consent import check_consent
        from vfx_swap.pipeline.usage import refusals_on_record

        name = str(values.get("name", ""))
        for path in dict.fromkeys(str(one["identity"]) for one in values.get("cast", ())):
            identity = self._identity(path)
            with refusals_on_record(partial(tuple, (identity,)), shot=name):
                check_consent(identity, today=self._today(), shot_name=name, pack=path)

    def _identity(self, path: str) -> Identity:
        """The pack of a path. A shot asks before each of its chunks: what has not changed is not read again."""
        from vfx_swap.pipeline.identity_file import load_identity

        try:
            state = os.stat(path)
        except OSError:
            return load_identity(path)  # which says what is wrong
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        with self._lock:
            known = self._seen.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, _without_pictures(load_identity(path)))
            with self._lock:
                if len(self._seen) >= KEPT:
                    self._seen.pop(next(iter(self._seen)))
                self._seen[path] = known
        return known[1]


def _without_pictures(identity: Identity) -> Identity:
    """All that consent is asked of, without the megabytes that it is not."""
    dot = np.zeros((1, 1, 3), np.float32)
    texture = replace(identity.texture, rgb=dot, weight=dot[..., 0])
    return replace(identity, references=tuple(replace(one, rgb=dot) for one in identity.references), texture=texture)
