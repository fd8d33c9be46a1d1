"""Values of shots, patterns, versions, maps and stale results."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from vfx_swap_bridge.paths import (
    existing,
    frame_file,
    free_version,
    next_version,
    parse_maps,
    pattern_of_file,
    same_system,
    to_hashes,
    to_printf,
    version_of,
)
from vfx_swap_bridge.shot import frame_range, frame_ranges, shot_name, shot_values, with_handles
from vfx_swap_bridge.stale import plate_stamp, result_digest

from vfx_swap.settings import Shot


def test_values_are_those_of_a_shot_file() -> None:
    shot = shot_values(
        name="sq010 / é",
        plate="/p/a.####.exr",
        output="/o/a.####.exr",
        cast=[
            {"identity": "identities/ada", "position": "left"},
            {"identity": "b.identity", "strength": 0.2, "track": 1},
        ],
        knobs={
            "engine": "reprojection",
            "cast[].strength": 0.7,
            "lighting.exposure_stops": 0.5,
            "matte.holdout": ("hair",),
            "lighting.environment": None,
        },
    )
    read = Shot.model_validate(shot)
    assert read.name == "sq010____"
    assert [one.strength for one in read.cast] == [0.7, 0.2]
    assert read.lighting.exposure_stops == 0.5
    assert read.lighting.environment is None
    assert read.matte.holdout == ("hair",)
    assert shot_name("...") == "shot"
    assert len(shot_name("x" * 400)) == 128


def test_ranges() -> None:
    assert frame_range(1001, 1010, handles=8) == "993-1018"
    assert with_handles(1001, 1010, handles=8, least=1000, most=1012) == (1000, 1012)
    assert frame_ranges([3, 1, 2, 9, 9, 11]) == "1-3,9,11"
    assert frame_ranges([]) == ""
    for wrong in ((5, 4, 0), (1, 2, -1)):
        with pytest.raises(ValueError, match="no range"):
            frame_range(wrong[0], wrong[1], handles=wrong[2])


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ("/p/a.####.exr", "/p/a.####.exr"),
        ("/p/a.%04d.exr", "/p/a.####.exr"),
        ("/p/a.%d.exr", "/p/a.#.exr"),
        ("/p/a.$F4.exr", "/p/a.####.exr"),
        ("/p/a.$F.exr", "/p/a.#.exr"),
        ("/p/a.<frame>.exr", "/p/a.####.exr"),
        ("/p#1/%04d/a.exr", "/p#1/%04d/a.exr"),
        ("P:\\show\\a.%05d.exr", "P:/show/a.#####.exr"),
        ("\\\\server\\share é\\a b.####.exr", "//server/share é/a b.####.exr"),
    ],
)
def test_patterns_of_hosts(written: str, ours: str) -> None:
    assert to_hashes(written) == ours
    assert to_hashes(to_printf(ours)) == ours


def test_files_of_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "take #2 é"
    folder.mkdir()
    for name in (
        "a.0001.exr",
        "a.0012.exr",
        "a.10000.exr",
        "a.00001.exr",
        "a.12.exr",
        "a.x.exr",
        "ab.0003.exr",
        "a..exr",
    ):
        (folder / name).touch()
    pattern = str(folder / "a.%04d.exr")
    assert existing(pattern) == [1, 12, 10000]
    assert frame_file(pattern, 12) == f"{folder}/a.0012.exr"
    assert pattern_of_file(frame_file(pattern, 12)) == f"{folder}/a.####.exr"
    assert pattern_of_file(f"{folder}/a.exr") == f"{folder}/a.exr"
    assert existing(str(tmp_path / "gone" / "a.####.exr")) == []
    assert existing(str(folder / "a.exr")) == []


def test_versions_go_up_and_nothing_is_written_over(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/sh_v003/sh_v003.%04d.exr"
    assert version_of(pattern) == 3
    assert next_version(pattern) == f"{tmp_path}/sh_v004/sh_v004.####.exr"
    assert next_version("a_v09.####.exr") == "a_v10.####.exr"
    assert next_version("rev2/a.####.exr") == "rev2/a_v001.####.exr"
    assert next_version("v2/a_v7.####.exr", number=12) == "v2/a_v12.####.exr"
    assert free_version(pattern) == f"{tmp_path}/sh_v003/sh_v003.####.exr"
    for version in (3, 4):
        folder = tmp_path / f"sh_v{version:03d}"
        folder.mkdir()
        (folder / f"sh_v{version:03d}.1001.exr").touch()
    assert free_version(pattern) == f"{tmp_path}/sh_v005/sh_v005.####.exr"
    (tmp_path / "still_v001.exr").touch()
    assert free_version(str(tmp_path / "still.exr")) == f"{tmp_path}/still_v002.exr"


def test_paths_of_another_system() -> None:
    maps = parse_maps("P:/show=/mnt/show | P:/show/fast=/mnt/fast|//nas/jobs=/jobs|/Volumes/x=/mnt/x")
    assert same_system("P:\\show\\sh010\\a b.####.exr", maps) == "/mnt/show/sh010/a b.####.exr"
    assert same_system("p:/SHOW/fast/é.exr", maps) == "/mnt/fast/é.exr"
    assert same_system("P:/showreel/a.exr", maps) == "P:/showreel/a.exr"
    assert same_system("\\\\NAS\\jobs\\a.exr", maps) == "/jobs/a.exr"
    assert same_system("/Volumes/x/a.exr", maps) == "/mnt/x/a.exr"
    assert same_system("/volumes/x/a.exr", maps) == "/volumes/x/a.exr"
    assert parse_maps("") == []
    for wrong in ("P:/show", "=/a", "a="):
        with pytest.raises(ValueError, match="is no map"):
            parse_maps(wrong)


def test_a_result_goes_stale_by_settings_plate_and_pack(tmp_path: Path) -> None:
    pack = tmp_path / "a.identity"
    pack.write_bytes(b"1")
    (tmp_path / "p.0001.exr").write_bytes(b"plate")
    pattern = str(tmp_path / "p.####.exr")
    shot = {"plate": pattern, "output": "/o", "name": "a", "cast": [{"identity": str(pack)}], "engine": "reprojection"}
    first = result_digest(shot, plate_stamp(pattern, [1, 2]))
    assert result_digest({**shot, "output": "/elsewhere", "name": "b"}, plate_stamp(pattern, [2, 1])) == first
    assert result_digest({**shot, "engine": "x"}, plate_stamp(pattern, [1, 2])) != first
    os.utime(tmp_path / "p.0001.exr", ns=(1, 1))
    changed = result_digest(shot, plate_stamp(pattern, [1, 2]))
    assert changed != first
    pack.write_bytes(b"22")
    assert result_digest(shot, plate_stamp(pattern, [1, 2])) != changed
