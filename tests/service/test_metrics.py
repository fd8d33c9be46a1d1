"""What is counted, and the page that shows it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vfx_swap.errors import (
    BusyError,
    CannotRunError,
    ConsentMissingError,
    MissingInputError,
    RoleError,
    UnauthenticatedError,
)
from vfx_swap.service.addresses import Address
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.metrics_page import MetricsPage
from vfx_swap.service.tracing import continued
from vfx_swap.service.watched_crew import WatchedCrew
from vfx_swap.service.work import DeviceState, Task, no_events

LOOPBACK = Address("tcp", host="127.0.0.1", port=0)


def values(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = metrics.page()[0].decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(metrics: Metrics, name: str, **labels: str) -> float | None:
    return values(metrics).get((name, frozenset(labels.items())))


def test_stages_are_histograms_by_model_and_device() -> None:
    metrics = Metrics()
    for seconds in (0.02, 0.2):
        metrics.stage("infer", model="reprojection", device="cuda:0", seconds=seconds)
    metrics.stage("queue", model="reprojection", device="cuda:1", seconds=9.0)
    where = {"stage": "infer", "model": "reprojection", "device": "cuda:0"}
    assert at(metrics, "vfx_swap_stage_seconds_count", **where) == 2
    assert at(metrics, "vfx_swap_stage_seconds_sum", **where) == pytest.approx(0.22)
    assert at(metrics, "vfx_swap_stage_seconds_bucket", **where, le="0.025") == 1


def test_answers_of_workers_are_counted() -> None:
    metrics = Metrics()
    stats = {"queue_seconds": 0.5, "decode_seconds": 0.1, "batch_size": 4, "device": "cuda:0", "attempt": 2}
    metrics.answered("swap", {"frames": [{}, {"error": {}}, {}], "stats": stats}, model="simswap-224")
    metrics.answered("render", {"rendered": [1, 2], "failures": [{}], "stats": {"device": "cpu"}}, model="reprojection")
    metrics.answered("load", {"stats": {"queue_seconds": 0.0}}, model="x")
    where = {"model": "simswap-224", "device": "cuda:0"}
    assert at(metrics, "vfx_swap_batch_frames_sum", **where) == 4
    assert at(metrics, "vfx_swap_stage_seconds_sum", stage="queue", **where) == 0.5
    assert at(metrics, "vfx_swap_stage_seconds_count", stage="infer", **where) is None
    found = {
        outcome: at(metrics, "vfx_swap_frames_total", outcome=outcome) for outcome in ("done", "failed", "retried")
    }
    assert found == {"done": 4, "failed": 2, "retried": 3}


def state(*, restarts: int, alive: bool = True) -> DeviceState:
    return DeviceState(
        name="cuda:0", index=1, title="", memory_total=10, memory_free=3, load=0.5, models=(), alive=alive, queued=0,
        running=0, restarts=restarts, pid=1,
    )  # fmt: skip


def test_workers_are_shown_as_they_are_and_their_restarts_counted_once() -> None:
    metrics = Metrics()
    for restarts in (0, 1, 1, 3):
        metrics.workers([state(restarts=restarts, alive=restarts != 3)])
    assert at(metrics, "vfx_swap_worker_restarts_total", device="cuda:0#1") == 3
    assert at(metrics, "vfx_swap_worker_alive", device="cuda:0#1") == 0
    assert at(metrics, "vfx_swap_worker_load", device="cuda:0#1") == 0.5
    assert at(metrics, "vfx_swap_device_memory_bytes", device="cuda:0#1", kind="free") == 3


class OneTask:
    """A crew that takes any task and answers it at once."""

    queued = 0

    def __init__(self) -> None:
        self.taken: list[Task] = []

    def submit(self, task: Task, *, on_event: Any = no_events) -> Any:
        self.taken.append(task)
        return self

    id = "t"

    async def result(self) -> dict[str, Any]:
        return {"rendered": [1], "stats": {"queue_seconds": 1.0, "device": "cpu"}}

    def cancel(self) -> None:
        raise AssertionError


def test_a_watched_crew_counts_each_answer_once_and_hands_the_trace_on() -> None:
    metrics, crew = Metrics(), OneTask()
    watched = WatchedCrew(crew, metrics=metrics)  # type: ignore[arg-type]  # a part of a crew
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def body() -> None:
        running = watched.submit(Task("a", "render", {"shot": {}}, "me", model="reprojection"))
        with continued({"traceparent": parent}, name="x"):
            watched.submit(Task("b", "render", {"shot": {}}, "me"))
        assert (await running.result())["rendered"] == [1]
        await running.result()

    asyncio.run(body())
    assert [task.body for task in crew.taken] == [{"shot": {}}, {"shot": {}, "trace": {"traceparent": parent}}]
    assert at(metrics, "vfx_swap_frames_total", outcome="done") == 1
    assert at(metrics, "vfx_swap_stage_seconds_sum", stage="queue", model="reprojection", device="cpu") == 1.0


def test_counters_and_gauges() -> None:
    metrics = Metrics()
    metrics.moved("chunks", "in", count=1 << 20)
    metrics.moved("chunks", "in", count=1)
    metrics.waiting(tasks=7, jobs=2)
    metrics.leased(5)
    metrics.certificate_ends(1e9)
    metrics.version("0.1.0")
    metrics.call(method="/a/b", status="OK", seconds=0.1)
    assert at(metrics, "vfx_swap_bytes_total", transport="chunks", direction="in") == (1 << 20) + 1
    assert at(metrics, "vfx_swap_queue_tasks") == 7
    assert at(metrics, "vfx_swap_jobs") == 2
    assert at(metrics, "vfx_swap_shared_memory_bytes") == 5
    assert at(metrics, "vfx_swap_certificate_end_timestamp_seconds", certificate="server") == 1e9
    assert at(metrics, "vfx_swap_info", version="0.1.0") == 1
    assert at(metrics, "vfx_swap_calls_total", method="/a/b", status="OK") == 1


def test_refusals_are_counted_by_reason_and_failures_are_not() -> None:
    metrics = Metrics()
    for kind in (ConsentMissingError, RoleError, UnauthenticatedError, BusyError, MissingInputError, KeyError):
        metrics.refused(kind("x"))
    found = {
        dict(labels)["reason"]: value
        for (name, labels), value in values(metrics).items()
        if name == "vfx_swap_refusals_total"
    }
    assert found == {"ConsentMissing": 1, "Role": 1, "Unauthenticated": 1, "Busy": 1}
    assert at(metrics, "vfx_swap_consent_denials_total", reason="ConsentMissing") == 1


def test_two_servers_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.refused(BusyError("x"))
    assert at(second, "vfx_swap_refusals_total", reason="Busy") is None


async def ask(address: Address, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def answers(*requests: bytes) -> list[bytes]:
    async def body() -> list[bytes]:
        metrics = Metrics()
        metrics.version("1.2.3")
        async with asyncio.timeout(30), MetricsPage(metrics, address=LOOPBACK) as page:
            return [await ask(page.address, request) for request in requests]

    return asyncio.run(body())


def test_the_page_is_served_in_both_of_prometheus_forms() -> None:
    plain, open_metrics = answers(
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics?x=1 HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n",
    )
    head, _, body = plain.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'vfx_swap_info{version="1.2.3"} 1.0' in body
    assert b"openmetrics" in open_metrics.partition(b"\r\n\r\n")[0]
    assert open_metrics.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\r\n\r\n", b"405"),
        (b"", b"400"),
        (b"GET /metrics", b"400"),
        (b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n", b"400"),
        (b"\xff\x00\r\n\r\n", b"405"),
    ],
)
def test_anything_else_is_refused_and_the_page_lives(request_bytes: bytes, status: bytes) -> None:
    wrong, right = answers(request_bytes, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert wrong.startswith(b"HTTP/1.1 " + status) or (len(request_bytes) > 8192 and wrong == b"")
    assert right.startswith(b"HTTP/1.1 200")


def test_readers_who_hang_do_not_shut_others_out() -> None:
    async def body() -> bytes:
        async with asyncio.timeout(30), MetricsPage(Metrics(), address=LOOPBACK) as page:
            hanging = [await asyncio.open_connection(page.address.host, page.address.port) for _ in range(10)]
            answer = await ask(page.address, b"GET /metrics HTTP/1.1\r\n\r\n")
            for _, writer in hanging:
                writer.close()
            return answer

    assert asyncio.run(body()).startswith(b"HTTP/1.1 200")


def test_an_address_that_is_taken_is_named() -> None:
    async def body() -> None:
        async with MetricsPage(Metrics(), address=LOOPBACK) as page, MetricsPage(Metrics(), address=page.address):
            pass

    with pytest.raises(CannotRunError, match=r"cannot serve metrics"):
        asyncio.run(body())
