"""Stubs of the services whose streams carry pixels: chunks go by `ChunkCodec`, all else as generated code has it."""

from __future__ import annotations

from typing import Any

from vfx_swap.service import wire
from vfx_swap.service.codec import ChunkCodec

__all__ = ["frame_stub", "parse_stub", "track_stub"]


def frame_stub(channel: Any) -> Any:
    """FrameService over a `grpc.aio` channel."""
    stub = wire.frames_grpc.FrameServiceStub(channel)
    request, response = wire.frames.ProcessFramesRequest, wire.frames.ProcessFramesResponse
    stub.ProcessFrames = _stream(channel, wire.frames, "FrameService/ProcessFrames", request, response)
    return stub


def parse_stub(channel: Any) -> Any:
    """ParseService over a `grpc.aio` channel."""
    stub = wire.parse_grpc.ParseServiceStub(channel)
    request, response = wire.parse.ParseFramesRequest, wire.parse.ParseFramesResponse
    stub.ParseFrames = _stream(channel, wire.parse, "ParseService/ParseFrames", request, response)
    return stub


def track_stub(channel: Any) -> Any:
    """TrackService over a `grpc.aio` channel."""
    stub = wire.track_grpc.TrackServiceStub(channel)
    request, response = wire.track.TrackPlateRequest, wire.track.TrackPlateResponse
    stub.TrackPlate = _stream(channel, wire.track, "TrackService/TrackPlate", request, response)
    return stub


def _stream(channel: Any, module: Any, method: str, request: Any, response: Any) -> Any:
    holds_chunks = "chunk" in response.DESCRIPTOR.fields_by_name
    return channel.stream_stream(
        f"/{module.DESCRIPTOR.package}.{method}",
        request_serializer=ChunkCodec(request).encode,
        response_deserializer=ChunkCodec(response).decode if holds_chunks else response.FromString,
    )
