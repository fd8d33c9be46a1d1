"""Tokens in their file: shown once, hashed, added and taken out without touching the rest; roles and what they open."""

from __future__ import annotations

import hashlib
import re
import stat
import threading
from datetime import date
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

from vfx_swap.errors import MissingInputError, RoleError, SettingsError, UsageError
from vfx_swap.service import wire
from vfx_swap.service.access import NEEDS, ROLES, UNGUARDED, Role, Who, require_role
from vfx_swap.service.access_file import add_token, load_access, remove_token

TODAY = date(2026, 11, 20)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "access.toml"


def test_a_token_is_shown_once_and_stands_hashed(file: Path) -> None:
    token = add_token(file, name="comp-ws-01", roles=["render"], today=TODAY, expires=date(2027, 1, 31))
    assert re.fullmatch(r"vfxs_[A-Za-z0-9_-]{43}", token)
    text = file.read_text()
    assert token not in text
    assert token.removeprefix("vfxs_") not in text
    assert hashlib.sha256(token.encode()).hexdigest() in text
    (entry,) = load_access(file).token
    assert (entry.name, entry.roles, entry.created) == ("comp-ws-01", ("render",), TODAY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_two_tokens_are_alike(file: Path) -> None:
    tokens = {add_token(file, name=f"n{index}", roles=["watch"], today=TODAY) for index in range(8)}
    assert len(tokens) == 8


def test_a_token_is_found_and_what_is_near_it_is_not(file: Path) -> None:
    add_token(file, name="first", roles=["watch"], today=TODAY)
    token = add_token(file, name="second", roles=["render"], today=TODAY)
    access = load_access(file)
    found = access.find_token(token)
    assert found is not None
    assert found.name == "second"
    for other in ("", token[:-1], token + "a", token.swapcase(), token.encode().hex(), found.sha256, "\udce9"):
        assert access.find_token(other) is None


@pytest.mark.parametrize("at", [0, 31, 63])
def test_a_hash_that_is_nearly_a_token_s_is_not_its(file: Path, at: int) -> None:
    token = add_token(file, name="a", roles=["watch"], today=TODAY)
    digest = hashlib.sha256(token.encode()).hexdigest()
    near = digest[:at] + ("0" if digest[at] != "0" else "1") + digest[at + 1 :]
    file.write_text(file.read_text().replace(digest, near))
    assert load_access(file).find_token(token) is None


def test_its_last_day_holds_and_the_next_does_not(file: Path) -> None:
    add_token(file, name="a", roles=["watch"], today=TODAY, expires=date(2026, 11, 30))
    (entry,) = load_access(file).token
    assert entry.holds(date(2026, 11, 30))
    assert not entry.holds(date(2026, 12, 1))


def test_adding_and_removing_leave_the_rest_as_it_was(file: Path) -> None:
    text = (
        '# who may do what\nschema = "vfx_swap/access.1"\n\n'
        '# the farm\n[[certificate]]\nname = "farm"\nroles = ["render"]\n'
        f'\n[[token]] # old\nname = "old"\nsha256 = "{"ab" * 32}"\nroles = ["watch"]\n\n# the boss\n[[token]]\n'
        f'name = "boss"\nsha256 = "{"cd" * 32}"\nroles = ["admin"]\n'
    )
    file.write_text(text)
    add_token(file, name="new", roles=["identities", "render"], today=TODAY)
    assert file.read_text().startswith(text)
    assert [entry.name for entry in load_access(file).token] == ["old", "boss", "new"]
    remove_token(file, name="new")
    assert file.read_text().rstrip("\n") == text.rstrip("\n")
    remove_token(file, name="old")
    left = file.read_text()
    assert '# the boss\n[[token]]\nname = "boss"' in left
    assert "old" not in left
    assert "# the farm" in left
    remove_token(file, name="boss")
    assert load_access(file).token == ()
    assert load_access(file).certificate[0].name == "farm"


def test_many_at_once_lose_nothing(file: Path) -> None:
    def add(index: int) -> None:
        add_token(file, name=f"n{index}", roles=["watch"], today=TODAY)

    threads = [threading.Thread(target=add, args=(index,)) for index in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.name for entry in load_access(file).token} == {f"n{index}" for index in range(12)}


@pytest.mark.parametrize("name", ["", "a b", "-x", "a\nb", 'a"b', "é", "x" * 129, "[[token]]"])
def test_what_cannot_be_a_name(file: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        add_token(file, name=name, roles=["watch"], today=TODAY)
    assert not file.exists()


def test_a_name_that_is_taken_a_day_that_is_past_no_role_no_folder(file: Path) -> None:
    add_token(file, name="a", roles=["watch"], today=TODAY)
    before = file.read_text()
    with pytest.raises(UsageError, match="there is a token of the name 'a'"):
        add_token(file, name="a", roles=["watch"], today=TODAY)
    with pytest.raises(UsageError, match="would never hold"):
        add_token(file, name="b", roles=["watch"], today=TODAY, expires=date(2026, 11, 19))
    with pytest.raises(UsageError, match="needs a role"):
        add_token(file, name="b", roles=[], today=TODAY)
    with pytest.raises(UsageError, match="no token has the name 'b'"):
        remove_token(file, name="b")
    with pytest.raises(UsageError, match="there is no folder"):
        add_token(file.parent / "no" / "access.toml", name="b", roles=["watch"], today=TODAY)
    with pytest.raises(MissingInputError):
        remove_token(file.parent / "other.toml", name="a")
    assert file.read_text() == before


def test_a_file_that_is_not_in_order_is_not_written_to(file: Path) -> None:
    file.write_text('schema = "vfx_swap/access.1"\ntoken = []\n')
    with pytest.raises(SettingsError):  # a [[token]] behind `token = []` would not be TOML
        add_token(file, name="a", roles=["watch"], today=TODAY)
    assert file.read_text() == 'schema = "vfx_swap/access.1"\ntoken = []\n'
    assert list(file.parent.iterdir()) == [file]


def test_every_problem_of_the_file_is_told(file: Path) -> None:
    entry = f'[[token]]\nname = "a"\nsha256 = "{"ab" * 32}"\nroles = ["watch"]\n'
    file.write_text(entry + entry + '[[token]]\nname = "c"\nsha256 = "x"\nroles = []\nage = 3\n')
    with pytest.raises(SettingsError) as caught:
        load_access(file)
    assert {(one.key, one.line) for one in caught.value.problems} == {
        ("schema", None), ("token[1].name", 6), ("token[1].sha256", 7), ("token[2].sha256", 11), ("token[2].roles", 12),
        ("token[2].age", 13),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("roles", "opens"),
    [
        (["admin"], {"admin", "render", "identities", "watch"}),
        (["render"], {"render", "watch"}),
        (["identities"], {"identities", "watch"}),
        (["watch"], {"watch"}),
        ([], set()),
    ],
)
def test_roles_bring_others(roles: list[Role], opens: set[Role]) -> None:
    who = Who.of("x", roles)
    assert {role for role in ROLES if who.may(role)} == opens


def test_every_method_of_every_service_has_a_role() -> None:
    assert wire.SERVICES
    pool = descriptor_pool.Default()
    names = [*wire.SERVICES, "google.longrunning.Operations"]
    methods = {f"/{name}/{method.name}" for name in map(str, names) for method in pool.FindServiceByName(name).methods}
    assert methods <= set(NEEDS), "a method without an entry in access.py is refused to everyone"
    ours = {method for method in NEEDS if method.startswith("/vfx_swap.")}
    assert ours <= methods, "access.py names a method that is in no proto"


def test_health_and_only_health_is_open_to_all() -> None:
    import grpc_health.v1.health_pb2 as health

    methods = {method.name for method in health.DESCRIPTOR.services_by_name["Health"].methods}
    assert {f"/grpc.health.v1.Health/{name}" for name in methods} == UNGUARDED
    assert not UNGUARDED & set(NEEDS)


@pytest.mark.parametrize(
    ("method", "roles"),
    [
        ("/vfx_swap.v1.ShotService/SubmitShot", {"admin", "render"}),
        ("/vfx_swap.v1.ShotService/WatchJob", {"admin", "render", "identities", "watch"}),
        ("/vfx_swap.v1.FrameService/ProcessFrames", {"admin", "render"}),
        ("/vfx_swap.v1.IdentityService/CreateIdentity", {"admin", "identities"}),
        ("/vfx_swap.v1.IdentityService/DeleteIdentity", {"admin", "identities"}),
        ("/vfx_swap.v1.IdentityService/ListIdentities", {"admin", "identities", "render"}),
        ("/vfx_swap.v1.ModelService/UnloadModel", {"admin"}),
        ("/vfx_swap.v1.NewService/Forgotten", set()),
    ],
)
def test_who_may_call_what(method: str, roles: set[Role]) -> None:
    allowed = set()
    for role in ROLES:
        try:
            require_role(Who.of(role, [role]), method=method)
        except RoleError as error:
            assert method.rpartition("/")[2] in error.what  # noqa: PT017  several roles in one test
        else:
            allowed.add(role)
    assert allowed == roles
