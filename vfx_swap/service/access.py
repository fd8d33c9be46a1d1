"""Who may do what: roles, and the role that each method of every service asks for.

    admin       everything
    render      shots, frames, parsing and tracking
    identities  identities: create, replace, delete
    watch       look at jobs, models and the server; in each of the others

A method that is not in the table is refused to everyone, so that a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from vfx_swap.errors import RoleError

__all__ = ["LOCAL", "NEEDS", "ROLES", "UNGUARDED", "Role", "Who", "require_role"]

Role: TypeAlias = Literal["admin", "render", "identities", "watch"]
ROLES: tuple[Role, ...] = ("admin", "render", "identities", "watch")


@dataclass(frozen=True)
class Who:
    """Who asks."""

    name: str
    """As in the access file; `local` where there is none."""
    roles: frozenset[Role]
    """With those that they bring with them."""

    @classmethod
    def of(cls, name: str, roles: Iterable[Role]) -> Who:
        """One with these roles and what follows from them."""
        given = frozenset(roles)
        if "admin" in given:
            given = frozenset(ROLES)
        elif given:
            given |= {"watch"}
        return cls(name, given)

    def may(self, *roles: Role) -> bool:
        """Whether one of these roles is held."""
        return not self.roles.isdisjoint(roles)


LOCAL = Who.of("local", ["admin"])
"""Everyone who reaches a server that has no access file; such a server listens on this machine only."""

UNGUARDED = frozenset({"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch"})
"""What load balancers and process managers ask, who have no token."""

_RENDER: tuple[Role, ...] = ("render",)
_IDENTITIES: tuple[Role, ...] = ("identities",)
_EITHER: tuple[Role, ...] = ("render", "identities")
_WATCH: tuple[Role, ...] = ("watch",)
_ADMIN: tuple[Role, ...] = ("admin",)
_TABLE: dict[str, dict[str, tuple[Role, ...]]] = {
    "vfx_swap.v1.ShotService": {
        "SubmitShot": _RENDER,
        "CancelJob": _RENDER,
        "ResumeJob": _RENDER,
        "GetJob": _WATCH,
        "ListJobs": _WATCH,
        "WatchJob": _WATCH,
    },
    "vfx_swap.v1.FrameService": {
        "ProcessFrames": _RENDER,
        "AllocateFrameSlots": _RENDER,
        "ReleaseFrameSlots": _RENDER,
    },
    "vfx_swap.v1.ParseService": {"ParseFrames": _RENDER},
    "vfx_swap.v1.TrackService": {"TrackPlate": _RENDER},
    # Names and consent records of people: for those who work with them, not for every dashboard.
    "vfx_swap.v1.IdentityService": {
        "CreateIdentity": _IDENTITIES,
        "DeleteIdentity": _IDENTITIES,
        "GetIdentity": _EITHER,
        "ListIdentities": _EITHER,
    },
    "vfx_swap.v1.ModelService": {
        "ListModels": _WATCH,
        "DescribeOptions": _WATCH,
        "LoadModel": _ADMIN,
        "UnloadModel": _ADMIN,
    },
    "vfx_swap.v1.ServerService": {"GetServerInfo": _WATCH},
    "google.longrunning.Operations": {
        "GetOperation": _WATCH,
        "ListOperations": _WATCH,
        "WaitOperation": _WATCH,
        "CancelOperation": _RENDER,
        "DeleteOperation": _RENDER,
    },
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": _WATCH},
    "grpc.reflection.v1.ServerReflection": {"ServerReflectionInfo": _WATCH},
}
NEEDS: Mapping[str, tuple[Role, ...]] = MappingProxyType(
    {f"/{service}/{method}": roles for service, methods in _TABLE.items() for method, roles in methods.items()}
)
"""Method as gRPC names it -> roles of which one is needed."""


def require_role(who: Who, *, method: str) -> None:
    """Refuse who may not call a method.

    Raises:
        RoleError: the method asks for another role, or stands in no table.
    """
    roles = NEEDS.get(method)
    if roles is None:
        raise RoleError(f"{method} may be called by nobody: it has no entry in the table of roles")
    if not who.may(*roles):
        held = ", ".join(sorted(who.roles)) or "none"
        what = f"{who.name!r} may not call {method.rpartition('/')[2]}: it asks for the role {' or '.join(roles)}"
        raise RoleError(what, mend=f"Roles held: {held}. Ask who runs the server for a token with that role")
