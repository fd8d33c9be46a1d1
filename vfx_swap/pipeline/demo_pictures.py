"""What the demo lays out to look at: contact sheet, movie and page, all shown with one exposure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vfx_swap import __version__
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.pipeline.before_after import half_columns, side_by_side, write_mp4
from vfx_swap.pipeline.contact_sheet import SheetRow, to_bytes, write_contact_sheet
from vfx_swap.pipeline.page import PageFile, make_page, page_still, write_page
from vfx_swap.pipeline.qc import Metrics
from vfx_swap.pipeline.qc_report import metric_rows
from vfx_swap.pipeline.shot_frames import read_pairs
from vfx_swap.types import Frame

__all__ = ["DEMO_COLOUR_SPACE", "DemoReport", "SeenFrames", "write_demo_pictures"]

DEMO_COLOUR_SPACE = "ACEScg"
_FPS = 24
_SHEET_ROW = 600
"""Pixels: its 200 % crops then show a face of the demo from brow to chin."""
_SHORT_MOVIE_FRAMES = 48
"""A movie of no more frames is written three times over, since players stop at its end."""


@dataclass(frozen=True)
class DemoReport:
    """What the demo wrote, and where to look."""

    page: Path
    """Open this first."""
    contact_sheet: Path
    movie: Path
    quality_file: Path
    """Metrics of the shot and of each frame, JSON."""
    shot_file: Path
    plate: str
    output: str
    identity: Path
    tracks: Path
    log: Path
    frames: int
    size: tuple[int, int]
    """Of the plate, width and height."""
    seconds: float
    quality: Metrics
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        made = f"{self.frames} frames of {self.size[0]}x{self.size[1]} ACEScg"
        rows = [
            f"{made} made, swapped and measured in {self.seconds:.0f} s. Look at:",
            f"  page           {self.page}",
            f"  contact sheet  {self.contact_sheet}",
            f"  movie          {self.movie}",
            f"  plate          {self.plate}",
            f"  swap           {self.output}",
            f"  tracks, log    {self.tracks}, {self.log.name}",
            f"  again          vfx-swap render {shlex.quote(str(self.shot_file))}",
        ]
        return "\n".join(rows)


@dataclass(eq=False)
class SeenFrames:
    """What is kept of the frames while they are measured: whole pictures of a few, a number of each."""

    wanted: frozenset[int]
    pictures: dict[int, tuple[Frame, Frame, FloatArray]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    centres: dict[int, tuple[float, float]] = field(default_factory=dict)


def write_demo_pictures(
    report: DemoReport, *, seen: SeenFrames, config: ColourConfig, blurred_frame: int, settings: str
) -> None:
    """Write the contact sheet, the movie and the page where the report says.

    Args:
        report: of the demo.
        seen: frames kept while they were measured.
        config: OCIO config.
        blurred_frame: the one with motion blur.
        settings: text of the shot file.

    Raises:
        InputError: a frame cannot be read back.
        OutputError: a picture cannot be written.
    """
    shown = _Shown(report, seen, blurred_frame, config, _exposure(seen, config))
    rows = list(shown.rows())
    write_contact_sheet(
        report.contact_sheet,
        rows,
        title="vfx-swap demo: Grace Hopper on Eileen Collins",
        subtitle=f"vfx-swap {__version__}, engine reprojection, ACEScg shown as sRGB; both portraits public domain",
        row_height=_SHEET_ROW,
    )
    shown.write_movie(report.movie)
    shown.write_page(report.page, rows, settings)


@dataclass(frozen=True, eq=False)
class _Shown:
    """Writes what is looked at."""

    report: DemoReport
    seen: SeenFrames
    blurred_frame: int
    config: ColourConfig
    exposure_stops: float
    """One for the whole shot, so that its exposure pull shows."""

    def rows(self) -> Iterator[SheetRow]:
        for number, (before, after, matte) in sorted(self.seen.pictures.items()):
            plate, swap = (
                to_display(
                    picture.rgb,
                    config=self.config,
                    colour_space=picture.colour_space,
                    exposure=self.exposure_stops,
                )
                for picture in (before, after)
            )
            blurred = ", motion blur" if number == self.blurred_frame else ""
            yield SheetRow(f"frame {number}{blurred}", plate, swap, matte, self._centre(number))

    def write_movie(self, path: Path) -> None:
        frames = self._movie_frames()
        if self.report.frames <= _SHORT_MOVIE_FRAMES:
            kept = list(frames)
            write_mp4(path, (frame for _ in range(3) for frame in kept), fps=_FPS)
        else:
            write_mp4(path, frames, fps=_FPS)

    def write_page(self, path: Path, rows: Sequence[SheetRow], settings: str) -> None:
        stills = [page_still(row.label, plate=row.plate, swap=row.swap, wipe_x=row.centre[0]) for row in rows]
        demo = self.report
        files = (
            PageFile("plate", demo.plate),
            PageFile("swap", demo.output),
            PageFile("contact sheet", str(demo.contact_sheet)),
            PageFile("tracks", str(demo.tracks)),
            PageFile("render log", str(demo.log)),
            PageFile("metrics", str(demo.quality_file)),
            PageFile("shot file", str(demo.shot_file)),
            PageFile("identity, with its consent record", str(demo.identity)),
        )
        page = make_page(
            title="vfx-swap demo: Grace Hopper on Eileen Collins",
            subtitle=f"{demo.frames} frames, scene-linear ACEScg half EXR; vfx-swap {__version__}, engine reprojection",
            stills=stills,
            movie=demo.movie.name,
            metrics=metric_rows(demo.quality),
            metrics_caption="Means over the shot, on the EXR files; numbers guide, the picture judges.",
            settings=settings,
            command=f"vfx-swap render {demo.shot_file.name}",
            files=files,
            notes=(
                "The plate is a 512 pixel photograph enlarged 3.7 to 4.1 times: its softness is the portrait's.",
                "Both portraits are US government works in the public domain; nobody in them endorses this tool.",
            ),
        )
        write_page(path, page)

    def _movie_frames(self) -> Iterator[np.ndarray]:
        pairs = read_pairs(
            self.report.plate,
            self.report.output,
            frames=tuple(sorted(self.seen.numbers)),
            config=self.config,
            colour_space=DEMO_COLOUR_SPACE,
        )
        middle = float(np.mean([self._centre(number)[0] for number in self.seen.numbers]))
        for before, after, _ in pairs:
            width = before.rgb.shape[1]
            columns = half_columns(width, centre_x=middle, width=width)
            plate, swap = (
                to_bytes(
                    to_display(
                        np.ascontiguousarray(picture.rgb[:, columns]),
                        config=self.config,
                        colour_space=picture.colour_space,
                        exposure=self.exposure_stops,
                    )
                )
                for picture in (before, after)
            )
            yield side_by_side(plate, swap)

    def _centre(self, number: int) -> tuple[float, float]:
        window = self.seen.centres
        return window.get(number) or (next(iter(window.values())) if window else (0.0, 0.0))


def _exposure(seen: SeenFrames, config: ColourConfig) -> float:
    """Of the frame in the middle of those shown."""
    numbers = sorted(seen.pictures)
    frame = seen.pictures[numbers[len(numbers) // 2]][0]
    matrix = config.matrix(source=frame.colour_space, destination=LINEAR_REC709)
    return auto_exposure_stops(apply_matrix(frame.rgb, matrix))
