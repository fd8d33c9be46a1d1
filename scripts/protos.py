"""Makes `vfx_swap/v1` from `proto/vfx_swap/v1`, and checks that it is current, lints, and breaks no older client.

.venv/bin/python -m scripts.protos              writes the generated code
.venv/bin/python -m scripts.protos check        current, `buf lint`, `buf breaking` against the last release's tag
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

__all__ = ["breaking", "check", "generate", "lint", "protos_of", "released"]

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "proto"
PACKAGE = Path("vfx_swap/v1")
GOOGLE = ("google/longrunning", "google/rpc", "google/api")
"""What ours import and the libraries carry; copied beside ours so that nothing is fetched."""
RENAMED = {"operations_proto.proto": "operations.proto"}
"""The library ships it under a name of its own; its generated code is registered under the standard one."""
BUF = Path(sys.executable).with_name("buf")
INIT = '"""Made from proto/vfx_swap/v1 by `python -m scripts.protos`; `vfx_swap.service.wire` alone imports it."""\n'


def generate(out: Path) -> None:
    """Write the generated code under `out`, as `vfx_swap/v1/*_pb2.py`, `*_pb2.pyi` and `*_pb2_grpc.py`.

    Raises:
        SystemExit: a proto does not compile; protoc's reasons are printed.
    """
    from grpc_tools import protoc

    names = sorted(path.relative_to(PROTOS).as_posix() for path in (PROTOS / PACKAGE).glob("*.proto"))
    to = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    with tempfile.TemporaryDirectory() as google:
        _lay_google(Path(google))
        include = [f"-I{PROTOS}", f"-I{files('grpc_tools') / '_proto'}", f"-I{google}"]
        if protoc.main(["protoc", *include, *to, *names]) != 0:
            raise SystemExit(1)
    (out / PACKAGE / "__init__.py").write_text(INIT, encoding="utf-8")
    for path in (out / PACKAGE).glob("*_pb2_grpc.py"):
        # Files without a service hold nothing but a version check.
        if "Servicer" not in path.read_text(encoding="utf-8"):
            path.unlink()


def check() -> list[str]:
    """What is wrong with the generated code: files that differ, are missing, or are left over."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = {path.name: path for path in (Path(folder) / PACKAGE).iterdir()}
        there = {path.name: path for path in (ROOT / PACKAGE).iterdir() if path.is_file()}
        wrong = [f"{name} is missing" for name in sorted(fresh.keys() - there.keys())]
        wrong += [f"{name} is left over" for name in sorted(there.keys() - fresh.keys())]
        same = sorted(fresh.keys() & there.keys())
        wrong += [f"{name} is not current" for name in same if not filecmp.cmp(fresh[name], there[name], shallow=False)]
    return wrong


def lint(protos: Path = PROTOS) -> list[str]:
    """What `buf lint` says (category STANDARD)."""
    with tempfile.TemporaryDirectory() as folder:
        return _buf("lint", cwd=_workspace(Path(folder), protos))


def breaking(old: Path, new: Path = PROTOS) -> list[str]:
    """What `buf breaking` says of a folder of protos against an older one (category FILE)."""
    with tempfile.TemporaryDirectory() as folder:
        now, before = _workspace(Path(folder) / "now", new), _workspace(Path(folder) / "before", old)
        return _buf("breaking", "--against", str(before), cwd=now)


def protos_of(tag: str, folder: Path) -> Path:
    """The protos of a tag, laid into a folder."""
    archive = folder / "protos.tar"
    git = shutil.which("git") or "git"
    subprocess.run([git, "archive", "-o", str(archive), tag, "proto"], cwd=ROOT, check=True)
    shutil.unpack_archive(archive, folder, filter="data")
    return folder / "proto"


def released() -> str | None:
    """The newest tag of a release that has protos; None before the first."""
    git = shutil.which("git") or "git"
    asked = subprocess.run(
        [git, "tag", "--list", "v*", "--sort=-version:refname"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    for tag in asked.stdout.split():
        has = subprocess.run(
            [git, "cat-file", "-e", f"{tag}:proto/{PACKAGE}"], cwd=ROOT, capture_output=True, check=False
        )
        if has.returncode == 0:
            return tag
    return None


def _workspace(folder: Path, protos: Path) -> Path:
    """A buf workspace of our protos and of Google's that they import."""
    ours, google = folder / "proto", folder / "google-apis"
    shutil.copytree(protos, ours, ignore=shutil.ignore_patterns("*.md", "buf.yaml"))
    _lay_google(google)
    shutil.copy(PROTOS / "buf.yaml", folder / "buf.yaml")
    return folder


def _lay_google(folder: Path) -> None:
    """Lay Google's common protos into a folder, each under the name that others import it by."""
    import google.rpc

    common = Path(next(iter(google.rpc.__path__))).parent.parent
    for name in GOOGLE:
        for path in sorted((common / name).glob("*.proto")):
            (folder / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / name / RENAMED.get(path.name, path.name))


def _buf(*arguments: str, cwd: Path) -> list[str]:
    done = subprocess.run([BUF, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    return said or ([f"buf {arguments[0]} ended with {done.returncode}"] if done.returncode else [])


def _main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.protos", description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("generate", "check"), default="generate")
    if parser.parse_args(arguments).what == "generate":
        generate(ROOT)
        return
    tag, wrong = released(), [*check(), *lint()]
    if tag is not None:
        with tempfile.TemporaryDirectory() as folder:
            wrong += breaking(protos_of(tag, Path(folder)))
    print(
        "\n".join(wrong)
        if wrong
        else f"protos: current, linted, {f'compatible with {tag}' if tag else 'no release yet'}"
    )
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    _main()
