"""Networks at work on the CPU: the same bits whatever the count of cores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vfx_swap.models.networks import build_network, network_spec
from vfx_swap.models.torch_kernels.device import import_torch, inference

pytestmark = pytest.mark.torch


@pytest.fixture
def threads() -> Iterator[None]:
    torch = import_torch()
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("name", ["gen224", "bisenet"])
def test_bits_do_not_hang_on_the_count_of_cores(name: str) -> None:
    torch = import_torch()
    network, spec = build_network(name, seed=0), network_spec(name)
    torch.manual_seed(0)
    inputs = [torch.rand(1, 3, spec.size, spec.size)]
    inputs += [torch.nn.functional.normalize(torch.randn(1, 512))] if spec.is_generator else []
    found = []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        with inference(torch.device("cpu")):
            answer = network(*inputs)
        assert torch.get_num_threads() == count
        found.append(answer[0] if isinstance(answer, tuple) else answer)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
