"""What the tests stand on: the reader of scripts, the stub, and a fake that offers nothing the stub lacks."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest

from tests.hosts.nuke import fake_graph, fake_knobs
from tests.hosts.nuke.conftest import Session
from tests.hosts.nuke.fake_nuke import KNOBS, STUB, FakeNuke, MainThreadError
from tests.hosts.nuke.nk import read_script, walk
from tests.hosts.nuke.stub import fits

SCRIPT = r"""
#! /usr/local/Nuke14.0v5/nuke-14.0.5 -nx
version 14.0 v5
define_window_layout_xml {<?xml version="1.0"?> <layout> { } </layout>}
Root {
 inputs 0
 name /show/comp.nk
 format "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)"
}
add_layer {matte_1 matte_1.alpha}
Read {
 inputs 0
 file "/show/a plate/x_\[one].%04d.exr"
 label "line one\nline \"two\""
 name Read1
}
set N1a [stack 0]
Dot {
 name Dot1
}
push $N1a
push 0
Merge2 {
 inputs 3+1
 name Merge1
}
Group {
 name Group1
 addUserKnob {20 User l "The User"}
 addUserKnob {4 what l "What now" t "a {tip}" M {one "two three"} +STARTLINE}
 what "two three"
 addUserKnob {7 much R -1 4}
}
 Input {
  inputs 0
  name Input1
 }
 Group {
  name Inner
 }
  Input {
   inputs 0
   name Input1
  }
 end_group
 Output {
  name Output1
 }
end_group
Viewer {
 frame {{root.first_frame}}
 name Viewer1
}
"""
"""In the layout that Nuke writes; made up, none of Nuke's own files."""


def test_the_reader_reads_what_nuke_writes() -> None:
    script = read_script(SCRIPT)
    assert [node.name for node in script.nodes] == ["/show/comp.nk", "Read1", "Dot1", "Merge1", "Group1", "Viewer1"]
    read, dot, merge, group, viewer = script.nodes[1:]
    assert read.knobs["file"] == "/show/a plate/x_[one].%04d.exr"
    assert read.knobs["label"] == 'line one\nline "two"'
    assert dot.inputs == [read]
    assert merge.inputs == [None, read, dot], "the top of the stack is input 0"
    assert group.inputs == [merge]
    assert viewer.inputs == [group]
    assert viewer.knobs["frame"] == "{root.first_frame}"
    what = group.user_knobs[1]
    assert (what.kind, what.settings, what.flags) == (
        4, {"l": "What now", "t": "a {tip}", "M": 'one "two three"'}, ("+STARTLINE",)
    )  # fmt: skip
    assert group.user_knobs[2].settings["R"] == "-1 4"
    assert group.knobs["what"] == "two three"
    assert group.node("Output1").inputs == [group.node("Inner")]
    assert [node.name for node in walk(group)] == ["Group1", "Input1", "Inner", "Input1", "Output1"]


@pytest.mark.parametrize("text", ["end_group", "Group {\n name G\n}\n", "Read {\n file {a\n}", 'Read {\n file "a\n}'])
def test_a_broken_script_is_no_script(text: str) -> None:
    with pytest.raises(ValueError, match=r"end_group|not closed"):
        read_script(text)


def test_the_stub_says_what_may_be_called() -> None:
    assert fits(STUB.execute, "Write1", 1, 2, 1, views=["main"])
    assert fits(STUB.execute, "Write1", object(), views=["main"])
    assert not fits(STUB.execute, "Write1", 1, 2, 1, view="main")
    assert not fits(STUB.Node.setInput, object(), 0)
    assert len([name for name in vars(STUB) if not name.startswith("_")]) > 380


def test_the_fake_offers_nothing_that_the_stub_lacks() -> None:
    module = FakeNuke().module
    annotated = set(getattr(STUB, "__annotations__", {}))
    ours = {name for name in vars(module) if not name.startswith("_")}
    assert ours - set(vars(STUB)) - annotated == set()
    assert len(ours) > 40
    for name in (*KNOBS, "Node", "Group", "Root"):
        kind = getattr(fake_knobs, name, None) or getattr(fake_graph, name)
        public = {key for key, _ in inspect.getmembers(kind, callable) if not key.startswith("_")}
        assert public - set(dir(getattr(STUB, name))) == set(), name


def test_a_call_that_the_stub_does_not_know_is_an_error(gui: Session) -> None:
    nuke: Any = gui.nuke
    with pytest.raises(AssertionError, match=r"nuke\.execute"):
        nuke.execute("Write1", 1, 2, view="main")
    with pytest.raises(AssertionError, match=r"Node\.setInput"):
        nuke.nodes.Dot().setInput(0)
    with pytest.raises(AttributeError):
        nuke.usingOcio()


def test_what_crashes_or_hangs_nuke_is_an_error(gui: Session) -> None:
    nuke: Any = gui.nuke
    with pytest.raises(MainThreadError, match="hangs"):
        nuke.executeInMainThread(print)
    dot = nuke.nodes.Dot()
    raised: list[BaseException] = []

    def elsewhere() -> None:
        for call in (lambda: dot["label"].setValue("x"), lambda: dot.setInput(0, None), nuke.nodes.Dot):
            try:
                call()
            except MainThreadError as error:
                raised.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(raised) == 3
    nuke.delete(dot)
    with pytest.raises(ValueError, match="not attached"):
        dot.name()
    with pytest.raises(NameError, match="does not exist"):
        nuke.nodes.Write()["datatype"]  # it comes with the file type
