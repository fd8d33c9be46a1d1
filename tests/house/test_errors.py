"""The error tree drawn in errors.py is the error tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

import grpc
import pytest

from vfx_swap import errors

CONTRACT_EXIT_CODES = {
    "UsageError": 2,
    "InputError": 2,
    "RefusedError": 3,
    "CannotRunError": 4,
    "FramesFailedError": 1,
    "VerificationError": 1,
    "OutputError": 1,
    "CancelledError": 130,
}
"""docs and shell scripts hold on to these: 0 done, 1 frames failed, 2 bad use or input, 3 refused, 4 cannot run."""


@dataclass(frozen=True)
class Drawn:
    name: str
    parent: str | None
    status: str | None
    exit_code: int | None


def drawn_tree() -> list[Drawn]:
    rows: list[Drawn] = []
    above: dict[int, str] = {}
    pattern = re.compile(r"^    (?P<bars>[│├└─ ]*)(?P<name>[A-Z]\w+Error)\s+(?P<rest>.+)$")
    for line in (errors.__doc__ or "").splitlines():
        if (match := pattern.match(line)) is None:
            continue
        depth = len(match["bars"]) // 4
        above[depth] = match["name"]
        status = re.search(r"\s{2,}([A-Z_]{5,})\b", match["rest"])
        exit_code = re.search(r"exit (\d+)", match["rest"])
        rows.append(
            Drawn(
                name=match["name"],
                parent=above[depth - 1] if depth else None,
                status=status[1] if status else None,
                exit_code=int(exit_code[1]) if exit_code else None,
            )
        )
    return rows


def all_errors() -> list[type[errors.VfxSwapError]]:
    found = [errors.VfxSwapError]
    for error in found:
        found.extend(error.__subclasses__())
    return [error for error in found if error.__module__ == errors.__name__]


def test_the_drawing_names_every_class_under_its_parent() -> None:
    drawn = {(row.name, row.parent) for row in drawn_tree()}
    real = {
        (error.__name__, None if error is errors.VfxSwapError else error.__bases__[0].__name__)
        for error in all_errors()
    }
    assert drawn == real


@pytest.mark.parametrize("row", drawn_tree(), ids=lambda row: row.name)
def test_drawn_status_and_exit_code_are_the_class_s(row: Drawn) -> None:
    error = getattr(errors, row.name)
    parent = getattr(errors, row.parent) if row.parent else None
    if parent is None:
        return
    inherited = parent is not errors.VfxSwapError
    assert row.status or inherited, f"{row.name} stands below the base and must draw its status"
    assert error.grpc_status == (row.status or parent.grpc_status)
    assert error.exit_code == (row.exit_code if row.exit_code is not None else parent.exit_code)


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_status_exists_in_grpc(error: type[errors.VfxSwapError]) -> None:
    assert error.grpc_status in grpc.StatusCode.__members__
    assert error.grpc_status != "OK"


def test_exit_codes_are_the_documented_ones() -> None:
    assert {error.__name__: error.exit_code for error in errors.VfxSwapError.__subclasses__()} == CONTRACT_EXIT_CODES


def test_no_error_of_ours_is_defined_elsewhere() -> None:
    found: list[type[errors.VfxSwapError]] = [errors.VfxSwapError]
    for error in found:
        found.extend(error.__subclasses__())
    strangers = [error for error in found if error.__module__.startswith("vfx_swap.") and error not in all_errors()]
    assert strangers == []


def test_an_error_says_where_what_and_how_to_mend() -> None:
    error = errors.MissingInputError("there is no such file", where="plate.exr", mend="Check the path")
    assert str(error) == "plate.exr: there is no such file. Check the path"
