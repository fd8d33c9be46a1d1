"""Read movies frame by frame, exactly, at their bit depth, by PyAV (FFmpeg).

A frame is found by its presentation time, never by counting from a guess: the file's packets are listed
once, sorted by time, and frame n is the n-th of them, so that B-frames, a variable frame rate and long
groups of pictures all give the frame that was asked for.

Frame numbers: the first frame of a movie is 1. A timecode track is not used for numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import OpenImageIO as oiio

from vfx_swap.arrays import FloatArray, frozen
from vfx_swap.errors import MissingInputError, UnreadableImageError, UnsupportedImageError
from vfx_swap.io.layout import RgbLayout
from vfx_swap.io.picture import Block, Part, Picture
from vfx_swap.io.yuv import KR_KB, YuvPlanes, to_rgb
from vfx_swap.types import ColourHints

__all__ = ["FIRST_FRAME", "MovieReader"]

FIRST_FRAME = 1
"""Number of a movie's first frame."""

_AHEAD = 48
"""Frames to decode on rather than seek, when the frame asked for is only a little further."""
_REPACK = {"uyvy422": "yuv422p", "yuyv422": "yuv422p", "nv12": "yuv420p", "p010le": "yuv420p10le"}
"""Formats that hold the same samples in another order."""
_CONVERT = "Convert it to mp4 or mov"
_AGAIN = "Copy or export it again"
_RESERVED, _UNSPECIFIED = 0, 2
_FULL = 2


class MovieReader:
    """An open movie. Holds a decoder, so one thread at a time; close it, or use it in a `with`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a movie and list its frames.

        Raises:
            MissingInputError: there is no such file.
            UnreadableImageError: truncated, or not a movie.
            UnsupportedImageError: without pictures, or without presentation times.
        """
        import av

        self.path = Path(path)
        self._fault: type[Exception] = av.error.FFmpegError
        if not self.path.exists():
            raise MissingInputError("there is no such file", where=self.path)
        self._container = self._open()
        try:
            stream = self._stream()
            self._pts, self._keys = self._list_frames()
        except BaseException:
            self._container.close()
            raise
        self._frames: Iterator[Any] = iter(())
        self._last: int | None = None
        rate = stream.average_rate or stream.guessed_rate
        self.fps: Fraction | None = None if rate is None else Fraction(rate)
        """Mean frames a second; the times themselves may vary."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._frames = iter(())
        self._container.close()

    @property
    def frames(self) -> range:
        """Frame numbers, from 1."""
        return range(FIRST_FRAME, FIRST_FRAME + len(self._pts))

    @property
    def stream(self) -> Any:
        """PyAV's video stream, for what a writer copies from it."""
        return self._container.streams.video[0]

    @property
    def file_tags(self) -> dict[str, str]:
        """Metadata of the file as a whole."""
        return dict(self._container.metadata)

    def seconds(self, frame: int) -> Fraction:
        """Presentation time of a frame, in seconds from the start of the stream's clock."""
        base = self._container.streams.video[0].time_base
        return Fraction(self._pts[frame - FIRST_FRAME]) * Fraction(base)

    def read(self, frame: int) -> Picture:
        """Decode one frame.

        Raises:
            MissingInputError: the movie has no such frame.
            UnreadableImageError: it does not decode.
        """
        if frame not in self.frames:
            raise MissingInputError(
                f"has no frame {frame}", where=self.path, mend=f"It has frames {FIRST_FRAME}-{len(self._pts)}"
            )
        try:
            decoded = self._decode(self._pts[frame - FIRST_FRAME])
        except self._fault as error:
            raise UnreadableImageError(f"frame {frame} does not decode: {error}", where=self.path) from error
        if decoded is None:
            raise UnreadableImageError(
                f"frame {frame} is not at the time the file gives for it",
                where=self.path,
                mend=_CONVERT,
            )
        if decoded.is_corrupt:
            raise UnreadableImageError(f"frame {frame} is damaged", where=self.path, mend=_AGAIN)
        return _picture(self.path, self._container.streams.video[0], decoded)

    def _open(self) -> Any:
        import av

        try:
            return av.open(str(self.path.absolute()), "r")
        except (OSError, ValueError) as error:
            if self.path.is_file() and self.path.stat().st_size == 0:
                raise UnreadableImageError("the file is empty", where=self.path, mend=_AGAIN) from error
            why = getattr(error, "strerror", None) or str(error)
            raise UnreadableImageError(f"cannot be read as a movie: {why}", where=self.path, mend=_AGAIN) from error

    def _stream(self) -> Any:
        streams = self._container.streams.video
        if not len(self._container.streams):
            raise UnreadableImageError("cannot be read as a movie: holds no track", where=self.path)
        if not streams:
            raise UnsupportedImageError("holds no pictures", where=self.path, mend="Give a movie with a video track")
        streams[0].thread_type = "AUTO"
        return streams[0]

    def _list_frames(self) -> tuple[list[int], list[int]]:
        """Times of all frames, and of those from which decoding can begin, both rising."""
        stream = self._container.streams.video[0]
        announced = int(stream.frames)
        if self._container.format.name == "avi" and stream.codec_context.has_b_frames:
            raise UnsupportedImageError(
                "is an AVI with B-frames, which holds no times to find frames by", where=self.path, mend=_CONVERT
            )
        packets: list[tuple[int | None, bool, bool]] = []
        try:
            # The last packet is empty: it flushes the decoder.
            packets.extend(
                (packet.pts, packet.is_keyframe, packet.is_discard)
                for packet in self._container.demux(stream)
                if packet.size
            )
            if any(pts is None for pts, _, _ in packets):
                packets = [(image.pts, False, False) for image in self._restart()]
        except self._fault as error:
            raise UnreadableImageError(f"cannot be read to its end: {error}", where=self.path) from error
        if len(packets) < announced:
            raise UnreadableImageError(
                f"is cut short: {announced} frames announced, {len(packets)} there", where=self.path
            )
        # An edit list cuts frames off that decoding may still have to begin with.
        kept = [pts for pts, _, discard in packets if not discard]
        times = [pts for pts in kept if pts is not None]
        if len(times) < len(kept) or len(set(times)) < len(times):
            raise UnsupportedImageError("its frames have no times of their own", where=self.path, mend=_CONVERT)
        if not times:
            raise UnreadableImageError("holds no frame", where=self.path, mend="Export it again")
        return sorted(times), sorted(pts for pts, key, _ in packets if key and pts is not None)

    def _restart(self) -> Iterator[Any]:
        self._container.close()
        self._container = self._open()
        return iter(self._container.decode(self._stream()))

    def _decode(self, pts: int) -> Any:
        wait = 0 if self._last is None else sum(1 for time in self._pts if self._last < time <= pts)
        if 0 < wait <= _AHEAD:
            found = self._advance(pts)
            if found is not None:
                return found
        # From the nearest key frame; failing that from the one before, then from the very beginning.
        for key in [time for time in self._keys if time <= pts][:-3:-1]:
            self._container.seek(key, stream=self._container.streams.video[0], backward=True)
            self._frames = iter(self._container.decode(self._container.streams.video[0]))
            found = self._advance(pts)
            if found is not None:
                return found
        self._frames = self._restart()
        return self._advance(pts)

    def _advance(self, pts: int) -> Any:
        for image in self._frames:
            self._last = image.pts
            if image.pts == pts:
                return image
            if image.pts is not None and image.pts > pts:
                return None
        self._last = None
        return None


def _picture(path: Path, stream: Any, image: Any) -> Picture:
    warnings: list[str] = []
    if image.interlaced_frame:
        warnings.append("the movie is interlaced: its two fields are swapped as one picture")
    if image.rotation:
        warnings.append(
            f"the movie is marked to be shown turned by {image.rotation} degrees: worked on as it is stored"
        )
    yuv = _planes(image, _tag(image, stream, "colorspace"), warnings)
    if yuv is None:
        rgb = np.asarray(image.to_ndarray(format="rgb48le")).astype(np.float32) / np.float32(65535.0)
        bits = max(component.bits for component in image.format.components)
        alpha = None
    else:
        rgb, bits = to_rgb(yuv), yuv.bits
        alpha = None if yuv.alpha is None else yuv.alpha.astype(np.float32) / np.float32((1 << bits) - 1)
    hints = ColourHints(
        movie_primaries=_PRIMARIES.get(_tag(image, stream, "color_primaries")),
        movie_transfer=_TRANSFERS.get(_tag(image, stream, "color_trc")),
        movie_matrix=_MATRICES.get(_tag(image, stream, "colorspace")),
    )
    return Picture(
        path=path,
        format="movie",
        parts=(_part(rgb, alpha, bits),),
        layout=RgbLayout(0, ("R", "G", "B"), None if alpha is None else "A"),
        kind="movie",
        colour_hints=hints,
        yuv=yuv,
        warnings=tuple(warnings),
    )


def _part(rgb: FloatArray, alpha: FloatArray | None, bits: int) -> Part:
    pixels = rgb if alpha is None else np.concatenate([rgb, alpha[..., np.newaxis]], axis=-1)
    names = ("R", "G", "B") if alpha is None else ("R", "G", "B", "A")
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], len(names), "float")
    spec.attribute("oiio:BitsPerSample", bits)
    return Part("", spec, (Block(names, frozen(np.ascontiguousarray(pixels))),))


def _tag(image: Any, stream: Any, name: str) -> int:
    """What the frame says, and where it says nothing what its stream does."""
    own = int(getattr(image, name))
    return own if own not in (_UNSPECIFIED, _RESERVED) else int(getattr(stream.codec_context, name))


def _planes(image: Any, matrix: int, warnings: list[str]) -> YuvPlanes | None:
    """The frame's own samples; None where it holds RGB or is not made of planes."""
    name = str(image.format.name)
    if name in _REPACK:
        image = image.reformat(format=_REPACK[name])
        name = _REPACK[name]
    if not name.startswith("yuv") or not name.removesuffix("le").rstrip("0123456789").endswith("p"):
        return None
    components = image.format.components
    bits = int(components[0].bits)
    across = int(image.format.chroma_width(16) == 8)
    down = int(image.format.chroma_height(16) == 8)
    if image.format.chroma_width(16) not in (8, 16) or image.format.chroma_height(16) not in (8, 16):
        return None
    arrays = [_plane(plane, component, bits) for plane, component in zip(image.planes, components, strict=True)]
    if matrix not in KR_KB:
        warnings.append("the movie does not say which Y'CbCr matrix it uses: read as BT.709")
        matrix = 1
    full = int(image.color_range) == _FULL or name.startswith("yuvj")
    alpha = arrays[3] if len(arrays) > 3 else None  # Y, U, V and then alpha
    return YuvPlanes(arrays[0], arrays[1], arrays[2], alpha, bits, across, down, matrix, full)


def _plane(plane: Any, component: Any, bits: int) -> np.ndarray:
    dtype = np.dtype(np.uint8 if bits <= 8 else "<u2")
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return frozen(rows[:, : component.width].astype(np.uint16))


# Names of H.273 code points as FFmpeg writes them; 2 is "unspecified" and so absent.
_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020",
    11: "smpte431",
    12: "smpte432",
}
_TRANSFERS = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 13: "iec61966-2-1",
    14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 18: "arib-std-b67",
}  # fmt: skip
_MATRICES = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
