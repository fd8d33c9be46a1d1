"""Movies in and out through the real engine: ProRes and H.264 with sound, and movies that are none."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.bad_days.conftest import Sitters
from tests.bad_days.staging import SIDE, face_box, performer, tracks_of, vfx
from tests.io.filming import packets

COUNT = 3
TAGS = ("colorspace", "color_primaries", "color_trc", "color_range")
"""Of a stream and its frames; 1 is BT.709, and limited range."""


def film(path: Path, *, codec: str, pixel_format: str, sound: str) -> Path:
    """The astronaut moving to the right, and a tone."""
    container = av.open(str(path), "w")
    stream: Any = container.add_stream(codec, rate=Fraction(24))
    audio: Any = container.add_stream(sound, rate=48000, layout="stereo")
    stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, pixel_format
    for tag in TAGS:
        setattr(stream.codec_context, tag, 1)
    for index in range(COUNT):
        picture = np.round(performer(shift=3 * index) * 255).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format, dst_colorspace=1)
        for tag in TAGS:
            setattr(frame, tag, 1)
        frame.pts, frame.time_base = index, Fraction(1, 24)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    tone = (8000 * np.sin(np.arange(2 * 6000) / 20)).astype(np.int16)
    samples = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="stereo")
    samples.sample_rate, samples.pts = 48000, 0
    container.mux(audio.encode(samples))
    container.mux(audio.encode(None))
    container.close()
    return path


def frames(path: Path) -> tuple[str, list[np.ndarray]]:
    """Pixel format, and every frame as R'G'B' 0 to 1."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        shown = [frame.to_ndarray(format="rgb48le") / 65535.0 for frame in container.decode(stream)]
        return str(stream.codec_context.pix_fmt), shown


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "sound"),
    [("plate.mov", "prores_ks", "yuv422p10le", "pcm_s16le"), ("plate.mp4", "libx264", "yuv420p", "aac")],
    ids=["ProRes", "H.264"],
)
def test_a_movie_in_is_a_movie_out_with_its_sound(
    sitters: Sitters, tmp_path: Path, name: str, codec: str, pixel_format: str, sound: str
) -> None:
    plate = film(tmp_path / name, codec=codec, pixel_format=pixel_format, sound=sound)
    out = tmp_path / "out" / f"swap{plate.suffix}"
    outcome = vfx("swap", "--plate", plate, "--out", out, "--identity", sitters.hopper)
    assert (outcome.code, outcome.last["rendered"], outcome.last["without_face"]) == (0, COUNT, [])
    (format_before, before), (format_after, after) = frames(plate), frames(out)
    assert (format_before, len(before)) == (format_after, len(after)) == (pixel_format, COUNT)
    assert packets(plate, "audio") == packets(out, "audio") != []
    tracks = tracks_of(out.parent)
    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        far = np.ones(old.shape[:2], bool)
        far[face_box(tracks, number)] = False
        moved = np.abs(old - new).max(axis=-1)
        assert float(moved[far].mean()) < 0.01
        assert float((moved[~far] > 0.05).mean()) > 0.03
    again = vfx("swap", "--plate", plate, "--out", out, "--identity", sitters.hopper)
    assert (again.code, again.last["skipped"]) == (0, COUNT)


def test_movies_that_are_none_are_named_before_anything_is_made(sitters: Sitters, tmp_path: Path) -> None:
    content = film(tmp_path / "w.mp4", codec="libx264", pixel_format="yuv420p", sound="aac").read_bytes()
    for name, data, says in (
        ("cut.mp4", content[: len(content) // 2], "cannot be read as a movie"),
        ("empty.mov", b"", "the file is empty"),
        ("text.mov", b"no movie", "cannot be read as a movie"),
    ):
        (tmp_path / name).write_bytes(data)
        out = tmp_path / "out" / "swap.mov"
        outcome = vfx("swap", "--plate", tmp_path / name, "--out", out, "--identity", sitters.hopper)
        assert (outcome.code, [problem["key"] for problem in outcome.last["problems"]]) == (2, ["--plate"])
        assert says in outcome.last["what"]
        assert name in outcome.last["what"]
        assert "Errno" not in outcome.last["what"]
        assert not out.parent.exists()
