"""A before/after movie that any browser plays: the plate's face on the left, the swap's on the right, at 1:1."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from vfx_swap.errors import OutputError, UsageError
from vfx_swap.io.atomic import atomic_write

__all__ = ["half_columns", "side_by_side", "write_mp4"]


def half_columns(columns: int, *, centre_x: float, width: int = 1920) -> slice:
    """The columns of a picture that make one half of a frame of `width`, about a column, moved in at the border."""
    half = max(2, min(width // 2, columns) // 2 * 2)
    left = int(np.clip(round(centre_x - half / 2), 0, max(0, columns - half)))
    return slice(left, left + half)


def side_by_side(plate: np.ndarray, swap: np.ndarray) -> np.ndarray:
    """Two halves of a frame, with a line between.

    Args:
        plate: (height, width, 3) uint8, of even width.
        swap: the same size.

    Returns:
        (height, 2 width, 3) uint8, its height made even, as 4:2:0 needs.
    """
    half = plate.shape[1]
    joined = np.concatenate([plate, swap], axis=1)
    joined[:, half - 1 : half + 1] = 235
    return np.ascontiguousarray(joined[: plate.shape[0] // 2 * 2])


def write_mp4(path: Path, frames: Iterable[np.ndarray], *, fps: int = 24) -> int:
    """H.264, yuv420p, Rec.709 limited range, index in front: plays in browsers from a disk as it is.

    Args:
        path: the movie.
        frames: (height, width, 3) uint8 sRGB, all of one even size.
        fps: frames a second.

    Returns:
        Frames written.

    Raises:
        UsageError: no frames.
        OutputError: the movie cannot be written.
    """
    import av

    count = 0
    with atomic_write(path) as temporary:
        try:
            with av.open(str(temporary), "w", options={"movflags": "+faststart"}) as movie:
                stream = None
                for pixels in frames:
                    if stream is None:
                        stream = movie.add_stream(
                            "libx264", rate=Fraction(fps), options={"crf": "19", "preset": "faster"}
                        )
                        stream.height, stream.width = pixels.shape[:2]
                        stream.pix_fmt = "yuv420p"
                        context = stream.codec_context
                        context.color_primaries, context.color_trc, context.colorspace = 1, 1, 1
                        context.color_range = 1
                    picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    converted = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
                    movie.mux(stream.encode(converted))
                    count += 1
                if stream is None:
                    raise UsageError("a movie needs at least one frame", where=path)
                movie.mux(stream.encode(None))
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(f"the movie cannot be written: {error}", where=path) from error
    return count
