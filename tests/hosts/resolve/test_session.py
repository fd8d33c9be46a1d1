"""From Resolve's menu to a take, by the real agent and a real server with quick workers."""

from __future__ import annotations

import contextlib
import json
import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vfx_swap_resolve import memory
from vfx_swap_resolve.menu import start
from vfx_swap_resolve.settings import Settings, load, save, settings_path
from vfx_swap_resolve.work import open_app

from tests.conftest import ROOT
from tests.hosts.resolve.fake_resolve import FakeResolve, Traps, item_on, media_of
from tests.hosts.resolve.fake_ui import FakeFusion
from tests.pipeline.shot_fakes import make_identity, write_exr, write_plate
from tests.service.quick_server import quick_server

SECONDS = 40.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server's address, and the folder that it may read and write."""
    folder = tmp_path_factory.mktemp("resolve") / "a shöw"
    write_plate(folder / "plates", list(range(1001, 1013)))
    make_identity(folder / "who.identity")
    with quick_server(folder, seconds=0.02) as server:
        yield server.address, folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment of its own."""
    monkeypatch.setenv("VFX_SWAP_AGENT", f"{sys.executable} -I -m vfx_swap")
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "APPDATA": str(tmp_path / "config")}


def with_clip(folder: Path, traps: Traps | None = None, **more: Any) -> FakeResolve:
    """A Resolve with four frames of the plate under the playhead, from 1005."""
    resolve = FakeResolve(traps)
    media = media_of(resolve, folder / "plates", 1001, 12)
    item_on(resolve, media, **{"start": 86400, "duration": 4, "left": 4, **more})
    resolve.project.write_frame = lambda path: write_exr(path, np.full((48, 64, 3), 0.5, np.float16))
    return resolve


def chosen(served: tuple[str, Path], out: Path, **more: Any) -> Settings:
    address, folder = served
    values = {"identity": str(folder / "who.identity"), "folder": str(out), "handles": 2, "server": address}
    return Settings.of({**values, "knobs": {"cast[].reshape": 0.0}, **more})


def begun(resolve: FakeResolve, home: dict[str, str], settings: Settings, **more: Any) -> tuple[int, list[str]]:
    """Start without a window; the exit and what was printed."""
    save(settings_path(home), settings)
    said: list[str] = []
    return start(resolve=resolve, environ=home, say=said.append, **more), said


def item_of(resolve: FakeResolve) -> Any:
    return resolve.project.timeline.tracks[0][0]


def test_without_a_window_the_clip_gets_a_take(served: tuple[str, Path], home: dict[str, str]) -> None:
    out = served[1] / "out one"
    resolve = with_clip(served[1])
    assert begun(resolve, home, chosen(served, out))[0] == 0
    item = item_of(resolve)
    assert (item.GetTakesCount(), item.selected, item.left) == (2, 2, 2)
    files = sorted(path.name for path in (out / "plate_swap_v001").glob("*.exr"))
    assert files == [f"plate_swap_v001.{number}.exr" for number in range(1003, 1011)]
    known = memory.recall(item)
    assert (known["state"], known["note"], known["settings"]["handles"]) == ("done", "plate_swap_v001", 2)
    assert json.loads(item.media.third["vfx_swap"])["job"]["job"] == known["job"]["job"]
    # Again: a new version, a third take; nothing is written over.
    before = {path: path.read_bytes() for path in (out / "plate_swap_v001").glob("*.exr")}
    item.selected = 1
    assert begun(resolve, home, chosen(served, out))[0] == 0
    assert item.GetTakesCount() == 3
    assert (out / "plate_swap_v002").is_dir()
    assert before == {path: path.read_bytes() for path in (out / "plate_swap_v001").glob("*.exr")}


def test_a_retimed_clip_is_rendered_by_resolve_first_and_laid_above(
    served: tuple[str, Path], home: dict[str, str]
) -> None:
    out = served[1] / "rendered"
    resolve = with_clip(served[1], Traps(takes="refused"), speed=1.75)
    code, said = begun(resolve, home, chosen(served, out))
    assert code == 1
    assert "retimed" in said[-1]
    assert "Choose the rendered plate" in said[-1]
    assert begun(resolve, home, chosen(served, out, plate="render"))[0] == 0
    [above] = resolve.project.timeline.tracks[1]
    assert (above.start, above.duration, above.left) == (86400, 4, 0)
    assert len(list(out.rglob("plate/plate.*.exr"))) == 4
    # Its colour is Resolve's own by then, not the clip's.
    assert above.media is not None
    assert above.media.properties["Input Color Space"] == "Project"


def test_what_is_wrong_is_printed_and_the_other_clips_go_on(served: tuple[str, Path], home: dict[str, str]) -> None:
    out = served[1] / "flags"
    resolve = with_clip(served[1])
    item_of(resolve).flags = ["Cyan"]
    title = item_on(resolve, None, start=90000, duration=5, left=0, track=2)
    title.flags = ["Cyan"]
    title.GetSourceEndFrame = lambda: 4  # type: ignore[method-assign]
    code, said = begun(resolve, home, chosen(served, out, which="flagged"))
    assert code == 1
    assert any("has no files of its own" in line for line in said)
    assert item_of(resolve).GetTakesCount() == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"identity": ""}, "no identity is chosen"),
        ({"identity": "/gone.identity"}, "gone.identity"),
        ({"knobs": {"matte.feather": 7.0}}, "matte.feather"),
    ],
)
def test_errors_of_the_agent_reach_the_console(
    served: tuple[str, Path], home: dict[str, str], change: dict[str, Any], words: str
) -> None:
    resolve = with_clip(served[1])
    code, said = begun(resolve, home, chosen(served, served[1] / "wrong", **change))
    assert code == 1
    assert words in said[-1]
    assert item_of(resolve).GetTakesCount() == 0


def test_no_studio_no_project_and_no_resolve_are_said(home: dict[str, str]) -> None:
    resolve: Any = FakeResolve()
    resolve.product = "DaVinci Resolve"
    [told] = begun(resolve, home, Settings())[1]
    assert "this is the free edition, which scripts cannot work in" in told
    assert "`vfx-swap timeline`" in told
    resolve = FakeResolve()
    resolve.manager.project = None
    assert "no project is open" in begun(resolve, home, Settings())[1][0]
    assert "Resolve does not answer" in begun(None, home, Settings())[1][0]  # type: ignore[arg-type]


def play(fusion: FakeFusion, until: Any) -> None:
    """Let the timer of an open window run until something holds."""
    [timer] = fusion.UIManager.timers
    deadline = time.monotonic() + SECONDS
    while not until():
        assert timer.running
        assert time.monotonic() < deadline, "the window did not come to an end"
        fusion.dispatcher.On.Timeout({})
        time.sleep(0.02)


def test_the_window_swaps_and_keeps_what_was_chosen(served: tuple[str, Path], home: dict[str, str]) -> None:
    resolve, fusion = with_clip(served[1]), FakeFusion()
    save(
        settings_path(home), chosen(served, served[1] / "windowed", knobs={"cast[].reshape": 0.0, "matte.feather": 0.1})
    )
    seen: list[str] = []

    def user(window: Any) -> None:
        items = window.GetItems()
        assert items["Status"].Text == "Ready"
        assert items["Identity"].choices[0] == "the file below"
        assert items["IdentityFile"].Text.endswith("who.identity")
        items["Handles"].Value = 1
        items["Place"].CurrentIndex = 1
        holdout = next(one for name, one in items.items() if "Knob" in name and "(matte.holdout)" in one.ToolTip)
        holdout.Text = "hair, hat"
        window.On.Render.Clicked({})
        assert "'hat' is none of hair, glasses" in items["Status"].Text
        holdout.Text = "hair, glasses"
        window.On.Render.Clicked({})
        assert (items["Render"].Enabled, items["Cancel"].Enabled) == (False, True)
        window.On.Render.Clicked({})  # once is enough
        play(fusion, lambda: items["Render"].Enabled)
        seen.append(items["Status"].Text)
        window.On.VfxSwap.Close({})

    fusion.dispatcher.script = user
    assert start(resolve=resolve, fusion=fusion, bmd=fusion, environ=home) == 0
    assert fusion.dispatcher.ended
    assert seen == ["plate: video track 2, above 'plate'"]
    [above] = resolve.project.timeline.tracks[1]
    assert (above.start, above.duration, above.left) == (86400, 4, 1)
    kept = load(settings_path(home))
    assert (kept.handles, kept.place, kept.knobs["matte.feather"]) == (1, "track", 0.1)
    assert kept.knobs["matte.holdout"] == ["hair", "glasses"]


def test_the_window_cancels(served: tuple[str, Path], home: dict[str, str]) -> None:
    resolve, fusion = with_clip(served[1]), FakeFusion()
    save(settings_path(home), chosen(served, served[1] / "cancelled"))

    def user(window: Any) -> None:
        items = window.GetItems()
        window.On.Render.Clicked({})
        window.On.Cancel.Clicked({})
        play(fusion, lambda: items["Render"].Enabled)
        assert "plate: " in items["Status"].Text

    fusion.dispatcher.script = user
    assert start(resolve=resolve, fusion=fusion, bmd=fusion, environ=home) == 0
    assert item_of(resolve).GetTakesCount() in (0, 2)  # too late is no error


def test_the_window_opens_without_a_server_and_says_so(home: dict[str, str], served: tuple[str, Path]) -> None:
    resolve, fusion = with_clip(served[1]), FakeFusion()
    save(settings_path(home), chosen(served, served[1], server="127.0.0.1:1"))
    seen: list[str] = []
    fusion.dispatcher.script = lambda window: seen.append(window.GetItems()["Status"].Text)
    assert start(resolve=resolve, fusion=fusion, bmd=fusion, environ=home) == 0
    assert "127.0.0.1:1" in seen[0]


def test_work_goes_on_after_resolve_was_closed(served: tuple[str, Path], home: dict[str, str]) -> None:
    from vfx_swap_resolve.clips import under_playhead
    from vfx_swap_resolve.link import Link
    from vfx_swap_resolve.work import begin

    resolve: Any = with_clip(served[1])
    settings = chosen(served, served[1] / "closed")
    with contextlib.closing(Link(settings)) as link:
        app = open_app(resolve)
        work = begin(app, under_playhead(app.timeline), settings, link)
        deadline = time.monotonic() + SECONDS
        while not work.kept and time.monotonic() < deadline:
            work.look()
            time.sleep(0.02)
    known = memory.recall(item_of(resolve))
    assert (known["state"], known["job"]["job"]) == ("running", work.kept)
    code, said = begun(resolve, home, settings)
    assert code == 0, said
    assert item_of(resolve).GetTakesCount() == 2
    assert [path.name for path in (served[1] / "closed").iterdir()] == ["plate_swap_v001"]  # the same, no second


def test_on_the_fusion_page_the_result_is_a_loader(served: tuple[str, Path], home: dict[str, str]) -> None:
    resolve = with_clip(served[1])
    code, said = begun(resolve, home, chosen(served, served[1] / "comp"), page="fusion")
    assert code == 0, said
    item = item_of(resolve)
    [tool] = item.comps[0].tools
    assert tool.kind == "Loader"
    assert tool.inputs["Clip"].endswith("plate_swap_v001.1003.exr")
    assert (tool.inputs["ClipTimeStart"], tool.inputs["ClipTimeEnd"]) == (2, 5)
    assert item.comps[0].locked == 0
    item.comps[0].deaf = True
    code, said = begun(resolve, home, chosen(served, served[1] / "comp"), page="fusion")
    assert code == 1
    assert "Set its file by hand" in said[-1]


def test_settings_of_a_strange_file_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "resolve.json"
    path.write_text('{"handles": "many", "identity": "x", "colour": 3}', encoding="utf-8")
    assert load(str(path)) == Settings(identity="x")
    path.write_text("[", encoding="utf-8")
    assert load(str(path)) == Settings()
    assert settings_path({"APPDATA": "C:/u"}, platform="win32").startswith("C:/u")
    assert "Application Support" in settings_path({}, platform="darwin")


def test_the_installer_s_scripts_start_the_adapter(
    tmp_path: Path, home: dict[str, str], served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    installer = runpy.run_path(str(ROOT / "hosts" / "resolve" / "install.py"))
    fusion = tmp_path / "Fusion with space"
    assert installer["main"](["--to", str(fusion)]) == 0
    assert installer["main"](["--to", str(fusion)]) == 0  # over an older one
    found = sorted(str(path.relative_to(fusion)) for path in fusion.rglob("Vfx Swap.py"))
    assert found == ["Scripts/Comp/Vfx Swap.py", "Scripts/Edit/Vfx Swap.py", "Scripts/Utility/Vfx Swap.py"]
    assert not list(fusion.rglob("__pycache__"))
    for name in [one for one in sys.modules if one.startswith(("vfx_swap_resolve", "vfx_swap_bridge"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if "hosts" not in one])
    for key, value in home.items():
        monkeypatch.setenv(key, value)
    out = served[1] / "installed"
    save(settings_path(home), chosen(served, out))
    resolve = with_clip(served[1])
    runpy.run_path(str(fusion / "Scripts/Edit/Vfx Swap.py"), init_globals={"resolve": resolve})
    assert sys.modules["vfx_swap_resolve"].__file__ == str(fusion / "VfxSwap/vfx_swap_resolve/__init__.py")
    assert item_of(resolve).GetTakesCount() == 2
    assert installer["main"](["--to", str(fusion), "--remove"]) == 0
    assert not [path for path in fusion.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("platform", "everybody", "wanted"),
    [
        ("linux", False, "/home/ann/.local/share/DaVinciResolve/Fusion"),
        ("linux", True, "/opt/resolve/Fusion"),
        ("darwin", False, "/home/ann/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion"),
        ("darwin", True, "/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion"),
        ("win32", False, "C:/u/Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion"),
        ("win32", True, "C:/ProgramData/Blackmagic Design/DaVinci Resolve/Fusion"),
    ],
)
def test_scripts_go_where_each_platform_wants_them(platform: str, everybody: bool, wanted: str) -> None:
    installer = runpy.run_path(str(ROOT / "hosts" / "resolve" / "install.py"))
    environ = {"HOME": "/home/ann", "APPDATA": "C:/u/Roaming", "PROGRAMDATA": "C:/ProgramData"}
    assert installer["fusion_folder"](environ, platform=platform, all_users=everybody).as_posix() == wanted
