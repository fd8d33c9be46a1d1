"""Make vfx_swap/pipeline/demo_landmarks.json anew: the portrait's landmarks, pinned so that the demo needs no model.

scripts/bench portrait_landmarks [--out FILE]; without --out it prints how far the file is from what is found now.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from vfx_swap.models.default import load_face_models
from vfx_swap.pipeline.demo_portraits import COLLINS, portrait_landmarks, read_portrait
from vfx_swap.types import ModelImage


def main() -> None:
    """Find the landmarks; compare or write."""
    parser = argparse.ArgumentParser(prog="scripts/bench portrait_landmarks")
    parser.add_argument("--out", type=Path, default=None, help="write a new file here")
    given = parser.parse_args()
    image = ModelImage(read_portrait(COLLINS))
    with load_face_models() as models:
        found = models.landmarker.landmarks(image, models.detector.detect(image)[0])
    if found is None:
        raise SystemExit("no face was found")
    away = np.linalg.norm(found.points[:, :2] - portrait_landmarks()[:, :2], axis=1)
    print(f"from the pinned file: mean {away.mean():.2f} px, worst {away.max():.2f} px of a face 108 px high")
    if given.out is not None:
        rows = ",\n".join("[" + ", ".join(f"{value:.2f}" for value in row) + "]" for row in found.points)
        head = {"schema": "vfx_swap/demo_landmarks.1", "picture_sha256": COLLINS.sha256, "model": models.landmarker.id}
        given.out.write_text(json.dumps(head)[:-1] + ', "points": [\n' + rows + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
