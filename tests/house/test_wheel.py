"""The wheel: complete, and its installed copy works outside the clone."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment
from vfx_swap import __version__

pytestmark = [pytest.mark.wheel, pytest.mark.slow]


@dataclass(frozen=True)
class Installed:
    """A venv that holds the wheel, and sees the libraries of this one but not the clone."""

    folder: Path
    wheel: Path

    def run(self, *arguments: str, timeout: int = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "bin/vfx-swap"), *arguments],
            cwd=self.folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def libraries_without_the_clone(target: Path) -> None:
    """Link every installed library but vfx-swap's own editable entry into a folder."""
    target.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "vfx_swap" not in entry.name and entry.suffix != ".pth":
            (target / entry.name).symlink_to(entry)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(base), str(ROOT)]
    done = subprocess.run(build, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = base.glob("*.whl")

    folder = base / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (purelib,) = folder.glob("lib/python*/site-packages")
    # This Python's pip installs into the other venv: nothing is looked up anywhere.
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder / "bin/python"),
        "install",
        "-qq",
        "--no-index",
        "--no-deps",
    ]
    done = subprocess.run([*pip, str(wheel)], env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    libraries_without_the_clone(base / "libraries")
    (purelib / "base-stack.pth").write_text(f"{base / 'libraries'}\n", encoding="utf-8")
    return Installed(folder=folder, wheel=wheel)


def test_wheel_carries_cards_protos_hosts_and_notices(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = set(archive.namelist())
    for folder, inside in (
        ("models", "vfx_swap/models/_cards"),
        ("proto", "vfx_swap/_proto"),
        ("hosts", "vfx_swap/_hosts"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not {"__pycache__", ".ruff_cache"} & set(path.parts):
                assert f"{inside}/{path.relative_to(ROOT / folder).as_posix()}" in names
    information = f"vfx_swap-{__version__}.dist-info"
    assert {
        f"{information}/licenses/LICENSE",
        f"{information}/licenses/NOTICE",
        f"{information}/entry_points.txt",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "scripts/")) or name.endswith(".onnx")]


def test_wheel_carries_every_file_of_the_package(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = set(archive.namelist())
    sources = [path for path in (ROOT / "vfx_swap").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert [path.name for path in sources if path.relative_to(ROOT).as_posix() not in names] == []


def test_installed_copy_is_the_one_that_runs(installed: Installed) -> None:
    code = "import vfx_swap; print(vfx_swap.__file__)"
    done = subprocess.run(
        [str(installed.folder / "bin/python"), "-c", code],
        cwd=installed.folder, env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(done.stdout.strip()).is_relative_to(installed.folder)
    version = installed.run("--version")
    assert version.stdout.strip() == f"vfx-swap {__version__}"


def test_installed_copy_knows_its_cards(installed: Installed) -> None:
    done = installed.run("models", "list", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    listed = json.dumps(rows)
    for card in (ROOT / "models").glob("*.toml"):
        assert f'"{card.stem}"' in listed


@pytest.mark.demo
def test_installed_copy_passes_the_demo(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("demo", "--frames", "2", "--out", str(tmp_path / "out"), timeout=540)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "out").rglob("*.exr"))) >= 4
