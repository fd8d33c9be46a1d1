"""docs/bad-days.md names tests that exist, and every test of this folder stands on it."""

from __future__ import annotations

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "bad-days.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("| ").split("|")] for line in PAGE.splitlines() if line[:2] == "| "]
ROWS = [row for row in ROWS if row[0] != "this"]
UNLISTED = {
    "test_float_light_goes_into_tiff",  # the other half of a row
    "test_every_command_takes_a_circle_of_links_for_a_mistake",
}


def names_in(folder: str) -> set[str]:
    """Names of all test functions below a folder but those of this file."""
    paths = sorted((ROOT / folder).rglob("test_*.py"))
    texts = [path.read_text(encoding="utf-8") for path in paths if path.name != "test_page.py"]
    return {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}


def test_every_row_has_an_exit_code_and_a_test_that_exists() -> None:
    there = names_in("tests")
    assert len(ROWS) > 30
    for row in ROWS:
        assert len(row) == 5, row
        assert row[2] in {"0", "1", "2", "3", "4", "130", ""}, row
        named = re.fullmatch(r"`(test_\w+)`", row[4])
        assert named is not None, row
        assert named[1] in there, f"no test is called {named[1]}"


def test_every_test_of_a_bad_day_stands_on_the_page() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert names_in("tests/bad_days") - named == UNLISTED
