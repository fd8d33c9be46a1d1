"""`models add` and `models verify` as people and programs meet them, on tiny files of a family's signature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models.bring.torch_files import call, write_zip
from tests.models.onnx_swap.graphs import family_graph
from vfx_swap.cli.app import run
from vfx_swap.models.cards import card_folder, read_card


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, first of two."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("VFX_SWAP_MODELS", str(tmp_path / "mine"))
    return tmp_path / "mine"


def graph(path: Path, family: str, *, seed: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(family_graph(read_card(card_folder() / f"{family}.toml"), seed=seed))
    return path


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_add_shows_the_licence_and_asks_for_leave(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brought = graph(tmp_path / "any.name", "inswapper-128")
    assert run(["models", "add", str(brought)]) == 3
    told = capsys.readouterr().err
    assert "non-commercial research only" in told
    assert "NOT FOR PAID WORK" in told
    assert "--accept-licence" in told
    assert not home.exists()
    assert run(["models", "add", str(brought), "--accept-licence"]) == 0
    assert "is now inswapper-128" in capsys.readouterr().out
    assert run(["models", "add", str(brought), "--accept-licence", "--json"]) == 0
    model, done = events(capsys)
    assert (model["event"], model["id"], model["already"], model["commercial_use"]) == (
        "model", "inswapper-128", True, False,
    )  # fmt: skip
    assert done == {"event": "done", "models": 1}


def test_an_added_model_is_listed_shown_and_verified(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "list", "--json"]) == 0
    before = {row["id"]: row for row in events(capsys) if row["event"] == "model"}
    assert before["xseg"]["state"] == "to bring"
    run(["models", "add", str(graph(tmp_path / "a.onnx", "xseg")), "--accept-licence"])
    run(["models", "add", str(graph(tmp_path / "b.onnx", "xseg", seed=8)), "--accept-licence", "--id", "xseg-night"])
    capsys.readouterr()
    assert run(["models", "list", "--json"]) == 0
    after = {row["id"]: row for row in events(capsys) if row["event"] == "model"}
    assert set(after) - set(before) == {"xseg-night"}
    assert (after["xseg"]["state"], after["xseg-night"]["family"]) == ("found", "xseg")
    assert run(["models", "list"]) == 0
    listed = capsys.readouterr().out
    here, _, families = listed.partition("Bring your own")
    assert "xseg-night" in here
    assert "uniface-256" in families
    assert "xseg" not in families
    assert run(["models", "show", "xseg-night"]) == 0
    shown = capsys.readouterr().out
    assert "brought       b.onnx" in shown
    assert run(["models", "verify", "xseg", "xseg-night"]) == 0
    assert capsys.readouterr().out.count("graph as on the card") == 2
    (home / "xseg" / "xseg.onnx").write_bytes(b"\x08something else")
    assert run(["models", "verify", "xseg", "xseg-night", "--json"]) == 4
    rows = events(capsys)
    assert [(row["id"], row["ok"]) for row in rows if row["event"] == "model"] == [
        ("xseg", False),
        ("xseg-night", True),
    ]
    assert rows[-2]["wrong"] == ["xseg"]
    assert rows[-1]["event"] == "error"


def test_verify_without_names_proves_the_default_stack_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "verify", "--json"]) == 0
    rows = {row["id"]: row for row in events(capsys) if row["event"] == "model"}
    assert {"centerface", "dlib-resnet", "mediapipe-facemesh"} <= set(rows)
    assert any("graph as on the card" in line for line in rows["centerface"]["proved"])
    assert "uniface-256" not in rows


def test_a_folder_is_gone_through_and_every_file_is_accounted_for(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "facefusion"
    graph(folder / "hyperswap_1a_256.onnx", "hyperswap-256")
    graph(folder / "simswap_256.onnx", "simswap-unofficial-256")
    (folder / "notes.txt").write_text("hello, nothing to see")
    mark = tmp_path / "it-ran"
    write_zip(folder / "evil.pth", {}, text=call("os", "system", f"touch {mark}"))
    assert run(["models", "add", str(folder), "--dry-run", "--json"]) == 0
    rows = {row["file"]: row for row in events(capsys) if "file" in row}
    assert set(rows) == {path.name for path in folder.iterdir()}
    assert {name for name, row in rows.items() if row["event"] == "model"} == {"hyperswap_1a_256.onnx"}
    assert "os.system" in rows["evil.pth"]["reason"]
    assert "fits 4 families" in rows["simswap_256.onnx"]["reason"]
    assert "--family" in rows["simswap_256.onnx"]["mend"]
    assert not home.exists()
    assert run(["models", "add", str(folder), "--accept-licence"]) == 0
    said = capsys.readouterr().out
    assert "notes.txt: not taken" in said
    assert [path.stem for path in home.glob("*.toml")] == ["hyperswap-256"]
    assert not mark.exists()


def test_another_tool_s_folder_can_be_used_where_it_is(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "visomaster"
    graph(folder / "uniface.onnx", "uniface-256")
    assert run(["models", "add", str(folder / "uniface.onnx"), "--in-place", "--accept-licence"]) == 2
    assert "VFX_SWAP_MODELS" in capsys.readouterr().err
    monkeypatch.setenv("VFX_SWAP_MODELS", f"{home}:{folder}")
    assert run(["models", "add", str(folder), "--in-place", "--accept-licence"]) == 0
    assert run(["models", "verify", "uniface-256"]) == 0
    assert [path.name for path in home.iterdir()] == ["uniface-256.toml"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["no-such-file"], 2, "no such file"),
        (["text"], 4, "neither a torch checkpoint"),
        (["empty-folder"], 4, "no file here is a model"),
        (["ghost.onnx", "--family", "no-such"], 2, "no family 'no-such'"),
        (["ghost.onnx", "--family", "xseg"], 4, "not one of 'xseg'"),
        (["ghost.onnx"], 2, "fits 4 families"),
        (["ghost.onnx", "--convention", "mine"], 2, "convention"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_added_says_why(
    arguments: list[str], code: int, told: str, tmp_path: Path, home: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("some text, not a model")
    (tmp_path / "empty-folder").mkdir()
    card = read_card(card_folder() / "ghost-256.toml")
    (tmp_path / "ghost.onnx").write_bytes(family_graph(card, match=len(card.match) - 1))
    assert run(["models", "add", *arguments, "--accept-licence"]) == code
    err = capsys.readouterr().err
    assert told in err
    assert "Traceback" not in err
    assert not home.exists()


def test_the_doctor_does_not_miss_what_nobody_brought(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor"])
    assert "uniface-256" not in capsys.readouterr().out
