"""Movies for tests, written with PyAV alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FPS = Fraction(24000, 1001)
QUIET = {"x265-params": "log-level=error"}


def film(
    path: Path,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    count: int = 24,
    size: tuple[int, int] = (64, 48),
    options: Mapping[str, str] | None = None,
    times: Sequence[int] = (),
    sound: str | None = None,
    tags: Mapping[str, int] | None = None,
    metadata: Mapping[str, str] | None = None,
    index_first: bool = False,
) -> Path:
    """A movie whose n-th frame (from 1) has luma `code(n)` all over, so that a frame tells its number.

    `times` are in frames, by default 0, 1, 2, ...; `sound` is an audio codec, for a second of a tone.
    """
    # The index in front, as for the web: such a file opens even when its end is missing.
    container = av.open(str(path), "w", options={"movflags": "faststart"} if index_first else {})
    stream: Any = container.add_stream(codec, rate=FPS, options=dict(options or {}))
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    chosen = tags or {"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1}
    for name, value in chosen.items():
        setattr(stream.codec_context, name, value)
    stream.metadata.update(metadata or {})
    container.metadata["title"] = "sq010_sh0020"
    audio: Any = None
    if sound:
        audio = container.add_stream(sound, rate=48000, layout="stereo")
    for index in range(count):
        picture = av.VideoFrame(*size, pixel_format)
        for number, plane in enumerate(picture.planes):
            wide = picture.format.components[0].bits > 8
            value = (code(index + 1) if number == 0 else 128 if number < 3 else 200) << (
                picture.format.components[0].bits - 8
            )
            plane.update(np.full(plane.buffer_size // (2 if wide else 1), value, "<u2" if wide else np.uint8).tobytes())
        # ProRes takes its tags from the frames, the others from the stream.
        for name, value in chosen.items():
            setattr(picture, name, value)
        picture.pts, picture.time_base = (times[index] if times else index), 1 / FPS
        for packet in stream.encode(picture):
            container.mux(packet)
    for packet in stream.encode(None):
        container.mux(packet)
    if audio is not None:
        _tone(container, audio)
    container.close()
    return path


def code(frame: int) -> int:
    """8-bit luma of a frame, 1 to 25."""
    return 16 + 8 * frame


def frame_shown(luma: np.ndarray, bits: int) -> int:
    """The frame number a picture's luma tells."""
    return round((float(np.median(luma)) / (1 << (bits - 8)) - 16) / 8)


def packets(path: Path, kind: str) -> list[bytes]:
    """The coded packets of the first stream of a kind, `audio` or `video`."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def _tone(container: Any, audio: Any) -> None:
    size = 1024
    for index in range(48):
        wave = np.sin(2 * np.pi * 440 * (np.arange(size) + index * size) / 48000)
        stereo = np.stack([wave, wave])
        planar = audio.codec_context.format.name == "fltp"
        samples = stereo.astype(np.float32) if planar else (stereo * 30000).astype(np.int16).T.reshape(1, -1)
        sound = av.AudioFrame.from_ndarray(samples, format="fltp" if planar else "s16", layout="stereo")
        sound.sample_rate, sound.pts = 48000, index * size
        for packet in audio.encode(sound):
            container.mux(packet)
    for packet in audio.encode(None):
        container.mux(packet)
