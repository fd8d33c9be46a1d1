"""W3C trace context: taken from a call's metadata, handed on to workers. Spans are real where the studio configured an
OpenTelemetry SDK, and cost next to nothing where it did not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vfx_swap.service.calls import Call

__all__ = ["TRACE_KEYS", "continued", "server_span", "trace_headers"]

TRACE_KEYS = ("traceparent", "tracestate")
"""https://www.w3.org/TR/trace-context/"""
_TRACER = "vfx_swap.service"


@contextlib.contextmanager
def server_span(
    call: Call, metadata: Iterable[tuple[str, Any]]
) -> Iterator[None]:  # Any: text, or bytes of binary keys
    """The span of a call, below the client's where it sent one; `call.trace` is what to hand on."""
    from opentelemetry import trace

    service, _, method = call.method.lstrip("/").partition("/")
    sent = {key: value for key, value in metadata if key in TRACE_KEYS and isinstance(value, str)}
    # Names of attributes: OpenTelemetry's semantic conventions for RPC.
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method, "vfx_swap.request_id": call.id}
    with trace.get_tracer(_TRACER).start_as_current_span(
        call.method.lstrip("/"), context=_context_of(sent), kind=trace.SpanKind.SERVER, attributes=attributes
    ):
        call.trace = trace_headers()
        yield


def trace_headers() -> dict[str, str]:
    """The current trace context as `traceparent` and `tracestate`; empty where there is none. Goes into the body of a
    worker's task.
    """
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


@contextlib.contextmanager
def continued(headers: Mapping[str, str], *, name: str) -> Iterator[None]:
    """In a worker: a span below the one that `headers` tell of, while the block runs."""
    from opentelemetry import trace

    with trace.get_tracer(_TRACER).start_as_current_span(name, context=_context_of(headers)):
        yield


def _context_of(headers: Mapping[str, str]) -> Any:  # Any: OpenTelemetry's Context
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    # Onto an empty context: what this process was doing before is no parent of a client's call.
    return TraceContextTextMapPropagator().extract(dict(headers), context=Context())
