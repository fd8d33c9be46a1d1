"""The server file: all problems at once with their lines, flags over it, and what it never lets pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.service.authority import Authority
from vfx_swap.errors import MissingInputError, SettingsError, UsageError
from vfx_swap.service.access_file import add_token
from vfx_swap.service.addresses import Address
from vfx_swap.service.server_file import ServerDraft, draft_settings, load_settings

TODAY = date(2026, 11, 20)
FIRST = 'schema = "vfx_swap/server.1"\nstate = "state"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "show").mkdir()
    return tmp_path


@pytest.fixture
def draft(folder: Path) -> Callable[..., ServerDraft]:
    def read(text: str, flags: dict[str, Any] | None = None) -> ServerDraft:
        (folder / "server.toml").write_text(FIRST + text)
        return draft_settings(folder / "server.toml", flags=flags)

    return read


Draft = Callable[..., ServerDraft]


def said(draft: ServerDraft) -> list[str]:
    return [f"{one.line}: {one.key}: {one.what}" for one in draft.problems]


def test_without_a_file_it_listens_on_loopback_and_lets_no_path_in(folder: Path) -> None:
    settings = load_settings(None, flags={"state": str(folder / "state")})
    assert settings.listen == ("127.0.0.1:50051",)
    assert settings.devices == ("auto",)
    assert (settings.tls, settings.access, settings.metrics.listen) == (None, None, None)
    assert (settings.roots.read, settings.roots.write, settings.shared_memory.enabled) == ((), (), False)
    assert settings.limits.message_bytes == (1 << 20) + 65536
    assert settings.limits.frame_side == 16384


def test_paths_start_at_the_file_s_folder(draft: Draft, folder: Path) -> None:
    found = draft('[roots]\nread = ["show"]\n[[roots.map]]\nclient = "Z:/"\nserver = "show"\n').result()
    assert found.state == str(folder / "state")
    assert found.roots.read == (str(folder / "show"),)
    assert found.roots.map[0].server == str(folder / "show")
    assert found.roots.map[0].client == "Z:/"


def test_flags_go_over_the_file_key_by_key(draft: Draft, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "show")
    text = 'devices = ["cuda:3"]\n[roots]\nread = ["show"]\n[metrics]\nlisten = "127.0.0.1:1"\n'
    flags = {"devices": ["cpu", "cpu"], "roots": {"write": ["."]}, "metrics": {"listen": "127.0.0.1:2"}}
    found = draft(text, flags).result()
    assert found.devices == ("cpu", "cpu")
    assert found.metrics.listen == "127.0.0.1:2"
    assert (found.roots.read, found.roots.write) == ((str(folder / "show"),), (str(folder / "show"),))


def test_a_flag_s_problem_has_no_line_of_the_file(draft: Draft) -> None:
    assert said(draft('devices = ["cpu"]\n', {"devices": ["gpu"]})) == ["None: devices[0]: 'gpu' is no device"]


def test_every_problem_is_told_at_once_with_its_line(draft: Draft) -> None:
    text = (
        'listen = ["127.0.0.1:50051", "nowhere", "127.0.0.1:50051"]\ndevices = ["auto", "gpu", "cuda", "cuda:0"]\n'
        '[roots]\nread = ["no-such-folder"]\n[metrics]\nlisten = "0.0.0.0:9464"\n'
    )
    found = draft(text)
    assert said(found) == [
        "3: listen[1]: 'nowhere' is no address to listen on",
        "3: listen[2]: stands already in listen[0]",
        "8: metrics.listen: must be a loopback address, got '0.0.0.0:9464'",
        "4: devices[0]: `auto` stands for all devices there are, so it stands alone",
        "4: devices[1]: 'gpu' is no device",
        "4: devices[3]: 'cuda:0' is named twice",
        f"6: roots.read[0]: there is no folder '{(found.where or Path()).parent / 'no-such-folder'}'",
    ]
    with pytest.raises(SettingsError) as caught:
        found.result()
    assert [one.line for one in caught.value.problems] == sorted(one.line or 0 for one in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("devises = []\n", "3: devises: is not a key of a server file"),
        ("[limits]\njobs = 0\n", "4: limits.jobs: must lie in [1, 1000000], got 0"),
        ("[limits]\nmessage_bytes = 1024\n", "must lie in [1114112, 268435456], got 1024"),
        ("[tls]\nkey = 3\n", "4: tls.key: must be text in quotes, got 3"),
        ("[log]\nformat = 'xml'\n", "4: log.format: must be one of 'auto', 'json', 'text', got 'xml'"),
        ("listen = []\n", "3: listen: must hold at least one entry"),
        ("[shared_memory]\nenabled = 'yes'\n", "4: shared_memory.enabled"),
        ("grace_seconds = inf\n", "3: grace_seconds: must be a finite number"),
    ],
)
def test_wrong_values_are_named(draft: Draft, text: str, says: str) -> None:
    found = said(draft(text))
    assert any(says in one for one in found), found


def test_a_key_in_the_wrong_place_is_told_its_place(draft: Draft) -> None:
    (problem,) = draft("streams_per_client = 3\n").problems
    assert problem.mend == "`streams_per_client` belongs in [limits]"


def test_files_that_are_none(folder: Path) -> None:
    with pytest.raises(MissingInputError, match="no such server file"):
        draft_settings(folder / "no.toml")
    (folder / "server.toml").write_text("listen = [")
    assert "not valid TOML" in draft_settings(folder / "server.toml").problems[0].what
    (folder / "server.toml").write_text("")
    assert [one.key for one in draft_settings(folder / "server.toml").problems] == ["schema"]


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "[::]:50051", "10.0.0.4:50051", "render-01:50051"])
def test_where_other_machines_reach_it_needs_tls_and_access(draft: Draft, listen: str) -> None:
    found = draft(f'listen = ["{listen}"]\n')
    assert said(found) == [
        f"3: listen[0]: '{listen}' can be reached by other machines, which needs [tls]",
        f"3: listen[0]: '{listen}' can be reached by other machines, which needs `access`",
    ]


def test_with_both_it_may_listen_there(draft: Draft, folder: Path) -> None:
    Authority().server(folder)
    add_token(folder / "access.toml", name="comp", roles=["render"], today=TODAY)
    text = 'listen = ["0.0.0.0:50051"]\naccess = "access.toml"\n[tls]\ncertificate = "server.pem"\nkey = "server.key"\n'
    assert draft(text).result().tls is not None


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.8.8.8:1", "[::1]:50051", "localhost:50051", "unix:/run/x/y"])
def test_this_machine_s_addresses_need_neither(draft: Draft, listen: str) -> None:
    found = draft(f'listen = ["{listen}"]\n')
    assert said(found) == []
    assert any("every user of this machine" in note for note in found.notes) == (not listen.startswith("unix"))


def test_a_socket_s_folder_must_be_private(draft: Draft, folder: Path) -> None:
    (folder / "open").mkdir(mode=0o755)
    (folder / "closed").mkdir(mode=0o700)
    (found,) = draft(f'listen = ["unix:{folder}/open/s"]\n').problems
    assert "0700" in found.what
    assert draft(f'listen = ["unix:{folder}/closed/s"]\n').problems == ()


def test_the_state_folder_must_be_private_and_a_folder(draft: Draft, folder: Path) -> None:
    (folder / "state").mkdir(mode=0o755)
    (found,) = draft("").problems
    assert (found.key, found.mend) == ("state", f"chmod 700 {folder / 'state'}")
    (folder / "state").chmod(0o700)
    assert draft("").problems == ()
    (folder / "state").rmdir()
    (folder / "state").write_text("")
    assert "is not a folder" in draft("").problems[0].what


@pytest.mark.parametrize("root", [".", "state", "state/jobs"])
def test_roots_do_not_hold_what_guards_the_server(draft: Draft, folder: Path, root: str) -> None:
    (folder / "state/jobs").mkdir(parents=True)
    (folder / "state").chmod(0o700)
    (folder / "state/jobs/link").symlink_to(folder)
    found = said(draft(f'[roots]\nwrite = ["{root if root != "state/jobs" else "state/jobs/link"}"]\n'))
    assert len(found) == 1
    assert "which clients must not reach" in found[0]


def test_maps_that_would_map_twice_are_told(draft: Draft, folder: Path) -> None:
    one = f'[[roots.map]]\nclient = "/Volumes/show"\nserver = "{folder}/show"\n'
    assert draft(one).problems == ()
    assert draft(one + f'[[roots.map]]\nclient = "{folder}"\nserver = "{folder}"\n').problems == (), "maps to itself"
    found = said(draft(one + f'[[roots.map]]\nclient = "{folder}/show"\nserver = "{folder}/other"\n'))
    assert len(found) == 1
    assert "5: roots.map[0].server" in found[0]
    assert "would be mapped twice" in found[0]
    found = said(draft(one + one.replace("Volumes/show", "volumes/SHOW") + one))
    assert [one.split(": ")[1] for one in found] == ["roots.map[2].client"], "case counts where it counts in paths"
    twice = ["Z:\\show", "z:/Show/"]
    found = said(draft("".join(f"[[roots.map]]\nclient = '{client}'\nserver = 'show'\n" for client in twice)))
    assert [one.split(": ")[1] for one in found] == ["roots.map[1].client"]


def test_an_access_file_s_problems_are_the_server_s(draft: Draft, folder: Path) -> None:
    assert "no such access file" in draft('access = "access.toml"\n').problems[0].what
    (folder / "access.toml").write_text('schema = "vfx_swap/access.1"\n[[token]]\nname = "a b"\nroles = ["king"]\n')
    found = said(draft('access = "access.toml"\n'))
    assert [one.split(": ", 3)[3].split(": ")[:2] for one in found] == [
        ["line 2", "token[0].sha256"],
        ["line 3", "token[0].name"],
        ["line 4", "token[0].roles[0]"],
    ]
    assert {one.split(": ")[0] for one in found} == {"3"}
    (folder / "access.toml").unlink()
    add_token(folder / "access.toml", name="comp", roles=["render"], today=TODAY)
    assert draft('access = "access.toml"\n').problems == ()
    (folder / "access.toml").chmod(0o666)
    assert "can be changed by others" in draft('access = "access.toml"\n').problems[0].what


def test_certificates_that_cannot_be_shown_are_told(draft: Draft, folder: Path) -> None:
    text = 'schema = "vfx_swap/access.1"\n[[certificate]]\nname = "ws-01"\nroles = ["render"]\n'
    (folder / "access.toml").write_text(text)
    (folder / "access.toml").chmod(0o600)
    assert "which nobody can show" in draft('access = "access.toml"\n').problems[0].what


@pytest.mark.parametrize(
    ("text", "kind", "local"),
    [
        ("127.0.0.1:50051", "tcp", True),
        ("[::1]:1", "tcp", True),
        ("localhost:0", "tcp", True),
        ("localhost.evil.example:1", "tcp", False),
        ("[::]:1", "tcp", False),
        ("0.0.0.0:1", "tcp", False),
        ("unix:/run/vfx-swap/server.sock", "unix", True),
    ],
)
def test_addresses(text: str, kind: str, local: bool) -> None:
    address = Address.parse(text)
    assert address.kind == kind
    assert address.is_local == local
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "50051", ":50051", "host", "host:", "host:99999", "host:-1", "host:５", "::1:5", "[host]:5", "[::1]"),
        *("unix:rel", "unix:/", "unix:/a\0", "unix:/" + "x" * 120, "unix-abstract:x"),
        *("h ost:1", "dns:///x:1", "127.0.0.1:1/x", "-a:1"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        Address.parse(text)
