"""The link between front and worker: whole messages whatever the cuts, nothing malformed taken, errors as they were."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.errors import (
    LimitError,
    ProtocolError,
)
from vfx_swap.service.link import MESSAGE_BYTES, Decoder, Link, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=4)


@given(MESSAGES, st.lists(st.integers(1, 40), min_size=1))
def test_messages_come_whole_however_the_bytes_are_cut(messages: list[dict[str, Any]], cuts: list[int]) -> None:
    data, decoder, found, at = b"".join(encode(one) for one in messages), Decoder(), [], 0
    while at < len(data):
        step = cuts[at % len(cuts)]
        found += decoder.feed(data[at : at + step])
        at += step
    assert found == messages
    assert not decoder.begun


@given(st.binary(max_size=200))
def test_whatever_comes_is_taken_or_refused(data: bytes) -> None:
    decoder = Decoder()
    try:
        for message in decoder.feed(data):
            assert isinstance(message, dict)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", MESSAGE_BYTES + 1),
        struct.pack(">I", 0),
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 3) + b'{"a',
        struct.pack(">I", 2) + b"\xff\xfe",
        struct.pack(">I", 200_000) + b"[" * 200_000,
    ],
)
def test_malformed_frames_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Decoder().feed(data)


def test_a_message_that_was_cut_off_is_seen() -> None:
    decoder = Decoder()
    assert decoder.feed(encode({"type": "beat"})[:-1]) == []
    assert decoder.begun


def test_too_large_or_not_json_is_not_sent() -> None:
    with pytest.raises(LimitError):
        encode({"text": "x" * MESSAGE_BYTES})
    with pytest.raises(ProtocolError):
        encode({"bytes": b"raw"})


def test_threads_send_whole_messages() -> None:
    here, there = socket.socketpair()
    sender, receiver, count = Link(here), Link(there), 50

    def send(name: str) -> None:
        for index in range(count):
            sender.send({"name": name, "index": index, "padding": "x" * 5000})

    threads = [threading.Thread(target=send, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    found: dict[str, list[int]] = {"a": [], "b": []}
    for _ in range(2 * count):
        message = receiver.receive()
        assert message is not None
        found[message["name"]].append(message["index"])
    for thread in threads:
        thread.join()
    sender.close()
    assert receiver.receive() is None
    receiver.close()
    assert found == {"a": list(range(count)), "b": list(range(count))}
