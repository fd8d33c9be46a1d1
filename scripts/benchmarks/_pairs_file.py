"""`pairs.toml` (schema `vfx_swap/pairs.1`): which plates are swapped with which identities."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vfx_swap.errors import MissingInputError, Problem, SettingsError
from vfx_swap.io.paths import FramePattern

__all__ = ["SCHEMA", "IdentityEntry", "Pairs", "PlateEntry", "read_pairs_file"]

SCHEMA = "vfx_swap/pairs.1"
_KEYS = {
    "plate": ({"name", "person", "path"}, {"colour_space"}),
    "identity": ({"name", "person"}, {"references", "consent", "pack"}),
    "pair": ({"plate", "identity"}, set()),
}


@dataclass(frozen=True)
class PlateEntry:
    """A still or a sequence."""

    name: str
    person: str
    """Who is seen; the same word as an identity's `person` where it is the same person."""
    path: str
    """A picture, or a pattern of EXR frames (`plate.####.exr`)."""
    colour_space: str | None
    """None: scene-linear Rec.709 for EXR, what a photograph itself says otherwise."""


@dataclass(frozen=True)
class IdentityEntry:
    """Photographs with a consent record, or a pack, which carries one."""

    name: str
    person: str
    references: tuple[Path, ...]
    consent: Path | None
    pack: Path | None


@dataclass(frozen=True)
class Pairs:
    """What a pairs file asks for."""

    plates: tuple[PlateEntry, ...]
    identities: tuple[IdentityEntry, ...]
    pairs: tuple[tuple[PlateEntry, IdentityEntry], ...]


def read_pairs_file(path: Path) -> Pairs:
    """Read a pairs file; paths in it are relative to it. Without any `[[pair]]`, every plate goes with every identity.

    Raises:
        MissingInputError: there is no such file.
        SettingsError: it is no valid pairs file; holds every problem.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingInputError("there is no such pairs file", where=path, mend="Check the path") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([Problem("", f"it cannot be read as TOML: {error}")], where=path) from error
    problems: list[Problem] = []
    if told.get("schema") != SCHEMA:
        problems.append(Problem("schema", f"is {told.get('schema')!r}", mend=f'Write schema = "{SCHEMA}"'))
    problems += [Problem(key, "is no key of a pairs file") for key in sorted(set(told) - {"schema", *_KEYS})]
    rows = {kind: _rows(told, kind, problems) for kind in _KEYS}
    for kind in ("plate", "identity"):
        if not told.get(kind):
            problems.append(Problem(kind, "there is none", mend=f"Add a [[{kind}]]"))
        _check_names(rows[kind], problems)
    plates = {row["name"]: _plate(key, row, path.parent, problems) for key, row in rows["plate"]}
    identities = {row["name"]: _identity(key, row, path.parent, problems) for key, row in rows["identity"]}
    chosen: list[tuple[str, str]] = []
    for key, row in rows["pair"]:
        for kind, known in (("plate", set(plates)), ("identity", set(identities))):
            if row[kind] not in known:
                there = ", ".join(sorted(known)) or "none"
                problems.append(Problem(f"{key}.{kind}", f"there is no {kind} {row[kind]!r}; there are: {there}"))
        if (row["plate"], row["identity"]) in chosen:
            problems.append(Problem(key, f"{row['identity']} on {row['plate']} is there twice"))
        chosen.append((row["plate"], row["identity"]))
    if problems:
        raise SettingsError(problems, where=path)
    if not rows["pair"]:
        chosen = [(plate, identity) for plate in plates for identity in identities]
    made = tuple((plates[plate], identities[identity]) for plate, identity in chosen)
    return Pairs(tuple(plates.values()), tuple(identities.values()), made)


def _rows(told: dict[str, Any], kind: str, problems: list[Problem]) -> list[tuple[str, dict[str, Any]]]:
    """Key and row of each table whose keys and types are right."""
    must, may = _KEYS[kind]
    tables = told.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(row, dict) for row in tables):
        problems.append(Problem(kind, "is no list of tables", mend=f"Write [[{kind}]]"))
        return []
    good = []
    for index, row in enumerate(tables):
        key, count = f"{kind}[{index}]", len(problems)
        problems += [Problem(f"{key}.{one}", f"is no key of a {kind}") for one in sorted(set(row) - must - may)]
        problems += [Problem(f"{key}.{one}", "is missing") for one in sorted(must - set(row))]
        for one in sorted((must | may) & set(row)):
            value = row[one] if one == "references" else [row[one]]
            if not (isinstance(value, list) and value and all(isinstance(text, str) and text for text in value)):
                what = "a list of paths" if one == "references" else "text"
                problems.append(Problem(f"{key}.{one}", f"is {row[one]!r}, not {what}"))
        if len(problems) == count:
            good.append((key, row))
    return good


def _check_names(rows: list[tuple[str, dict[str, Any]]], problems: list[Problem]) -> None:
    seen: set[str] = set()
    for key, row in rows:
        name = row["name"]
        if name in seen:
            problems.append(Problem(f"{key}.name", f"{name!r} is there twice"))
        elif not name.replace("-", "").replace("_", "").isalnum():
            # Names become names of files.
            problems.append(Problem(f"{key}.name", f"is {name!r}", mend="Use letters, digits, - and _"))
        seen.add(name)


def _plate(key: str, row: dict[str, Any], root: Path, problems: list[Problem]) -> PlateEntry:
    path = str(root / row["path"])
    there = bool(FramePattern.parse(path).frames_on_disk()) if "#" in row["path"] else Path(path).is_file()
    if not there:
        problems.append(Problem(f"{key}.path", f"there is no file {path}"))
    if "#" in row["path"] and not path.lower().endswith(".exr"):
        problems.append(Problem(f"{key}.path", f"{row['path']!r} is a sequence, and no EXR", mend="Convert it to EXR"))
    return PlateEntry(row["name"], row["person"], path, row.get("colour_space"))


def _identity(key: str, row: dict[str, Any], root: Path, problems: list[Problem]) -> IdentityEntry:
    files: dict[str, list[Path]] = {one: [root / row[one]] for one in ("pack", "consent") if one in row}
    files["references"] = [root / one for one in row.get("references", ())]
    if ("pack" in row) == ("references" in row):
        problems.append(Problem(key, "has to have either references or a pack"))
    if "references" in row and "consent" not in row:
        problems.append(Problem(f"{key}.consent", "is missing", mend="Name the consent record of the person"))
    if "pack" in row and "consent" in row:
        problems.append(Problem(f"{key}.consent", "is not for a pack, which carries its own"))
    for one, paths in files.items():
        problems += [Problem(f"{key}.{one}", f"there is no file {file}") for file in paths if not file.is_file()]
    pack, consent = (files[one][0] if one in files else None for one in ("pack", "consent"))
    return IdentityEntry(row["name"], row["person"], tuple(files["references"]), consent, pack)
