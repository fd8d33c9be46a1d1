"""What a worker does of each kind of task, in this process, with quick stand-ins for models and swapper."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vfx_swap.pipeline.regions as rooms
from tests.pipeline.shot_fakes import (
    ALL,
    TODAY,
    FakeSwapper,
    digests_of,
    fake_analyse,
    fake_swap,
    make_shot,
    render,
    tools,
)
from tests.pipeline.test_regions import BoxParser
from tests.pipeline.test_session import Measuring
from vfx_swap.errors import CancelledError, DeviceMemoryError, LimitError, ProtocolError, UsageError
from vfx_swap.io.outputs import open_output
from vfx_swap.io.plates import open_plate
from vfx_swap.io.read import read_picture
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.engines import Engine
from vfx_swap.pipeline.error_fields import error_from
from vfx_swap.pipeline.parse import parse_plate
from vfx_swap.pipeline.shot import Tools
from vfx_swap.pipeline.warm import WarmTools
from vfx_swap.service.handlers import WorkerHandlers
from vfx_swap.service.handlers.device_memory import is_out_of_memory, with_memory
from vfx_swap.service.pool import OpenFiles, ref_from_json
from vfx_swap.service.work import Ref
from vfx_swap.service.worker import Work
from vfx_swap.settings import Shot
from vfx_swap.types import Window

ROOM = 1 << 20


class Asked:
    """A worker's handlers, and shared memory beside a shot."""

    def __init__(self, folder: Path, quick: Tools | None = None) -> None:
        self.folder = folder
        self.handlers = WorkerHandlers("cpu", tools=quick or tools())
        self.pool = folder / "pool"
        self.pool.write_bytes(bytes(8 << 20))
        self.files = OpenFiles()

    def __call__(self, kind: str, body: Mapping[str, Any], *, cancelled: bool = False) -> dict[str, Any]:
        """A task's answer, as it comes over the link; its error is raised."""
        self.work = Work("a task", kind, json.loads(json.dumps(body)), lambda _: None, lambda: cancelled)
        [answer] = self.handlers.run([self.work])
        if isinstance(answer, BaseException):
            raise answer
        told: dict[str, Any] = json.loads(json.dumps(answer))
        return told

    def open(self, shot: Shot, *, stills: bool = False, **more: Any) -> dict[str, Any]:
        """Open session `s`."""
        return self("open", self.opening(shot, stills=stills, **more))

    def opening(self, shot: Shot, *, stills: bool = False, **more: Any) -> dict[str, Any]:
        """The body of an `open`."""
        tracks = None if stills else str(Path(shot.output).parent / "sh010.tracks.json")
        values = shot.model_dump(mode="json", by_alias=True, exclude_none=True)
        body = {"session": "s", "shot": values, "mode": "stills" if stills else "tracks", "tracks": tracks}
        return {**body, "colour_space": "ACEScg", "today": TODAY.isoformat(), **more}

    def pixels(self, number: int, *, room: int = ROOM) -> dict[str, Any]:
        """A plate's frame, laid into shared memory."""
        picture = read_picture(self.folder / "plates" / f"plate.{number:04d}.exr")
        place = Ref(str(self.pool), 0, (ROOM,), "uint8")
        ref = self.files.lay(place, {"rgb": np.ascontiguousarray(picture.native_rgb)})["rgb"]
        out = Ref(str(self.pool), 2 * ROOM, (room,), "uint8")
        window = picture.data_window
        box = [window.x, window.y, window.width, window.height]
        return {"number": number, "pixels": ref.to_json(), "out": out.to_json(), "window": box, "display": box}

    def planes(self, answer: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What was laid down."""
        return {name: self.files.read(ref_from_json(ref)).copy() for name, ref in answer["planes"].items()}


def write(asked: Asked, shot: Shot, answer: Mapping[str, Any], out: Path) -> None:
    """A frame's answer as the client's file."""
    number, planes = answer["number"], asked.planes(answer)
    output = open_output(str(out / "swap.####.exr"), plate=open_plate(shot.plate), layers=True)
    output.write(
        number,
        read_picture(asked.folder / "plates" / f"plate.{number:04d}.exr"),
        rgb=planes.pop("rgb").astype(np.float32),
        matte=planes.pop("matte"),
        layers=planes,
        header=answer["header"],
        window=Window(*answer["window"]),
    )


def test_frames_by_shared_memory_are_the_bits_of_the_rendered_shot(tmp_path: Path) -> None:
    shot = make_shot(tmp_path, layers=["matte"])
    render(shot)
    asked, out = Asked(tmp_path), tmp_path / "sent"
    out.mkdir()
    assert asked.open(shot) == {"fit_frames": [], "layers": ["matte.1.A"], "warnings": []}
    for number in (6, 1, 3, 2, 5, 4):
        [done] = asked("swap", {"session": "s", "frames": [asked.pixels(number)]})["frames"]
        assert done["planes"]["rgb"]["dtype"] == "float16"  # the plate's own
        assert done["metrics"]["faces"] == 1
        assert all(value > 0 for value in asked.work.seconds.values())
        write(asked, shot, done, out)
    assert digests_of(out) == digests_of(tmp_path / "out")
    assert asked("close", {"session": "s"}) == {}
    with pytest.raises(ProtocolError, match="no session 's'"):
        asked("swap", {"session": "s", "frames": [asked.pixels(1)]})
    assert asked("close", {"session": "s"}) == {}


def test_frames_by_path_are_the_files_of_the_rendered_shot(tmp_path: Path) -> None:
    shot = make_shot(tmp_path, layers=["matte"])
    render(shot)
    asked = Asked(tmp_path)
    asked.open(shot, colour_space=None)  # from the file's header
    paths = [
        {
            "number": number,
            "path": str(tmp_path / "plates" / f"plate.{number:04d}.exr"),
            "output": str(tmp_path / "sent" / f"swap.{number:04d}.exr"),
        }
        for number in ALL
    ]
    done = asked("swap", {"session": "s", "frames": paths})["frames"]
    assert [one["output"] for one in done] == [one["output"] for one in paths]
    assert digests_of(tmp_path / "sent") == digests_of(tmp_path / "out")


def test_a_frame_that_fails_says_so_and_the_others_go_on(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    asked = Asked(tmp_path)
    asked.open(shot)
    torn = {"number": 2, "path": str(tmp_path / "gone.exr"), "out": asked.pixels(2)["out"]}
    [small] = asked("swap", {"session": "s", "frames": [asked.pixels(1, room=64)]})["frames"]
    assert isinstance(error_from(small["error"]), LimitError)
    first, second = asked("swap", {"session": "s", "frames": [torn, asked.pixels(3)]})["frames"]
    assert (first["number"], first["error"]["kind"]) == (2, "MissingInputError")
    assert "planes" in second
    with pytest.raises(CancelledError):
        asked("swap", {"session": "s", "frames": [asked.pixels(1)]}, cancelled=True)
    for frames in ([], None, [3], [{"number": "x"}]):
        with pytest.raises(ProtocolError):
            asked("swap", {"session": "s", "frames": frames})
    strange = {**asked.pixels(1), "window": [0, 0, 9, 9]}
    [wrong] = asked("swap", {"session": "s", "frames": [strange]})["frames"]
    assert wrong["error"]["kind"] == "UnsupportedImageError"
    for body in ({"mode": "films"}, {"mode": "tracks", "tracks": None}, {"shot": None}):
        with pytest.raises(ProtocolError):
            asked("open", {**asked.opening(shot), **body})
    with pytest.raises(ProtocolError, match="no worker does 'dance'"):
        asked("dance", {})


class Alike(FakeSwapper):
    """A swapper that three threads may use."""

    frames_at_once = 3


def alike_engine(shot: Shot, *, kernels: Any = NUMPY, **_: Any) -> Engine:
    alike: Any = Alike()  # which is asked for no more than how many frames it takes
    return Engine(id=shot.engine, swapper_for=lambda _: alike, digests={"fake/x": "1"}, kernels=kernels)


def three_at_once(tmp_path: Path, swap: Callable[..., Any]) -> list[Any]:
    """Answers to three frames of one message, for an engine that takes them side by side."""
    shot = make_shot(tmp_path, frames=(1, 2, 3))
    render(shot, tools=tools(open_engine=alike_engine))
    asked = Asked(tmp_path, tools(open_engine=alike_engine, swap_frame=swap))
    asked.open(shot)
    frames = [{**asked.pixels(number), "out": None, "path": None} for number in (1, 2, 3)]
    for number, frame in zip((1, 2, 3), frames, strict=True):
        frame["path"] = str(tmp_path / "plates" / f"plate.{number:04d}.exr")
        frame["output"] = str(tmp_path / "sent" / f"swap.{number:04d}.exr")
    works = [
        Work(f"task {frame['number']}", "swap", {"session": "s", "frames": [frame]}, lambda _: None, lambda: False)
        for frame in frames
    ]
    answers: list[Any] = asked.handlers.run(works)
    assert [one["frames"][0]["number"] for one in answers] == [1, 2, 3]
    return answers


def test_frames_of_one_message_go_side_by_side_where_the_swapper_allows(tmp_path: Path) -> None:
    """Each waits for the other two: one after another they would wait in vain."""
    together = threading.Barrier(3, timeout=60)

    def swap(*given: Any, **named: Any) -> Any:
        together.wait()
        return fake_swap(*given, **named)

    answers = three_at_once(tmp_path, swap)
    assert all("error" not in one["frames"][0] for one in answers), answers
    assert digests_of(tmp_path / "sent") == digests_of(tmp_path / "out")


def test_frames_that_do_not_fit_side_by_side_are_done_one_after_the_other(tmp_path: Path) -> None:
    threads: set[int] = set()

    def swap(*given: Any, **named: Any) -> Any:
        threads.add(threading.get_ident())
        if threading.current_thread() is not threading.main_thread():  # one of several
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return fake_swap(*given, **named)

    answers = three_at_once(tmp_path, swap)
    assert len(threads) > 1
    assert all("error" not in one["frames"][0] for one in answers), answers
    assert digests_of(tmp_path / "sent") == digests_of(tmp_path / "out")


def test_another_worker_goes_on_with_a_session(tmp_path: Path) -> None:
    shot, engine = make_shot(tmp_path), Measuring()
    quick = tools(open_engine=engine)
    render(shot, tools=quick)
    first, body = Asked(tmp_path, quick), Asked(tmp_path, quick).opening(shot)
    assert first("open", body)["fit_frames"] == [2, 5]
    seen = first("swap", {"session": "s", "frames": [first.pixels(2)]})
    assert seen["frames"] == [{"number": 2, "seen": True}]
    first("swap", {"session": "s", "frames": [first.pixels(5)]})
    [done] = first("swap", {"session": "s", "frames": [first.pixels(4)]})["frames"]
    second = Asked(tmp_path, quick)
    second.handlers.reopen("s", {**body, "keep": seen["keep"]})
    second.handlers.reopen("s", {"mode": "nonsense"})  # it is open: nothing happens
    assert second("swap", {"session": "s", "frames": [second.pixels(5)]})["frames"] == [{"number": 5, "seen": True}]
    [again] = second("swap", {"session": "s", "frames": [second.pixels(4)]})["frames"]
    assert again["settings_digest"] == done["settings_digest"]
    third = Asked(tmp_path, quick)
    third.handlers.reopen("s", {**body, "mode": "nonsense"})
    with pytest.raises(ProtocolError, match="nonsense"):  # its frames say why it could not be opened
        third("swap", {"session": "s", "frames": [third.pixels(4)]})


def test_frames_without_a_face_are_the_plate(tmp_path: Path) -> None:
    asked = Asked(tmp_path, tools(analyse=fake_analyse(faces=False)))
    asked.open(make_shot(tmp_path), stills=True)
    [done] = asked("swap", {"session": "s", "frames": [asked.pixels(1)]})["frames"]
    assert done["window"][2:] == [0, 0]
    assert done["warnings"] == ["no cast face in frame 1: the plate as it is"]


def test_parsed_frames_are_the_layers_of_the_parsed_plate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "load_model", lambda *_, **__: BoxParser())
    shot = make_shot(tmp_path)
    parse_plate(shot.plate, out=str(tmp_path / "parsed" / "p.####.exr"), tools=tools())
    asked = Asked(tmp_path)
    body = {"name": "p", "parser": "", "cryptomatte": False, "colour_space": "ACEScg"}
    tracks = {**body, "mode": "tracks", "tracks": str(tmp_path / "parsed" / "p.tracks.json")}
    [done] = asked("parse", {**tracks, "frames": [asked.pixels(3, room=6 << 20)]})["frames"]
    planes, window = asked.planes(done), Window(*done["window"])
    assert "regions.skin" in planes
    assert all(name.startswith("regions.") for name in planes)
    file = read_picture(tmp_path / "parsed" / "p.0003.exr")
    [part] = [one for one in file.parts if "regions.skin" in one.channels]
    written = part.channel("regions.skin")[window.slices(part.data_window)]
    assert np.array_equal(written, planes["regions.skin"].astype(written.dtype))
    assert planes["regions.skin"].any()
    [still] = asked("parse", {**body, "mode": "stills", "frames": [asked.pixels(1, room=6 << 20)]})["frames"]
    assert asked.planes(still)["regions.skin"].any()
    [crypto] = asked("parse", {**tracks, "cryptomatte": True, "frames": [asked.pixels(3, room=6 << 20)]})["frames"]
    assert {name[:-4] for name in crypto["planes"]} == {"CryptoFaceRegion", "CryptoPerformer"}
    with pytest.raises(ProtocolError):
        asked("parse", {**body, "mode": "x", "frames": [asked.pixels(1)]})


def test_engines_are_loaded_and_let_go(tmp_path: Path) -> None:
    opened: list[str] = []
    quick = tools()

    def open_engine(shot: Shot, **given: Any) -> Any:
        opened.append(shot.engine)
        return quick.open_engine(shot, **given)

    asked = Asked(tmp_path, tools(open_engine=open_engine))
    assert asked.handlers.holds() == {}
    assert asked("load", {"model": "reprojection"})["model"] == "reprojection"
    assert asked.handlers.holds() == {"reprojection": 0}
    assert asked("unload", {"model": "reprojection"})["unloaded"]
    assert not asked("unload", {"model": "reprojection"})["unloaded"]
    assert asked.handlers.holds() == {}
    assert opened == ["reprojection"]
    with pytest.raises(UsageError, match="no engine"):
        asked("unload", {"model": "nobody"})
    described = asked("describe", {})
    assert described["engines"][0] == "reprojection"
    assert {one["key"] for one in described["options"]} >= {"matte.feather", "lighting.exposure_stops"}
    assert {one["id"] for one in described["models"]} >= {"centerface"}


def test_models_are_loaded_once_and_closed_at_the_end() -> None:
    happened: list[str] = []

    class Faces:
        def __enter__(self) -> Any:
            happened.append("loaded")
            return self

        def __exit__(self, *_: object) -> None:
            happened.append("closed")

    with WarmTools(tools(load_models=Faces)) as warm:
        for _ in range(3):
            with warm.tools.load_models():
                happened.append("used")
    assert happened == ["loaded", "used", "used", "used", "closed"]


def test_memory_that_is_not_enough_is_let_go_and_then_it_is_said() -> None:
    freed: list[int] = []

    def run() -> int:
        if len(freed) < 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return 7

    assert with_memory(run, let_go=lambda: freed.append(1), device="cuda:0") == 7
    freed.clear()
    with pytest.raises(DeviceMemoryError, match="the memory of cuda:0 is not enough") as caught:
        with_memory(run, let_go=lambda: None, device="cuda:0")
    assert caught.value.where == "cuda:0"
    with pytest.raises(ZeroDivisionError):  # what is no lack of memory is not tried again
        with_memory(lambda: 1 // 0, let_go=lambda: freed.append(99), device="cpu")
    assert freed == []


def test_lack_of_memory_is_known_by_what_libraries_say() -> None:
    arena = RuntimeError("[ONNXRuntimeError] : 6 : BFCArena: Failed to allocate memory for requested buffer of size 1")
    ours = ValueError("outer")
    ours.__cause__ = arena
    assert is_out_of_memory(arena)
    assert is_out_of_memory(ours)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(ValueError("out of memory"))
