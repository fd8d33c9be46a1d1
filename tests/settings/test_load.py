from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vfx_swap.errors import MissingInputError, Problem, SettingsError
from vfx_swap.settings import Shot, draft_shot, load_shot, shot_from_values
from vfx_swap.settings.toml_file import MAX_FILE_BYTES

GOOD = """schema = "vfx_swap/shot.1"
name = "sq010_sh0020"
plate = "plates/bg.####.exr"
output = "renders/swap.####.exr"
[[cast]]
track = 3
identity = "lead.identity"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lead.identity").write_bytes(b"a pack")
    (tmp_path / "double.jpg").write_bytes(b"a photograph")
    return tmp_path


@pytest.fixture
def problems(folder: Path) -> Callable[[str], list[Problem]]:
    def read(text: str) -> list[Problem]:
        path = folder / "shot.toml"
        path.write_text(text)
        with pytest.raises(SettingsError) as caught:
            load_shot(path, knows_colour_space=lambda name: name == "ACEScg")
        assert caught.value.where == str(path)
        return list(caught.value.problems)

    return read


def load(folder: Path, text: str) -> Shot:
    (folder / "shot.toml").write_text(text)
    return load_shot(folder / "shot.toml", knows_colour_space=lambda name: name == "ACEScg")


def test_a_minimal_shot_has_the_documented_defaults(folder: Path) -> None:
    shot = load(folder, GOOD)
    assert shot.schema_ == "vfx_swap/shot.1"
    assert (shot.frames, shot.colour_space, shot.missing, shot.engine) == ("", None, "error", "reprojection")
    assert (shot.cast[0].strength, shot.cast[0].reshape) == (1.0, 0.6)
    assert shot.matte.holdout == ("hair", "glasses", "hand")
    assert (shot.matte.expand_pixels, shot.matte.feather) == (0.0, 0.05)
    assert (shot.lighting.match, shot.grain.match, shot.write.layers) == ("plate", "plate", ())


def test_every_key_that_works_today_is_read(folder: Path) -> None:
    shot = load(
        folder,
        """schema = "vfx_swap/shot.1"
name = "sh"
plate = "bg.####.exr"
output = "out/swap.####.exr"
frames = "1001-1100"
colour_space = "ACEScg"
missing = "hold"
engine = "reprojection"
[[cast]]
performer = "double.jpg"
identity = "lead.identity"
strength = 0.5
reshape = 1
[[cast]]
position = "left"
identity = "lead.identity"
[lighting]
match = "none"
exposure_stops = -1
temperature_mired = 20.0
tint = 0.1
environment_rotation_degrees = 0
[grain]
match = "none"
[matte]
expand_pixels = -2.5
feather = 0.1
holdout = []
[write]
layers = ["matte", "patch"]
""",
    )
    assert shot.cast[0].reshape == 1.0
    assert isinstance(shot.cast[0].reshape, float)
    assert shot.lighting.exposure_stops == -1.0
    assert shot.write.layers == ("matte", "patch")
    assert shot.cast[1].position == "left"


def test_relative_paths_are_relative_to_the_shot_file_not_to_the_working_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    shot = load(folder, GOOD)
    assert shot.plate == str(folder / "plates/bg.####.exr")
    assert shot.output == str(folder / "renders/swap.####.exr")
    assert shot.cast[0].identity == str(folder / "lead.identity")
    absolute = load(folder, GOOD.replace("plates/bg", "/mnt/plates/bg"))
    assert absolute.plate == "/mnt/plates/bg.####.exr"


def test_a_shot_is_frozen(folder: Path) -> None:
    shot = load(folder, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        shot.name = "other"


TOP = GOOD.partition("[[cast]]")[0]
CASES = [
    pytest.param(GOOD.replace('name = "sq010_sh0020"\n', ""), "name", "is missing", None, id="missing key"),
    pytest.param(GOOD.replace('schema = "vfx_swap/shot.1"\n', ""), "schema", "is missing", None, id="missing schema"),
    pytest.param(GOOD.replace("shot.1", "shot.9"), "schema", "must be 'vfx_swap/shot.1'", 1, id="schema"),
    pytest.param('colour_spaec = "x"\n' + GOOD, "colour_spaec", "not a key of a shot file", 1, id="unknown key"),
    pytest.param(GOOD + "stength = 1\n", "cast[0].stength", "not a key of this table", 8, id="unknown cast key"),
    pytest.param(GOOD + "[ligting]\n", "ligting", "not a key", 8, id="unknown table"),
    pytest.param("frames = 7\n" + GOOD, "frames", "text in quotes, got 7", 1, id="type: text"),
    pytest.param(GOOD + "strength = true\n", "cast[0].strength", "must be a number, got True", 8, id="type: number"),
    pytest.param(GOOD + 'strength = "1"\n', "cast[0].strength", "must be a number", 8, id="type: quoted number"),
    pytest.param(GOOD.replace("track = 3", "track = 1.5"), "cast[0].track", "whole number", 6, id="type: track"),
    pytest.param(GOOD + "strength = 1.5\n", "cast[0].strength", "must lie in [0, 1], got 1.5", 8, id="range"),
    pytest.param(GOOD + "reshape = -0.1\n", "cast[0].reshape", "must lie in [0, 1], got -0.1", 8, id="range: reshape"),
    pytest.param(GOOD + "strength = nan\n", "cast[0].strength", "finite number", 8, id="nan"),
    pytest.param(GOOD + "[lighting]\ntint = inf\n", "lighting.tint", "finite number", 9, id="inf"),
    pytest.param(GOOD + "[matte]\nfeather = 9\n", "matte.feather", "must lie in [0, 0.5], got 9", 9, id="feather"),
    pytest.param('missing = "blak"\n' + GOOD, "missing", "must be one of", 1, id="choice"),
    pytest.param(GOOD + '[matte]\nholdout = "hair"\n', "matte.holdout", "must be a list", 9, id="list"),
    pytest.param(GOOD + "matte.feather = 1\n", "cast[0].matte", "not a key", 8, id="dotted key in cast"),
    pytest.param("matte.feather = 1\n" + GOOD, "matte.feather", "must lie in", 1, id="dotted key"),
    pytest.param("matte = {feather = 1}\n" + GOOD, "matte.feather", "must lie in", 1, id="inline table"),
    pytest.param("lighting = 3\n" + GOOD, "lighting", "must be a table", 1, id="table"),
    pytest.param(GOOD.replace("[[cast]]", "[cast]"), "cast", "must be a list", 5, id="cast not repeated"),
    pytest.param("cast = []\n" + TOP, "cast", "at least one", 1, id="empty cast"),
    pytest.param(TOP, "cast", "is missing", None, id="no cast"),
    pytest.param(GOOD.replace("track = 3\n", ""), "cast[0]", "does not say who", 5, id="no selector"),
    pytest.param(GOOD + 'position = "left"\n', "cast[0].position", "only one of `track`, `position`", 8, id="two"),
    pytest.param(
        GOOD + '[[cast]]\ntrack = 3\nidentity = "lead.identity"\n',
        "cast[1].track",
        "already claimed by cast[0]",
        9,
        id="same",
    ),
    pytest.param(GOOD.replace("lead.id", "no.id"), "cast[0].identity", "there is no file", 7, id="no identity"),
    pytest.param(GOOD.replace('"lead.identity"', '"."'), "cast[0].identity", "is not a file", 7, id="folder"),
    pytest.param(
        GOOD.replace("track = 3", 'performer = "no.jpg"'), "cast[0].performer", "there is no file", 6, id="no performer"
    ),
    pytest.param(GOOD.replace("track = 3", 'performer = ""'), "cast[0].performer", "must not be empty", 6, id="empty"),
    pytest.param('colour_space = "ACEScgg"\n' + GOOD, "colour_space", "has no colour space 'ACEScgg'", 1, id="space"),
    pytest.param(
        GOOD.replace("renders/swap.####", "plates/bg.%04d"), "output", "is the plate itself", 4, id="overwrite"
    ),
    pytest.param(
        GOOD.replace("renders/swap.####", "renders/../plates/bg.$F4"),
        "output",
        "is the plate itself",
        4,
        id="overwrite by ..",
    ),
    pytest.param(GOOD.replace('"renders', '"lead.identity/x'), "output", "is not a folder", 4, id="folder is a file"),
    pytest.param(GOOD.replace("renders", "a\\u0000b"), "output", "NUL", 4, id="NUL in a path"),
    pytest.param(GOOD.replace("sq010_sh0020", "../../etc/x"), "name", "no slash", 2, id="hostile name"),
    pytest.param('engine = "simswap-224"\n' + GOOD, "engine", "no model card 'simswap-224'", 1, id="engine"),
    pytest.param(GOOD + '[write]\nlayers = ["mat"]\n', "write.layers[0]", "must be one of 'matte'", 9, id="layer"),
    pytest.param("name = \n" + GOOD, "", "not valid TOML", 1, id="syntax"),
    pytest.param(GOOD + "track = 4\n", "", "not valid TOML", 8, id="key twice"),
    pytest.param("a = " + "[" * 5000, "", "cannot be read as TOML", None, id="deep nest"),
    pytest.param("strength = 1" + "0" * 5000, "", "cannot be read as TOML", None, id="long number"),
]


@pytest.mark.parametrize(("text", "key", "what", "line"), CASES)
def test_each_mistake_is_named_with_its_key_and_line(
    problems: Callable[[str], list[Problem]], text: str, key: str, what: str, line: int | None
) -> None:
    found = problems(text)
    assert [problem.key for problem in found if what in problem.what] == [key], [str(problem) for problem in found]
    named = next(problem for problem in found if what in problem.what)
    assert named.line == line


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        pytest.param('colour_spaec = "x"\n' + GOOD, "Did you mean `colour_space`?", id="misspelt"),
        pytest.param("tint = 1\n" + GOOD, "`tint` belongs in [lighting]", id="wrong place"),
        pytest.param("strength = 1\n" + GOOD, "`strength` belongs in [[cast]]", id="wrong place: cast"),
        pytest.param(GOOD + 'colour_space = "ACEScg"\n', "belongs at the top of the file", id="after a table"),
        pytest.param('missing = "blak"\n' + GOOD, "Did you mean 'black'?", id="choice"),
        pytest.param(GOOD.replace("lead.id", "no.id"), "vfx-swap identity build", id="identity"),
    ],
)
def test_the_mend_names_what_was_probably_meant(problems: Callable[[str], list[Problem]], text: str, mend: str) -> None:
    assert any(mend in (problem.mend or "") for problem in problems(text))


def test_all_problems_come_at_once_in_the_order_of_the_file(problems: Callable[[str], list[Problem]]) -> None:
    found = problems(
        'colour_spaec = "x"\nengine = "nosuch"\n'
        + GOOD.replace("lead.id", "no.id")
        + "strength = 2\n[matte]\nfeather = 'wide'\nholdout = ['hair', 'hat']\n"
    )
    assert [(problem.key, problem.line) for problem in found] == [
        ("colour_spaec", 1),
        ("engine", 2),
        ("cast[0].identity", 9),
        ("cast[0].strength", 10),
        ("matte.feather", 12),
        ("matte.holdout[1]", 13),
    ]


def test_the_error_prints_every_problem_with_its_line(folder: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(folder, GOOD + "strength = 2\nreshape = 2\n")
    assert "2 problems" in str(caught.value)
    assert "line 8: cast[0].strength: must lie in [0, 1], got 2" in str(caught.value)


def test_a_shot_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such shot file"):
        load_shot(tmp_path / "no.toml")
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingInputError):
        load_shot(tmp_path / "file" / "no.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name = 'a'\n\xff", b"#" * (MAX_FILE_BYTES + 1), b"\0"])
def test_bytes_that_are_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shot.toml").write_bytes(content)
    with pytest.raises(SettingsError):
        load_shot(tmp_path / "shot.toml")


def test_a_folder_or_a_hostile_path_is_a_settings_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "a\0b", tmp_path / ("x" * 300)):
        with pytest.raises(SettingsError):
            load_shot(path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(folder: Path) -> None:
    (folder / "shot.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_shot(folder / "shot.toml").name == "sq010_sh0020"


def test_an_output_folder_that_cannot_be_written_is_asked_of_the_system(
    problems: Callable[[str], list[Problem]], monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and allowed(path, mode))
    assert [problem.key for problem in problems(GOOD)] == ["output"]


def test_the_output_may_not_reach_the_plate_through_a_link(
    folder: Path, problems: Callable[[str], list[Problem]]
) -> None:
    (folder / "plates").mkdir()
    (folder / "linked").symlink_to(folder / "plates")
    found = problems(GOOD.replace("renders/swap", "linked/bg"))
    assert [problem.what for problem in found] == ["is the plate itself, which would be overwritten"]


def test_values_without_a_file_are_checked_the_same_way(folder: Path) -> None:
    values = {"name": "x", "plate": "a.exr", "output": "b.exr", "cast": [{"track": 1, "identity": "lead.identity"}]}
    assert shot_from_values(values, folder=folder).result().plate == str(folder / "a.exr")
    with pytest.raises(SettingsError) as caught:
        shot_from_values({**values, "output": "a.exr", "missing": "x"}, folder=folder).result()
    assert {problem.key for problem in caught.value.problems} == {"output", "missing"}


def test_a_draft_takes_more_problems_and_finds_their_lines(folder: Path) -> None:
    (folder / "shot.toml").write_text(GOOD)
    draft = draft_shot(folder / "shot.toml").with_problems(Problem("plate", "has no frames"), Problem("frames", "none"))
    assert [(problem.key, problem.line) for problem in draft.problems] == [("plate", 3), ("frames", None)]
    with pytest.raises(SettingsError, match="2 problems"):
        draft.result()


MARKS = ["[", "]]", "{", "}", "=", "\\u0000", '"""', "'", "#", "1e999", "nan", "-0", "1979-05-27", "[[lighting.light]]"]
WORDS = st.sampled_from([*(word for line in GOOD.splitlines() for word in (line, *line.split())), *MARKS, "\n"])
WRONG = [
    *("tint = {a = 1}", "cast = 3", "[[cast]]", "[cast.x]", "lighting = []", "[matte]", "matte.holdout = [[1]]"),
    *("name = 2020-01-01", f"track = {10**400}", f"strength = {10**400}", "matte.feather = {}", "[[cast.track]]"),
    *('write = {layers = [""]}', 'plate = "/"', 'output = "/\x80"'),
]
TOMLISH = st.one_of(
    st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=25).map("\n".join),
    st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=25).map(" ".join),
    st.lists(st.sampled_from([*GOOD.splitlines(), *WRONG]), max_size=12).map("\n".join),
    st.lists(st.sampled_from(WRONG), max_size=3).map(lambda lines: "\n".join(lines) + "\n" + GOOD),
)


def outcome_of(path: Path) -> Shot | SettingsError:
    try:
        return load_shot(path, knows_colour_space=lambda name: False)
    except SettingsError as error:
        return error


@given(text=TOMLISH)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_gets_past_the_two_documented_errors(folder: Path, text: str) -> None:
    path = folder / "shot.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    outcome = outcome_of(path)
    if isinstance(outcome, SettingsError):
        count = path.read_bytes().count(b"\n") + 1
        assert all(problem.line is None or 1 <= problem.line <= count for problem in outcome.problems)
        assert str(outcome)
