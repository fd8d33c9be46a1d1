"""Write movies by PyAV (FFmpeg): H.264 and HEVC, ProRes 422 HQ and 4444, the plate's sound carried over.

A movie is compressed again, so what comes out of a decoder is never bit-identical. What goes *into* the
encoder is, where the output has the plate's bit depth and chroma sampling: only the increment under the
matte is added to the plate's own codes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import OutputError, UnsupportedImageError, UsageError
from vfx_swap.io.atomic import atomic_write, output_error
from vfx_swap.io.movies import MovieReader
from vfx_swap.io.picture import Picture
from vfx_swap.io.yuv import YuvPlanes, change_under, from_rgb

__all__ = ["MOVIE_CODECS", "MovieCodec", "MovieWriter"]

MovieCodec: TypeAlias = Literal["h264", "hevc", "prores_422_hq", "prores_4444"]
MOVIE_CODECS: tuple[MovieCodec, ...] = ("h264", "hevc", "prores_422_hq", "prores_4444")

# x265 leaves decoding times unset in movies of one or two frames when it may reorder them, and mp4 refuses that.
_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"crf": "12", "preset": "medium"}),
    "hevc": ("libx265", {"crf": "12", "preset": "medium", "x265-params": "log-level=error:bframes=0"}),
    "prores_422_hq": ("prores_ks", {"profile": "3", "vendor": "apl0"}),
    "prores_4444": ("prores_ks", {"profile": "4", "vendor": "apl0", "alpha_bits": "16"}),
}
_RECODED = "the movie is compressed again: outside the matte the encoder is given the plate's own codes, but loses some"
_RESAMPLED = "the movie is compressed again, at another bit depth or chroma sampling than the plate's"
_CONTAINERS_OWN = ("major_brand", "minor_version", "compatible_brands", "encoder", "timecode")
"""Metadata that says how the plate's file was made, not what is in it."""
_TAGS = ("color_primaries", "color_trc", "colorspace", "color_range")
_SRGB_TRANSFER, _BT709, _LIMITED = 13, 1, 1


@dataclass(frozen=True)
class _Form:
    """What an encoder is fed."""

    codec: MovieCodec
    pixel_format: str
    bits: int
    across: int
    down: int
    alpha: bool


class _AbandonedError(Exception):
    """Thrown into the temporary file's guard so that it is removed."""


class MovieWriter:
    """A movie being written. Appears under its name only when closed; `abort` leaves nothing."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        first: Picture,
        fps: Fraction,
        codec: MovieCodec | None = None,
        plate: MovieReader | None = None,
        start_seconds: Fraction = Fraction(0),
        from_start: bool = True,
    ) -> None:
        """Open the file.

        Args:
            path: ends in .mp4 or .mov.
            first: the first picture to come, for size, depth and sampling.
            fps: frames a second.
            codec: by default H.264 (mp4, up to 8 bits), HEVC (mp4, more), ProRes 4444 (mov, with alpha or
                full chroma) or ProRes 422 HQ (mov).
            plate: the movie that sound and tags come from.
            start_seconds: time in the plate of the first picture.
            from_start: that picture is the plate's first, so that sound and timecode begin with it too.

        Raises:
            UsageError: a codec that the container does not take.
            UnsupportedImageError: a plate of float light.
            OutputError: it cannot be written.
        """
        import av

        self.path = Path(path)
        if first.is_float:
            raise UnsupportedImageError(
                "a plate of float light does not fit into a movie", where=self.path, mend="Write EXR"
            )
        self._fault: type[Exception] = av.error.FFmpegError
        self._form = _choose(self.path, first, codec)
        self._fps = fps
        self._start = start_seconds
        self._last_pts: int | None = None
        self.warnings: list[str] = []
        """What of the plate's sound and tags could not be carried."""
        self._stack = ExitStack()
        with self._whole_or_none():
            temporary = self._stack.enter_context(atomic_write(self.path))
            # FFmpeg takes `name:` at the start of a path for a protocol; an absolute path has none.
            self._container: Any = av.open(str(temporary.absolute()), "w", format=self.path.suffix[1:].lower())
            self._stream: Any = self._add_video(first, plate)
            self._audio = _Audio(self, plate, from_start=from_start)
            self._carry_metadata(plate, from_start=from_start)

    @contextmanager
    def _whole_or_none(self) -> Iterator[None]:
        """Whatever goes wrong inside leaves nothing behind."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.abort()
            raise self._error(error) from error
        except BaseException:
            self.abort()
            raise

    def _add_video(self, first: Picture, plate: MovieReader | None) -> Any:
        name, options = _ENCODERS[self._form.codec]
        stream: Any = self._container.add_stream(name, rate=self._fps, options=options)
        stream.width, stream.height = first.data_window.width, first.data_window.height
        stream.pix_fmt = self._form.pixel_format
        context: Any = stream.codec_context
        # A plate with frames of varying length keeps its times, so the clock must be the plate's.
        context.time_base = Fraction(plate.stream.time_base) if plate is not None else 1 / self._fps
        if self._form.codec == "hevc":
            context.codec_tag = "hvc1"
        if plate is None:
            srgb = "srgb" in (first.colour_hints.oiio_colour_space or "srgb").lower()
            context.color_primaries, context.colorspace, context.color_range = _BT709, _BT709, _LIMITED
            context.color_trc = _SRGB_TRANSFER if srgb else _BT709
            return stream
        tags = plate.stream.codec_context
        for tag in _TAGS:
            setattr(context, tag, getattr(tags, tag))
        if tags.sample_aspect_ratio:
            context.sample_aspect_ratio = tags.sample_aspect_ratio
        return stream

    def _carry_metadata(self, plate: MovieReader | None, *, from_start: bool) -> None:
        if plate is None:
            return
        said = plate.stream.container.metadata
        self._container.metadata.update({key: said[key] for key in said if key not in _CONTAINERS_OWN})
        timecode = plate.stream.metadata.get("timecode")
        if timecode and from_start:
            self._stream.metadata["timecode"] = timecode
        elif timecode:
            self.warnings.append(f"the plate's timecode {timecode} is left out: the movie starts later than the plate")

    def write(self, picture: Picture, *, rgb: FloatArray, matte: FloatArray, seconds: Fraction) -> list[str]:
        """Add a frame; gives warnings about it.

        Args:
            picture: the plate's frame, of the size of the first.
            rgb: (height, width, 3) R'G'B' as `Picture.rgb` gives it.
            matte: (height, width).
            seconds: time of the frame on the plate's clock, later than that of the one before.

        Raises:
            UsageError: frames out of order, or of another size.
            OutputError: it cannot be written.
        """
        planes, warning = self._codes(picture, rgb, matte)
        pts = round((seconds - self._start) / self._stream.codec_context.time_base)
        if self._last_pts is not None and pts <= self._last_pts:
            raise UsageError("frames of a movie must be written in order", where=self.path)
        image = _image(planes, self._form)
        if image.width != self._stream.width or image.height != self._stream.height:
            raise UsageError(f"a frame of {image.width}x{image.height} in a movie of another size", where=self.path)
        image.pts, image.time_base = pts, self._stream.codec_context.time_base
        context = self._stream.codec_context
        # ProRes takes its tags from the frames, the others from the stream.
        for tag in _TAGS:
            setattr(image, tag, getattr(context, tag))
        try:
            for packet in self._stream.encode(image):
                self._container.mux(packet)
            self._audio.feed(self, seconds)
        except (OSError, ValueError) as error:
            raise self._error(error) from error
        self._last_pts = pts
        return [*picture.warnings, *self.warnings, warning]

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            DiskFullError: no room left.
            OutputError: it cannot be written.
        """
        if self._last_pts is None:
            self.abort()
            return
        end = self._start + self._last_pts * Fraction(self._stream.codec_context.time_base) + 1 / self._fps
        with self._whole_or_none():
            for packet in self._stream.encode(None):
                self._container.mux(packet)
            self._audio.feed(self, end)
            self._audio.close()
            self._container.close()
            self._stack.close()

    def abort(self) -> None:
        """Leave nothing behind."""
        for name in ("_audio", "_container"):
            part = getattr(self, name, None)
            if part is not None:
                try:
                    part.close()
                except (OSError, ValueError):
                    continue
        error = _AbandonedError()
        self._stack.__exit__(_AbandonedError, error, None)

    def _codes(self, picture: Picture, rgb: FloatArray, matte: FloatArray) -> tuple[YuvPlanes, str]:
        form = self._form
        yuv = picture.yuv
        if yuv is not None and (yuv.bits, yuv.across, yuv.down) == (form.bits, form.across, form.down):
            return change_under(yuv, rgb, matte), _RECODED
        matrix, full = (yuv.matrix, yuv.full_range) if yuv is not None else (1, False)
        alpha = picture.alpha if form.alpha else None
        codes = None if alpha is None else np.rint(np.clip(alpha, 0, 1) * ((1 << form.bits) - 1)).astype(np.uint16)
        nothing = np.zeros((0, 0), np.uint16)
        like = YuvPlanes(nothing, nothing, nothing, codes, form.bits, form.across, form.down, matrix, full)
        comp = np.where((matte > 0.0)[..., np.newaxis], rgb, picture.rgb())
        return from_rgb(comp, like=like), _RESAMPLED

    def _error(self, error: Exception) -> OutputError:
        if isinstance(error, OSError):
            return output_error(error, self.path)
        return OutputError(f"cannot write the movie: {error}", where=self.path)


class _Audio:
    """The plate's sound, copied packet by packet."""

    def __init__(self, writer: MovieWriter, plate: MovieReader | None, *, from_start: bool) -> None:
        import av

        self._source: Any = None
        self._packets: Iterator[Any] = iter(())
        self._pending: Any = None
        self._streams: dict[int, Any] = {}
        self._from_start = from_start
        if plate is None:
            return
        self._source = av.open(str(plate.path.absolute()), "r")
        for stream in self._source.streams.audio:
            codec = str(stream.codec_context.name)
            if codec not in writer._container.supported_codecs:  # noqa: SLF001  # one module, two halves
                writer.warnings.append(
                    f"sound in {codec} does not fit into {writer.path.suffix}: left out (write .mov)"
                )
                continue
            self._streams[stream.index] = writer._container.add_stream_from_template(stream)  # noqa: SLF001
        if self._streams:
            self._packets = iter(self._source.demux([self._source.streams[index] for index in self._streams]))

    def feed(self, writer: MovieWriter, until: Fraction) -> None:
        """Copy packets that begin before `until`, on the plate's clock; times shift to the movie's start."""
        while True:
            packet = self._pending or next(self._packets, None)
            self._pending = None
            if packet is None:
                return
            if packet.pts is None or packet.dts is None:
                continue
            base = Fraction(packet.time_base)
            if packet.pts * base >= until:
                self._pending = packet
                return
            if packet.pts * base < writer._start and not self._from_start:  # noqa: SLF001
                continue
            shift = round(writer._start / base)  # noqa: SLF001
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._streams[packet.stream.index]
            writer._container.mux(packet)  # noqa: SLF001

    def close(self) -> None:
        if self._source is not None:
            self._packets = iter(())
            self._source.close()
            self._source = None


def _choose(path: Path, first: Picture, codec: MovieCodec | None) -> _Form:
    container = path.suffix.lower()
    yuv = first.yuv
    bits = first.bits if yuv is None else yuv.bits
    across, down = (1, 1) if yuv is None else (yuv.across, yuv.down)
    if codec is None and container == ".mp4":
        codec = "h264" if bits <= 8 else "hevc"
    elif codec is None:
        codec = "prores_4444" if first.alpha is not None or (yuv is not None and not across) else "prores_422_hq"
    if codec.startswith("prores"):
        if container == ".mp4":
            raise UsageError("ProRes does not go into mp4", where=path, mend="Write .mov, or choose h264 or hevc")
        alpha = codec == "prores_4444" and first.alpha is not None
        across = int(codec == "prores_422_hq")
        name = "yuva444p10le" if alpha else ("yuv422p10le" if across else "yuv444p10le")
        return _Form(codec, name, 10, across, 0, alpha)
    window = first.data_window
    if (across and window.width % 2) or (down and window.height % 2):
        # Encoders take halved chroma of even sizes only; full chroma loses nothing.
        across, down = 0, 0
    depth = 8 if codec == "h264" and bits <= 8 else 10
    sampling = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}.get((across, down), "444")
    return _Form(codec, f"yuv{sampling}p" + ("" if depth == 8 else "10le"), depth, across, down, alpha=False)


def _image(planes: YuvPlanes, form: _Form) -> Any:
    import av

    height, width = planes.y.shape
    image = av.VideoFrame(width, height, form.pixel_format)
    arrays = [planes.y, planes.u, planes.v]
    if form.alpha:
        full = np.full(planes.y.shape, (1 << form.bits) - 1, np.uint16)
        arrays.append(full if planes.alpha is None else planes.alpha)
    dtype = np.dtype(np.uint8 if form.bits <= 8 else "<u2")
    for plane, codes in zip(image.planes, arrays, strict=True):
        rows = np.zeros((plane.height, plane.line_size // dtype.itemsize), dtype)
        rows[: codes.shape[0], : codes.shape[1]] = codes
        plane.update(rows.tobytes())
    return image
