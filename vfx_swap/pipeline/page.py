"""One HTML page of a swap: a wipe between plate and swap, the movie, the metrics, the settings, the files.

The page holds its stills, asks nothing of any network, and escapes every name it shows.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vfx_swap.io.atomic import atomic_write
from vfx_swap.pipeline.contact_sheet import to_bytes
from vfx_swap.pipeline.qc_report import MetricRow
from vfx_swap.types import ModelImage

__all__ = ["PageFile", "PageStill", "make_page", "page_still", "write_page"]

_TEMPLATE = "page.html.j2"
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class PageStill:
    """One frame of the wipe, encoded."""

    label: str
    plate_uri: str
    swap_uri: str
    width: int
    height: int
    wipe_percent: float = 50.0
    """Where the wipe stands at first, of the width: on the face."""


@dataclass(frozen=True)
class PageFile:
    """A file worth knowing of."""

    what: str
    path: str


def page_still(label: str, *, plate: ModelImage, swap: ModelImage, wipe_x: float | None = None) -> PageStill:
    """A frame as the page holds it: two JPEGs with full colour resolution, as data URIs.

    Args:
        label: what it is called.
        plate: the plate, for viewing.
        swap: the swap, for viewing.
        wipe_x: column where the wipe stands at first; None: the middle.
    """
    height, width = plate.rgb.shape[:2]
    at = 50.0 if wipe_x is None else round(min(max(100.0 * wipe_x / width, 0.0), 100.0), 1)
    return PageStill(label, _jpeg_uri(plate), _jpeg_uri(swap), width, height, at)


def make_page(
    *,
    title: str,
    subtitle: str = "",
    stills: Sequence[PageStill],
    movie: str | None = None,
    metrics: Sequence[MetricRow] = (),
    metrics_caption: str = "",
    settings: str = "",
    command: str = "",
    files: Sequence[PageFile] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page as text.

    Args:
        title: of the page.
        subtitle: under it.
        stills: the frames to wipe through; the first is shown.
        movie: file name of a movie beside the page.
        metrics: rows of the quality table.
        metrics_caption: what they were measured on.
        settings: text of the shot file.
        command: that renders it again.
        files: what was written, and where.
        notes: sentences at the end.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        title=title,
        subtitle=subtitle,
        stills=stills,
        # A name such as `javascript:x` must stay a file beside the page.
        movie=None if movie is None else "./" + quote(movie, safe="", errors="replace"),
        metrics=metrics,
        metrics_caption=metrics_caption,
        settings=settings,
        command=command,
        files=files,
        notes=notes,
    )


def write_page(path: Path, text: str) -> None:
    """Write a page.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def _jpeg_uri(image: ModelImage) -> str:
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(to_bytes(image)).save(data, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")
