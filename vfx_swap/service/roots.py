"""Which paths of clients are taken: those that lie in the configured folders once every link was followed.

What is guarded: a path is followed to its end (realpath), which must lie in a root; so must every frame of a pattern,
links among them, and the folder of an output that does not exist yet. What is handed on is the path that was looked at,
without links, so that a link changed later is not followed.

What is not: who may write in a root can put a link in the place of a folder between this look and the opening of the
file (closing that takes openat2 with RESOLVE_BENEATH down into every library that opens pictures). Such a person gains
the server's rights to read or write, so the server runs as a user that has no others: docs/operations.md.

What is told: names of the roots, to callers who may render. Not whether a file outside exists, nor where a link leads.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vfx_swap.errors import PathRefusedError, UsageError
from vfx_swap.io.paths import FramePattern
from vfx_swap.service.settings import PathMap, RootFolders

__all__ = ["Roots"]

_WINDOWS = re.compile(r"[A-Za-z]:([\\/]|$)|\\\\|//[^/]")
"""A drive or a share: no path of this machine."""
_OWN_IDENTITY = re.compile(r"identities/[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""An identity that the server keeps: a name, no path."""


class Roots:
    """The folders of a server.

    Args:
        folders: as its settings have them.
    """

    def __init__(self, folders: RootFolders) -> None:
        self._write = tuple(folders.write)
        self._read = tuple(dict.fromkeys((*folders.read, *folders.write)))  # results are the plates of the next shot
        self._maps = sorted(folders.map, key=lambda one: len(one.client), reverse=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The folders, as clients write them: mapped prefixes first, then the server's own."""
        return tuple(dict.fromkeys((*(one.client for one in self._maps), *self._read)))

    def readable(self, path: str) -> Path:
        """A file or folder that may be read, without links; it need not exist.

        Raises:
            PathRefusedError: it lies elsewhere, or is no plain file (a device, a pipe).
        """
        found = self._within(path, self._read, "reads")
        try:
            mode = found.stat().st_mode
        except OSError:
            return found  # that it is not there is for who opens it to say
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise PathRefusedError("it is neither a file nor a folder", where=_shown(path))
        return found

    def writable(self, path: str) -> Path:
        """A file that may be written, without links; neither it nor its folder need exist.

        Raises:
            PathRefusedError: it lies elsewhere, or is no plain file.
        """
        found = self._within(path, self._write, "writes")
        if os.path.lexists(found) and not stat.S_ISREG(found.lstat().st_mode):
            raise PathRefusedError("it is no plain file", where=_shown(path))
        return found

    def readable_pattern(self, text: str) -> str:
        """A plate that may be read: every frame of it, links among them.

        Raises:
            PathRefusedError: a frame, or the folder, lies elsewhere.
        """
        return self._pattern(text, self.readable)

    def writable_pattern(self, text: str) -> str:
        """An output that may be written: its folder, and what already stands in the places of its frames.

        Raises:
            PathRefusedError: a frame, or the folder, lies elsewhere.
        """
        return self._pattern(text, self.writable)

    def shot(self, values: Mapping[str, Any]) -> dict[str, Any]:  # Any: values of a shot file, not yet validated
        """Values of a shot file with every path mapped and allowed: plate, output and what is written beside it,
        identities and performers, environment, mattes. `identities/NAME`, the server's own, stays as it is. What is no
        text is left for the check of the shot to name.

        Raises:
            PathRefusedError: paths lie elsewhere; tells all of them, each with its key.
        """
        found = dict(values)
        refused: list[tuple[str, PathRefusedError]] = []

        def place(key: str, value: object, take: Callable[[str], str | Path]) -> object:
            if not isinstance(value, str) or not value:
                return value
            try:
                return str(take(value))
            except PathRefusedError as error:
                refused.append((key, error))
                return value

        for key, take in (("plate", self.readable_pattern), ("output", self.writable_pattern)):
            if key in found:
                found[key] = place(key, found[key], take)
        if not refused:
            for beside in self._beside(found):
                place("output", beside, self.writable)
        if isinstance(found.get("cast"), list | tuple):
            found["cast"] = [self._cast(index, cast, place) for index, cast in enumerate(found["cast"])]
        lighting = found.get("lighting")
        if isinstance(lighting, Mapping) and "environment" in lighting:
            held = place("lighting.environment", lighting["environment"], self.readable)
            found["lighting"] = {**lighting, "environment": held}
        matte = found.get("matte")
        if isinstance(matte, Mapping):
            drawn = [key for key in ("holdout_matte", "garbage_matte") if key in matte]
            held_out = {key: place(f"matte.{key}", matte[key], self.readable_pattern) for key in drawn}
            found["matte"] = {**matte, **held_out}
        if refused:
            raise _all_of(refused)
        return found

    def _cast(self, index: int, cast: object, place: Callable[[str, object, Callable[[str], Path]], object]) -> object:
        if not isinstance(cast, Mapping):
            return cast
        own = isinstance(cast.get("identity"), str) and _OWN_IDENTITY.fullmatch(cast["identity"])
        return {
            key: place(f"cast[{index}].{key}", value, self.readable)
            if key == "performer" or (key == "identity" and not own)
            else value
            for key, value in cast.items()
        }

    @staticmethod
    def _beside(values: Mapping[str, Any]) -> Iterator[str]:
        """Files that a render reads and writes beside its output."""
        output, name = values.get("output"), values.get("name")
        if isinstance(output, str) and output and isinstance(name, str) and "/" not in name and "\0" not in name:
            for ending in ("tracks.json", "render.json"):
                yield str(Path(output).parent / f"{name}.{ending}")

    def _pattern(self, text: str, take: Callable[[str], Path]) -> str:
        path = self.mapped(text)
        try:
            pattern = FramePattern.parse(path)
        except UsageError as error:
            raise PathRefusedError(error.what, where=_shown(text)) from error
        if pattern.kind != "sequence":
            return str(take(path))
        name = os.path.basename(path)
        # The folder is followed by way of a file in it, so that a folder which must be made is treated alike.
        try:
            folder = take(os.path.join(os.path.dirname(path), ".vfx-swap-frame")).parent
        except PathRefusedError as error:
            raise PathRefusedError(error.what, where=_shown(text), mend=error.mend) from error
        for entry in _links(folder):
            if entry.startswith(pattern.prefix) and entry.endswith(pattern.suffix):
                take(str(folder / entry))
        return str(folder / name)

    def _within(self, path: str, roots: Sequence[str], does: str) -> Path:
        here = self.mapped(path)
        try:
            real = os.path.realpath(here)
        except (OSError, ValueError) as error:
            raise PathRefusedError("it cannot be used as a path", where=_shown(path)) from error
        if any(_holds(os.path.realpath(root), real) for root in roots):
            return Path(real)
        if any(_holds(root, os.path.normpath(here)) for root in roots):
            raise PathRefusedError(f"a link leads out of the folders this server {does}", where=_shown(path))
        named = ", ".join(roots) or "none; ask who runs the server for [roots]"
        what = f"it lies outside the folders this server {does}"
        raise PathRefusedError(what, where=_shown(path), mend=f"Folders it {does}: {named}")

    def mapped(self, path: str) -> str:
        """A client's path in this machine's words; one that is in them already stays as it is.

        Raises:
            PathRefusedError: it is not absolute, or of another system and in no map.
        """
        if "\0" in path:
            raise PathRefusedError("it holds a NUL character", where=_shown(path))
        for one in self._maps:
            if (rest := _rest(path, one)) is not None:
                return os.path.join(one.server, *rest)
        if _WINDOWS.match(path):
            mend = "Who runs the server can add it to [[roots.map]]"
            raise PathRefusedError("no map tells what this is on the server", where=_shown(path), mend=mend)
        if not path.startswith("/"):
            what = "it is not absolute, and the server's own working folder means nothing to a client"
            raise PathRefusedError(what, where=_shown(path), mend="Send the whole path")
        return path


def _rest(path: str, one: PathMap) -> list[str] | None:
    """The parts of a path after a map's prefix; None where it does not begin so."""
    windows = _WINDOWS.match(one.client) is not None
    given, prefix = _parts(path, windows=windows), _parts(one.client, windows=windows)
    begins = given[: len(prefix)]
    same = [part.lower() for part in begins] == [part.lower() for part in prefix] if windows else begins == prefix
    return given[len(prefix) :] if same else None


def _parts(path: str, *, windows: bool) -> list[str]:
    """What stands between slashes; leading ones count, so that a share is no drive and no relative path."""
    return (path.replace("\\", "/") if windows else path).rstrip("/").split("/")


def _holds(root: str, path: str) -> bool:
    """Whether a path is a folder or lies in it; both absolute."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def _links(folder: Path) -> list[str]:
    """Names of the links in a folder: plain files cannot lead out of it."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_symlink())
    except OSError:
        return []  # not there yet, or not to be read: who opens it says so


def _all_of(refused: Sequence[tuple[str, PathRefusedError]]) -> PathRefusedError:
    if len(refused) == 1:
        key, error = refused[0]
        return PathRefusedError(f"{key}: {error.what}", where=error.where, mend=error.mend)
    lines = "".join(f"\n  {key}: {error.where}: {error.what}" for key, error in refused)
    mends = dict.fromkeys(error.mend for _, error in refused if error.mend is not None)
    return PathRefusedError(f"{len(refused)} paths are refused:{lines}", mend=". ".join(mends) or None)


def _shown(path: str) -> str:
    """A client's path for a message: cut in the middle when long."""
    return path if len(path) <= 400 else f"{path[:200]}...{path[-190:]}"
