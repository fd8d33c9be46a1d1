"""A shot as a job bundle: accepted, cut up and run by the real Open Job Description tools."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import clean_environment
from tests.farm.fakes import quick_program, shot_file
from tests.farm.required import needs
from tests.pipeline.c2pa_parts import needs_c2pa
from tests.pipeline.shot_fakes import ALL, digests_of, make_shot, render, rows_of
from vfx_swap.cli.app import run
from vfx_swap.errors import UsageError
from vfx_swap.farm.openjd import Submission, asset_references, int_range, job_template, parameter_values, write_bundle
from vfx_swap.pipeline.credentials import make_test_credential
from vfx_swap.pipeline.provenance_run import verify_outputs

OPENJD = Path(sys.executable).parent / "openjd"
SPARSE = (-3, -2, 1, *range(1001, 1011), 1020)


def submission(folder: Path, **more: Any) -> Submission:
    return Submission(shot_file=shot_file(folder), shot=make_shot(folder), **{"frames": ALL, **more})


def openjd(*arguments: object, more: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    needs("openjd", "openjd")
    return subprocess.run(
        [OPENJD, *(str(one) for one in arguments)],
        env={**clean_environment(), **more}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def program_file(folder: Path, *, seconds: float = 0.0) -> Path:
    """A `vfx-swap` with quick stand-ins, as one executable."""
    python, _, code = quick_program(seconds=seconds)
    path, script = folder / "vfx-swap-quick", folder / "quick.py"
    script.write_text(code)
    # No shebang of Python's own: its path may hold spaces.
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} {shlex.quote(str(script))} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.openjd
@pytest.mark.parametrize("gpus", [0, 1])
def test_the_checker_accepts_the_template(tmp_path: Path, gpus: int) -> None:
    template = write_bundle(tmp_path / "job", submission(tmp_path, frames=SPARSE, device="cuda", gpus=gpus))
    done = openjd("check", template)
    assert done.returncode == 0, done.stdout
    assert "passes validation" in done.stdout


@pytest.mark.openjd
@pytest.mark.slow
@pytest.mark.parametrize(("percent", "passes"), [(100.0, True), (0.0, False)])
def test_a_last_step_measures_the_shot_and_its_verdict_is_the_job_s(
    tmp_path: Path, percent: float, passes: bool
) -> None:
    job = submission(tmp_path / "farm", chunk=6, program=str(program_file(tmp_path)), qc=True)
    limit = f"[qc]\nfailing_frames_percent = {percent}\n"
    job.shot_file.write_text(job.shot_file.read_text(encoding="utf-8") + limit, encoding="utf-8")
    template = write_bundle(tmp_path / "job", job)
    assert [step["name"] for step in json.loads(template.read_text())["steps"]] == ["Tracks", "Render", "Qc"]
    assert openjd("check", template).returncode == 0
    done = openjd("run", template, "--step", "Qc", "--run-dependencies", "-p", f"ShotFile={job.shot_file}")
    assert job.report.is_file(), done.stdout
    told = json.loads(job.report.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["passed"] == passes, told["reasons"]
    assert (done.returncode == 0) == passes, done.stdout


@pytest.mark.openjd
@pytest.mark.provenance
@pytest.mark.slow
def test_a_last_step_signs_the_frames(tmp_path: Path) -> None:
    needs_c2pa()
    certificate, key, _ = make_test_credential(
        tmp_path / "c", organisation="A Facility", days=30, now=datetime.now(UTC)
    )
    facility = tmp_path / "facility.toml"
    facility.write_text(f'schema = "vfx_swap/facility.1"\n[provenance]\ncertificate = "{certificate}"\nkey = "{key}"\n')
    job = submission(tmp_path / "farm", chunk=6, program=str(program_file(tmp_path)), sign=True)
    template = write_bundle(tmp_path / "job", job)
    assert [step["name"] for step in json.loads(template.read_text())["steps"]] == ["Tracks", "Render", "Sign"]
    assert openjd("check", template).returncode == 0
    held = {"VFX_SWAP_FACILITY": str(facility)}
    done = openjd("run", template, "--step", "Sign", "--run-dependencies", "-p", f"ShotFile={job.shot_file}", more=held)
    assert done.returncode == 0, done.stdout
    (verdict,) = verify_outputs([job.shot.output], trust=None)
    assert verdict.state == "unknown_signer"


@pytest.mark.openjd
def test_frames_are_cut_into_the_chunks_that_were_asked_for(tmp_path: Path) -> None:
    needs("openjd", "openjd")
    from openjd.model import StepParameterSpaceIterator, create_job, decode_job_template, preprocess_job_parameters

    job = submission(tmp_path, frames=SPARSE, chunk=4, device="cuda", gpus=2, gpu_memory_mib=16384)
    template = decode_job_template(template=job_template(job), supported_extensions=["TASK_CHUNKING"])
    values = {one["name"]: one["value"] for one in parameter_values(job)["parameterValues"]}
    given = preprocess_job_parameters(
        job_template=template, job_parameter_values=values, job_template_dir=tmp_path, current_working_dir=tmp_path
    )
    made = create_job(job_template=template, job_parameter_values=given)
    assert made.name == "sh010 vfx-swap"
    tracks, frames = made.steps
    assert (tracks.name, tracks.parameterSpace, tracks.hostRequirements) == ("Tracks", None, None)
    assert [one.dependsOn for one in frames.dependencies] == ["Tracks"]
    assert {one.name: int(one.min) for one in frames.hostRequirements.amounts} == {
        "amount.worker.gpu": 2,
        "amount.worker.gpu.memory": 16384,
    }
    chunks = [str(task["Frame"].value) for task in StepParameterSpaceIterator(space=frames.parameterSpace)]
    assert chunks == ["-3--2", "1-1", "1001-1004", "1005-1007", "1008-1010", "1020-1020"]


@pytest.mark.openjd
@pytest.mark.slow
def test_the_runner_renders_the_shot_with_one_warm_worker_to_the_bits_of_one_run(tmp_path: Path) -> None:
    render(make_shot(tmp_path / "whole"))
    job = submission(tmp_path / "farm", chunk=2, program=str(program_file(tmp_path)))
    template = write_bundle(tmp_path / "job", job)
    shot = parameter_values(job)["parameterValues"][0]["value"]
    done = openjd("run", template, "--step", "Render", "--run-dependencies", "-p", f"ShotFile={shot}")
    assert done.returncode == 0, done.stdout
    said = [line.partition("\t")[2] for line in done.stdout.splitlines()]
    assert sum(line.startswith("openjd_progress: ") for line in said) == 6
    assert sum("2 frames rendered" in line for line in said) == 3
    assert not any("rendering here" in line for line in said)  # every task found the worker
    assert any(line == "stopped" for line in said)  # and the session ended it
    assert digests_of(tmp_path / "farm" / "out") == digests_of(tmp_path / "whole" / "out")
    assert sorted(rows_of(tmp_path / "farm" / "out")) == list(ALL)


@pytest.mark.openjd
@pytest.mark.slow
def test_a_refusal_fails_the_job_before_a_chunk_begins(tmp_path: Path) -> None:
    job = submission(tmp_path, program=str(program_file(tmp_path)))
    template = write_bundle(tmp_path / "job", job)
    (tmp_path / "who.identity").write_bytes(b"spoilt")
    done = openjd("run", template, "--step", "Render", "--run-dependencies", "-p", f"ShotFile={job.shot_file}")
    assert done.returncode == 1
    assert "cast[0].identity" in done.stdout
    assert "--frames" not in done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.openjd
@pytest.mark.slow
def test_a_cancelled_task_finishes_its_frame_and_the_next_job_goes_on(tmp_path: Path) -> None:
    needs("openjd", "openjd")
    job = submission(tmp_path, chunk=6, program=str(program_file(tmp_path, seconds=0.7)))
    template = write_bundle(tmp_path / "job", job)
    out = tmp_path / "out"
    command = [
        str(OPENJD),
        "run",
        str(template),
        "--step",
        "Render",
        "--run-dependencies",
        "-p",
        f"ShotFile={job.shot_file}",
    ]
    process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True)
    while process.poll() is None and not (out / "swap.0002.exr").exists():
        threading.Event().wait(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "frames already written are kept" in said
    assert "stopped\n" in said  # the worker, when the session ended
    written = digests_of(out)
    assert 2 <= len(written) < 6
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    assert render(make_shot(tmp_path)).skipped == tuple(range(1, len(written) + 1))


def test_what_the_job_reads_and_writes_is_named(tmp_path: Path) -> None:
    job = submission(tmp_path)
    cast = job.shot.cast[0].model_copy(update={"position": None, "performer": "/refs/double.jpg"})
    light = job.shot.lighting.model_copy(update={"environment": "/hdri/set.exr"})
    job = replace(job, shot=job.shot.model_copy(update={"cast": (cast,), "lighting": light}))
    assert asset_references(job)["assetReferences"] == {
        "inputs": {
            "filenames": sorted(
                ["/hdri/set.exr", "/refs/double.jpg", str(tmp_path / "sh010.toml"), str(tmp_path / "who.identity")]
            ),
            "directories": [str(tmp_path / "plates")],
        },
        "outputs": {"directories": [str(tmp_path / "out")]},
        "referencedPaths": [],
    }
    movie = replace(job, shot=job.shot.model_copy(update={"plate": "/plates/bg.mov"}))
    assert "/plates/bg.mov" in asset_references(movie)["assetReferences"]["inputs"]["filenames"]
    assert asset_references(movie)["assetReferences"]["inputs"]["directories"] == []


def test_ranges_are_the_specification_s() -> None:
    assert int_range(SPARSE) == "-3--2,1,1001-1010,1020"


@pytest.mark.parametrize("wrong", [{"device": "cuda:1"}, {"gpu_memory_mib": 8}])
def test_what_no_farm_can_give_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        submission(tmp_path, **wrong)


def test_the_command_writes_a_bundle_that_asks_for_a_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--openjd", str(tmp_path / "job"), "--device", "cuda", "--chunk", "4", "--frames", "2-6", "--json"]
    assert run(["submit", str(shot_file(tmp_path)), *arguments]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "event": "done", "written": [str(tmp_path / "job" / "template.json")], "frames": 5, "tasks": 2
    }  # fmt: skip
    template = json.loads((tmp_path / "job" / "template.json").read_text())
    assert template["steps"][1]["hostRequirements"] == {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    values = {one["name"]: one.get("default") for one in template["parameterDefinitions"]}
    assert values == {
        "ShotFile": None, "Frames": "2-6", "ChunkSize": 4, "Device": "cuda", "Program": "vfx-swap"
    }  # fmt: skip


def test_without_a_farm_nothing_is_written_and_without_consent_neither(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.pipeline.shot_fakes import make_identity

    path = str(shot_file(tmp_path))
    assert run(["submit", path]) == 2
    assert "--openjd DIR or --opencue FILE" in capsys.readouterr().err
    make_identity(tmp_path / "who.identity", with_consent=False)
    assert run(["submit", path, "--openjd", str(tmp_path / "job")]) == 3
    assert not (tmp_path / "job").exists()
