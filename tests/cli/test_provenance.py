"""`vfx-swap provenance` as a user types it: what it prints, what it writes, its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.farm.fakes import quick_program, shot_file
from tests.pipeline.c2pa_parts import exr_frame, needs_c2pa
from vfx_swap.cli.app import run

pytestmark = pytest.mark.provenance

HEADER = json.dumps({"engine": "reprojection", "identities": [{"consent_id": "c", "consent_sha256": "cd" * 32}]})


@pytest.fixture
def shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two frames, and a facility that signs with a test certificate."""
    needs_c2pa()
    assert run(["provenance", "certificate", "--out", str(tmp_path / "c"), "--organisation", "A Facility"]) == 0
    names = {"certificate": "certificate.pem", "key": "key.pem", "trust": "root.pem"}
    rows = "\n".join(f'{key} = "c/{name}"' for key, name in names.items())
    (tmp_path / "facility.toml").write_text(f'schema = "vfx_swap/facility.1"\n[provenance]\n{rows}\n')
    monkeypatch.setenv("VFX_SWAP_FACILITY", str(tmp_path / "facility.toml"))
    for frame in (1, 2):
        exr_frame(tmp_path / f"shot.{frame:04}.exr", seed=frame, header=HEADER)
    return str(tmp_path / "shot.####.exr")


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_sign_and_verify_by_the_facility_file(shot: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["provenance", "sign", shot]) == 0
    assert "shot.provenance.json: signed" in capsys.readouterr().out
    assert run(["provenance", "verify", shot]) == 0
    said = capsys.readouterr().out
    assert "as it was signed, by a signer that is trusted here; it names A Facility" in said
    (tmp_path / "shot.0002.exr").unlink()
    assert run(["provenance", "verify", shot]) == 1
    both = capsys.readouterr()
    assert "not what was signed" in both.out
    assert "missing  shot.0002.exr" in both.out
    assert "1 of 1 not as signed" in both.err


def test_json_says_state_signer_and_what_was_made(shot: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["provenance", "sign", shot, "--each", "--json"]) == 0
    events = rows(capsys)
    assert [one["event"] for one in events] == ["signed", "signed", "done"]
    assert run(["provenance", "verify", shot, "--json"]) == 0
    first, second, done = rows(capsys)
    assert (first["state"], second["state"], done) == ("trusted", "trusted", {"event": "done", "trusted": 2})
    assert first["signer"] == "A Facility"
    assert first["made"]["consent_sha256"] == ["cd" * 32]  # type: ignore[index]


def test_a_signer_that_nobody_knows_is_exit_code_1(
    shot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["provenance", "sign", shot]) == 0
    monkeypatch.delenv("VFX_SWAP_FACILITY")
    assert run(["provenance", "verify", shot]) == 1
    both = capsys.readouterr()
    assert "the signer is not known here" in both.out
    assert "--trust" in both.err
    assert run(["provenance", "verify", shot, "--trust", str(tmp_path / "c" / "root.pem")]) == 0
    assert run(["provenance", "sign", shot, "--overwrite"]) == 2
    assert "nothing says what signs" in capsys.readouterr().err
    pair = ["--certificate", str(tmp_path / "c" / "certificate.pem"), "--key", str(tmp_path / "c" / "key.pem")]
    assert run(["provenance", "sign", shot, "--overwrite", *pair[:2]]) == 2
    assert run(["provenance", "sign", shot, "--overwrite", *pair]) == 0


def test_the_test_certificate_says_that_it_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "c"
    assert run(["provenance", "certificate", "--out", str(folder), "--organisation", "A Facility"]) == 0
    both = capsys.readouterr()
    assert "For trying out only" in both.err
    assert f'key = "{folder}/key.pem"' in both.out
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    assert run(["provenance", "certificate", "--out", str(folder), "--organisation", "A Facility"]) == 1
    other = tmp_path / "r"
    assert run(["provenance", "certificate", "--out", str(other), "--organisation", "A Facility", "--request"]) == 0
    assert sorted(one.name for one in other.iterdir()) == ["key.pem", "request.pem"]


def quick(*arguments: object) -> tuple[int, list[dict[str, object]], str]:
    """A `vfx-swap` whose frames cost nothing, under the facility file that the test has set."""
    command = [*quick_program(), *(str(one) for one in arguments), "--json"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ)
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_render_signs_what_it_wrote(shot: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shot_file(tmp_path)
    code, events, err = quick("render", path, "--sign")
    assert code == 0, err
    signed = tmp_path / "out" / "swap.provenance.json"
    assert events[-1] == {"event": "signed", "file": str(signed)}
    assert run(["provenance", "verify", str(path)]) == 0
    assert "trusted here; it names A Facility" in capsys.readouterr().out
    before = signed.read_bytes()
    (tmp_path / "out" / "swap.0004.exr").unlink()
    assert run(["provenance", "verify", str(path)]) == 1
    code, events, err = quick("render", path, "--sign")
    assert code == 0, err
    assert signed.read_bytes() == before  # the frame has the same bits again
    assert run(["provenance", "verify", str(path)]) == 0
    assert run(["provenance", "sign", str(path)]) == 2  # there already
    assert run(["provenance", "sign", str(path), "--overwrite"]) == 0


def test_nothing_is_rendered_where_nothing_could_be_signed(
    shot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VFX_SWAP_FACILITY")
    code, events, err = quick("render", shot_file(tmp_path), "--sign")
    assert code == 2
    assert events[-1]["event"] == "error"
    assert "nothing says what signs" in err + str(events)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["render", "SHOT", "--sign", "--frames", "1-2"], "--sign signs the whole shot"),
        (["render", "SHOT", "--sign", "--tracks-only"], "--sign signs the whole shot"),
        (["render", "SHOT", "--sign", "--server", "127.0.0.1:1"], "--sign signs the whole shot"),
        (["provenance", "sign", "SHOT", "--like", "frame.exr"], "do not go with a shot file"),
        (["swap", "--plate", "p.png", "--out", "o.png", "--identity", "i", "--sign", "--engine", "compare"], "compare"),
        (["swap", "--plate", "p.png", "--out", "o.png", "--identity", "i", "--sign", "--compat", "simswap"], "--sign"),
    ],
)
def test_what_does_not_go_with_signing_is_exit_2(
    shot: str, tmp_path: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(shot_file(tmp_path))
    assert run([path if one == "SHOT" else one for one in arguments]) == 2
    assert says in capsys.readouterr().err
