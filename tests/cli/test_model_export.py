"""`vfx-swap models export` as a user types it, with narrow networks in place of the real ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.models.networks.reduced import REDUCED, inputs_of
from tests.pipeline.shot_fakes import make_identity
from tests.torch_devices import open_or_skip
from vfx_swap.cli.app import app
from vfx_swap.models import networks
from vfx_swap.models.bring.safetensors_file import write_safetensors
from vfx_swap.models.runtimes.onnx_session import import_onnxruntime
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.types import Embedding

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning"),
]


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    open_or_skip("torch")
    import torch as module

    monkeypatch.setattr(networks, "_made", lambda name: REDUCED[name]().eval())
    monkeypatch.setenv("VFX_SWAP_MODELS", str(tmp_path / "models"))
    with module.random.fork_rng(devices=[]):
        module.manual_seed(4)
        yield module


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """An identity with a vector of 16 and one of another length."""
    path = tmp_path / "lead.identity"
    identity = load_identity(make_identity(path))
    vectors = {name: Embedding(name, np.arange(1.0, count + 1.0, dtype=np.float32)) for name, count in
               (("simswap-arcface", 16), ("other", 128))}  # fmt: skip
    save_identity(replace(identity, embeddings=vectors), path)
    return path


def export(*words: object) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, events, stderr."""
    done = CliRunner().invoke(app, ["models", "export", *map(str, words), "--json"])
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def saved(network: Any, path: Path) -> Path:
    write_safetensors(path, {key: value.numpy() for key, value in network.state_dict().items()}, metadata={})
    return path


@pytest.mark.parametrize("kind", ["safetensors", "torch"])
def test_weights_of_a_file_become_a_graph_that_runs(kind: str, torch: Any, tmp_path: Path) -> None:
    network = REDUCED["gen224"]().eval()
    path = tmp_path / "whatever.bin"
    if kind == "torch":
        torch.save(network.state_dict(), path)
    else:
        saved(network, path)
    code, events, _ = export("gen224", "--weights", path, "--size", 64, "--out", tmp_path / "a.onnx")
    assert code == 0
    assert events[0]["event"] == "exported"
    assert events[0]["inputs"] == {"picture": ["batch", 3, 64, 64], "identity": ["batch", 16]}
    assert events[0]["off"] < 1e-4
    session = import_onnxruntime().InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    inputs = inputs_of("gen224", height=64, width=64)
    with torch.inference_mode():
        wanted = network(*inputs).numpy()
    found = session.run(None, {"picture": inputs[0].numpy(), "identity": inputs[1].numpy()})[0]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_a_card_of_the_users_own_is_exported_with_its_licence(torch: Any, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    file = saved(REDUCED["disc"](), folder / "mine.safetensors")
    digest, size = hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size
    (folder / "mine.toml").write_text(
        f"""schema = "vfx_swap/card.1"
id = "mine"
name = "Mine"
task = "train"
architecture = "simswap"
licence = "LicenseRef-Mine"
commercial_use = true
origin = "trained here"
[weights]
network = "disc"
[[file]]
role = "network"
name = "mine.safetensors"
sha256 = "{digest}"
size = {size}
""",
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["models", "export", "mine", "--size", "64", "--out", str(tmp_path / "a.onnx")])
    assert done.exit_code == 0, done.output
    assert "licence: LicenseRef-Mine" in done.output
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\1")
    code, events, _ = export("mine", "--out", tmp_path / "b.onnx")
    assert (code, events[0]["kind"]) == (4, "ModelMismatchError")
    assert not (tmp_path / "b.onnx").exists()


def test_one_identity_goes_into_torchscript_with_its_consent(torch: Any, pack: Path, tmp_path: Path) -> None:
    out = tmp_path / "lead.pt"
    path = saved(REDUCED["gen224"](), tmp_path / "g.safetensors")
    code, events, errors = export("gen224", "--weights", path, "--identity", pack, "--out", out)
    assert code == 0, errors
    assert events[0]["inputs"] == {"picture": ["batch", 3, "height", "width"]}
    extra = {"vfx_swap.json": ""}
    script = torch.jit.load(str(out), _extra_files=extra)
    facts = json.loads(extra["vfx_swap.json"])
    assert facts["consent_id"]
    assert facts["consent_expires"] == "2099-12-31"
    assert facts["identity_sha256"] == load_identity(pack).sha256
    pictures = inputs_of("gen224")[0]
    vector = torch.arange(1.0, 17.0)[None]
    network = networks.build_network("gen224")
    networks.load_weights(network, networks_file(path))
    with torch.no_grad():
        wanted = network(pictures, (vector / vector.norm()).expand(2, -1))
        torch.testing.assert_close(script(pictures), wanted, rtol=0, atol=1e-5)


def networks_file(path: Path) -> Any:
    from vfx_swap.models.bring.safetensors_file import read_safetensors

    return read_safetensors(path).tensors


def test_what_is_refused_and_by_which_code(torch: Any, pack: Path, tmp_path: Path) -> None:
    weights = saved(REDUCED["gen224"](), tmp_path / "g.safetensors")
    short = {key: value.numpy() for key, value in REDUCED["gen224"]().state_dict().items()}
    short.pop("up1.1.bias")
    write_safetensors(tmp_path / "short.safetensors", short, metadata={})
    bare = Path(make_identity(tmp_path / "bare.identity", with_consent=False))
    plain = Path(make_identity(tmp_path / "plain.identity"))
    onnx, script = tmp_path / "a.onnx", tmp_path / "a.pt"
    cases: list[tuple[list[object], int, str]] = [
        (["gen224", "--out", onnx], 2, "without weights"),
        (["gen999", "--out", onnx], 2, "no card 'gen999'"),
        (["dlib-resnet", "--out", onnx], 2, "no network of torch"),
        (["dlib-resnet", "--untrained", 0, "--out", onnx], 2, "is no network"),
        (["gen224", "--weights", weights, "--untrained", 1, "--out", onnx], 2, "exclude each other"),
        (["gen224", "--weights", weights, "--out", tmp_path / "a.bin"], 2, "'.bin' is not written"),
        (["gen224", "--weights", weights, "--out", script], 2, "for one identity"),
        (["gen224", "--weights", weights, "--identity", pack, "--out", onnx], 2, "TorchScript alone"),
        (["gen224", "--weights", weights, "--identity", pack, "--size", 64, "--out", script], 2, "any size"),
        (["gen224", "--weights", weights, "--size", 60, "--out", onnx], 2, "no pictures of 60"),
        (
            ["gen224", "--weights", weights, "--out", weights.with_suffix(".onnx"), "--overwrite", "--size", 1],
            2,
            "of 1",
        ),
        (["gen224", "--weights", tmp_path / "none", "--out", onnx], 2, "cannot be read"),
        (["gen224", "--weights", tmp_path / "short.safetensors", "--out", onnx], 4, "1 missing (up1.1.bias)"),
        (["disc", "--untrained", 0, "--identity", pack, "--out", script], 2, "takes no identity"),
        (["gen224", "--weights", weights, "--identity", bare, "--out", script], 3, "no consent record"),
        (["gen224", "--weights", weights, "--identity", plain, "--out", script], 2, "holds: fake"),
        (["gen224", "--weights", weights, "--identity", pack, "--recogniser", "other", "--out", script], 2, "'other'"),
    ]
    for words, wanted, text in cases:
        code, events, _ = export(*words)
        assert code == wanted, (words, events)
        assert text in events[0]["what"], (words, events)
    assert not onnx.exists()
    assert not script.exists()
    onnx.write_text("mine")
    code, events, _ = export("gen224", "--weights", weights, "--out", onnx)
    assert (code, events[0]["what"]) == (2, "exists already")
    assert onnx.read_text() == "mine"
