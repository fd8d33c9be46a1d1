"""What a streamed shot puts on record, whoever answered: failures and warnings as a local render has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.pipeline.shot_fakes import make_shot
from vfx_swap.client import streaming
from vfx_swap.client.frame_values import PlateFrame, StreamedFrame
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import DeviceError, FramesFailedError
from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.progress import never_cancelled, no_progress
from vfx_swap.pipeline.render_log import RenderLog, read_log


def test_a_frame_that_failed_is_on_record_with_what_still_lies_there(tmp_path: Path) -> None:
    pattern = FramePattern.parse(str(tmp_path / "swap.####.exr"))
    output: Any = SimpleNamespace(pattern=pattern, path=pattern.path)
    pattern.path(2).write_bytes(b"of an earlier render")

    async def answered() -> AsyncGenerator[StreamedFrame]:
        for number in (1, 2):
            yield StreamedFrame(number, error=DeviceError("the network failed"))

    async def write_all() -> None:
        with RenderLog(folder=tmp_path, name="sh010") as log:
            await streaming._write_all(answered(), output, (1, 2), log, no_progress, never_cancelled)

    with pytest.raises(FramesFailedError, match="2 frames failed"):
        asyncio.run(write_all())
    rows = read_log(tmp_path, "sh010")
    assert [(number, row.output_digest) for number, row in sorted(rows.items())] == [(1, None), (2, None)]
    assert "the network failed" in (rows[1].error or "")
    assert "swap.0002.exr from an earlier render" in (rows[2].error or "")
    assert "earlier" not in (rows[1].error or "")


def test_a_server_s_warnings_of_a_parsed_plate_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_shot(tmp_path)

    async def no_tracks(*_: Any) -> bytes:
        return b""

    async def parsed(
        _stub: Any, frames: Any, *, read: Callable[[int], PlateFrame], **_: Any
    ) -> AsyncGenerator[StreamedFrame]:
        for number in frames:
            yield StreamedFrame(number, sent=read(number), warnings=("the lead is cut by the border",))

    monkeypatch.setattr(streaming, "_tracks", no_tracks)
    monkeypatch.setattr(streaming, "parse_frames", parsed)
    client: Any = SimpleNamespace(stubs=SimpleNamespace(parse=None))
    plate, out = str(tmp_path / "plates" / "plate.####.exr"), str(tmp_path / "out" / "regions.####.exr")
    report = asyncio.run(streaming.stream_parse(client, plate, out=out, config=load_config(), frames="1-2"))
    assert report.warnings == ("the lead is cut by the border",)
    assert report.rendered == (1, 2)
