"""A before/after movie that any browser plays: the plate's face on the left, the swap's on the right, at 1:1."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from vfx_swap.errors import OutputError, UsageError
from vfx_swap.io.atomic import atomic_write

__all__ = ["side_by_side", "write_mp4"]


def side_by_side(plate: np.ndarray, swap: np.ndarray, *, centre_x: float, width: int = 1920) -> np.ndarray:
    """Two halves of a frame: the same columns of plate and swap, with a line between.

    Args:
        plate: (height, width, 3) uint8.
        swap: the same size.
        centre_x: column that each half is centred on; moved inwards at the picture's border.
        width: of the result, in pixels; made even, and no wider than twice the plate.

    Returns:
        (height, width, 3) uint8, both even, as 4:2:0 needs.
    """
    height, columns = plate.shape[:2]
    half = min(width // 2, columns) // 2 * 2
    left = int(np.clip(round(centre_x - half / 2), 0, columns - half))
    joined = np.concatenate([plate[:, left : left + half], swap[:, left : left + half]], axis=1)
    joined[:, half - 1 : half + 1] = 235
    return np.ascontiguousarray(joined[: height // 2 * 2])


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
                            "libx264", rate=Fraction(fps), options={"crf": "16", "preset": "medium"}
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
