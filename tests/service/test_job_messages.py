"""Jobs as messages."""

from __future__ import annotations

from pathlib import Path

from tests.service.test_jobs import SHOT, asked
from vfx_swap.service.job_records import JobRequest
from vfx_swap.service.jobs_store import JobStore
from vfx_swap.service.serve.job_messages import job_message


def test_a_job_of_an_older_version_is_listed_by_its_name(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    old, _ = store.add(JobRequest(shot={**SHOT, "a_key_of_before": 3}), owner="ann")
    new, _ = store.add(asked(), owner="ann")
    told = [job_message(one, store) for one in (old, new)]
    assert [one.shot.name for one in told] == ["sh010", "sh010"]
    assert [one.shot.plate for one in told] == ["", "/p/a.####.exr"]
    store.close()
