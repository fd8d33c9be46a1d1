"""The bridge's agent: the real one, as a process; and programs that only pretend."""

from __future__ import annotations

import ast
import os
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vfx_swap_bridge.agent import Agent, AgentError
from vfx_swap_bridge.describe import for_engine, knobs_of
from vfx_swap_bridge.identities import consent_text, list_identities
from vfx_swap_bridge.jobs import Job
from vfx_swap_bridge.program import VARIABLE, agent_command, agent_environment

from tests.conftest import ROOT
from tests.pipeline.shot_fakes import ALL, make_identity, make_shot, slow_swap, tools
from tests.service.servers import served_from_a_thread
from vfx_swap.settings import Shot

BRIDGE = ROOT / "hosts" / "bridge" / "vfx_swap_bridge"
SECONDS = 60.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with served_from_a_thread(tmp_path / "show", tools(swap_frame=slow_swap(0.25))) as address:
        yield address


def values(shot: Shot) -> dict[str, Any]:
    return shot.model_dump(mode="json", by_alias=True, exclude_none=True)


def pretender(folder: Path, code: str) -> list[str]:
    """A program that is no vfx-swap."""
    path = folder / "pretender.py"
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    return [sys.executable, "-I", str(path)]


def test_it_starts_and_answers_and_ends(served: str) -> None:
    with Agent(sys.executable, server=served) as agent:
        assert agent.version
        assert agent.request("info")["info"]["who"] == "local"
        both = [agent.begin("info"), agent.begin("jobs")]
        assert both[1].wait(SECONDS) == {"jobs": []}
        assert both[0].wait(SECONDS)["info"]
        with pytest.raises(AgentError, match="no request 'dance'") as refused:
            agent.request("dance")
        assert refused.value.kind == "ProtocolError"
        assert refused.value.mend in str(refused.value)
    with pytest.raises(AgentError) as gone:
        agent.begin("info")
    assert gone.value.kind == "AgentEnded"
    agent.close()


def test_libraries_of_the_host_never_reach_it(served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poison = tmp_path / "poison"
    poison.mkdir()
    for name in ("json.py", "grpc.py", "sitecustomize.py", "numpy.py"):
        (poison / name).write_text("raise SystemExit('poisoned')", encoding="utf-8")
    (poison / "libz.so.1").write_bytes(b"no library")
    for name in ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "QT_PLUGIN_PATH"):
        monkeypatch.setenv(name, str(poison))
    monkeypatch.setenv("LD_PRELOAD", str(poison / "none.so"))
    monkeypatch.setenv("VFX_SWAP_TOKEN", "ours")
    monkeypatch.setenv("OCIO", "the show's")
    left = agent_environment({"MORE": "1"})
    assert not {"PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "QT_PLUGIN_PATH"} & set(left)
    assert (left["VFX_SWAP_TOKEN"], left["OCIO"], left["MORE"]) == ("ours", "the show's", "1")
    monkeypatch.delenv("OCIO")
    with Agent(sys.executable, server=served) as agent:
        assert agent.request("info")["info"]["who"] == "local"


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "with space é"
    folder.mkdir()
    program = folder / "vfx-swap"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert agent_command(str(program), server="h:1") == [str(program), "agent", "--server", "h:1"]
    assert agent_command(f'"{program}" -x') == [str(program), "-x", "agent"]
    assert agent_command([str(program), "a b"]) == [str(program), "a b", "agent"]
    assert agent_command(sys.executable)[1:] == ["-I", "-m", "vfx_swap", "agent"]
    monkeypatch.setenv(VARIABLE, str(program))
    assert agent_command() == [str(program), "agent"]
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("PATH", str(folder))
    assert agent_command("") == [str(program), "agent"]
    monkeypatch.setenv("PATH", str(tmp_path))
    for wanted in (None, "vfx-swap-9", str(tmp_path / "gone")):
        with pytest.raises(AgentError) as missing:
            agent_command(wanted)
        assert missing.value.kind == "AgentMissing"
        assert VARIABLE in missing.value.mend


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("import sys; print('no GPU', file=sys.stderr); sys.exit(4)", "AgentEnded", "exit code 4:\nno GPU"),
        ("print('hello, I am a shell')", "AgentEnded", "hello, I am a shell"),
        (
            """
            import json, sys
            for line in sys.stdin:
                print(json.dumps({"id": json.loads(line)["id"], "ok": {"protocol": 9, "version": "7.0"}}), flush=True)
            """,
            "ProtocolError",
            "vfx-swap 7.0 speaks protocol 9, this adapter 1",
        ),
        (
            """
            import json, sys
            for line in sys.stdin:
                print(json.dumps({"id": json.loads(line)["id"], "error": {"what": "never heard of it"}}), flush=True)
            """,
            "AgentOther",
            "never heard of it",
        ),
    ],
)
def test_a_program_that_is_no_agent_of_ours_says_so(tmp_path: Path, code: str, kind: str, said: str) -> None:
    with pytest.raises(AgentError) as refused:
        Agent(pretender(tmp_path, code))
    assert refused.value.kind == kind
    assert said in str(refused.value)


def test_an_agent_that_dies_ends_every_request(tmp_path: Path) -> None:
    code = """
        import json, sys
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["request"] == "hello":
                print(json.dumps({"id": asked["id"], "ok": {"protocol": 1, "version": "1"}}), flush=True)
            elif asked["request"] == "die":
                print("out of memory", file=sys.stderr, flush=True)
                sys.exit(9)
    """
    agent = Agent(pretender(tmp_path, code))
    waiting, dying = agent.begin("render"), agent.begin("die")
    for one in (waiting, dying):
        with pytest.raises(AgentError, match="out of memory") as ended:
            one.wait(SECONDS)
        assert ended.value.kind == "AgentEnded"
    agent.close()


def test_a_silent_agent_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    code = """
        import json, sys
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["request"] == "hello":
                print(json.dumps({"id": asked["id"], "ok": {"protocol": 1, "version": "1"}}), flush=True)
    """
    with Agent(pretender(tmp_path, code)) as agent:
        with pytest.raises(AgentError) as silent:
            agent.request("info", seconds=0.05)
        assert silent.value.kind == "AgentSilent"


def test_a_render_is_followed_without_waiting(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show")
    with Agent(sys.executable, server=served) as agent:
        job = Job(agent, values(shot), frames="2-5")
        job.begin()
        told: list[tuple[int, int]] = []
        while job.pump():
            told.append((job.progress.done, job.progress.total))
            threading.Event().wait(0.01)
        assert job.result()["rendered"] == [2, 3, 4, 5]
        assert 4 in {total for _, total in told}
        assert job.progress.last_frame in (2, 3, 4, 5)
        assert job.progress.metrics
        assert "4 frames rendered" in job.sentence()
        assert job.id
        again = Job(agent, values(shot), frames="2-5")
        again.begin()
        assert again.wait()["skipped"] == [2, 3, 4, 5]


def test_a_render_is_stopped_and_says_so(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show")
    with Agent(sys.executable, server=served) as agent:
        job = Job(agent, values(shot))
        job.begin()
        while job.progress.done == 0:
            job.pump()
            threading.Event().wait(0.005)
        job.cancel()
        job.cancel()
        while job.pump():
            threading.Event().wait(0.01)
        with pytest.raises(AgentError) as ended:
            job.result()
        assert ended.value.kind == "CancelledError"
        assert job.sentence() == "cancelled"
        assert [one["state"] for one in agent.request("jobs")["jobs"]] == ["cancelled"]
    assert list(Path(shot.output).parent.glob("*.exr")), "what is written stays"


def test_work_outlives_the_host(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show")
    with Agent(sys.executable, server=served) as agent:
        job = Job(agent, values(shot))
        job.begin()
        while job.progress.done == 0:
            job.pump()
            threading.Event().wait(0.005)
        note = job.record()
    assert note["job"]
    with Agent(sys.executable, server=served) as later:
        assert later.alive
        taken_up = Job.restore(note, later)
        assert taken_up.wait()["rendered"] == list(ALL)
        assert len(later.request("jobs")["jobs"]) == 1, "it was watched, not begun again"
        forgotten = Job.restore({**note, "job": "0" * 32}, later)
        assert forgotten.wait()["skipped"] == list(ALL)
        with pytest.raises(AgentError, match="cannot be read"):
            Job.restore({"shot": 3}, later)


def test_problems_and_failures_are_sentences(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show")
    with Agent(sys.executable, server=served) as agent:
        job = Job(agent, {**values(shot), "lighting": {"tint": 9.0}})
        job.begin()
        with pytest.raises(AgentError, match=r"lighting\.tint") as wrong:
            job.wait()
        assert wrong.value.problems[0]["key"] == "lighting.tint"
        (tmp_path / "show" / "plates" / "plate.0003.exr").write_bytes(b"torn")
        job = Job(agent, values(shot))
        job.begin()
        with pytest.raises(AgentError) as torn:
            job.wait()
        assert [one["frame"] for one in torn.value.failures] == [3]
        assert "frame 3" in str(torn.value)
        assert job.failures[0][0] == 3


def test_knobs_are_what_the_agent_says(served: str) -> None:
    with Agent(sys.executable, server=served) as agent:
        knobs = {one.key: one for one in knobs_of(agent.request("options"))}
        assert list_identities(agent) == []
    light = knobs["lighting.exposure_stops"]
    assert (light.name, light.kind, light.minimum, light.maximum) == ("lighting_exposure_stops", "number", -20.0, 20.0)
    assert (light.group, knobs["cast[].strength"].group, knobs["engine"].group) == ("Lighting", "Identity", "Shot")
    assert for_engine(light, "anything")
    later = {"options": [{"key": "aura.glow", "kind": "wheel"}, {"no": "key"}, 3, {"key": "x", "engines": ["e"]}]}
    strange, one = knobs_of(later)
    assert (strange.kind, strange.label, strange.group, strange.minimum) == ("wheel", "Aura glow", "Aura", None)
    assert for_engine(one, "e")
    assert not for_engine(one, "f")


def test_identities_say_what_their_consent_is(served: str, tmp_path: Path) -> None:
    pack = Path(make_identity(tmp_path / "Ada.identity", name="Ada"))
    with Agent(sys.executable, server=served) as agent:
        agent.request("create_identity", name="ada", files=[str(pack)])
        [person] = list_identities(agent)
    assert (person.name, person.path, person.refused) == ("ada", "identities/ada", False)
    assert person.consent.startswith("consent valid")


def test_consent_in_words() -> None:
    from datetime import date

    today = date(2026, 3, 1)
    assert consent_text("valid", expires="2027-03-02T00:00:00+00:00", today=today) == "consent valid until 2027-03-01"
    assert consent_text("valid", expires="2026-03-02", today=today) == "consent expires in 1 day"
    assert consent_text("valid", expires="2026-03-01", today=today) == "consent expires today"
    assert consent_text("valid") == "consent valid"
    assert consent_text("expired", expires="2020-01-01") == "consent expired"
    assert consent_text("revoked") == "consent revoked"


@pytest.mark.parametrize("path", sorted(BRIDGE.glob("*.py")), ids=lambda path: path.name)
def test_it_is_of_the_standard_library_and_of_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] in sys.stdlib_module_names, f"{path.name} imports {name}"
    assert os.path.basename(BRIDGE) == "vfx_swap_bridge"
