"""A frame that went over the wire is written as the file that a local render writes, to the last byte."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.pipeline.shot_fakes import TODAY, make_identity, tools, write_png
from tests.service.crews import FakeCrew
from tests.service.pixel_server import serving
from tests.service.real_handlers import RealHandlers
from tests.service.servers import WAYS, client_of
from vfx_swap.client.frame_values import FrameSettings, PlateFrame, Transport, plate_frame
from vfx_swap.client.frames import process_frames
from vfx_swap.errors import ConsentMissingError
from vfx_swap.io.outputs import open_output
from vfx_swap.io.plates import open_plate
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.shot import render_shot
from vfx_swap.settings import shot_from_values

FRAMES = (1, 2, 3)
LAYERS = ["matte", "patch", "regions", "cryptomatte"]


def make_plate(folder: Path, kind: str) -> str:
    """Three frames of noise with a NaN, an inf and an alpha; the data window is not the display window."""
    folder.mkdir()
    for number in FRAMES:
        random = np.random.default_rng(number)
        if kind == "png":
            write_png(folder / f"plate.{number:04d}.png", random.uniform(0.0, 1.0, (48, 64, 3)))
            continue
        pixels = random.uniform(-0.1, 3.0, (48, 64, 4)).astype(np.float32)
        pixels[0, 0], pixels[0, 1] = np.nan, np.inf
        spec = oiio.ImageSpec(64, 48, 4, kind)
        spec.channelnames = ("R", "G", "B", "A")
        spec.x, spec.y, spec.full_width, spec.full_height = -4, -2, 70, 60
        spec.attribute("colorInteropID", "lin_ap1_scene")
        spec.attribute("DateTime", "")
        spec.attribute("owner", "the plate's own")
        output: Any = oiio.ImageOutput.create("openexr")
        assert output.open(str(folder / f"plate.{number:04d}.exr"), spec)
        assert output.write_image(pixels)
        assert output.close()
    return str(folder / f"plate.####.{'png' if kind == 'png' else 'exr'}")


def values_of(folder: Path, plate: str, **more: Any) -> dict[str, Any]:
    """A shot; `make_plate` is the plate."""
    return {
        "schema": "vfx_swap/shot.1",
        "name": "sh010",
        "plate": plate,
        "output": str(folder / "local" / f"swap.####{Path(plate).suffix}"),
        "colour_space": "sRGB - Display" if plate.endswith("png") else "ACEScg",
        "cast": [{"position": "largest", "identity": str(folder / "who.identity"), "strength": 0.75}],
        **more,
    }


async def stream(
    folder: Path, values: dict[str, Any], tracks: bytes, *, transport: Transport, quick: Any
) -> dict[int, bytes]:
    """The files that come of it, by frame."""
    plate = open_plate(values["plate"])
    out = folder / "streamed" / Path(values["output"]).name

    def read(number: int) -> PlateFrame:
        path = plate.path(number)
        return PlateFrame(number, path=str(path)) if transport == "path" else plate_frame(number, read_picture(path))

    settings = FrameSettings(shot={**values, "output": str(out)}, tracks=tracks, colour_space=values["colour_space"])
    server_folder = folder if transport == "path" else folder / "server"
    server_folder.mkdir(exist_ok=True)
    output = open_output(out, plate=plate, layers=bool(values.get("write")))
    async with serving(server_folder, RealHandlers(quick)) as server:
        frames = process_frames(server.stubs.frames, settings, FRAMES, read=read, transport=transport)
        async for frame in frames:
            assert frame.error is None
            if transport == "path":
                assert frame.output == str(output.path(frame.number))
            else:
                frame.write(output)
    return {number: output.path(number).read_bytes() for number in FRAMES}


@pytest.mark.parametrize("transport", ["chunks", "slots", "path"])
@pytest.mark.parametrize("kind", ["half", "float", "png"])
def test_the_file_is_the_local_renders(tmp_path: Path, kind: str, transport: Transport) -> None:
    quick = tools()
    make_identity(tmp_path / "who.identity")
    layers = {} if kind == "png" else {"write": {"layers": LAYERS}}
    values = values_of(tmp_path, make_plate(tmp_path / "plate", kind), **layers)
    (tmp_path / "streamed").mkdir()
    shot = shot_from_values(values, folder="/").result()
    report = render_shot(shot, today=TODAY, tools=quick)
    assert report.rendered == FRAMES
    got = asyncio.run(
        asyncio.wait_for(stream(tmp_path, values, report.tracks.read_bytes(), transport=transport, quick=quick), 60.0)
    )
    for number in FRAMES:
        local = tmp_path / "local" / f"swap.{number:04d}{Path(values['plate']).suffix}"
        assert got[number] == local.read_bytes()
    assert len(set(got.values())) == len(FRAMES)
    if kind != "png":
        header = read_picture(local).rgb_part.spec.get_string_attribute("vfx_swap/render")
        assert len(json.loads(header)["settings_digest"]) == 64
        names = {name for part in read_picture(local).parts for name in part.channels}
        assert {"matte.1.A", "patch.R"} <= names
        assert any(name.startswith("regions.") for name in names)
        assert any(name.startswith("Crypto") for name in names)


def test_stills_need_no_tracks(tmp_path: Path) -> None:
    quick = tools()
    make_identity(tmp_path / "who.identity")
    values = values_of(tmp_path, make_plate(tmp_path / "plate", "half"), write={"layers": ["matte"]})
    shot = {**values, "output": ""}
    picture = read_picture(tmp_path / "plate" / "plate.0003.exr")

    async def test() -> None:
        async with serving(tmp_path, RealHandlers(quick)) as server:
            settings = FrameSettings(shot=shot, mode="stills", colour_space="ACEScg")
            [frame] = [
                one
                async for one in process_frames(
                    server.stubs.frames, settings, [3], read=lambda number: plate_frame(number, picture)
                )
            ]
            assert frame.error is None
            assert frame.metrics["faces"] == 1
            assert float(frame.planes["matte"].max()) == 0.75

    asyncio.run(asyncio.wait_for(test(), 60.0))


@pytest.mark.parametrize("way", WAYS)
def test_a_whole_server_gives_the_same_bits_and_asks_for_consent(tmp_path: Path, way: str) -> None:
    """Behind the door, with roots and consent; and without a wire."""
    quick = tools()
    make_identity(tmp_path / "who.identity")
    values = values_of(tmp_path, make_plate(tmp_path / "plate", "half"), write={"layers": ["matte", "patch"]})
    report = render_shot(shot_from_values(values, folder="/").result(), today=TODAY, tools=quick)
    plate = open_plate(values["plate"])
    output = open_output(tmp_path / "streamed" / "swap.####.exr", plate=plate, layers=True)
    (tmp_path / "streamed").mkdir()
    settings = FrameSettings({**values, "output": ""}, tracks=report.tracks.read_bytes(), colour_space="ACEScg")

    async def frames() -> None:
        handlers = RealHandlers(quick)
        async with client_of(way, tmp_path, crew=FakeCrew(handlers), today=lambda: TODAY) as client:
            async for frame in process_frames(
                client.stubs.frames, settings, FRAMES, read=lambda number: plate_frame(number, plate.read(number))
            ):
                assert frame.error is None
                frame.write(output)
        handlers.close()

    asyncio.run(asyncio.wait_for(frames(), 60.0))
    for number in FRAMES:
        local = tmp_path / "local" / f"swap.{number:04d}.exr"
        assert output.path(number).read_bytes() == local.read_bytes()
    make_identity(tmp_path / "who.identity", with_consent=False)
    with pytest.raises(ConsentMissingError):
        asyncio.run(asyncio.wait_for(frames(), 60.0))
