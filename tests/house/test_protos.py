"""The generated code is current, the protos lint, and a change that breaks clients is seen."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts import protos


def test_generated_code_is_current() -> None:
    assert protos.check() == []


def test_protos_lint() -> None:
    assert protos.lint() == []


def edited(folder: Path, name: str, old: str, new: str) -> Path:
    copy = folder / "protos"
    shutil.copytree(protos.PROTOS, copy)
    path = copy / protos.PACKAGE / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return copy


def test_lint_sees_a_service_of_another_style(tmp_path: Path) -> None:
    copy = edited(tmp_path, "server_service.proto", "service ServerService", "service server")
    assert any("Service" in line for line in protos.lint(copy))


def test_a_removed_field_breaks_clients(tmp_path: Path) -> None:
    copy = edited(tmp_path, "shot.proto", "  optional double tint = 4;\n", "")
    assert any("tint" in line for line in protos.breaking(protos.PROTOS, copy))
    assert protos.breaking(protos.PROTOS, protos.PROTOS) == []
