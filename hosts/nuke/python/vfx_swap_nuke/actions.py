"""What buttons and menus do. Each shows what goes wrong where the artist looks, and raises nothing into Nuke."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.node import all_nodes, badge, find, is_ours, record, say, set_record

__all__ = [
    "cancel", "check", "check_all", "create", "create_from_toolset", "load_light", "pick_identity", "range_from_input",
    "reload_options", "render", "resume", "resume_all", "reveal", "shuffle_out",
]  # fmt: skip

Answer = TypeVar("Answer")


def _told(call: Callable[[Any], None]) -> Callable[..., None]:
    """The action of a button: for the node that is given, or whose button it is."""

    @functools.wraps(call)
    def action(node: Any = None) -> None:
        group = nuke.thisNode() if node is None else node
        if not is_ours(group):
            _show("this is no VfxSwap node")
            return
        try:
            call(group)
        except Exception as error:  # noqa: BLE001  # Nuke would show a stack of calls
            text = str(error) or type(error).__name__
            say(group, text)
            _show(f"{group.fullName()}: {text}")

    return action


def _show(text: str) -> None:
    if nuke.GUI:
        nuke.message(text)
    else:
        nuke.tprint(text)


def create() -> Any:
    """A node below what is selected; its options come when the agent has answered."""
    from vfx_swap_nuke.node import create as make

    group = make()
    reload_options(group)
    return group


def create_from_toolset() -> Any:
    """The node as the toolset has it: with this version's options, no agent asked."""
    here = os.path.dirname(os.path.abspath(__file__))  # a path as text is what Nuke takes
    top = os.path.dirname(os.path.dirname(here))
    return nuke.loadToolset(os.path.join(top, "toolsets", "VfxSwap.nk").replace("\\", "/"))


@_told
def render(group: Any) -> None:
    """Render: here, on the server, or as a job for the farm."""
    from vfx_swap_nuke.progress import render_here, running, start
    from vfx_swap_nuke.work import prepare

    if running(group.fullName()) is not None:
        raise RuntimeError("it is being rendered; press Cancel first")
    work = prepare(group)
    if group[names.WHERE].value() == names.FARM:
        from vfx_swap_nuke.farm import write_jobs

        folders = write_jobs(work)
        set_record(group, work.record(state="submitted"))
        badge(group, f"v{work.record(state='')['version']:03d} farm job")
        say(group, f"job written: {', '.join(folders)}. Submit it; then switch on 'show result'.")
        _show_farm_result(group, work)
    elif nuke.GUI:
        start(work)
    else:
        render_here(work)


def _show_farm_result(group: Any, work: Any) -> None:
    """Where the frames will be, but not shown before they are there."""
    from vfx_swap_nuke.node import show_result

    show_result(group, pattern=work.pattern, first=work.first, last=work.last, space=work.space, raw=work.raw)
    group[names.USE_RESULT].setValue(False)


@_told
def cancel(group: Any) -> None:
    """Stop the node's render after the frame in hand."""
    from vfx_swap_nuke.progress import running

    thread = running(group.fullName())
    if thread is None:
        say(group, "nothing is being rendered")
        return
    thread.cancel()
    say(group, "stopping after the frame in hand")


@_told
def resume(group: Any) -> None:
    """Go on with a render that was interrupted: frames that are current are skipped."""
    from vfx_swap_nuke.progress import render_here, running, start
    from vfx_swap_nuke.work import restored

    if running(group.fullName()) is not None:
        raise RuntimeError("it is being rendered")
    kept = record(group)
    if kept.get("state") not in ("running", "cancelled", "failed"):
        raise RuntimeError("there is no render to go on with")
    work = restored(group.fullName(), kept)
    begun = kept if kept["state"] == "running" else {}
    if nuke.GUI:
        start(work, begun)
    else:
        render_here(work, begun)


def resume_all() -> None:
    """Every render of the script that was interrupted."""
    for node in all_nodes():
        if record(node).get("state") == "running":
            resume(node)


@_told
def check(group: Any) -> None:
    """Tell what is wrong; repair what can be, if the artist says so."""
    from vfx_swap_nuke.checks import problems, repair

    found = problems(group)
    if not found:
        say(group, "nothing is wrong")
        return
    text = "\n".join(f"- {one.what}. {one.mend}." for one in found)
    can = [one for one in found if one.repair is not None]
    if not can:
        _show(text)
    elif not nuke.GUI or nuke.ask(f"{text}\n\nRepair {len(can)} of {len(found)} now?"):
        done = repair(group)
        say(group, f"repaired: {', '.join(one.key for one in done)}")
        return
    say(group, f"{len(found)} to look at: {found[0].what}")


def load_light() -> None:
    """Ask for a light.json, and make DirectLights of it."""
    from vfx_swap_nuke.lights import load

    path = nuke.getFilename("Light of the plate", "*.json")
    if not path:
        return
    try:
        made = load(str(path))
    except Exception as error:  # noqa: BLE001  # Nuke would show a stack of calls
        _show(str(error) or type(error).__name__)
        return
    _show(f"made {', '.join(made)}; plug the plate's camera into each, if it is not, and them into the scene")


def check_all() -> None:
    """Check every node of the script."""
    for node in all_nodes():
        check(node)


@_told
def range_from_input(group: Any) -> None:
    """Take the input's range."""
    from vfx_swap_nuke.checks import range_from_input as take

    take(group)


@_told
def shuffle_out(group: Any) -> None:
    """A branch for every layer of the result."""
    from vfx_swap_nuke.layers import shuffle_out as make

    made = make(group)
    say(group, f"made {', '.join(made)}" if made else "every layer has its branch")


@_told
def reveal(group: Any) -> None:
    """Show the folder of the results."""
    from vfx_swap_nuke.outputs import output_of
    from vfx_swap_nuke.plate import in_view, wanted_views

    folder = in_view(output_of(group), wanted_views(group)[0]).rpartition("/")[0]
    if not os.path.isdir(folder):  # as text
        raise RuntimeError(f"there is no folder {folder or '(no output is named)'} yet")
    command = {"win32": "explorer", "darwin": "open"}.get(sys.platform, "xdg-open")
    if nuke.GUI:
        subprocess.Popen([command, os.path.normpath(folder)])  # noqa: S603  # the folder is one argument
    else:
        nuke.tprint(folder)


@_told
def reload_options(group: Any) -> None:
    """Ask the agent what can be set, and make the node's knobs so."""
    from vfx_swap_nuke.ask import options

    say(group, "asking the agent what can be set")
    _ask(group, options, _set_options)


def _set_options(name: str, answer: Any) -> None:
    from vfx_swap_nuke.knobs import refresh

    node = find(name)
    if node is not None:
        refresh(node, answer)
        say(node, "ready")


@_told
def pick_identity(group: Any) -> None:
    """Choose among the identities that are known, each with the state of its consent."""
    from vfx_swap_nuke.ask import identities

    say(group, "asking for identities")
    _ask(group, identities, _choose)


def _choose(name: str, found: Any) -> None:
    node = find(name)
    if node is None:
        return
    if not found:
        say(node, "no identities are known there; write the path of a pack into the knob, or create one")
        return
    chosen = (
        nuke.choice("Identity", "Who goes in", [f"{one.name}: {one.consent}" for one in found]) if nuke.GUI else None
    )
    if chosen is not None:
        node[names.IDENTITY].setValue(found[chosen].path)
        node[names.CONSENT].setValue(found[chosen].consent)
    say(node, "ready")


def _ask(group: Any, question: Callable[[str, Any], Answer], use: Callable[[str, Answer], None]) -> None:
    """Ask the agent in a thread, and use the answer in the main thread; in a terminal session at once."""
    from vfx_swap_nuke import colour
    from vfx_swap_nuke.progress import in_main

    served = group[names.WHERE].value() == names.SERVED
    server = (str(group[names.SERVER].value()).strip() or os.environ.get("VFX_SWAP_SERVER", "")) if served else ""
    name, environment = group.fullName(), colour.environment()

    def work() -> None:
        try:
            answer = question(server, environment)
        except Exception as error:  # noqa: BLE001  # whatever it is, the artist reads it on the node
            in_main(_say_to, name, str(error))
        else:
            in_main(use, name, answer)

    if nuke.GUI:
        threading.Thread(target=work, name=f"vfx-swap asks for {name}", daemon=True).start()
    else:
        work()


def _say_to(name: str, text: str) -> None:
    node = find(name)
    if node is not None:
        say(node, text)
