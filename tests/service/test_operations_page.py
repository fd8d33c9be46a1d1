"""What docs/operations.md, docs/server.toml and packaging/ say is what the server does."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.conftest import ROOT
from vfx_swap import errors
from vfx_swap.cli.app import run
from vfx_swap.service.access import ROLES
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.server_file import draft_settings
from vfx_swap.service.settings import ServerSettings
from vfx_swap.service.status import REASONS
from vfx_swap.settings.messages import fields_of, table_of

PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs/server.toml"
WHOLE = re.sub(r"^# ?(?=\w+ = )", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
"""The example with every default that stands behind `#` taken in."""
UNIT = ROOT / "packaging/vfx-swap.service"


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in fields_of(model).items():
        inner = table_of(field)
        found |= {f"{prefix}{name}"} if inner is None else keys(inner, f"{prefix}{name}.")
    return found


def held(values: object, prefix: str = "") -> set[str]:
    if isinstance(values, list) and values and isinstance(values[0], dict):
        values = values[0]
    if not isinstance(values, dict):
        return {prefix.rstrip(".")}
    return {key for name, value in values.items() for key in held(value, f"{prefix}{name}.")}


def test_the_example_shows_every_key() -> None:
    assert held(tomllib.loads(WHOLE)) == keys(ServerSettings)


def test_what_stands_behind_a_hash_is_the_default() -> None:
    live = ServerSettings.model_validate(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))
    assert ServerSettings.model_validate(tomllib.loads(WHOLE)) == live


def test_the_example_is_in_order_but_for_what_is_not_here() -> None:
    problems = draft_settings(EXAMPLE).problems
    missing = re.compile(r"there is no|cannot read|No such file|no such|cannot be written|must belong|can be reached")
    assert [one for one in problems if not missing.search(one.what)] == []
    files = {"roots.read", "roots.write", "tls.certificate", "tls.key", "tls.client_ca", "access", "state"}
    assert {one.key.partition("[")[0] for one in problems} <= files


def test_every_metric_stands_in_its_table_and_no_other() -> None:
    families = Metrics().registry.collect()
    real = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    assert set(re.findall(r"^\| `(vfx_swap_\w+)", PAGE, flags=re.MULTILINE)) == real


def test_every_reason_that_a_running_server_gives_is_explained() -> None:
    table = PAGE.partition("## What each refusal means")[2]
    told = set(re.findall(r"`([A-Z_]{4,})`", table))
    refusals = (errors.RefusedError, errors.BusyError, errors.LimitError, errors.ProtocolError)
    wanted = {name for name, kind in REASONS.items() if issubclass(kind, refusals)} - {"REFUSED"}
    assert wanted <= told
    assert told <= set(REASONS)
    for name in told:
        row = next(line for line in table.splitlines() if f"`{name}`" in line)
        assert row.split("|")[2].strip() == REASONS[name].grpc_status, name


def test_every_role_is_explained() -> None:
    section = PAGE.partition("## Who may do what")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == set(ROLES)


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's keys have capitals
    parser.read(UNIT, encoding="utf-8")
    return parser


@pytest.mark.parametrize("key", ["ExecStart", "ExecStartPre"])
def test_the_unit_s_commands_are_the_program_s(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(unit()["Service"][key])
    assert words[0].endswith("/.venv/bin/vfx-swap")
    monkeypatch.chdir(tmp_path)
    here = [str(tmp_path / "no.toml") if word.startswith("/etc") else word for word in words[1:]]
    assert run(here) == 2, "its options are known, and the file is not here"
    assert "there is no such server file" in capsys.readouterr().err


def test_the_unit_and_the_example_fit_each_other() -> None:
    service = unit()["Service"]
    values = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert service["Type"] == "notify"
    assert float(service["TimeoutStopSec"]) > ServerSettings.model_fields["grace_seconds"].default
    assert values["state"] == f"/var/lib/{service['StateDirectory']}"
    assert service["StateDirectoryMode"] == service["RuntimeDirectoryMode"] == "0700"
    assert service["ReadOnlyPaths"].split() == values["roots"]["read"]
    assert service["ReadWritePaths"].split() == values["roots"]["write"]


def test_the_image_says_that_it_was_not_built_and_uses_the_project_s_own_setup() -> None:
    text = (ROOT / "packaging/Dockerfile").read_text(encoding="utf-8")
    assert "Not built by this project's tests" in text
    assert re.search(r"^RUN scripts/setup --gpu$", text, flags=re.MULTILINE)
    command = re.search(r"^CMD (\[.*\])$", text, flags=re.MULTILINE)
    assert command is not None
    assert re.search(r"^USER vfx-swap$", text, flags=re.MULTILINE)
