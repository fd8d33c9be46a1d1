"""Paths of clients: only those in the folders, links followed, other systems' spellings mapped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.errors import PathRefusedError
from vfx_swap.service.roots import Roots
from vfx_swap.service.settings import PathMap, RootFolders


@pytest.fixture
def show(tmp_path: Path) -> Path:
    """A show's folders, and a secret beside them."""
    for name in ("plates", "renders", "outside", "plates_of_others"):
        (tmp_path / name).mkdir()
    (tmp_path / "outside/secret.exr").write_bytes(b"secret")
    (tmp_path / "plates/bg.1001.exr").write_bytes(b"a frame")
    (tmp_path / "plates/lead.identity").write_bytes(b"a pack")
    return tmp_path


@pytest.fixture
def roots(show: Path) -> Roots:
    return Roots(RootFolders(read=(str(show / "plates"),), write=(str(show / "renders"),)))


def test_what_lies_in_a_root_is_taken(roots: Roots, show: Path) -> None:
    assert roots.readable(f"{show}/plates/bg.1001.exr") == show / "plates/bg.1001.exr"
    assert roots.writable(f"{show}/renders/deep/er/out.exr") == show / "renders/deep/er/out.exr"
    assert roots.readable(f"{show}/renders/x.exr") == show / "renders/x.exr", "what was written can be read"
    assert roots.readable(f"{show}/renders/../plates/bg.1001.exr") == show / "plates/bg.1001.exr"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "{show}/outside/secret.exr",
        "{show}/plates/../outside/secret.exr",
        "{show}/plates_of_others/bg.exr",
        "{show}",
        "/",
        "{show}/outside/no-such-file.exr",
    ],
)
def test_what_lies_elsewhere_is_refused(roots: Roots, show: Path, path: str) -> None:
    with pytest.raises(PathRefusedError, match="outside the folders this server reads") as caught:
        roots.readable(path.format(show=show))
    assert str(show / "plates") in (caught.value.mend or "")
    assert "secret" not in caught.value.what


def test_a_plate_s_folder_is_not_written_to(roots: Roots, show: Path) -> None:
    with pytest.raises(PathRefusedError, match="this server writes"):
        roots.writable(f"{show}/plates/bg.1001.exr")


def test_links_that_lead_out_are_refused_and_do_not_tell_where(roots: Roots, show: Path) -> None:
    (show / "plates/file.exr").symlink_to(show / "outside/secret.exr")
    (show / "plates/folder").symlink_to(show / "outside")
    (show / "renders/folder").symlink_to(show / "outside")
    (show / "plates/dangling.exr").symlink_to(show / "outside/not-there.exr")
    for path in ("plates/file.exr", "plates/folder/secret.exr", "plates/dangling.exr"):
        with pytest.raises(PathRefusedError, match="link leads out") as caught:
            roots.readable(f"{show}/{path}")
        assert "outside" not in str(caught.value)
    with pytest.raises(PathRefusedError, match="link leads out"):
        roots.writable(f"{show}/renders/folder/not/yet/out.exr")


def test_links_within_are_followed_and_gone_from_what_is_handed_on(roots: Roots, show: Path) -> None:
    (show / "plates/latest.exr").symlink_to("bg.1001.exr")
    assert roots.readable(f"{show}/plates/latest.exr") == show / "plates/bg.1001.exr"


def test_a_root_that_is_a_link_is_one(show: Path) -> None:
    (show / "mount").symlink_to(show / "plates")
    roots = Roots(RootFolders(read=(str(show / "mount"),)))
    assert roots.readable(f"{show}/mount/bg.1001.exr") == show / "plates/bg.1001.exr"


def test_links_in_a_circle_lead_nowhere(roots: Roots, show: Path) -> None:
    (show / "plates/a").symlink_to(show / "plates/b")
    (show / "plates/b").symlink_to(show / "plates/a")
    found = roots.readable(f"{show}/plates/a/x.exr")
    assert found.parent.parent == show / "plates", "it stays inside; opening it fails"


def test_pipes_and_devices_are_refused(roots: Roots, show: Path) -> None:
    os.mkfifo(show / "plates/pipe.exr")
    os.mkfifo(show / "renders/pipe.exr")
    with pytest.raises(PathRefusedError, match="neither a file nor a folder"):
        roots.readable(f"{show}/plates/pipe.exr")
    with pytest.raises(PathRefusedError, match="no plain file"):
        roots.writable(f"{show}/renders/pipe.exr")


@pytest.mark.parametrize(
    "path",
    ["plates/bg.exr", "", "bg.exr", "~/bg.exr", "a\0b", "/x\0", "Z:\\show\\bg.exr", "Z:/show", "\\\\nas\\x"],
)
def test_what_means_nothing_here_is_refused(roots: Roots, path: str) -> None:
    with pytest.raises(PathRefusedError):
        roots.readable(path)


@given(path=st.text(max_size=40) | st.text(alphabet="/.\\~a\0:", max_size=30))
def test_no_text_breaks_out(path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    roots = Roots(RootFolders(read=(str(base),), map=(PathMap(client="Z:\\show", server=str(base)),)))
    for text in (path, f"{base}/{path}", f"Z:\\show\\{path}"):
        try:
            found = roots.readable(text)
        except PathRefusedError:
            continue
        assert found == base or base in found.parents


def mapped(show: Path) -> Roots:
    maps = (
        PathMap(client="Z:\\show", server=str(show)),
        PathMap(client="z:\\Show\\plates\\", server=str(show / "plates")),
        PathMap(client="\\\\nas\\vol1", server=str(show)),
        PathMap(client="/Volumes/show", server=str(show)),
    )
    return Roots(RootFolders(read=(str(show / "plates"),), map=maps))


@pytest.mark.parametrize(
    "path",
    [
        "Z:\\show\\plates\\bg.1001.exr",
        "z:/SHOW/plates/bg.1001.exr",
        "Z:\\show/plates\\\\bg.1001.exr",
        "\\\\NAS\\vol1\\plates\\bg.1001.exr",
        "//nas/vol1/plates/bg.1001.exr",
        "/Volumes/show/plates/bg.1001.exr",
    ],
)
def test_paths_of_other_systems_are_mapped(show: Path, path: str) -> None:
    assert mapped(show).readable(path) == show / "plates/bg.1001.exr"


@pytest.mark.parametrize(
    "path", ["Z:\\showreel\\bg.exr", "/volumes/show/plates/bg.1001.exr", "Y:\\show\\x", "Z:\\show\\..\\..\\etc\\passwd"]
)
def test_what_only_looks_like_a_mapped_path_is_refused(show: Path, path: str) -> None:
    with pytest.raises(PathRefusedError):
        mapped(show).readable(path)


def test_the_longest_prefix_counts(tmp_path: Path) -> None:
    (tmp_path / "fast").mkdir()
    maps = (
        PathMap(client="Z:\\show", server="/slow"),
        PathMap(client="Z:\\show\\plates", server=str(tmp_path / "fast")),
    )
    roots = Roots(RootFolders(read=(str(tmp_path / "fast"),), map=maps))
    assert roots.readable("z:\\show\\PLATES\\a.exr") == tmp_path / "fast/a.exr"


def test_every_frame_of_a_pattern_is_looked_at(roots: Roots, show: Path) -> None:
    text = f"{show}/plates/bg.####.exr"
    assert roots.readable_pattern(text) == text
    (show / "plates/bg.1002.exr").symlink_to(show / "outside/secret.exr")
    with pytest.raises(PathRefusedError, match="link leads out"):
        roots.readable_pattern(text)
    assert roots.readable_pattern(f"{show}/plates/other.####.exr"), "another plate in that folder is not touched by it"


def test_the_places_of_an_output_s_frames_are_looked_at(roots: Roots, show: Path) -> None:
    text = f"{show}/renders/v002/out.%04d.exr"
    assert roots.writable_pattern(text) == text, "a folder that does not exist yet"
    (show / "renders/v002").mkdir()
    (show / "renders/v002/out.1001.exr").symlink_to(show / "outside/secret.exr")
    with pytest.raises(PathRefusedError, match="link leads out"):
        roots.writable_pattern(text)


def test_a_folder_that_is_a_link_is_followed_once(roots: Roots, show: Path) -> None:
    (show / "plates/v001").mkdir()
    (show / "plates/latest").symlink_to("v001")
    assert roots.readable_pattern(f"{show}/plates/latest/bg.####.exr") == f"{show}/plates/v001/bg.####.exr"


def test_a_refused_pattern_is_told_as_it_was_sent(roots: Roots) -> None:
    with pytest.raises(PathRefusedError, match="outside") as caught:
        roots.readable_pattern("/elsewhere/bg.####.exr")
    assert caught.value.where == "/elsewhere/bg.####.exr"


def shot(show: Path) -> dict[str, object]:
    return {
        "name": "sh010",
        "plate": f"{show}/plates/bg.####.exr",
        "output": f"{show}/renders/out.####.exr",
        "cast": [
            {"performer": f"{show}/plates/double.jpg", "identity": f"{show}/plates/lead.identity", "strength": 0.5},
            {"position": "left", "identity": "identities/lead"},
        ],
        "lighting": {"environment": f"{show}/plates/set.exr", "tint": 0.5},
    }


def test_a_shot_in_the_roots_comes_back_as_it_was(roots: Roots, show: Path) -> None:
    assert roots.shot(shot(show)) == shot(show)


def test_all_wrong_paths_of_a_shot_are_told_at_once(roots: Roots, show: Path) -> None:
    wrong = {
        "name": "sh010",
        "plate": "/a/bg.####.exr",
        "output": f"{show}/plates/out.####.exr",
        "cast": [{"performer": "/b.jpg", "identity": "/c.identity"}, {"identity": "identities/.."}],
        "lighting": {"environment": "/d.exr"},
    }
    with pytest.raises(PathRefusedError, match="6 paths are refused") as caught:
        roots.shot(wrong)
    keys = ("plate", "output", "cast[0].performer", "cast[0].identity", "cast[1].identity", "lighting.environment")
    assert [line.split(":")[0].strip() for line in caught.value.what.splitlines()[1:]] == list(keys)


def test_one_wrong_path_is_named_by_its_key(roots: Roots, show: Path) -> None:
    with pytest.raises(PathRefusedError, match=r"^/x\.exr: lighting\.environment: it lies outside"):
        roots.shot(shot(show) | {"lighting": {"environment": "/x.exr"}})


@pytest.mark.parametrize("ending", ["tracks.json", "render.json"])
def test_files_beside_the_output_that_lead_out_are_refused(roots: Roots, show: Path, ending: str) -> None:
    (show / f"renders/sh010.{ending}").symlink_to(show / "outside/secret.exr")
    with pytest.raises(PathRefusedError, match="output: a link leads out"):
        roots.shot(shot(show))


def test_what_is_no_path_is_left_for_the_shot_s_own_check(roots: Roots) -> None:
    values = {"plate": 3, "output": None, "cast": ["x", {"identity": 4}], "lighting": []}
    assert roots.shot(values) == values


def test_without_roots_nothing_is_taken(show: Path) -> None:
    with pytest.raises(PathRefusedError, match="outside"):
        Roots(RootFolders()).readable(f"{show}/plates/bg.1001.exr")


def test_names_are_what_clients_write(show: Path) -> None:
    assert mapped(show).names == (
        "z:\\Show\\plates\\",
        "/Volumes/show",
        "\\\\nas\\vol1",
        "Z:\\show",
        str(show / "plates"),
    )
