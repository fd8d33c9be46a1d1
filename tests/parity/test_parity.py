"""Our networks compute what the reference computes: same keys, same numbers, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.parity.recipe import HERE, identity_and_picture, keys_of, probe, weights_of
from tests.torch_devices import open_or_skip
from vfx_swap.models.networks import NETWORKS, build_network, load_weights, network_spec

pytestmark = pytest.mark.torch

TOLERANCE = {"arcface": 1e-4}
"""Absolute, on values; 1e-5 for the others. What the reference itself keeps between float32 and float64."""
SUM_TOLERANCE = 1e-6
"""Relative to the sum of absolutes."""


@dataclass(frozen=True, eq=False)
class Run:
    """One forward of the reference's case."""

    name: str
    outputs: list[NDArray[np.float32]]
    layers: dict[str, NDArray[np.float32]]
    """What each child module gave; of a tuple, its first."""
    golden: dict[str, NDArray[Any]]


@pytest.fixture(scope="module", params=list(NETWORKS))
def run(request: pytest.FixtureRequest) -> Run:
    open_or_skip("torch")
    import torch

    name = request.param
    network, spec = build_network(name), network_spec(name)
    load_weights(network, weights_of({key: shape for key, (shape, _) in keys_of(name).items()}))
    identity, picture = identity_and_picture(spec.size, normalised=spec.normalised)
    with np.load(HERE / f"{name}.npz") as file:
        golden = dict(file)
    layers: dict[str, NDArray[np.float32]] = {}

    def keep(layer: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            layers[layer] = (output[0] if isinstance(output, tuple) else output).numpy().copy()

        return hook

    for key in golden:
        if key.startswith("probe:"):
            layer = key.removeprefix("probe:")
            network.get_submodule(layer).register_forward_hook(keep(layer))
    given = [torch.from_numpy(picture), torch.from_numpy(identity)]
    with torch.inference_mode():
        answer = network(*given[: len(spec.inputs)])
    outputs = [tensor.numpy() for tensor in (answer if isinstance(answer, tuple) else (answer,))]
    return Run(name, outputs, layers, golden)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_keys_shapes_and_types_are_the_references(name: str) -> None:
    open_or_skip("torch")
    state = build_network(name).state_dict()
    found = {key: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")) for key, tensor in state.items()}
    assert list(found.items()) == list(keys_of(name).items())


def test_values_are_the_references(run: Run) -> None:
    tolerance, compared = TOLERANCE.get(run.name, 1e-5), 0
    for key, wanted in run.golden.items():
        if not key.startswith("out") or key.endswith((":sum", ":abs", ":argmax")):
            continue
        label, _, slices = key.partition("[")
        output = run.outputs[int(label.removeprefix("out") or 0)]
        step = int(slices.rpartition(":")[2].rstrip("]")) if slices else None
        found = output if step is None else output[..., ::step, ::step]
        assert found.shape == wanted.shape, key
        assert float(np.abs(found - wanted).max()) <= tolerance, key
        compared += 1
    assert compared == (6 if run.name == "disc" else 1)
    if run.name == "bisenet":
        assert np.array_equal(run.outputs[0][:, :, ::2, ::2].argmax(axis=1), run.golden["out0:argmax"])


def test_sums_are_the_references(run: Run) -> None:
    for key, wanted in run.golden.items():
        if key.endswith((":sum", ":abs")):
            output = run.outputs[int(key.partition(":")[0].removeprefix("out") or 0)].astype(np.float64)
            found = np.abs(output).sum() if key.endswith(":abs") else output.sum()
            assert abs(found - wanted) <= SUM_TOLERANCE * np.abs(output).sum(), key


def test_every_layer_is_the_references(run: Run) -> None:
    tolerance = TOLERANCE.get(run.name, 1e-5)
    probes = {key: wanted for key, wanted in run.golden.items() if key.startswith("probe:")}
    assert len(probes) >= 5
    for key, wanted in probes.items():
        found = probe(run.layers[key.removeprefix("probe:")])
        assert np.abs(found[:2] - wanted[:2]).max() <= SUM_TOLERANCE * wanted[1], key
        # Features are larger than answers: the tolerance is of the greatest value, where that is above 1.
        assert np.abs(found[2:] - wanted[2:]).max() <= tolerance * max(1.0, np.abs(wanted[2:]).max()), key
