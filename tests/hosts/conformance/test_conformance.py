"""One suite that every adapter passes, against the real agent and a real server with a quick swapper."""

from __future__ import annotations

import contextlib
import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.hosts.conformance.driver import Asked, Driver
from tests.pipeline.shot_fakes import ALL, digests_of, fake_analyse, make_identity, make_shot, render, slow_swap, tools
from tests.service.servers import served_from_a_thread
from vfx_swap.pipeline.consent import consent_from_options

DRIVERS = {
    "bridge": ("bridge", "BridgeDriver"),
    "resolve": ("resolve", "ResolveDriver"),
    "nuke": ("nuke", "NukeDriver"),
    "blender": ("blender", "BlenderDriver"),
}
"""Name -> module of `drivers` and its class."""
COMMAND = [sys.executable, "-I", "-m", "vfx_swap"]


@pytest.fixture(params=sorted(DRIVERS))
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    module, name = DRIVERS[request.param]
    made: Driver = getattr(importlib.import_module(f"tests.hosts.conformance.drivers.{module}"), name)()
    yield made
    made.close()


@pytest.fixture
def show(tmp_path: Path) -> Path:
    """A folder as artists have them: a space, letters that are no ASCII."""
    folder = tmp_path / "kept" / "the show é 漢"
    make_shot(folder)
    return folder


def asked(show: Path) -> Asked:
    return Asked(
        plate=str(show / "plates" / "plate.####.exr"),
        output=str(show / "renders" / "sh010_v001.####.exr"),
        identity=str(show / "who.identity"),
        first=2,
        last=4,
    )


Serve = Callable[..., contextlib.AbstractContextManager[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    return lambda **changes: served_from_a_thread(tmp_path / "kept", tools(**changes))


def test_it_connects_and_shows_what_there_is(driver: Driver, serve: Serve, show: Path) -> None:
    kept = show.parents[1] / "kept-state" / "identities"
    for folder in (kept.parent, kept):
        folder.mkdir(mode=0o700)
    days = {"lead": (date(2026, 1, 1), date(2990, 1, 2)), "over": (date(2020, 1, 1), date(2020, 1, 2))}
    for name, (first, last) in days.items():
        record = consent_from_options(who="A Producer", scope="tests", expires=last, performer=name, valid_from=first)
        make_identity(kept / f"{name}.identity", name=name, consent=record)
    with serve() as server:
        driver.start(command=COMMAND, server=server, folder=show)
        seen = driver.describe()
    assert seen.identities == {"lead": "consent valid until 2990-01-02", "over": "consent expired"}
    assert "reprojection" in seen.engines
    assert {"engine", "cast[].strength", "lighting.exposure_stops", "matte.feather"} <= seen.knobs


def test_a_range_is_rendered_to_the_bits_of_a_local_render(driver: Driver, serve: Serve, show: Path) -> None:
    with serve() as server:
        driver.start(command=COMMAND, server=server, folder=show)
        done = driver.render(asked(show))
        assert (done.state, len(done.files)) == ("done", 3), done.text
        again = driver.render(asked(show))
        assert again.state == "done", again.text
    assert not set(again.files) & set(done.files), "a result is never written over"
    local = make_shot(show, out="local/swap.####.exr")
    render(local, frames=[2, 3, 4])
    expected = [path.read_bytes()[-4096:] for path in sorted((show / "local").glob("*.exr"))]
    assert [path.read_bytes()[-4096:] for path in sorted(done.files)] == expected, "the same pixels"
    assert len(digests_of(show / "local")) == 3


def test_cancel_stops_it_and_says_so(driver: Driver, serve: Serve, show: Path) -> None:
    with serve(swap_frame=slow_swap(0.4)) as server:
        driver.start(command=COMMAND, server=server, folder=show)
        stopped = driver.render(replace(asked(show), first=min(ALL), last=max(ALL), cancel=True))
    assert stopped.state == "cancelled", stopped.text


def test_a_server_that_is_gone_is_said_and_one_that_is_back_is_used(driver: Driver, serve: Serve, show: Path) -> None:
    with serve() as server:
        pass
    driver.start(command=COMMAND, server=server, folder=show)
    gone = driver.render(asked(show))
    assert gone.state == "failed"
    assert server in gone.text
    driver.close()
    with serve() as back:
        driver.start(command=COMMAND, server=back, folder=show)
        done = driver.render(asked(show))
    assert done.state == "done", done.text


def test_a_refused_consent_is_told_where_the_artist_looks(driver: Driver, serve: Serve, show: Path) -> None:
    bare = make_identity(show / "bare.identity", with_consent=False)
    with serve() as server:
        driver.start(command=COMMAND, server=server, folder=show)
        refused = driver.render(replace(asked(show), identity=bare))
    assert refused.state == "failed"
    assert "consent" in refused.text.lower()
    assert not refused.files


def test_a_face_that_is_not_found_is_told(driver: Driver, serve: Serve, show: Path) -> None:
    with serve(analyse=fake_analyse(faces=False)) as server:
        driver.start(command=COMMAND, server=server, folder=show)
        done = driver.render(asked(show))
    assert "no face was found" in done.text.lower(), done


def test_an_agent_of_another_protocol_is_refused_in_clear_words(
    driver: Driver, serve: Serve, show: Path, tmp_path: Path
) -> None:
    strange = tmp_path / "later.py"
    strange.write_text(
        textwrap.dedent("""
            import json, sys
            for line in sys.stdin:
                print(json.dumps({"id": json.loads(line)["id"], "ok": {"protocol": 9, "version": "7.0"}}), flush=True)
        """),
        encoding="utf-8",
    )
    driver.start(command=[sys.executable, "-I", str(strange)], server="", folder=show)
    refused = driver.render(asked(show))
    assert refused.state == "failed"
    assert "protocol 9" in refused.text
    assert "Install the adapter that came with this vfx-swap" in refused.text


def test_paths_of_this_machine_are_those_of_the_server(driver: Driver, serve: Serve, show: Path) -> None:
    """As a Windows workstation that mounts the show under another root: here by a link, so that both can be read."""
    here = show.parents[1] / "P drive"
    here.symlink_to(show, target_is_directory=True)
    with serve() as server:
        driver.start(command=COMMAND, server=server, folder=show, maps=f"{here}={show}")
        mapped = replace(
            asked(show),
            plate=str(here / "plates" / "plate.####.exr"),
            output=str(here / "renders" / "mapped_v001.####.exr"),
        )
        done = driver.render(mapped)
    assert done.state == "done", done.text
    assert len(done.files) == 3
    assert all(path.is_file() and path.resolve().is_relative_to((show / "renders").resolve()) for path in done.files)
