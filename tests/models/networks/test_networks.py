"""What holds for every network of ours, whatever its weights; narrow ones stand for all."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT, clean_environment
from tests.models.networks.reduced import REDUCED, inputs_of, outputs_of
from tests.torch_devices import open_or_skip
from vfx_swap.errors import DeviceError, ModelMismatchError, UsageError
from vfx_swap.models import build_network
from vfx_swap.models.networks import NETWORKS, load_weights, network_spec

NAMES = list(REDUCED)
GENERATORS = [name for name in NAMES if name.startswith("gen")]


@pytest.fixture
def torch() -> Any:
    open_or_skip("torch")
    import torch as module

    with module.random.fork_rng(devices=[]):
        module.manual_seed(1)
        yield module


def network_of(name: str) -> Any:
    """In evaluation, with batch norms that have seen something."""
    network = REDUCED[name]()
    network.train()
    outputs_of(network, inputs_of(name, batch=3))
    return network.eval()


def test_the_reduced_ones_are_all() -> None:
    assert set(NAMES) == set(NETWORKS)


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_its_pictures_one_by_one(name: str, torch: Any) -> None:
    network, inputs = network_of(name), inputs_of(name, batch=3)
    with torch.inference_mode():
        together = outputs_of(network, inputs)
        for index in range(3):
            alone = outputs_of(network, [value[index : index + 1] for value in inputs])
            for whole, single in zip(together, alone, strict=True):
                torch.testing.assert_close(whole[index : index + 1], single, rtol=1e-4, atol=1e-5)
        for whole in together:
            assert (whole[0] - whole[1]).abs().max() > 1e-6, "the pictures make no difference"


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_the_same_twice_gives_the_same_bits_with_channels_last_too(name: str, torch: Any) -> None:
    network, inputs = network_of(name), inputs_of(name)
    with torch.inference_mode():
        once = outputs_of(network, inputs)
        for first, second in zip(once, outputs_of(network, inputs), strict=True):
            assert torch.equal(first, second)
        network = network.to(memory_format=torch.channels_last)
        inputs[0] = inputs[0].contiguous(memory_format=torch.channels_last)
        for first, second in zip(once, outputs_of(network, inputs), strict=True):
            torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_floats_go_through(name: str, half: str, torch: Any) -> None:
    network, inputs, kind = network_of(name), inputs_of(name), getattr(torch, half)
    with torch.inference_mode():
        wanted = outputs_of(network, inputs)
        found = outputs_of(network.to(kind), [value.to(kind) for value in inputs])
    for one, other in zip(wanted, found, strict=True):
        assert other.dtype == kind
        allowed = (0.02 if half == "float16" else 0.15) * max(1.0, float(one.abs().max()))
        assert (one - other.float()).abs().max() < allowed


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_weight_and_the_inputs(name: str, torch: Any) -> None:
    network, inputs = REDUCED[name]().train(), [value.requires_grad_() for value in inputs_of(name, batch=4)]
    random = torch.Generator().manual_seed(0)
    outputs = outputs_of(network, inputs)
    sum((value * torch.randn(value.shape, generator=random)).sum() for value in outputs).backward()
    for value in inputs:
        assert value.grad.abs().max() > 0
    without = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.abs().max() > 0]
    assert without == []


@pytest.mark.torch
@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_answers_in_the_size_and_range_of_its_picture(name: str, torch: Any) -> None:
    network = network_of(name)
    with torch.inference_mode():
        for height, width in ((32, 32), (48, 96)):
            inputs = inputs_of(name, height=height, width=width)
            inputs[0] = 40.0 * inputs[0] - 20.0  # far beyond what it is made for
            (answer,) = outputs_of(network, inputs)
            assert answer.shape == inputs[0].shape
            assert torch.isfinite(answer).all()
            inside = bool(answer.min() >= 0.0 and answer.max() <= 1.0)
            assert inside or not network.bounded
        inputs = inputs_of(name)
        other = outputs_of(network, [inputs[0], inputs[1].flip(1)])[0]
        assert (outputs_of(network, inputs)[0] - other).abs().max() > 1e-4, "the identity makes no difference"


@pytest.mark.torch
@pytest.mark.parametrize(("name", "height", "width"), [("gen224", 44, 48), ("gen224", 8, 8), ("gen512", 40, 48)])
def test_a_size_that_a_generator_cannot_carry_is_said(name: str, height: int, width: int, torch: Any) -> None:
    multiple = REDUCED[name]().side_multiple
    with pytest.raises(ValueError, match=f"multiples of {multiple}.*got {width} x {height}"):
        outputs_of(network_of(name), inputs_of(name, height=height, width=width))


@pytest.mark.torch
def test_the_recogniser_takes_its_own_size_alone(torch: Any) -> None:
    with pytest.raises(ValueError, match="48 x 48 is needed"):
        network_of("arcface")(torch.rand(1, 3, 112, 112))


@pytest.mark.torch
def test_a_seed_gives_the_same_weights_and_leaves_torchs_own_alone(torch: Any) -> None:
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    first, second, other = (build_network("disc", seed=seed).state_dict() for seed in (7, 7, 8))
    assert torch.equal(torch.rand(4), wanted)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["down1.0.weight"], other["down1.0.weight"])
    assert not torch.equal(build_network("disc").state_dict()["conv2.0.bias"], first["conv2.0.bias"])


@pytest.mark.torch
def test_weights_are_loaded_from_arrays_and_tensors(torch: Any) -> None:
    one, other = REDUCED["gen224"](), REDUCED["gen224"]()
    tensors = {key: value.double() if value.is_floating_point() else value for key, value in one.state_dict().items()}
    arrays = {key: value.numpy() for key, value in tensors.items()}
    for given in (tensors, arrays):
        other = REDUCED["gen224"]()
        report = load_weights(other, given)
        assert (report.loaded, report.ignored) == (len(tensors), ())
        assert all(torch.equal(value, one.state_dict()[key]) for key, value in other.state_dict().items())


@pytest.mark.torch
@pytest.mark.parametrize("fault", ["missing", "too many", "another shape", "another kind"])
def test_weights_that_do_not_fit_are_refused_by_name(fault: str, torch: Any) -> None:
    network = REDUCED["gen224"]()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    tensors = {key: value + 1 for key, value in before.items()}
    key = "BottleNeck.1.style2.linear.weight"
    if fault == "missing":
        del tensors[key]
    elif fault == "too many":
        key = "down4.0.weight"
        tensors[key] = torch.rand(2, 2)
    elif fault == "another shape":
        tensors[key] = tensors[key].T
    else:
        tensors[key] = tensors[key].to(torch.int64)
    with pytest.raises(ModelMismatchError, match=rf"1 (of )?{fault}.*{key}") as caught:
        load_weights(network, tensors, where="some.file")
    assert caught.value.where == "some.file"
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items()), "half was loaded"


@pytest.mark.torch
def test_norms_at_rest_in_identity_blocks_are_passed_over_and_reported(torch: Any) -> None:
    network = REDUCED["gen224"]()
    norm = torch.nn.BatchNorm2d(32).state_dict()
    extra = {f"BottleNeck.0.norm1.{key}": value for key, value in norm.items()}
    report = load_weights(network, {**network.state_dict(), **extra})
    assert set(report.ignored) == set(extra)
    assert report.loaded == len(network.state_dict())
    touched = {**extra, "BottleNeck.0.norm1.running_mean": np.full(32, 0.25, np.float32)}
    with pytest.raises(ModelMismatchError, match=r"1 too many \(BottleNeck.0.norm1.running_mean\)"):
        load_weights(network, {**network.state_dict(), **touched})
    with pytest.raises(ModelMismatchError, match=r"too many \(first_layer.9.bias\)"):
        load_weights(network, {**network.state_dict(), "first_layer.9.bias": torch.zeros(64)})


@pytest.mark.torch
def test_flat_features_are_not_blown_up(torch: Any) -> None:
    from vfx_swap.models.simswap.id_block import InstanceNorm

    values = 0.25 + 1e-4 * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])  # variance 1e-8, as large as what is added to it
    found = InstanceNorm()(values.double()[None, None])
    torch.testing.assert_close(found.abs(), torch.full((1, 1, 2, 2), 0.5**0.5, dtype=torch.float64), rtol=1e-3, atol=0)
    assert torch.equal(InstanceNorm()(torch.full((1, 1, 4, 4), 0.25).half()), torch.zeros(1, 1, 4, 4).half())


@pytest.mark.torch
def test_the_second_discriminators_picture_is_half_as_large(torch: Any) -> None:
    from vfx_swap.models.simswap.discriminator import half_size

    assert half_size(torch.rand(1, 3, 224, 224)).shape == (1, 3, 112, 112)
    flat = torch.full((1, 3, 10, 12), 0.5)
    assert torch.equal(half_size(flat), torch.full((1, 3, 5, 6), 0.5)), "the border must not darken"


def test_a_name_that_is_none_is_said_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no network 'gen256'.*gen224, gen512"):
        build_network("gen256")
    assert network_spec("gen224").is_generator
    assert not network_spec("arcface").is_generator


def test_without_torch_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DeviceError, match=r"torch.*scripts/setup --neural"):
        build_network("gen224")


def test_importing_models_loads_no_torch() -> None:
    code = "import sys, vfx_swap.models; vfx_swap.models.build_network; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
