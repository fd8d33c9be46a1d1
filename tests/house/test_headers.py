"""Versions, licences and design pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts.rooms import FLOORS, with_rooms
from tests.conftest import ROOT
from vfx_swap import __version__


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_changelog_starts_with_this_version() -> None:
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == __version__


def test_licence_is_the_one_the_project_names() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in read("LICENSE")
    assert all((ROOT / name).is_file() for name in project["license-files"])


def test_notice_and_readme_name_every_default_model_s_file_and_licence() -> None:
    notice, readme = read("NOTICE"), read("README.md")
    cards = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "models").glob("*.toml"))]
    defaults = [card for card in cards if card.get("default")]
    assert len(defaults) >= 3
    for card in defaults:
        assert card["commercial_use"], f"{card['id']} is a default and not cleared for paid work"
        assert card["licence"] in readme
        for file in card.get("file", []):
            assert file["name"] in notice


def test_every_floor_has_a_design_page() -> None:
    assert {path.stem for path in (ROOT / "docs/design").glob("*.md")} >= {"README", *FLOORS}


@pytest.mark.parametrize("page", sorted((ROOT / "docs/design").glob("*.md")), ids=lambda page: page.stem)
def test_rooms_named_by_design_pages_exist(page: Path) -> None:
    rooms = re.findall(
        r"`((?:vfx_swap|models|hosts|proto|tests|scripts|docs)/[^`\s*<>]*)`", page.read_text(encoding="utf-8")
    )
    assert [room for room in rooms if not (ROOT / room).exists()] == []


@pytest.mark.parametrize("floor", FLOORS)
def test_design_pages_list_the_rooms_there_are(floor: str) -> None:
    page = ROOT / f"docs/design/{floor}.md"
    assert page.read_text(encoding="utf-8") == with_rooms(page), "run: .venv/bin/python -m scripts.rooms"


def test_decisions_are_numbered_and_have_reasons() -> None:
    pages = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for heading in ("## Decision", "## Reasons", "## Consequences"):
            assert heading in text, f"{page.name} has no {heading}"


def test_no_weights_and_no_large_files_in_the_repository() -> None:
    weights = {".onnx", ".pth", ".pt", ".safetensors", ".task", ".dat", ".tflite", ".pb"}
    paths = tracked()
    assert [path.name for path in paths if path.suffix in weights] == []
    assert [path.name for path in paths if path.stat().st_size > 4 * 2**20] == []
