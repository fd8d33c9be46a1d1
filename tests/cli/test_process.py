"""The command line in a process of its own: signals, pipes, quick start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.pipeline.shot_fakes import digests_of, make_shot

SLOW = """
import functools, sys
from tests.pipeline.shot_fakes import slow_swap, tools
from vfx_swap.cli.app import run
from vfx_swap.pipeline import shot
shot.render_shot = functools.partial(shot.render_shot, tools=tools(swap_frame=slow_swap(float(sys.argv[1]))))
sys.exit(run(sys.argv[2:]))
"""


def start(folder: Path, *more: str, seconds: float) -> subprocess.Popen[str]:
    """A `swap` whose frames take their time."""
    plate, out = folder / "plates" / "plate.####.exr", folder / "out" / "swap.####.exr"
    arguments = ["swap", "--plate", str(plate), "--identity", str(folder / "who.identity"), "--out", str(out), *more]
    command = [sys.executable, "-c", SLOW, str(seconds), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not path.exists():
        time.sleep(0.01)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_says_how_to_go_on_and_the_next_run_does(tmp_path: Path, number: signal.Signals) -> None:
    make_shot(tmp_path)
    out = tmp_path / "out"
    process = start(tmp_path, "--json", seconds=0.3)
    wait_for(out / "swap.0002.exr", process)
    process.send_signal(number)
    text, err = process.communicate()
    assert process.returncode == 130, err
    events = [json.loads(line) for line in text.splitlines()]
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("error", 130)
    assert "same command again" in err
    assert "Traceback" not in err
    assert hidden(out) == []
    written = digests_of(out)
    assert 2 <= len(written) < 6
    again = start(tmp_path, "--json", seconds=0.0)
    text, err = again.communicate()
    assert again.returncode == 0, err
    done = json.loads(text.splitlines()[-1])
    assert (done["skipped"], done["rendered"]) == (len(written), 6 - len(written))
    assert {name: digests_of(out)[name] for name in written} == written


def test_two_signals_drop_the_frame_in_hand_and_leave_nothing_half_written(tmp_path: Path) -> None:
    make_shot(tmp_path)
    out = tmp_path / "out"
    process = start(tmp_path, seconds=1.5)
    wait_for(out / "swap.0001.exr", process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "once more to drop it" in err
    assert "Traceback" not in err
    assert hidden(out) == []


def test_a_reader_that_goes_away_ends_the_command_without_noise() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vfx_swap", "models", "list"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert process.returncode == 141
    assert err == b""


def test_help_imports_nothing_heavy() -> None:
    # Time would depend on the machine; what is imported does not.
    program = (
        "import sys\nfrom vfx_swap.cli.app import run\nrun(['--help'])\nprint(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    heavy = {"numpy", "cv2", "OpenImageIO", "PyOpenColorIO", "av", "onnxruntime", "mediapipe", "scipy", "pydantic"}
    assert loaded & heavy == set()


def test_text_that_the_locale_cannot_show_is_still_told(tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "vfx_swap", "identity", "show", str(tmp_path / "idé.identity")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"id\\xc3\\xa9.identity" in done.stderr
