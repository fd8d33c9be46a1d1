"""What the README and the docs show is run here; what they name exists."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT, DemoRun, clean_environment
from tests.house.documents import LANGUAGES, Block, blocks_of, documents, mentions, split_bash
from vfx_swap.errors import Problem, SettingsError
from vfx_swap.pipeline.demo_shot import make_demo_shot
from vfx_swap.settings.load import load_shot


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def of_language(*languages: str) -> list[Block]:
    return [block for document in documents() for block in blocks_of(document) if block.language in languages]


RUN = [document for document in documents() if {block.language for block in blocks_of(document)} & {"bash", "python"}]


@pytest.mark.parametrize("document", documents(), ids=relative)
def test_every_block_names_a_known_language(document: Path) -> None:
    strange = [f"{block}: {block.language!r}" for block in blocks_of(document) if block.language not in LANGUAGES]
    assert strange == [], f"allowed: {', '.join(LANGUAGES)}"


def clone_like(folder: Path) -> Path:
    """A folder in which a reader's commands find what the clone has; what they write stays out of the clone."""
    folder.mkdir()
    for name in ("docs", "requirements", "vfx_swap", "tests"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copytree(ROOT / "models", folder / "models")
    return folder


def reader_s_own_pictures(folder: Path) -> None:
    """What pages call `refs/lead.jpg` and `plates/sh010.####.exr`: a portrait, and two frames of the demo's shot."""
    (folder / "refs").mkdir()
    portrait = next(file for file in importlib.metadata.files("matplotlib") or () if file.name == "grace_hopper.jpg")
    shutil.copyfile(str(portrait.locate()), folder / "refs/lead.jpg")
    make_demo_shot(folder / "plates", frames=2, name="sh010")


@pytest.mark.slow
@pytest.mark.parametrize("document", RUN, ids=relative)
def test_blocks_run(document: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    blocks = blocks_of(document)
    folder = clone_like(tmp_path / "clone")
    if mentions(blocks, "refs/lead.jpg"):
        reader_s_own_pictures(folder)
    if mentions(blocks, "vfx-swap-demo"):
        demo: DemoRun = request.getfixturevalue("demo_run")
        shutil.copytree(demo.folder / "vfx-swap-demo", folder / "vfx-swap-demo")
    for block in blocks:
        if block.file is not None:
            (folder / block.file).write_text(block.code, encoding="utf-8")
        if block.language == "bash":
            command = ["bash", "-euo", "pipefail", "-c", split_bash(block.code)[0]]
        elif block.language == "python":
            command = [sys.executable, "-c", block.code]
        else:
            continue
        done = subprocess.run(
            command,
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block} ended with {done.returncode}:\n{block.code}\n{done.stdout}"


@pytest.mark.parametrize("block", of_language("bash"), ids=str)
def test_commands_run_elsewhere_exist_and_know_their_options(block: Block) -> None:
    for words in split_bash(block.code)[1]:
        script = ROOT / words[0]
        assert script.is_file(), f"{block} shows {words[0]}"
        text = script.read_text(encoding="utf-8")
        if words[0] in {"scripts/setup", "scripts/check"}:
            for option in words[1:]:
                assert re.search(rf"{re.escape(option)}\b", text), f"{block}: {words[0]} knows no {option}"


@pytest.mark.parametrize("block", of_language("toml"), ids=str)
def test_toml_parses_and_shots_validate(block: Block, tmp_path: Path) -> None:
    table = tomllib.loads(block.code)
    if not str(table.get("schema", "")).startswith("vfx_swap/shot."):
        return
    path = tmp_path / "shot.toml"
    path.write_text(block.code, encoding="utf-8")
    # The pictures a page's shot names are not here; all else must hold.
    assert [problem for problem in problems_of(path) if not is_about_files(problem)] == []


def problems_of(path: Path) -> tuple[Problem, ...]:
    try:
        load_shot(path)
    except SettingsError as error:
        return error.problems
    return ()


def is_about_files(problem: Problem) -> bool:
    return bool(re.search(r"\b(no such file|does not exist|not found|no files?)\b", problem.what))


def test_json_parses() -> None:
    for block in of_language("json"):
        for text in [block.code] if block.code.lstrip().startswith("{\n") else block.code.splitlines():
            try:
                json.loads(text)
            except ValueError as error:
                pytest.fail(f"{block}: {error}")


@pytest.mark.parametrize("document", documents(), ids=relative)
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text)
    broken = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert broken == []


@pytest.mark.demo
@pytest.mark.slow
def test_the_demo_says_where_its_results_are(demo_run: DemoRun) -> None:
    folder = demo_run.folder / "vfx-swap-demo"
    assert folder.is_dir()
    assert "vfx-swap-demo" in demo_run.output
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 0}
    assert {".exr", ".png", ".html", ".json"} <= kinds
