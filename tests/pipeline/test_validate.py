from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio
import pytest

from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.errors import MissingInputError, Problem, SettingsError
from vfx_swap.pipeline.consent import consent_from_options
from vfx_swap.pipeline.identity import save_identity
from vfx_swap.pipeline.validate import open_shot, open_values
from vfx_swap.types import Identity, Pose, Reference, SkinTexture

SHOT = """schema = "vfx_swap/shot.1"
name = "sh"
plate = "plates/bg.####.exr"
output = "renders/swap.####.exr"
frames = "1001-1003"
[[cast]]
performer = "double.png"
identity = "lead.identity"
"""
LINES = {line.split(" ")[0]: number for number, line in enumerate(SHOT.splitlines(), start=1)}


def picture(path: Path) -> None:
    output = oiio.ImageOutput.create(str(path))
    assert output is not None
    assert output.open(str(path), oiio.ImageSpec(4, 4, 3, oiio.UINT8))
    assert output.write_image(np.zeros((4, 4, 3), np.uint8))
    output.close()


def pack(path: Path) -> None:
    reference = Reference(
        rgb=np.ones((4, 4, 3), np.float32),
        points=np.ones((478, 3), np.float32),
        expression=np.zeros(52, np.float32),
        pose=Pose(0.0, 0.0, 0.0),
        source="a.jpg",
        sha256="0" * 64,
    )
    texture = SkinTexture(
        rgb=np.ones((2, 2, 3), np.float32), weight=np.ones((2, 2), np.float32), skin_colour=np.ones(3, np.float32)
    )
    consent = consent_from_options(
        who="X", scope="tests", expires="2099-01-01", performer="P", valid_from=date(2026, 1, 1)
    )
    identity = Identity("lead", (reference,), texture, {}, consent, "")
    save_identity(replace(identity, name=path.stem), path)


@pytest.fixture(scope="module")
def config() -> ColourConfig:
    return load_config(environ={})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plates").mkdir()
    for frame in (1001, 1002, 1003):
        (tmp_path / f"plates/bg.{frame}.exr").write_bytes(b"not looked at")
    picture(tmp_path / "double.png")
    pack(tmp_path / "lead.identity")
    return tmp_path


Problems = Callable[[str], list[tuple[str, str, str | None]]]


@pytest.fixture
def problems(folder: Path, config: ColourConfig) -> Problems:
    def read(text: str) -> list[tuple[str, str, str | None]]:
        (folder / "shot.toml").write_text(text)
        with pytest.raises(SettingsError) as caught:
            open_shot(folder / "shot.toml", config=config)
        found: list[Problem] = list(caught.value.problems)
        assert all(problem.line == LINES.get(problem.key.rpartition(".")[2]) for problem in found)
        return [(problem.key, problem.what, problem.mend) for problem in found]

    return read


def test_a_good_shot_opens(folder: Path, config: ColourConfig) -> None:
    (folder / "shot.toml").write_text(SHOT)
    shot = open_shot(folder / "shot.toml", config=config)
    assert shot.frames == "1001-1003"
    (folder / "shot.toml").write_text(SHOT.replace('frames = "1001-1003"\n', ""))
    assert open_shot(folder / "shot.toml", config=config).frames == ""


def test_frames_that_are_not_on_disk(problems: Problems, folder: Path, config: ColourConfig) -> None:
    ((key, what, mend),) = problems(SHOT.replace("1001-1003", "1000-1004"))
    assert key == "frames"
    assert what == "2 frames of the plate do not exist: 1000,1004"
    assert mend is not None
    assert "On disk: 1001-1003" in mend
    for policy in ("hold", "black"):
        text = f'missing = "{policy}"\n' + SHOT.replace("1001-1003", "1000-1004")
        (folder / "shot.toml").write_text(text)
        assert open_shot(folder / "shot.toml", config=config).missing == policy


@pytest.mark.parametrize("frames", ["1001-", "a-b", " ", "1,,2", "1001-1003x0"])
def test_frames_that_do_not_parse(problems: Problems, frames: str) -> None:
    ((key, what, _),) = problems(SHOT.replace("1001-1003", frames))
    assert key == "frames"
    assert "frame range" in what


def test_a_plate_that_is_not_there_or_padded_otherwise(problems: Problems) -> None:
    ((key, what, mend),) = problems(SHOT.replace("plates/bg.####", "nowhere/bg.####"))
    assert (key, "nowhere" in (mend or "")) == ("plate", True)
    ((key, what, mend),) = problems(SHOT.replace("plates/bg.####", "plates/bg.######"))
    assert (key, "bg.1001.exr" in (mend or "")) == ("plate", True)
    ((key, what, _),) = problems(SHOT.replace("plates/bg.####.exr", "plates/no.exr").replace("swap.####", "swap"))
    assert (key, what.startswith("there is no file")) == ("plate", True)
    ((key, what, _),) = problems(SHOT.replace("plates/bg.####.exr", "plates/no.mov"))
    assert (key, "there is no such file" in what) == ("plate", True)


def test_an_output_that_is_a_folder_is_named_as_one(problems: Problems, folder: Path) -> None:
    (folder / "out").mkdir(exist_ok=True)
    line = next(line for line in SHOT.splitlines() if line.startswith("output"))
    ((key, what, mend),) = problems(SHOT.replace(line, 'output = "out"'))
    assert (key, what.endswith("out' is a folder"), mend) == (
        "output", True, "Name the file in it, such as name.####.exr"
    )  # fmt: skip


def test_a_still_that_is_mistyped_gets_the_file_that_was_meant(problems: Problems, folder: Path) -> None:
    (folder / "plates" / "portrait.png").touch()
    text = SHOT.replace("plates/bg.####.exr", "plates/potrait.png").replace("swap.####", "swap")
    ((key, _, mend),) = problems(text)
    assert (key, "plates/portrait.png'?" in (mend or "")) == ("plate", True)


def test_a_movie_that_is_none(problems: Problems, folder: Path) -> None:
    (folder / "plates/no.mov").write_bytes(b"no movie")
    ((key, _, _),) = problems(SHOT.replace("plates/bg.####.exr", "plates/no.mov"))
    assert key == "plate"


def movie(path: Path, *, frames: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())


def test_a_movie_cannot_hold_frames_it_does_not_have(folder: Path, config: ColourConfig) -> None:
    movie(folder / "plates/bg.mov", frames=3)
    text = SHOT.replace("plates/bg.####.exr", "plates/bg.mov").replace("1001-1003", "1-4")
    for policy in ("error", "hold"):
        (folder / "shot.toml").write_text(text.replace("[[cast]]", f'missing = "{policy}"\n[[cast]]'))
        with pytest.raises(SettingsError) as caught:
            open_shot(folder / "shot.toml", config=config)
        assert [problem.what for problem in caught.value.problems] == ["1 frame of the plate does not exist: 4"]
    (folder / "shot.toml").write_text(text.replace("1-4", "1-3"))
    assert open_shot(folder / "shot.toml", config=config).frames == "1-3"


def test_a_key_is_judged_once(problems: Problems) -> None:
    found = problems(SHOT.replace("renders/swap.####.exr", "lead.identity/swap.gif"))
    assert [what.rpartition("'")[2] for _, what, _ in found] == [" is not a folder"]


def test_outputs_that_cannot_hold_the_plate(problems: Problems) -> None:
    ((key, what, _),) = problems(SHOT.replace("swap.####.exr", "swap.exr"))
    assert (key, what) == ("output", "one picture cannot hold the frames of a sequence")
    ((key, what, _),) = problems(SHOT.replace("swap.####.exr", "swap.####.gif"))
    assert (key, "not written" in what) == ("output", True)
    ((key, what, _),) = problems(SHOT.replace("swap.####.exr", "swap.avi"))
    assert (key, "not written" in what) == ("output", True)


def test_packs_and_photographs_that_cannot_be_read(problems: Problems, folder: Path) -> None:
    (folder / "lead.identity").write_bytes(b"no pack")
    (folder / "double.png").write_bytes(b"no picture")
    found = problems(SHOT)
    assert [key for key, _, _ in found] == ["cast[0].performer", "cast[0].identity"]
    assert "is no identity pack" in found[1][1]


def test_problems_of_the_text_and_of_the_disk_come_together(folder: Path) -> None:
    (folder / "lead.identity").write_bytes(b"no pack")
    text = SHOT.replace("1001-1003", "1-2").replace("double", "no") + 'strength = 7\n[grain]\nmatch = "x"\n'
    (folder / "shot.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        open_shot(folder / "shot.toml", config=None)
    assert [(problem.key, problem.line) for problem in caught.value.problems] == [
        ("frames", 5),
        ("cast[0].performer", 7),
        ("cast[0].identity", 8),
        ("cast[0].strength", 9),
        ("grain.match", 11),
    ]


def test_the_colour_space_is_looked_up_in_the_config(folder: Path, config: ColourConfig) -> None:
    (folder / "shot.toml").write_text('colour_space = "ACEScg"\n' + SHOT)
    assert open_shot(folder / "shot.toml", config=config).colour_space == "ACEScg"
    (folder / "shot.toml").write_text('colour_space = "ACESgc"\n' + SHOT)
    with pytest.raises(SettingsError, match=r"line 1: colour_space: the OCIO config has no colour space 'ACESgc'"):
        open_shot(folder / "shot.toml", config=config)
    assert open_shot(folder / "shot.toml", config=None).colour_space == "ACESgc"


def test_values_are_checked_like_a_file(folder: Path, config: ColourConfig) -> None:
    values = {
        "name": "sh",
        "plate": "plates/bg.####.exr",
        "output": "renders/x.####.exr",
        "cast": [{"position": "largest", "identity": "lead.identity"}],
    }
    assert open_values(values, config=config, folder=folder).plate == str(folder / "plates/bg.####.exr")
    with pytest.raises(SettingsError, match="1004"):
        open_values({**values, "frames": "1001-1004"}, config=config, folder=folder)


def test_a_shot_file_that_is_not_there_and_one_that_is_no_toml(tmp_path: Path, config: ColourConfig) -> None:
    with pytest.raises(MissingInputError):
        open_shot(tmp_path / "no.toml", config=config)
    for text in ("", "=", "cast = 3\nplate = 1\noutput = []\nframes = 2\n", "cast = [3]"):
        (tmp_path / "shot.toml").write_text(text)
        with pytest.raises(SettingsError):
            open_shot(tmp_path / "shot.toml", config=config)
