"""Editors' timelines on disk, by OpenTimelineIO: .otio by itself, EDL and Final Cut Pro XML by its adapter packages.

OpenTimelineIO's objects carry no annotations, so they are `Any` here and in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vfx_swap.errors import InputError, MissingInputError, OutputError, UnsupportedImageError, UsageError
from vfx_swap.io.atomic import atomic_write

__all__ = ["ADAPTERS", "check_suffix", "read_edit", "timelines_of", "write_edit"]

ADAPTERS = {".otio": "", ".edl": "otio-cmx3600-adapter", ".fcpxml": "otio-fcpx-xml-adapter", ".xml": "otio-fcp-adapter"}
"""Ending of a timeline -> the package that reads and writes it; empty where OpenTimelineIO does itself."""


def check_suffix(path: Path) -> None:
    """
    Raises:
        UsageError: a kind of timeline that is not known.
        UnsupportedImageError: one whose adapter is not installed.
    """
    import opentimelineio as otio

    suffix = path.suffix.lower()
    if suffix not in ADAPTERS:
        known = ", ".join(ADAPTERS)
        raise UsageError(f"timelines ending in {suffix or 'nothing'!r} are not known", where=path, mend=f"Use {known}")
    if suffix.removeprefix(".") not in otio.adapters.suffixes_with_defined_adapters(read=True):
        raise UnsupportedImageError(
            f"needs OpenTimelineIO's adapter {ADAPTERS[suffix]}, which is not installed",
            where=path,
            mend="Run scripts/setup --editors, or pip install 'vfx-swap[editors]'; or use .otio",
        )


def read_edit(path: Path, *, fps: float | None = None) -> Any:
    """Read a timeline, or a collection that holds some.

    Args:
        path: the file.
        fps: frames a second of an EDL, which does not say; None: 24.

    Raises:
        MissingInputError: there is no such file.
        InputError: it does not read, or holds no timeline.
        UsageError: a kind that is not known; a rate for what says its own.
    """
    import opentimelineio as otio

    check_suffix(path)
    if not path.is_file():
        raise MissingInputError("there is no such file", where=path, mend="Export the timeline as .otio")
    edl = path.suffix.lower() == ".edl"
    if fps is not None and not edl:
        raise UsageError("--fps is for EDLs: this timeline says its own rate", where=path, mend="Leave it out")
    more: dict[str, Any] = {"rate": fps or 24.0} if edl else {}
    try:
        root = otio.adapters.read_from_file(str(path), **more)
    except Exception as error:  # adapters raise whatever their parsers do
        mend = "Export it again from the editor; schemas that OpenTimelineIO does not know cannot be read"
        raise InputError(f"does not read as a timeline: {error}", where=path, mend=mend) from error
    if not list(timelines_of(root)):
        raise InputError(f"holds no timeline, but {type(root).__name__}", where=path, mend="Export a timeline")
    return root


def timelines_of(root: Any) -> Iterator[Any]:
    """Every timeline of what was read."""
    import opentimelineio as otio

    if isinstance(root, otio.schema.Timeline):
        yield root
    elif isinstance(root, otio.schema.SerializableCollection):
        for one in root:
            yield from timelines_of(one)


def _fit(root: Any, path: Path) -> Any:
    """What the adapter of a kind of file can write: Final Cut Pro's know a sequence by its first file."""
    import opentimelineio as otio

    if path.suffix.lower() not in (".fcpxml", ".xml"):
        return root
    fitted = root.deepcopy()
    for timeline in timelines_of(fitted):
        for clip in timeline.find_clips():
            reference = clip.media_reference
            if isinstance(reference, otio.schema.ImageSequenceReference):
                first = otio.schema.ExternalReference(
                    target_url=reference.target_url_for_image_number(0),
                    available_range=reference.available_range,
                    metadata=reference.metadata,
                )
                default = otio.schema.Clip.DEFAULT_MEDIA_KEY
                clip.set_media_references({default: first}, default)
    return fitted


def write_edit(root: Any, path: Path) -> None:
    """Write a timeline, whole or not at all.

    Raises:
        OutputError: it cannot be written, or this kind of file cannot hold it.
    """
    import opentimelineio as otio

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            try:
                otio.adapters.write_to_file(_fit(root, path), str(temporary))
            except OSError:
                raise
            except Exception as error:  # adapters raise whatever they like
                mend = "Write .otio, which holds everything; the renders are kept"
                raise OutputError(f"cannot be written as {path.suffix}: {error}", where=path, mend=mend) from error
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", where=path) from error
