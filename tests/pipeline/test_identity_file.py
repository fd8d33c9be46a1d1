from __future__ import annotations

import io
import json
import struct
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vfx_swap.errors import (
    IdentityError,
    MissingInputError,
    OutputError,
    VfxSwapError,
)
from vfx_swap.pipeline.consent import consent_from_options
from vfx_swap.pipeline.identity import load_identity, save_identity
from vfx_swap.settings import file_sha256
from vfx_swap.types import (
    Consent,
    Embedding,
    Identity,
    Pose,
    Reference,
    SkinTexture,
)

CONSENT = consent_from_options(
    who="A Producer", scope="tests", expires=date(2099, 1, 1), performer="P", valid_from=date(2026, 1, 1)
)


@pytest.fixture(scope="module")
def identity() -> Identity:
    noise = np.random.default_rng(7)
    references = tuple(
        Reference(
            rgb=noise.gamma(1.0, 0.3, (40 + index, 30, 3)).astype(np.float32),
            points=noise.normal(15.0, 9.0, (478, 3)).astype(np.float32),
            expression=noise.random(52).astype(np.float32),
            pose=Pose(float(noise.normal()), 2.0, -3.0),
            source=f"photo {index} ü.jpg",
            sha256=f"{index:064x}",
        )
        for index in range(2)
    )
    texture = SkinTexture(
        rgb=noise.random((16, 16, 3)).astype(np.float32),
        weight=noise.random((16, 16)).astype(np.float32),
        skin_colour=np.array([0.41, 0.3, 0.2], np.float32),
    )
    embeddings = {label: Embedding(label, noise.normal(size=128).astype(np.float32)) for label in ("zed", "dlib")}
    return Identity("lead", references, texture, embeddings, CONSENT, "")


def same(one: Identity, two: Identity) -> None:
    assert (one.name, one.consent, set(one.embeddings)) == (two.name, two.consent, set(two.embeddings))
    for label, embedding in one.embeddings.items():
        np.testing.assert_array_equal(embedding.vector, two.embeddings[label].vector)
    for first, second in zip(one.references, two.references, strict=True):
        for array in ("rgb", "points", "expression"):
            np.testing.assert_array_equal(getattr(first, array), getattr(second, array))
        assert (first.pose, first.source, first.sha256) == (second.pose, second.source, second.sha256)
    for array in ("rgb", "weight", "skin_colour"):
        np.testing.assert_array_equal(getattr(one.texture, array), getattr(two.texture, array))


def test_a_pack_gives_back_what_was_saved(tmp_path: Path, identity: Identity) -> None:
    path = tmp_path / "lead.identity"
    saved = save_identity(identity, path)
    loaded = load_identity(path)
    same(saved, loaded)
    assert saved.sha256 == loaded.sha256 == file_sha256(path)
    np.testing.assert_array_equal(loaded.references[0].points, identity.references[0].points)
    np.testing.assert_allclose(loaded.references[0].rgb, identity.references[0].rgb, rtol=2**-11, atol=1e-7)
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_identity_gives_the_same_bytes(tmp_path: Path, identity: Identity) -> None:
    turned = replace(identity, embeddings=dict(reversed(list(identity.embeddings.items()))))
    for name, one in (("a", identity), ("b", turned)):
        save_identity(one, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    save_identity(load_identity(tmp_path / "a"), tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == (tmp_path / "a").read_bytes()
    save_identity(replace(identity, name="other"), tmp_path / "d")
    assert (tmp_path / "d").read_bytes() != (tmp_path / "a").read_bytes()


def test_a_pack_without_consent_says_so(tmp_path: Path, identity: Identity) -> None:
    save_identity(replace(identity, consent=None), tmp_path / "x.identity")
    assert load_identity(tmp_path / "x.identity").consent is None


def test_a_pack_is_plain_zip_and_json_and_npz(tmp_path: Path, identity: Identity) -> None:
    save_identity(identity, tmp_path / "x.identity")
    with zipfile.ZipFile(tmp_path / "x.identity") as archive:
        assert archive.namelist() == ["arrays.npz", "identity.json"]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        document = json.loads(archive.read("identity.json"))
        arrays = np.load(io.BytesIO(archive.read("arrays.npz")), allow_pickle=False)
        assert arrays["crop_000"].dtype == np.float16
    assert document["schema"] == "vfx_swap/identity.1"
    assert document["consent"] == json.loads(CONSENT.record_json)
    assert set(document["embeddings"]) == {"dlib", "zed"}


def test_what_no_pack_can_hold_is_refused_before_a_file_is_made(tmp_path: Path, identity: Identity) -> None:
    bad = identity.references[0].rgb.copy()
    bad[3, 3, 0] = np.nan
    broken = [
        replace(identity, name="../x"),
        replace(identity, references=()),
        replace(identity, references=(replace(identity.references[0], rgb=bad),)),
        replace(identity, references=(replace(identity.references[0], rgb=np.zeros((1, 2049, 3), np.float32)),)),
        replace(identity, references=(replace(identity.references[0], pose=Pose(float("nan"), 0.0, 0.0)),)),
    ]
    for one in broken:
        with pytest.raises(IdentityError, match="cannot be stored"):
            save_identity(one, tmp_path / "x.identity")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_an_output_error(tmp_path: Path, identity: Identity) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_identity(identity, tmp_path / "file" / "x.identity")


# packs that mean harm


@pytest.fixture(scope="module")
def good(identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("pack") / "x.identity"
    save_identity(identity, path)
    return path.read_bytes()


def zipped(files: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def files_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refused(folder: Path, content: bytes, words: str) -> None:
    path = folder / "x.identity"
    path.write_bytes(content)
    with pytest.raises(IdentityError, match=words) as caught:
        load_identity(path)
    assert caught.value.where == str(path)
    assert caught.value.mend is not None


def with_json(good: bytes, **changes: Any) -> bytes:
    files = files_of(good)
    document = {**json.loads(files["identity.json"]), **changes}
    return zipped({**files, "identity.json": json.dumps(document).encode()})


def with_array(good: bytes, name: str, content: bytes, **kwargs: Any) -> bytes:
    files = files_of(good)
    arrays = {**files_of(files["arrays.npz"]), f"{name}.npy": content}
    return zipped({**files, "arrays.npz": zipped(arrays, **kwargs)})


def npy(array: np.ndarray, **kwargs: Any) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **{"version": (1, 0), **kwargs})
    return buffer.getvalue()


def test_a_pack_repacked_with_deflate_is_read(tmp_path: Path, good: bytes) -> None:
    files = files_of(good)
    npz = zipped(files_of(files["arrays.npz"]), compression=zipfile.ZIP_DEFLATED)
    (tmp_path / "x").write_bytes(zipped({**files, "arrays.npz": npz}, compression=zipfile.ZIP_DEFLATED))
    load_identity(tmp_path / "x")


def test_files_that_are_no_packs(tmp_path: Path, good: bytes) -> None:
    with pytest.raises(MissingInputError):
        load_identity(tmp_path / "no.identity")
    with pytest.raises(IdentityError):
        load_identity(tmp_path)
    for content in (b"", b"PK", b"a photograph" * 100, good[:-1], good[: len(good) // 2], good + b"x"):
        refused(tmp_path, content, "is no identity pack")


def test_other_entries_names_and_folders_are_refused(tmp_path: Path, good: bytes) -> None:
    files = files_of(good)
    for name in ("../../etc/passwd", "/abs", "extra.bin", "identity.json/"):
        refused(tmp_path, zipped({**files, name: b""}), "directory lists 3 entries, not 2")
    odd = {"../identity.json": files["identity.json"], "arrays.npz": files["arrays.npz"]}
    refused(tmp_path, zipped(odd), "look at")
    arrays = files_of(files["arrays.npz"])
    arrays["../x.npy"] = arrays.pop("crop_000.npy")
    refused(tmp_path, zipped({**files, "arrays.npz": zipped(arrays)}), "look at")


def test_the_same_name_twice_is_refused(tmp_path: Path, good: bytes) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("identity.json", b"{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("identity.json", files_of(good)["identity.json"])
    refused(tmp_path, buffer.getvalue(), "should hold 2 entries")


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path, good: bytes) -> None:
    files = files_of(good)
    bomb = zipped({**files, "identity.json": b" " * (5 << 20)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 500_000
    refused(tmp_path, bomb, "says it unpacks to 5242880 bytes")
    refused(
        tmp_path,
        with_array(good, "crop_000", bytes(9 << 20), compression=zipfile.ZIP_DEFLATED),
        r"'crop_000.npy' says it unpacks to",
    )


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path: Path, good: bytes) -> None:
    files = {**files_of(good), "identity.json": b" " * 100_000}
    content = bytearray(zipped(files, compression=zipfile.ZIP_DEFLATED))
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"identity.json"))
    content[at + 24 : at + 28] = struct.pack("<L", 100)
    refused(tmp_path, bytes(content), "is no identity pack")


def test_a_directory_of_many_entries_is_refused_before_it_is_read(tmp_path: Path, good: bytes) -> None:
    many = bytearray(zipped({f"{index}": b"" for index in range(2000)}))
    refused(tmp_path, bytes(many), "lists 2000 entries")
    many[-12:-10] = struct.pack("<H", 2)  # two entries, it says, but its directory is as long as before
    many[-14:-12] = struct.pack("<H", 2)
    refused(tmp_path, bytes(many), "directory lists")


def test_pickles_are_not_opened(tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("harm",))

    harm = npy(np.array([Harm()], dtype=object), allow_pickle=True)
    refused(tmp_path, with_array(good, "crop_000", harm), "crop_000 should be <f2")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.zeros((40, 31, 3), np.float16)), "says it unpacks to 7568 bytes; 7456 is the most"),
        (npy(np.zeros((40, 29, 3), np.float16)), "should be <f2 of shape"),
        (npy(np.zeros((40, 30, 3), np.float32))[:7000], "should be <f2 of shape"),
        (npy(np.asfortranarray(np.zeros((40, 30, 3), np.float16))), "should be <f2 of shape"),
        (npy(np.zeros((40, 30, 3), ">f2")), "should be <f2 of shape"),
        (npy(np.zeros((40, 30, 3), np.float16))[:-2], "cut short"),
        (npy(np.zeros((40, 30, 3), np.float16)) + b"xx", "too long"),
        (npy(np.full((40, 30, 3), np.nan, np.float16)), "NaN"),
        (npy(np.zeros((40, 30, 3), np.float16), version=(2, 0)), "npy format 1.0"),
        (b"", "is no identity pack"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 7000, "is no identity pack"),
    ],
)
def test_arrays_that_are_not_what_the_pack_says(tmp_path: Path, good: bytes, content: bytes, words: str) -> None:
    refused(tmp_path, with_array(good, "crop_000", content), words)


def test_a_weight_outside_its_range_is_refused(tmp_path: Path, good: bytes) -> None:
    wrong = npy(np.full((16, 16), 1.5, np.float16))
    refused(tmp_path, with_array(good, "texture_weight", wrong), r"texture_weight must lie in \[0, 1\]")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": "vfx_swap/identity.2"}, "schema"),
        ({"name": "../x"}, "name"),
        ({"texture_size": 100_000_000}, "texture_size"),
        ({"texture_size": 32}, "texture_rgb should be"),
        ({"references": []}, "references"),
        ({"skin_colour": [1, 2]}, "skin_colour"),
        ({"skin_colour": [1, 2, float("nan")]}, "skin_colour"),
        ({"embeddings": {"dlib": [1e39]}}, "embeddings.dlib.0"),
        ({"embeddings": {"dlib": []}}, "embeddings.dlib"),
        ({"consent": {"schema": "vfx_swap/consent.1", "id": "x"}}, "consent"),
        ({"consent": "yes"}, "consent"),
        ({"script": "x"}, "script"),
    ],
)
def test_an_identity_json_that_is_not_right(tmp_path: Path, good: bytes, changes: dict[str, Any], words: str) -> None:
    refused(tmp_path, with_json(good, **changes), words)


def test_absurd_sizes_in_the_json_are_refused(tmp_path: Path, good: bytes) -> None:
    references = json.loads(files_of(good)["identity.json"])["references"]
    references[0]["height"] = 10**9
    refused(tmp_path, with_json(good, references=references), "references.0.height")
    refused(tmp_path, with_json(good, references=references[1:] * 65), "references")
    for text in (b"[" * 200_000, b"\xff", b"null", b"[]"):
        refused(tmp_path, zipped({**files_of(good), "identity.json": text}), "identity.json is not right")


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_gets_past_the_documented_errors(tmp_path: Path, good: bytes, data: st.DataObject) -> None:
    content = bytearray(good)
    tail = st.integers(max(0, len(good) - 400), len(good) - 1)
    for at in data.draw(st.lists(st.one_of(st.integers(0, len(good) - 1), st.integers(0, 200), tail), max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    (tmp_path / "x.identity").write_bytes(bytes(content))
    try:
        load_identity(tmp_path / "x.identity")
    except VfxSwapError as error:
        caught: VfxSwapError | None = error
    else:
        caught = None
    assert caught is None or type(caught) is IdentityError


def test_the_consent_of_a_pack_is_the_record_it_holds(tmp_path: Path, identity: Identity) -> None:
    save_identity(identity, tmp_path / "x.identity")
    consent = load_identity(tmp_path / "x.identity").consent
    assert isinstance(consent, Consent)
    assert consent == CONSENT
