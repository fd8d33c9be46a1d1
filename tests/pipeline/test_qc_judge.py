"""Every limit fails what is past it, passes what is not, and says why; no frame without a result is passed over."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from vfx_swap.pipeline.qc_judge import LIMITS, Limit, QcVerdict, flicker_of, judge
from vfx_swap.pipeline.qc_scan import FaceRow, QcFrame
from vfx_swap.settings import Qc
from vfx_swap.settings.shot import QcLimit

BY_KEY = {limit.key: limit for limit in LIMITS}


def face(track: int = 1, /, **values: float) -> FaceRow:
    return FaceRow(track, f"track {track}", values)


def frames(*values: dict[str, float]) -> list[QcFrame]:
    return [QcFrame(1001 + index, "measured", faces=(face(**one),)) for index, one in enumerate(values)]


def with_value(limit: Limit, value: float) -> list[QcFrame]:
    """Three frames, the second of which has a value."""
    if limit.scope == "picture":
        return [QcFrame(n, "measured", values={limit.metric: value if n == 2 else 0.0}) for n in (1, 2, 3)]
    if limit.scope == "shot":
        return [
            QcFrame(n, "measured", faces=(face(flicker_stops=0.1 * value, flicker_plate_stops=0.1),)) for n in (1, 2, 3)
        ]
    good = 1.0 if limit.least else 0.0
    return [QcFrame(n, "measured", faces=(face(**{limit.metric: value if n == 2 else good}),)) for n in (1, 2, 3)]


def result(verdict: QcVerdict, key: str) -> Any:
    return next(one for one in verdict.results if one.limit.key == key)


def test_every_key_of_the_shot_file_is_a_limit_and_may_be_skipped() -> None:
    assert set(BY_KEY) == set(get_args(QcLimit)) == set(Qc.model_fields) - {"skip", "failing_frames_percent"}


@pytest.mark.parametrize("key", BY_KEY)
def test_a_limit_fails_what_is_past_it_and_nothing_else(key: str) -> None:
    limit, most = BY_KEY[key], float(getattr(Qc(), key))
    past, within = (most * 0.9, most * 1.1) if limit.least else (most * 1.1 + 0.01, most * 0.9)
    assert judge(with_value(limit, within), Qc()).passed
    assert judge(with_value(limit, most), Qc()).passed
    bad = judge(with_value(limit, past), Qc())
    assert not bad.passed
    assert bad.reasons
    if limit.scope != "shot":
        assert bad.worst[0] == 2
        assert result(bad, key).broken == (2,)
        assert result(bad, key).worst_frame == 2
        assert [one.failed for one in bad.frames] == [False, True, False]
        assert bad.frames[1].broken == (key,)
        assert limit.show(past) in bad.frames[1].why[0]
        assert "{" not in bad.frames[1].why[0]
    assert judge(with_value(limit, past), Qc(skip=(key,))).passed  # type: ignore[arg-type]  # one of the literals


def test_a_value_below_zero_counts_as_far_off_as_one_above() -> None:
    dark = judge(frames({"light_level_stops": -2.0}), Qc())
    assert not dark.passed
    assert "-2.00 stops" in dark.frames[0].why[0]


def test_the_worst_comes_first_with_the_worst_reason_first() -> None:
    found = judge(
        frames(
            {"expression_error": 0.05},
            {"expression_error": 0.07, "seam_worst_stops": 3.0},
            {"expression_error": 0.5},
            {"expression_error": 0.01},
        ),
        Qc(),
    )
    assert found.worst == (1003, 1002, 1001, 1004)
    assert "seam" in found.frames[1].why[0]
    assert "expression" in found.frames[1].why[1]
    assert found.frames[0].why[0].startswith("expression error 0.050")  # nearest to a limit, and within


@pytest.mark.parametrize("status", ["missing", "failed", "unreadable", "unlike", "no plate"])
def test_frames_without_a_result_fail_the_shot_whatever_share_may_break_limits(status: Any) -> None:
    lacking = QcFrame(1002, status, "because of that")
    found = judge([*frames({"expression_error": 0.0}), lacking], Qc(failing_frames_percent=100.0))
    assert not found.passed
    assert found.worst[0] == 1002
    assert found.frames[1].why == (f"{status}: because of that",)
    assert any("1002" in reason for reason in found.reasons)


def test_a_share_of_frames_may_break_limits() -> None:
    shot = frames(*({"expression_error": 0.5 if index < 2 else 0.0} for index in range(100)))
    assert judge(shot, Qc(failing_frames_percent=2.0)).passed
    assert not judge(shot, Qc(failing_frames_percent=1.9)).passed


def test_what_was_not_measured_is_named_and_no_frames_are_no_pass() -> None:
    found = judge(frames({"expression_error": 0.0}), Qc(skip=("grain_least",)))
    assert found.passed
    assert "seam at its worst" in found.not_measured
    assert "expression error" not in found.not_measured
    assert "grain, of the plate's" not in found.not_measured
    assert not judge([], Qc()).passed


def test_a_face_that_is_lost_in_the_result_fails() -> None:
    lost = QcFrame(
        1, "measured", faces=(FaceRow(1, "", {}, ("no face is found in the result, where the plate has one",)),)
    )
    assert "no face is found" in judge([lost], Qc()).frames[0].why[0]
    assert judge([lost], Qc(skip=("landmark_error_percent",))).passed


def test_flicker_of_a_shot_is_the_means_divided_of_the_worst_face() -> None:
    shot = [
        QcFrame(
            n,
            "measured",
            faces=(
                face(1, flicker_stops=0.02, flicker_plate_stops=0.02),
                face(2, flicker_stops=0.03 * n, flicker_plate_stops=0.02 * n),
            ),
        )
        for n in (1, 2)
    ]
    assert flicker_of(shot) == pytest.approx(1.5)
    assert flicker_of(frames({"flicker_stops": 0.01, "flicker_plate_stops": 0.0})) == pytest.approx(2.0)
    assert flicker_of(frames({"expression_error": 0.0})) is None


def test_of_several_faces_the_reason_says_which() -> None:
    two = QcFrame(5, "measured", faces=(face(1, expression_error=0.0), face(2, expression_error=0.9)))
    assert judge([two], Qc()).frames[0].why[0].startswith("track 2: ")
