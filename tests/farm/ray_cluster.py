"""What the tests of Ray run in processes of their own: `python -m tests.farm.ray_cluster cluster|render ...`.

`cluster` starts a head that takes no work and `NODES` nodes with a GPU each, which is none, and says its address.
`kill N` on stdin ends node N as a power cut does, workers first; the end of stdin ends it all.
`render ADDRESS SHOT FRAMES...` renders a shot on it with quick stand-ins whose frames take their time, and says what
happens, a line each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.pipeline.shot_fakes import make_shot, slow_swap, tools
from vfx_swap.farm.chunks import ChunkEvent, FarmJob, split
from vfx_swap.farm.conduct import run_farm
from vfx_swap.farm.ray_runner import open_ray
from vfx_swap.farm.warm import WarmRenderer

NODES = 2
SECONDS = 0.5
"""Of a frame."""


def slow_renderer() -> WarmRenderer:
    return WarmRenderer(tools(swap_frame=slow_swap(SECONDS)))


def say(line: object) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def cluster() -> None:
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0})
    nodes: list[Any] = [started.add_node(num_cpus=1, num_gpus=1) for _ in range(NODES)]
    say(started.address)
    for line in sys.stdin:
        node = nodes[int(line.split()[1])]
        (raylet,) = (info.process.pid for info in node.all_processes["raylet"])
        workers = children_of(raylet)
        for pid in (raylet, *workers):
            os.kill(pid, signal.SIGKILL)
        started.remove_node(node, allow_graceful=False)
        say(workers)
    started.shutdown()


def children_of(parent: int) -> list[int]:
    """Pids of the processes that a process started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def render(address: str, shot: Path, frames: tuple[int, ...]) -> None:
    out = sys.stdout

    def watch(event: ChunkEvent) -> None:
        line = {"what": event.what, "worker": event.worker, "chunk": event.chunk.text if event.chunk else None}
        out.write(f"{json.dumps({**line, 'frame': event.line.get('frame'), 'error': str(event.error)})}\n")
        out.flush()

    with open_ray(address=address, device="auto", open_renderer=slow_renderer) as runner:
        report = run_farm(make_shot(shot.parent), FarmJob(shot, split(frames, 2)), runner, watch=watch)
    frames_of = {"rendered": report.rendered, "skipped": report.skipped}
    say({"what": "report", "workers": runner.workers, "warnings": report.warnings, **frames_of})


if __name__ == "__main__":
    if sys.argv[1] == "cluster":
        cluster()
    else:
        render(sys.argv[2], Path(sys.argv[3]), tuple(int(frame) for frame in sys.argv[4:]))
