"""The server's settings: one frozen model per table of its file, every number with its range and unit.

Attribute names are the keys of the file; docs/server.toml shows all of them. Paths are absolute once
`vfx_swap.service.server_file.load_settings` has read them.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from vfx_swap.service.addresses import Address
from vfx_swap.settings.shot import Table

__all__ = [
    "CHUNK_BYTES",
    "SERVER_SCHEMA",
    "Keepalive",
    "Limits",
    "Log",
    "Metrics",
    "PathMap",
    "RootFolders",
    "ServerSettings",
    "SharedMemory",
    "Tls",
]

SERVER_SCHEMA = "vfx_swap/server.1"
CHUNK_BYTES = 1 << 20
"""Most bytes of pixels in one message; fixed by the protocol."""
_GIB = 1 << 30

Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=4096)]
Texts: TypeAlias = Annotated[tuple[Text, ...], Field(strict=False, max_length=64)]


class PathMap(Table):
    """How a client's path is found here."""

    client: Text
    """How paths begin on the client: `Z:\\show`, `\\\\nas\\show`, `/Volumes/show`. The longest that fits is taken;
    Windows' are compared without regard to case and kind of slash."""
    server: Text
    """The folder that this is on the server."""


class RootFolders(Table):
    """Folders that paths of clients may lie in, after every link was followed; none: no paths are taken."""

    read: Texts = ()
    """Folders that are read."""
    write: Texts = ()
    """Folders that are written to and read. Only what the server's own user may write."""
    map: Annotated[tuple[PathMap, ...], Field(strict=False, max_length=256)] = ()
    """Clients' paths in the server's words, one `[[roots.map]]` each."""


class Tls(Table):
    """Certificates; needed for every address that other machines can reach. Unix sockets are never encrypted."""

    certificate: Text
    """PEM: the server's certificate, then those between it and the authority."""
    key: Text
    """PEM: its private key, unencrypted, which only the server's user may read."""
    client_ca: Text | None = None
    """PEM: authorities of client certificates. Given, every client must show one (mutual TLS)."""


class Limits(Table):
    """The most that is taken. What is more is refused by name."""

    message_bytes: int = Field(default=CHUNK_BYTES + 65536, ge=CHUNK_BYTES + 65536, le=1 << 28)
    """Bytes in one message: a chunk of 1 MiB and what stands around it."""
    metadata_bytes: int = Field(default=16384, ge=8192, le=1 << 20)
    """Bytes of HTTP/2 headers of one call."""
    header_bytes: int = Field(default=1 << 20, ge=4096, le=1 << 24)
    """Bytes of the first message of a stream: settings, names, attributes."""
    frame_side: int = Field(default=16384, ge=16, le=65536)
    """Pixels on a side of a frame."""
    frame_pixels: int = Field(default=16384 * 16384, ge=256, le=1 << 32)
    """Pixels of a frame."""
    streams_per_client: int = Field(default=32, ge=1, le=1024)
    """Streams that one client has open."""
    frames_in_flight: int = Field(default=4, ge=1, le=64)
    """Frames that one stream has under way at once: twice what a device does together is enough."""
    frame_memory_bytes: int = Field(default=8 * _GIB, ge=1 << 26, le=1 << 44)
    """Shared memory for frames under way, of all streams; a stream that wants more waits."""
    stall_seconds: float = Field(default=300.0, ge=1.0, le=86400.0)
    """A stream ends when its client sends nothing in the middle of a frame, or takes no answer, for this long."""
    calls: int = Field(default=1024, ge=1, le=65536)
    """Calls that are open at once, of all clients."""
    queued_tasks: int = Field(default=1024, ge=1, le=1_000_000)
    """Tasks that wait for a worker; one more is answered by `BUSY`, with a time to try again."""
    jobs_per_client: int = Field(default=100, ge=1, le=100_000)
    """Jobs of one client that are not finished."""
    jobs: int = Field(default=10_000, ge=1, le=1_000_000)
    """Jobs that are not finished, of all clients."""
    frames_per_job: int = Field(default=100_000, ge=1, le=10_000_000)
    """Frames of one job."""
    upload_bytes: int = Field(default=256 << 20, ge=1 << 16, le=1 << 36)
    """Bytes of one upload: an identity's photographs, a tracks file."""
    free_disk_bytes: int = Field(default=2 * _GIB, ge=0, le=1 << 50)
    """What must stay free of the disk of the state folder: frames that would take more are refused."""


class SharedMemory(Table):
    """Pixels through shared memory, for clients on this machine."""

    enabled: bool = False
    """Whether it is offered at all."""
    bytes: int = Field(default=2 * _GIB, ge=1 << 20, le=1 << 42)
    """Bytes that are leased at once, of all clients."""
    lease_seconds: float = Field(default=60.0, ge=1.0, le=86400.0)
    """A lease that no stream took up ends after this long."""


class Metrics(Table):
    """Numbers for Prometheus."""

    listen: Text | None = None
    """Loopback address they are served on by HTTP, under /metrics; absent: nowhere."""


class Keepalive(Table):
    """How a connection that says nothing is found alive or dead."""

    seconds: float = Field(default=60.0, ge=1.0, le=7200.0)
    """The server asks after this long."""
    timeout_seconds: float = Field(default=20.0, ge=1.0, le=600.0)
    """An answer must come within this."""
    client_seconds: float = Field(default=30.0, ge=0.1, le=7200.0)
    """A client may ask this often; one that asks oftener is sent away."""


class Log(Table):
    """What the server writes to stderr."""

    format: Literal["auto", "json", "text"] = "auto"
    """`json`: one object a line; `text`: for people; `auto`: text on a terminal, else json."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written."""


class ServerSettings(Table):
    """A server file."""

    schema_: Literal["vfx_swap/server.1"] = Field(alias="schema", default="vfx_swap/server.1")
    """Schema label of the file."""
    listen: Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=16)] = ("127.0.0.1:50051",)
    """Addresses: `HOST:PORT` or `unix:/path`. One that other machines can reach needs [tls] and `access`."""
    devices: Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=64)] = ("auto",)
    """One worker each: `cpu`, `cuda:N`, or `auto`: every GPU there is, else the CPU. `cpu` twice is two workers."""
    state: Text
    """Folder of what outlives the server: jobs, identities, working files. Made with mode 0700."""
    access: Text | None = None
    """File of tokens and certificate names with their roles; `vfx-swap token add` writes it. Absent: everyone may do
    everything, which only addresses of this machine allow."""
    grace_seconds: float = Field(default=60.0, ge=0.0, le=86400.0)
    """On SIGTERM, what is under way has this long to end; jobs go on after the next start."""
    roots: RootFolders = RootFolders()
    """Folders."""
    tls: Tls | None = None
    """Certificates."""
    limits: Limits = Limits()
    """Limits."""
    shared_memory: SharedMemory = SharedMemory()
    """Shared memory."""
    metrics: Metrics = Metrics()
    """Metrics."""
    keepalive: Keepalive = Keepalive()
    """Keepalive."""
    log: Log = Log()
    """Log."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """`listen`, read.

        Raises:
            UsageError: one is none; cannot be after `load_settings`.
        """
        return tuple(Address.parse(text) for text in self.listen)
