"""Messages that are cut, bent and made up, by the thousand: the server answers each stream and keeps nothing of it.

`scripts/bench fuzz` runs ten thousand and more; this is the same with fewer.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from scripts.benchmarks.fuzz import Fuzz
from tests.service.pixel_server import TurningWorker, memory_files, serving


def test_nothing_that_is_sent_breaks_the_server_or_stays(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker()) as server:
            fuzz = Fuzz(server.channel, seed=7)
            await fuzz.run(messages=600)
            files = fuzz.open_files()
            await fuzz.run(messages=1200)
            assert fuzz.messages >= 1200
            assert fuzz.internal == []
            assert len(fuzz.statuses) > 2
            assert await fuzz.is_alive()
            await server.streams.scratch.settled()
            assert memory_files(server) == []
            assert list(server.scratch.iterdir()) == []
            assert fuzz.open_files() <= files + 4

    asyncio.run(asyncio.wait_for(test(), 60.0))
