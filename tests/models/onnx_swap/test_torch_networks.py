"""The battery for checkpoints of our own networks, at reduced width: brought as torch files, run from safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.bring.torch_files import write_legacy, write_zip
from tests.models.onnx_swap.test_families import SHIPPED, face, picture, same, vector
from vfx_swap.errors import DeviceError, ModelMismatchError
from vfx_swap.models import networks
from vfx_swap.models.bring.add import AddOptions, add_models
from vfx_swap.models.bring.safetensors_file import read_safetensors, write_safetensors
from vfx_swap.models.bring.verify import verify_card
from vfx_swap.models.cards import Card, read_card
from vfx_swap.models.default import load_model
from vfx_swap.models.onnx_swap.network import load_torch_swap
from vfx_swap.models.onnx_swap.open import BROUGHT_ARCHITECTURES, open_swapper
from vfx_swap.models.onnx_swap.recogniser import CardRecogniser
from vfx_swap.models.registry import LoadOptions, Registry, load_registry

pytestmark = pytest.mark.torch
OPTIONS = LoadOptions(threads=1)
GENERATORS = [
    ("gen224", "official", "simswap-224", write_zip),
    ("gen224", "train-script", "simswap-224-trained", write_legacy),
    ("gen512", None, "simswap-512", write_legacy),
    ("genfix_deep", None, "simswap-512-trained", write_zip),
]
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def small(name: str, *, seed: int | None = 0) -> Any:
    """A network of the same build, a fraction of the size."""
    torch = pytest.importorskip("torch")
    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.simswap.generator import Generator

    torch.manual_seed(0 if seed is None else seed)
    makers: dict[str, Any] = {
        "gen224": lambda: Generator(width=4, blocks=1),
        "genfix": lambda: Generator(bounded=False, width=4, blocks=1),
        "gen512": lambda: Generator(outer=True, width=4, blocks=1),
        "genfix_deep": lambda: Generator(bounded=False, inner=True, width=4, blocks=1),
        "arcface": lambda: ArcFace(blocks=(1, 1, 1, 1), width=4),
    }
    built: Any = makers[name]()
    for tensor in built.parameters():
        tensor.data.normal_(std=0.2)
    return built.eval()


@pytest.fixture(autouse=True)
def _small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "build_network", small)


def numbers(network: Any) -> dict[str, Any]:
    return {key: value.numpy() for key, value in network.state_dict().items()}


def brought(home: Path, network: str, *, convention: Any = None, write: Any = write_zip) -> tuple[Card, Registry]:
    held = {
        name: {key: tuple(value.shape) for key, value in small(name).state_dict().items()}
        for name in ("gen224", "gen512", "genfix_deep", "arcface")
    }
    path = write(home.parent / "net.pth", numbers(small(network, seed=5)))
    (outcome,) = add_models(
        path,
        folder=home,
        cards=SHIPPED,
        accept=lambda _: True,
        options=AddOptions(convention=convention),
        networks=held,
    )
    assert outcome.card is not None
    card = read_card(home / f"{outcome.card.id}.toml")
    assert verify_card(card, folders=[home], networks=held | {"genfix": held["gen224"]}).error is None
    return card, load_registry(architectures=BROUGHT_ARCHITECTURES, user_folders=[home])


@pytest.mark.parametrize(("network", "convention", "family", "write"), GENERATORS, ids=[row[2] for row in GENERATORS])
def test_generator(network: str, convention: Any, family: str, write: Any, tmp_path: Path) -> None:
    import torch

    card, registry = brought(tmp_path / "models", network, convention=convention, write=write)
    assert card.id == family
    opened = open_swapper(card, options=OPTIONS, registry=registry, folders=[tmp_path / "models"])
    assert (opened.size, opened.recogniser) == (512 if "512" in family else 224, "simswap-arcface")
    shown, identity = picture(opened.size), vector(recogniser="simswap-arcface")
    answer = opened.network(shown, identity)
    assert answer.alpha is None
    assert 0.0 <= float(answer.image.rgb.min()) < float(answer.image.rgb.max()) <= 1.0
    # By hand, as the convention has it.
    trained = "trained" in family
    fed = (shown.rgb - MEAN) / STD if trained else shown.rgb
    unit = identity.vector / np.linalg.norm(identity.vector)
    assert card.weights is not None
    made = small(card.weights.network, seed=5)
    with torch.inference_mode():
        out = made(torch.from_numpy(fed.transpose(2, 0, 1)[None].copy()), torch.from_numpy(unit[None]))
    painted = out[0].numpy().transpose(1, 2, 0)
    wanted = np.clip(painted * STD + MEAN if trained else painted, 0.0, 1.0)
    np.testing.assert_allclose(answer.image.rgb, wanted, atol=1e-5)
    np.testing.assert_array_equal(opened.network(shown, identity).image.rgb, answer.image.rgb)
    assert np.abs(opened.network(shown, vector(seed=8)).image.rgb - answer.image.rgb).max() > 1e-4
    swapper: Any = opened.network
    several = [shown, picture(opened.size, seed=5)]
    for one, alone in zip(swapper.answers(several, identity), several, strict=True):
        same(one, opened.network(alone, identity))


def test_recogniser(tmp_path: Path) -> None:
    import torch

    card, registry = brought(tmp_path / "models", "arcface")
    assert card.id == "simswap-arcface"
    recogniser = load_model(card, registry=registry, options=OPTIONS, folders=[tmp_path / "models"])
    assert isinstance(recogniser, CardRecogniser)
    crop = picture(112)
    embedding = recogniser.embed_crop(crop)
    with torch.inference_mode():
        fed = torch.from_numpy(((crop.rgb - MEAN) / STD).transpose(2, 0, 1)[None].copy())
        wanted = small("arcface", seed=5)(fed)[0].numpy()
    np.testing.assert_allclose(embedding.vector, wanted, atol=1e-4)
    one = recogniser.embed(picture(240), face(240))
    np.testing.assert_array_equal(recogniser.embed(picture(240), face(240)).vector, one.vector)


def test_weights_of_another_network_are_refused_when_they_are_opened(tmp_path: Path) -> None:
    card, _ = brought(tmp_path / "models", "gen224", convention="official")
    path = tmp_path / "models" / "simswap-224" / "simswap-224.safetensors"
    tensors = dict(read_safetensors(path).tensors)
    del tensors["up1.1.bias"]
    write_safetensors(tmp_path / "short.safetensors", tensors, metadata={})
    with pytest.raises(ModelMismatchError, match=r"up1\.1\.bias"):
        load_torch_swap(card, {"network": tmp_path / "short.safetensors"}, OPTIONS)


def test_no_device_is_taken_in_another_s_place(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    card, registry = brought(tmp_path / "models", "gen224", convention="official")
    options = LoadOptions(device="cuda")
    with pytest.raises(DeviceError, match="GPU was asked for"):
        open_swapper(card, options=options, registry=registry, folders=[tmp_path / "models"])


def test_what_torch_says_comes_as_an_error_of_ours() -> None:
    torch = pytest.importorskip("torch")
    from vfx_swap.models.onnx_swap.runners import TorchRunner

    class Full(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, _picture: Any) -> Any:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    runner = TorchRunner(network=Full(), inputs=["target"], output="image", device=torch.device("cpu"))
    with pytest.raises(DeviceError, match="CUDA out of memory") as failed:
        runner.run({"target": np.zeros((1, 3, 8, 8), np.float32)})
    assert isinstance(failed.value.__cause__, torch.cuda.OutOfMemoryError)
