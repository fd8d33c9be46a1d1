"""Exported files, run by the programs that they are for: they give what torch gives, or are not written."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.networks.reduced import REDUCED, inputs_of, outputs_of
from tests.torch_devices import open_or_skip
from vfx_swap.errors import IdentityError, ModelMismatchError, UsageError
from vfx_swap.models import export
from vfx_swap.models.export import OPSET, export_onnx, export_torchscript
from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD, NETWORKS, network_spec
from vfx_swap.models.runtimes.onnx_session import import_onnxruntime, open_session

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning"),  # Nuke reads nothing else
]


@pytest.fixture
def torch() -> Any:
    open_or_skip("torch")
    import torch as module

    with module.random.fork_rng(devices=[]):
        module.manual_seed(2)
        yield module


def network_of(name: str) -> Any:
    network = REDUCED[name]().train()
    outputs_of(network, inputs_of(name, batch=3))
    return network.eval()


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_runs_in_onnx_runtime_as_in_torch(name: str, torch: Any, tmp_path: Path) -> None:
    import onnx

    network, spec, out = network_of(name), network_spec(name), tmp_path / "deep" / "one.onnx"
    done = export_onnx(network, spec, out, size=None if name == "arcface" else 64, facts={"licence": "none"})
    assert done.off < 1e-4
    assert done.size == out.stat().st_size
    session = import_onnxruntime().InferenceSession(str(out), providers=["CPUExecutionProvider"])
    inputs = inputs_of(name, batch=5, height=64, width=64)
    with torch.inference_mode():
        wanted = outputs_of(network, inputs)
    found = session.run(None, {key: value.numpy() for key, value in zip(spec.inputs, inputs, strict=True)})
    assert [one.name for one in session.get_outputs()] == list(spec.outputs)
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_allclose(one.numpy(), other, rtol=0, atol=1e-4 * max(1.0, float(one.abs().max())))
    model = onnx.load(out)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": OPSET}
    facts = json.loads({prop.key: prop.value for prop in model.metadata_props}["vfx_swap/export"])
    assert facts["schema"] == "vfx_swap/export.1"
    assert (facts["network"], facts["licence"]) == (name, "none")
    assert facts["pictures"] == ("0-1" if name in ("gen224", "gen512", "disc") else "imagenet")


def test_a_graph_that_gives_other_numbers_is_not_written(
    torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Off:
        def __init__(self, session: Any) -> None:
            self.session = session

        def run(self, _names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [answer + np.float32(2e-4) for answer in self.session.run(None, feed)]

    monkeypatch.setattr(export, "open_session", lambda graph, **options: Off(open_session(graph, **options)))
    out = tmp_path / "one.onnx"
    with pytest.raises(ModelMismatchError, match=r"not written.*off by 0\.0002"):
        export_onnx(network_of("gen224"), network_spec("gen224"), out, size=64)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_no_numbers_are_not_written(torch: Any, tmp_path: Path) -> None:
    network = network_of("disc")
    with torch.no_grad():
        network.conv2[0].bias.fill_(float("nan"))
    with pytest.raises(ModelMismatchError, match="not written"):
        export_onnx(network, network_spec("disc"), tmp_path / "one.onnx", size=64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "size"), [("gen224", 60), ("gen512", 24), ("gen224", 0), ("arcface", 112)])
def test_a_size_that_does_not_fit_is_said(name: str, size: int, torch: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=str(size)):
        export_onnx(network_of(name), network_spec(name), tmp_path / "one.onnx", size=size)


@pytest.mark.parametrize("name", ["gen224", "gen512", "genfix", "genfix_deep"])
def test_one_identity_in_torchscript(name: str, torch: Any, tmp_path: Path) -> None:
    network, spec, out = network_of(name), network_spec(name), tmp_path / "one.pt"
    pictures, identities = inputs_of(name, batch=3, height=64, width=48)
    vector = identities[0].numpy()
    done = export_torchscript(network, spec, out, identity=7.0 * vector, facts={"consent_id": "abc"})
    assert done.off < 1e-4
    extra = {"vfx_swap.json": ""}
    script = torch.jit.load(io.BytesIO(out.read_bytes()), _extra_files=extra)
    assert json.loads(extra["vfx_swap.json"])["consent_id"] == "abc"
    with torch.no_grad():
        found = script(pictures)
        mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        given = (pictures - mean) / std if spec.normalised else pictures
        wanted = network(given, identities[:1].expand(3, -1))
        wanted = (wanted * std + mean if spec.normalised else wanted).clamp(0, 1)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
        other = network(given, identities[1:2].expand(3, -1))
        assert (other - network(given, identities[:1].expand(3, -1))).abs().max() > 1e-4
        for height, width in ((41, 77), (5, 9), (1, 1)):  # any size comes back in its own
            answer = script(20.0 * torch.rand(1, 3, height, width) - 10.0)
            assert answer.shape == (1, 3, height, width)
            assert answer.min() >= 0.0
            assert answer.max() <= 1.0


KNOWN_TO_1_12 = {
    "aten::__getitem__.t", "aten::_convolution", "aten::add.Tensor", "aten::add.int", "aten::batch_norm", "aten::clamp",
    "aten::div.Tensor", "aten::expand", "aten::floordiv.int", "aten::linear", "aten::mean.dim", "aten::mul.Tensor",
    "aten::mul.int", "aten::pad", "aten::relu", "aten::reshape", "aten::rsqrt", "aten::select.int", "aten::size",
    "aten::size.int", "aten::slice.Tensor", "aten::sub.Tensor", "aten::sub.int", "aten::tanh", "aten::to.dtype",
    "aten::upsample_bilinear2d.vec", "prim::max.int",
}  # fmt: skip
"""Operators of the four generators' files when torch 1.12.1, as Nuke 14 has it, was seen to run them (docs/nuke.md)."""


@pytest.mark.parametrize("name", ["gen224", "gen512", "genfix", "genfix_deep"])
def test_torchscript_is_of_a_format_and_operators_that_nuke_s_torch_knows(
    name: str, torch: Any, tmp_path: Path
) -> None:
    network, out = network_of(name), tmp_path / "one.pt"
    export_torchscript(network, network_spec(name), out, identity=np.ones(16, np.float32))
    with zipfile.ZipFile(out) as archive:
        [version] = [entry for entry in archive.namelist() if entry.endswith("/version")]
        assert int(archive.read(version)) <= 4, "the format that torch 1.12.1 was seen to read"
    script = torch.jit.load(str(out))
    assert set(torch.jit.export_opnames(script)) - KNOWN_TO_1_12 == set()
    assert not script(torch.zeros(1, 3, 64, 64)).requires_grad, "no graph of gradients is kept in somebody's memory"
    assert all(one.requires_grad for one in network.parameters()), "the network itself stays as it was"


def test_what_cannot_be_baked_is_said(torch: Any, tmp_path: Path) -> None:
    out, vector = tmp_path / "one.pt", np.ones(16, np.float32)
    with pytest.raises(UsageError, match="takes no identity"):
        export_torchscript(network_of("disc"), network_spec("disc"), out, identity=vector)
    for wrong in (np.ones(15, np.float32), np.zeros(16, np.float32), np.full(16, np.nan, np.float32)):
        with pytest.raises(IdentityError, match="vector of 16 numbers"):
            export_torchscript(network_of("gen224"), network_spec("gen224"), out, identity=wrong)
    assert list(tmp_path.iterdir()) == []
