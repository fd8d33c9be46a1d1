"""All that streams of pixels need, put together: memory, leases, working files, and the three servicers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vfx_swap.service.frame_stream import StreamTools
from vfx_swap.service.lanes import Lanes
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.pool import OpenFiles
from vfx_swap.service.serve.frames import Admit, FrameServicer
from vfx_swap.service.serve.parse import ParseServicer
from vfx_swap.service.serve.stream_parts import FramePlaces, Scratch, add_frames, add_parse, add_tracks
from vfx_swap.service.serve.tracks import TrackServicer
from vfx_swap.service.settings import ServerSettings
from vfx_swap.service.shared_files import SharedFiles
from vfx_swap.service.slots import SlotLeases
from vfx_swap.service.work import Crew

__all__ = ["ADD_STREAMS", "Streams", "open_streams"]

ADD_STREAMS: Mapping[str, Callable[[Any, Any], None]] = MappingProxyType(
    {"frames": add_frames, "parse": add_parse, "track": add_tracks}
)
"""How their servicers are added to a gRPC server: not as generated code does it, which would copy every pixel twice."""


@dataclass(frozen=True, eq=False)
class Streams:
    """What streams share, and their servicers."""

    tools: StreamTools
    leases: SlotLeases
    scratch: Scratch
    servicers: Mapping[str, Any]
    """`frames`, `parse` and `track`."""
    _shared: SharedFiles

    async def start(self) -> None:
        """Make the folders of memory and of working files; what a killed server left is swept up.

        Raises:
            OutputError: one cannot be made.
        """
        self._shared.start()
        self.scratch.start()

    async def stop(self) -> None:
        """Wait until the streams that ended are cleared away, then free everything. Workers may be gone by now."""
        await self.scratch.stop()
        self.leases.stop()
        await self.tools.lanes.clear()
        self.tools.files.close()
        self._shared.stop()


def open_streams(
    settings: ServerSettings,
    crew: Crew,
    *,
    admit: Admit,
    places: FramePlaces,
    metrics: Metrics | None = None,
    memory: Path | None = None,
) -> Streams:
    """Put it together; nothing is made on disk before `start`.

    Args:
        settings: of the server.
        crew: who computes.
        admit: lets the shots of sessions in: `Admission.admitted`.
        places: which paths are taken.
        metrics: where frames are counted.
        memory: folder of shared memory; None: the system's.
    """
    shared = SharedFiles(root=memory)
    numbers = metrics or Metrics()
    tools = StreamTools(
        crew=crew,
        lanes=Lanes(shared, limit_bytes=settings.limits.frame_memory_bytes),
        files=OpenFiles(),
        limits=settings.limits,
        metrics=numbers,
    )
    leases = SlotLeases(
        shared,
        enabled=settings.shared_memory.enabled,
        limit_bytes=settings.shared_memory.bytes,
        seconds=settings.shared_memory.lease_seconds,
        changed=numbers.leased,
    )
    scratch = Scratch(Path(settings.state) / "streams")
    return Streams(
        tools=tools,
        leases=leases,
        scratch=scratch,
        servicers={
            "frames": FrameServicer(tools, leases=leases, admit=admit, places=places, scratch=scratch),
            "parse": ParseServicer(tools, leases=leases, places=places, scratch=scratch),
            "track": TrackServicer(tools, places=places, scratch=scratch),
        },
        _shared=shared,
    )
