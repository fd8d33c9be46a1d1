"""Every method of every service, with what none says: each call ends with the client's own fault, or well.

`scripts/bench fuzz` sends ten thousand and more; this is the same with fewer.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import grpc

from scripts.benchmarks._fuzz_services import ServiceFuzz, methods, serving_all
from vfx_swap.client import Connection, open_client
from vfx_swap.service import wire

MESSAGES = 250


def test_no_call_breaks_the_server(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving_all(tmp_path) as (address, known, words), grpc.aio.insecure_channel(address) as channel:
            fuzz = ServiceFuzz(channel, seed=5, known=known, words=words)
            await fuzz.run(messages=MESSAGES)
            files = len(os.listdir("/proc/self/fd"))
            await fuzz.run(messages=2 * MESSAGES)
            assert fuzz.internal == []
            assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNIMPLEMENTED"} <= set(fuzz.statuses)
            assert len(os.listdir("/proc/self/fd")) <= files + 4
            async with open_client(Connection(address)) as client:
                assert (await client.info()).who == "local"

    asyncio.run(asyncio.wait_for(test(), 60.0))


def test_every_method_there_is_is_called() -> None:
    named = {name.split("/")[1] for name, _, _ in methods()}
    assert named == {*wire.SERVICES, "google.longrunning.Operations"}
