"""What a server says of itself, and to whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vfx_swap.service import wire
from vfx_swap.service.access import Role, Who
from vfx_swap.service.serve.models import ServerServicer
from vfx_swap.service.settings import Limits, PathMap, RootFolders, ServerSettings

ROOTS = ["Z:\\show", "/plates", "/renders"]


class Idle:
    """A crew without workers."""

    def devices(self) -> tuple[()]:
        return ()


def told(*roles: Role) -> Any:
    settings = ServerSettings(
        state="/nowhere",
        roots=RootFolders(read=("/plates",), write=("/renders",), map=(PathMap(client="Z:\\show", server="/plates"),)),
        limits=Limits(frames_in_flight=7, jobs_per_client=3),
    )
    crew: Any = Idle()
    servicer = ServerServicer(settings, crew, who=lambda: Who.of("comp", roles), draining=lambda: True)
    return asyncio.run(servicer.GetServerInfo(wire.server.GetServerInfoRequest(), None))


def test_limits_are_those_of_the_settings() -> None:
    info = told("watch")
    assert (info.limits.frames_in_flight, info.limits.jobs, info.limits.chunk_bytes) == (7, 3, 1 << 20)
    assert (info.who, list(info.roles), info.draining) == ("comp", ["watch"], True)


@pytest.mark.parametrize(
    ("role", "roots"),
    [("watch", []), ("identities", []), ("render", ROOTS), ("admin", ROOTS)],
)
def test_folders_are_named_to_those_who_may_use_them(role: Role, roots: list[str]) -> None:
    assert list(told(role).roots) == roots
