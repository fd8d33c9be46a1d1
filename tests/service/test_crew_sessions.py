"""Sessions over a crew: batches of several, and what becomes of them when their worker dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import make_shot, render, rows_of
from tests.service.crewing import TODAY, task, values_of, with_crew
from vfx_swap.errors import ProtocolError
from vfx_swap.io.read import read_picture
from vfx_swap.service.crew import LocalCrew
from vfx_swap.service.pool import OpenFiles
from vfx_swap.service.work import Ref, Task


def sent_frame(folder: Path, pool: Path, number: int) -> dict[str, Any]:
    """A plate's frame in shared memory, and room for what comes back."""
    picture = read_picture(folder / "plates" / f"plate.{number:04d}.exr")
    files, start = OpenFiles(), number << 20
    room = Ref(str(pool), start, (1 << 18,), "uint8")
    ref = files.lay(room, {"rgb": np.ascontiguousarray(picture.native_rgb)})["rgb"]
    files.close()
    box = [0, 0, picture.data_window.width, picture.data_window.height]
    out = Ref(str(pool), start + (1 << 18), (1 << 19,), "uint8")
    return {"number": number, "pixels": ref.to_json(), "out": out.to_json(), "window": box, "display": box}


def test_sessions_outlive_their_worker_and_share_batches(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    pool = tmp_path / "pool"
    pool.write_bytes(bytes(8 << 20))
    values, tracks = values_of(tmp_path), str(tmp_path / "out" / "sh010.tracks.json")
    wanted = {number: row["settings_digest"] for number, row in rows_of(tmp_path / "out").items()}

    def swap(session: str, number: int) -> Task:
        body = {"session": session, "frames": [sent_frame(tmp_path, pool, number)]}
        return task("swap", body, affinity=session, batch_key="swap 64x48", client=session, priority="interactive")

    async def work(crew: LocalCrew) -> None:
        for session in ("one", "two"):
            body = {"session": session, "shot": values, "mode": "tracks", "tracks": tracks, "colour_space": "ACEScg"}
            await crew.submit(task("open", {**body, "today": TODAY}, affinity=session)).result()
        running = [crew.submit(swap("one", 1)), crew.submit(swap("two", 2))]
        together = [await one.result() for one in running]
        assert [one["stats"]["batch_size"] for one in together] == [2, 2]
        os.kill(crew.devices()[0].pid, signal.SIGKILL)
        after = [crew.submit(swap("one", number)) for number in (3, 4)] + [crew.submit(swap("two", 5))]
        done = together + [await one.result() for one in after]
        assert {one["frames"][0]["number"]: one["frames"][0]["settings_digest"] for one in done} == {
            number: wanted[number] for number in (1, 2, 3, 4, 5)
        }
        await crew.submit(task("close", {"session": "one"}, affinity="one")).result()
        with pytest.raises(ProtocolError, match="no session 'one'"):
            await crew.submit(swap("one", 6)).result()

    with_crew(work)
