"""The two ways to put a face back that `scripts/bench paste` compares do the same work."""

from __future__ import annotations

import numpy as np

from scripts.benchmarks.device import stage_of
from scripts.benchmarks.paste import open_paste, ours, plain


def test_both_change_the_face_and_nothing_far_from_it() -> None:
    paste = open_paste(stage_of(480, 270, 100))
    before = paste.frame.astype(np.int16)
    theirs = np.abs(plain(paste).astype(np.int16) - before).max(axis=2)
    rgb, alpha = ours(paste)
    across, down = np.rint(paste.face.points[:, :2].mean(axis=0)).astype(int)
    assert theirs[down, across] > 0
    assert theirs[0].max() <= 1
    assert alpha.max() > 0.9
    assert 0.0 < (alpha > 0.5).mean() < 0.9
    assert np.isfinite(rgb).all()
    assert rgb.shape[:2] == alpha.shape
