"""Scripts of the fake Nuke as text, as Nuke lays them out, and back."""

from __future__ import annotations

from typing import Any

from tests.hosts.nuke.fake_graph import CLASSES, Group, Node, line_of
from tests.hosts.nuke.fake_knobs import FLAGS, knob_from_line
from tests.hosts.nuke.nk import NkNode

__all__ = ["add_nodes", "written"]

SHOWN_FLAGS = ("INVISIBLE", "DISABLED")


def written(group: Group, nodes: list[Node] | None = None, *, indent: str = "") -> str:
    """The nodes of a group, those that others need first."""
    wanted = group.nodes() if nodes is None else nodes
    order: list[Node] = []
    for node in wanted:
        _after_inputs(node, wanted, order)
    lines: list[str] = []
    stack: list[Node | None] = []
    for node in order:
        count, needs = _count(node), [node.input(i) if node.input(i) in wanted else None for i in range(_count(node))]
        for needed in reversed(needs):
            if needs != [stack[-1] if stack else None] or needed is None:
                lines.append(f"push ${_label(needed)}" if needed is not None else "push 0")
                stack.append(needed)
        lines += _node_lines(node, count)
        if isinstance(node, Group):
            lines += [f" {line}" for line in written(node).splitlines()] + ["end_group"]
        del stack[len(stack) - count :]
        stack.append(node)
        if sum(node in [other.input(i) for i in range(_count(other))] for other in order) > 0:
            lines.append(f"set {_label(node)} [stack 0]")
    return "".join(f"{indent}{line}\n" for line in lines)


def _after_inputs(node: Node, wanted: list[Node], order: list[Node]) -> None:
    if node in order:
        return
    for index in range(_count(node)):
        above = node.input(index)
        if above is not None and above in wanted:
            _after_inputs(above, wanted, order)
    order.append(node)


def _count(node: Node) -> int:
    used = [index + 1 for index, one in enumerate(node._inputs) if one is not None]
    return max([CLASSES.get(node.Class(), (1,))[0], *used])


def _label(node: Node) -> str:
    return f"N{sum(map(ord, node._name())) * 2654435761 % 2**28:07x}"


def _node_lines(node: Node, count: int) -> list[str]:
    lines = [f"{node.Class()} {{"]
    if count != 1:
        lines.append(f" inputs {count}")
    own = [one for one in node.allKnobs() if not one._user and one.name() != "name"]
    lines += [f" {one.name()} {_value(one)}" for one in own if one._saved() and one.name() != "selected"]
    lines.insert(len(lines), f" name {node.name()}")
    for knob in (one for one in node.allKnobs() if one._user):
        flags = [f"+{name}" for name in SHOWN_FLAGS if knob.getFlag(FLAGS[name])]
        if knob.starts_line != knob.getFlag(FLAGS["STARTLINE"]):
            flags.append("-STARTLINE" if knob.starts_line else "+STARTLINE")
        lines.append(f" addUserKnob {{{' '.join([line_of(knob), *flags])}}}")
        if knob._saved():
            lines.append(f" {knob.name()} {_value(knob)}")
    return [*lines, "}"]


def _value(knob: Any) -> str:
    if knob.name() == "tile_color":
        return f"0x{knob._held:08x}"
    return str(knob.toScript())


def add_nodes(group: Group, script: NkNode, host: Any) -> list[Node]:
    """What a script holds, put into a group of the graph."""
    made: dict[NkNode, Node] = {}
    for described in script.nodes:
        if described.kind == "Root":
            for name, value in described.knobs.items():
                if name in host.root._knobs and name != "name":
                    host.root._knobs[name].fromScript(value)
            continue
        node = host.make(described.kind, group)
        if described.name and group._free(described.name) != node._name():
            node.setName(described.name)
        _fill(node, described)
        node._inputs = [made.get(one) if one is not None else None for one in described.inputs]
        if isinstance(node, Group):
            add_nodes(node, described, host)
        made[described] = node
    return list(made.values())


def _fill(node: Node, described: NkNode) -> None:
    for line in described.user_knobs:
        node._adopt(knob_from_line(line.kind, line.name, line.settings, line.flags), user=True)
    order = sorted(described.knobs.items(), key=lambda one: one[0] != "file_type")
    for name, value in order:
        if name == "name":
            continue
        knob = node._knobs[name]
        if name == "tile_color":
            knob._held = int(value, 16)
        else:
            knob.fromScript(value)
        if name == "file_type":
            node._changed(knob)
