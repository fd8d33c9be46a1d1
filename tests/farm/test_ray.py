"""A shot on a real Ray cluster of several nodes in processes of this machine; their GPUs are none.

Ray runs in processes of its own throughout: it starts threads, prints, and warns as it likes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, clean_environment
from tests.farm.fakes import shot_file
from tests.farm.required import needs
from tests.pipeline.shot_fakes import ALL, digests_of, make_shot, render, rows_of
from vfx_swap.errors import UsageError
from vfx_swap.farm.ray_runner import open_ray

pytestmark = pytest.mark.ray

ENVIRONMENT = {
    **clean_environment(),
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "5f" * 32,
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": str(ROOT),
}


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, *(str(one) for one in arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


class Cluster:
    """A running cluster; nodes that were killed stay dead."""

    def __init__(self) -> None:
        needs("ray", "ray")
        self._process = start("-m", "tests.farm.ray_cluster", "cluster")
        self.address = str(self._hear())

    def kill(self, node: int) -> list[int]:
        """Pids of the workers that died with it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"kill {node}\n")
        self._process.stdin.flush()
        workers: list[int] = self._hear()
        return workers

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                return json.loads(line)
            except ValueError:  # Ray's own words
                continue
        raise AssertionError("the cluster ended")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    running = Cluster()
    yield running
    running.close()


@pytest.mark.slow
def test_the_command_renders_on_a_cluster_and_a_refusal_comes_back_as_it_is(cluster: Cluster, tmp_path: Path) -> None:
    """The real engine: a plate without a face gets as far as the analyse pass on a node."""
    shot = shot_file(tmp_path)
    process = start("-m", "vfx_swap", "render", shot, "--on", "ray", "--address", cluster.address, "--json")
    out, err = process.communicate(timeout=240)
    lines = [json.loads(line) for line in out.splitlines()]  # nothing of Ray's among them
    assert process.returncode == 2, err
    assert (lines[-1]["kind"], lines[-1]["exit_code"]) == ("NoFaceError", 2)
    assert [line["state"] for line in lines if line["event"] == "chunk"] == ["started", "failed"]
    assert [line["frame"] for line in lines if line["event"] == "frame"] == list(ALL)


@pytest.mark.slow
def test_a_node_killed_in_mid_shot_costs_no_frame_and_no_bit(cluster: Cluster, tmp_path: Path) -> None:
    frames = tuple(range(1, 13))
    render(make_shot(tmp_path / "whole", frames=frames))
    make_shot(tmp_path / "farm", frames=frames)
    shot = shot_file(tmp_path / "farm")
    process = start("-m", "tests.farm.ray_cluster", "render", cluster.address, shot, *frames)
    assert process.stdout is not None
    told: list[dict[str, Any]] = []
    killed: list[int] = []
    for text in process.stdout:
        told.append(json.loads(text))
        if not killed and told[-1]["frame"] is not None and told[-1]["what"] == "progress":
            killed = cluster.kill(0)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    (lost,) = (line for line in told if line["what"] == "retried")
    assert int(lost["worker"].split(":")[1]) in killed
    assert "lost" in lost["error"]
    again = [line for line in told if line["what"] == "finished" and line["chunk"] == lost["chunk"]]
    assert len(again) == 1
    assert int(again[0]["worker"].split(":")[1]) not in killed
    assert told[-1]["what"] == "report"
    assert told[-1]["workers"] == 2  # one a GPU
    # A frame that was written when its worker died, but not told of yet, is found on disk by the second try.
    assert sorted(told[-1]["rendered"] + told[-1]["skipped"]) == list(frames)
    first, last = (int(end) for end in lost["chunk"].split("-"))
    assert set(told[-1]["skipped"]) <= set(range(first, last + 1))
    assert digests_of(tmp_path / "farm" / "out") == digests_of(tmp_path / "whole" / "out")
    assert sorted(rows_of(tmp_path / "farm" / "out")) == list(frames)


@pytest.mark.slow
def test_without_its_token_nobody_gets_in(cluster: Cluster, tmp_path: Path) -> None:
    shot = shot_file(tmp_path)
    stranger = {**ENVIRONMENT, "RAY_AUTH_TOKEN": "00" * 32}
    command = [sys.executable, "-m", "vfx_swap", "render", str(shot), "--on", "ray", "--address", cluster.address]
    done = subprocess.run(
        [*command, "--json"], cwd=ROOT, env=stranger, capture_output=True, text=True, timeout=120, check=False
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["kind"], done.returncode) == ("ServerUnreachableError", 4)


def test_which_gpu_a_worker_gets_is_not_ours_to_say() -> None:
    with pytest.raises(UsageError, match="cuda:1"), open_ray(device="cuda:1"):
        pass
