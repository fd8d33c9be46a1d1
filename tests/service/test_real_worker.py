"""A real worker with the default engine, on small pictures of digital doubles: the bits of the local commands."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.torch_devices import open_or_skip
from vfx_swap.io.read import read_picture
from vfx_swap.service.crew import CrewSettings, LocalCrew
from vfx_swap.service.device_state import expand_devices
from vfx_swap.service.pool import OpenFiles, ref_from_json
from vfx_swap.service.work import Ref, Task

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "doubles"
RECORD = {
    "schema": "vfx_swap/consent.1",
    "id": "digital-double-emre",
    "performer": {"name": "emre"},
    "granted_by": {"name": "a digital double is nobody", "kind": "public_domain"},
    "scope": {"text": "tests", "uses": ["face_replacement"]},
    "valid_from": "2020-01-01",
    "expires": "2099-12-31",
}
pytestmark = pytest.mark.slow


def local(folder: Path, values: dict[str, Any], device: str) -> None:
    """The same shot by `vfx-swap render`."""
    from typer.testing import CliRunner

    from vfx_swap.cli.app import app

    file = folder / "shot.toml"
    cast = values["cast"][0]
    file.write_text(
        f'schema = "vfx_swap/shot.1"\nname = "talk"\nplate = "{values["plate"]}"\n'
        f'output = "{folder}/out/talk.####.exr"\nframes = "1002,1006"\ncolour_space = "{values["colour_space"]}"\n'
        f'[[cast]]\nposition = "largest"\nidentity = "{cast["identity"]}"\n[write]\nlayers = ["matte"]\n'
    )
    done = CliRunner().invoke(app, ["render", str(file), "--device", device])
    assert done.exit_code == 0, done.output


async def served(folder: Path, values: dict[str, Any], device: str) -> dict[str, Any]:
    """Everything by a worker: identity, tracks, a chunk, a session."""
    crew = LocalCrew(CrewSettings(devices=expand_devices([device])))
    await crew.start()
    try:

        async def ask(kind: Any, body: dict[str, Any], **more: Any) -> Any:
            return await crew.submit(Task(f"{kind} {len(kept)}", kind, body, "ann", **more)).result()

        kept: dict[str, Any] = {}
        references = [str(GOLDEN / "people" / "emre" / f"{view}.exr") for view in ("front", "left45")]
        asked = {"name": "emre", "references": references, "consent": str(folder / "consent.json")}
        kept["identity"] = await ask("identity", {**asked, "out": values["cast"][0]["identity"]})
        kept["tracks"] = await ask("analyse", {"shot": values})
        kept["render"] = await ask("render", {"shot": values, "frames": [1002, 1006]})
        kept["devices"] = crew.devices()
        body = {"session": "s", "shot": values, "mode": "tracks", "tracks": kept["tracks"]["tracks"]}
        kept["open"] = await ask("open", {**body, "colour_space": values["colour_space"]}, affinity="s")
        frame = sent(folder, 1006)
        kept["swap"] = await ask("swap", {"session": "s", "frames": [frame]}, affinity="s")
        return kept
    finally:
        await crew.stop(grace_seconds=10)


def sent(folder: Path, number: int) -> dict[str, Any]:
    """A plate's frame in shared memory."""
    picture = read_picture(GOLDEN / "shots" / "talk" / f"plate.{number}.exr")
    pool, files = folder / "pool", OpenFiles()
    pool.touch()
    size = 64 << 20
    pixels = files.lay(Ref(str(pool), 0, (size,), "uint8"), {"rgb": np.ascontiguousarray(picture.native_rgb)})["rgb"]
    box = [0, 0, picture.data_window.width, picture.data_window.height]
    out = Ref(str(pool), size, (size,), "uint8").to_json()
    return {"number": number, "pixels": pixels.to_json(), "out": out, "window": box, "display": box}


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda:0", marks=[pytest.mark.torch, pytest.mark.cuda])])
def test_the_default_engine_by_a_worker_is_the_local_render(tmp_path: Path, device: str) -> None:
    if device != "cpu":
        open_or_skip("cuda")
    (tmp_path / "consent.json").write_text(json.dumps(RECORD))
    values: dict[str, Any] = {
        "name": "talk",
        "plate": str(GOLDEN / "shots" / "talk" / "plate.####.exr"),
        "output": str(tmp_path / "served" / "talk.####.exr"),
        "frames": "1002,1006",
        "colour_space": "ACEScg",
        "cast": [{"position": "largest", "identity": str(tmp_path / "emre.identity")}],
        "write": {"layers": ["matte"]},
    }
    kept = asyncio.run(served(tmp_path, values, device))
    assert kept["identity"]["references"] == 2
    assert kept["render"]["rendered"] == [1002, 1006]
    assert kept["render"]["without_face"] == []
    [state] = kept["devices"]
    assert (state.name, state.models) == (device, ("reprojection",))
    assert 0 < state.memory_free < state.memory_total
    assert kept["render"]["stats"]["device"] == device
    local(tmp_path, values, device)
    for number in (1002, 1006):
        ours, theirs = tmp_path / "served" / f"talk.{number}.exr", tmp_path / "out" / f"talk.{number}.exr"
        assert ours.read_bytes() == theirs.read_bytes()
    [done] = kept["swap"]["frames"]
    assert done["metrics"]["faces"] == 1
    rgb = OpenFiles().read(ref_from_json(done["planes"]["rgb"]))
    matte = OpenFiles().read(ref_from_json(done["planes"]["matte"]))
    x, y, width, height = done["window"]
    written = read_picture(tmp_path / "out" / "talk.1006.exr").native_rgb[y : y + height, x : x + width]
    assert matte.max() > 0.9
    assert np.array_equal(rgb[matte > 0], written[matte > 0])
