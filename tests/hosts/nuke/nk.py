"""A small reader of Nuke's script files: nodes, knobs, groups and who is plugged into whom.

A script is Tcl that builds a graph on a stack: a node takes its inputs from the top and lays itself there; `set NAME
[stack 0]` names the top, `push $NAME` lays a node there again, `push 0` nothing. A group's nodes stand between it and
its `end_group`, on a stack of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["NkNode", "UserKnob", "read_script", "walk", "words_of"]

GROUPS = frozenset({"Group", "LiveGroup", "Precomp"})
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(eq=False)
class UserKnob:
    """One `addUserKnob` line."""

    kind: int
    name: str
    settings: dict[str, str] = field(default_factory=dict)
    """`l` label, `t` tooltip, `M` menu, `R` range, `n` nesting."""
    flags: tuple[str, ...] = ()


@dataclass(eq=False)
class NkNode:
    """One node."""

    kind: str
    knobs: dict[str, str] = field(default_factory=dict)
    user_knobs: list[UserKnob] = field(default_factory=list)
    inputs: list[NkNode | None] = field(default_factory=list)
    nodes: list[NkNode] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As the script says it; the script itself is `root`."""
        return self.knobs.get("name", "")

    def node(self, name: str) -> NkNode:
        """A node in this group."""
        return next(node for node in self.nodes if node.name == name)


def read_script(text: str) -> NkNode:
    """The script as a group that holds its nodes.

    Raises:
        ValueError: it is no such script.
    """
    script = NkNode("Script", {"name": "root"})
    open_groups: list[tuple[NkNode, list[NkNode | None], dict[str, NkNode | None]]] = [(script, [], {})]
    for words in _commands(text):
        group, stack, names = open_groups[-1]
        head = words[0][1]
        if head == "set" and len(words) == 3 and words[2][1] == "stack 0":
            names[words[1][1]] = stack[-1]
        elif head == "push":
            word = words[1][1]
            stack.append(names[word[1:]] if word.startswith("$") else None)
        elif head == "end_group":
            if len(open_groups) == 1:
                raise ValueError("end_group without a group")
            open_groups.pop()
        elif len(words) == 2 and words[1][0] == "{" and re.fullmatch(r"[A-Z][\w.]*", head):
            node = _node(head, words[1][1])
            count = int(node.knobs.pop("inputs", "1").partition("+")[0])
            node.inputs = [stack.pop() if stack else None for _ in range(count)]
            group.nodes.append(node)
            if head != "Root":
                stack.append(node)
            if head in GROUPS:
                open_groups.append((node, [], {}))
    if len(open_groups) != 1:
        raise ValueError(f"group {open_groups[-1][0].name!r} has no end_group")
    return script


def walk(node: NkNode) -> Iterator[NkNode]:
    """A node and all within."""
    yield node
    for inner in node.nodes:
        yield from walk(inner)


def words_of(text: str) -> list[str]:
    """The Tcl words of one line, or of a braced list."""
    return [value for line in _commands(text.replace("\n", " ")) for _, value in line]


def _node(kind: str, body: str) -> NkNode:
    node = NkNode(kind)
    for words in _commands(body):
        name, value = words[0][1], " ".join(value for _, value in words[1:])
        if name == "addUserKnob":
            node.user_knobs.append(_user_knob(value))
        else:
            node.knobs[name] = value
    return node


def _user_knob(text: str) -> UserKnob:
    words = words_of(text)
    knob = UserKnob(int(words[0]), words[1])
    rest = iter(words[2:])
    for word in rest:
        if word[0] in "+-" and word[1:].isupper():
            knob.flags = (*knob.flags, word)
        elif word == "R":
            knob.settings["R"] = f"{next(rest)} {next(rest)}"
        else:
            knob.settings[word] = next(rest)
    return knob


def _commands(text: str) -> Iterator[list[tuple[str, str]]]:
    """Lines of words; each word with how it was quoted: `{`, `"`, `[` or nothing."""
    at, line = 0, list[tuple[str, str]]()
    while at < len(text):
        mark = text[at]
        if mark in "\n;":
            if line:
                yield line
            at, line = at + 1, []
        elif mark.isspace():
            at += 1
        elif mark == "#" and not line:
            at = (text + "\n").index("\n", at)
        elif mark in '{["':
            end = _end(text, at)
            value = text[at + 1 : end]
            line.append((mark, _plain(value) if mark == '"' else value))
            at = end + 1
        else:
            found = re.compile(r"(?:\\.|[^\s;])+").match(text, at)
            assert found is not None
            line.append(("", _plain(found[0])))
            at = found.end()
    if line:
        yield line


def _end(text: str, start: int) -> int:
    """Where the word that opens here closes."""
    opening, at, depth = text[start], start + 1, 1
    closing = {"{": "}", "[": "]", '"': '"'}[opening]
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == closing:
            depth -= 1
            if depth == 0:
                return at
        elif text[at] == opening:
            depth += 1
        at += 1
    raise ValueError(f"a {opening} at {start} is not closed")


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), text, flags=re.DOTALL)
