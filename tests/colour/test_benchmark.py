"""The measurement behind docs/colour.md: it holds what the page says, and the page shows what it measures."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from scripts.benchmarks.colour import BANDS, WAYS, bounded_increment, clip_and_replace, measure, table
from tests.conftest import ROOT


@pytest.mark.parametrize("seed", [1, 2])
def test_the_increment_keeps_highlights_and_bits(seed: int) -> None:
    ours, kept = measure(bounded_increment, seed=seed, pixels=512 * 64)
    theirs, theirs_kept = measure(clip_and_replace, seed=seed, pixels=512 * 64)
    assert kept == 1.0
    assert theirs_kept < 0.6
    for (low, _), (median, worst), (clipped, _) in zip(BANDS, ours, theirs, strict=True):
        assert median < (5.0 if low < 0.9 else 17.0), f"from {low}"
        assert worst < 25.0, f"from {low}"
        assert median < clipped + 0.5, f"from {low}"
    assert all(later > earlier for (earlier, _), (later, _) in pairwise(theirs[3:]))


def numbers(markdown: str) -> list[list[float]]:
    rows = [line for line in markdown.splitlines() if line.startswith(tuple(f"| {way} |" for way in WAYS))]
    return [[float(cell.replace("10^4", "10000")) for cell in re.findall(r"10\^4|\d+(?:\.\d+)?", row)] for row in rows]


def test_the_pages_table_is_what_is_measured() -> None:
    page = (ROOT / "docs" / "colour.md").read_text(encoding="utf-8")
    shown = numbers(page.partition("<!-- table: made by scripts/bench colour -->")[2].partition("<!-- /table -->")[0])
    measured = numbers(table())
    assert len(shown) == len(WAYS)
    for ours, fresh in zip(shown, measured, strict=True):
        # Another processor's powers differ in the last bit, so a printed digit may turn.
        assert ours == pytest.approx(fresh, rel=0.05, abs=0.2)
