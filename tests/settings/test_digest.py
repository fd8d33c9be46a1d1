from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vfx_swap.errors import MissingInputError
from vfx_swap.settings import Shot, file_sha256, settings_digest, shot_from_values


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "a.identity").write_bytes(b"a")
    (tmp_path / "b.identity").write_bytes(b"b")
    return {
        "name": "x",
        "plate": str(tmp_path / "p.#.exr"),
        "output": str(tmp_path / "o.#.exr"),
        "cast": [{"track": 1, "identity": str(tmp_path / "a.identity")}],
    }


def shot(values: dict[str, Any], **changes: Any) -> Shot:
    return shot_from_values({**values, **changes}).result()


def test_what_does_not_change_pixels_does_not_change_the_digest(values: dict[str, Any], tmp_path: Path) -> None:
    digest = settings_digest(shot(values))
    assert len(digest) == 64
    same: list[dict[str, Any]] = [
        {"name": "y"},
        {"output": str(tmp_path / "elsewhere.#.exr")},
        {"plate": str(tmp_path / "moved.#.exr")},
        {"frames": "1-3"},
        {"lighting": {"tint": -0.0, "exposure_stops": 0}},
        {"qc": {"distance_to_identity": 0.3, "skip": ["flicker_ratio"]}},
    ]
    assert {settings_digest(shot(values, **change)) for change in same} == {digest}


def test_what_changes_pixels_changes_the_digest(values: dict[str, Any], tmp_path: Path) -> None:
    identity = str(tmp_path / "a.identity")
    changes: list[dict[str, Any]] = [
        {},
        {"colour_space": "ACEScg"},
        {"lighting": {"tint": 0.5}},
        {"lighting": {"match": "none"}},
        {"grain": {"match": "none"}},
        {"matte": {"feather": 0.06}},
        {"matte": {"holdout": []}},
        {"write": {"layers": ["matte"]}},
        {"cast": [{"track": 2, "identity": identity}]},
        {"cast": [{"position": "left", "identity": identity}]},
        {"cast": [{"track": 1, "identity": identity, "strength": 0.5}]},
        {"cast": [{"track": 1, "identity": identity, "reshape": 0.8}]},
        {"cast": [{"track": 1, "identity": str(tmp_path / "b.identity")}]},
    ]
    digests = {settings_digest(shot(values, **change)) for change in changes}
    digests |= {
        settings_digest(shot(values), extra={"tracks": "1"}),
        settings_digest(shot(values), extra={"tracks": "2"}),
    }
    assert len(digests) == len(changes) + 2


def test_an_identity_counts_by_its_bytes_not_by_its_path(values: dict[str, Any], tmp_path: Path) -> None:
    before = settings_digest(shot(values))
    (tmp_path / "b.identity").write_bytes(b"a")
    moved = [{"track": 1, "identity": str(tmp_path / "b.identity")}]
    assert settings_digest(shot(values, cast=moved)) == before
    (tmp_path / "a.identity").write_bytes(b"rebuilt")
    assert settings_digest(shot(values)) != before


def test_an_identity_that_is_gone(values: dict[str, Any], tmp_path: Path) -> None:
    made = shot(values)
    (tmp_path / "a.identity").unlink()
    with pytest.raises(MissingInputError):
        settings_digest(made)


def test_file_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
