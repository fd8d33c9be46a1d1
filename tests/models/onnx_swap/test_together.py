"""Passes of several pictures: which come together never shows in a bit of any."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.onnx_swap.graphs import family_graph
from tests.models.onnx_swap.test_families import FAMILIES, brought, picture, same, vector
from vfx_swap.errors import DeviceError, ModelMismatchError
from vfx_swap.models.onnx_swap.open import OpenedSwapper, open_swapper
from vfx_swap.models.onnx_swap.runners import OnnxRunner, Tensor, run_batch
from vfx_swap.models.onnx_swap.together import TogetherRunner, together
from vfx_swap.models.registry import LoadOptions, load_registry
from vfx_swap.models.runtimes.onnx_session import open_session


class Plain:
    """A network that counts: each picture times the sum of its vector, plus the passes' scalar."""

    most: int | None = None
    inputs = frozenset({"target", "source", "morph"})

    def __init__(self, *, by_place: float = 0.0, failing: float = np.inf) -> None:
        self.passes: list[int] = []
        self._by_place, self._failing, self._lock = by_place, failing, threading.Lock()

    def run(self, inputs: Mapping[str, Tensor], /) -> dict[str, Tensor]:
        with self._lock:
            self.passes.append(len(inputs["target"]))
        if inputs["target"].max() > self._failing:
            raise ModelMismatchError("it will not have it")
        places = np.arange(len(inputs["target"]), dtype=np.float32)[:, None] * np.float32(self._by_place)
        image = inputs["target"] * inputs["source"].sum(axis=1, keepdims=True) + inputs["morph"] + places
        return {"image": image.astype(np.float32), "mask": inputs["target"][:, :1]}


def fed(value: float, *, morph: float = 0.5) -> dict[str, Tensor]:
    return {
        "target": np.full((1, 3), value, np.float32),
        "source": np.full((1, 2), 0.25, np.float32),
        "morph": np.array([morph], np.float32),
    }


def test_a_single_picture_goes_in_a_full_pass() -> None:
    plain = Plain()
    runner = TogetherRunner(plain, size=4, patience=0.0)
    answer = runner.run(fed(3.0))
    assert answer["image"].tolist() == [[2.0, 2.0, 2.0]]
    assert answer["mask"].shape == (1, 1)
    assert set(plain.passes) == {4}
    assert runner.inputs == plain.inputs


def test_pictures_of_several_threads_share_a_pass_and_get_their_own() -> None:
    plain = Plain()
    runner = TogetherRunner(plain, size=4, patience=30.0)
    runner_alone = TogetherRunner(Plain(), size=4, patience=0.0)
    runner_alone.run(fed(0.0))
    tried = len(runner_alone._runner.passes) - 1  # type: ignore[attr-defined]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda value: runner.run(fed(float(value))), range(4)))
    assert [float(one["image"][0, 0]) for one in answers] == [0.5, 1.0, 1.5, 2.0]
    assert len(plain.passes) - tried == 1


def test_more_pictures_than_a_pass_takes_and_an_odd_rest() -> None:
    plain = Plain()
    runner = TogetherRunner(plain, size=4, patience=0.0)
    many = {**fed(0.0), "target": np.arange(18, dtype=np.float32).reshape(6, 3)}
    answer = runner.run(many)
    assert np.array_equal(answer["image"], many["target"] * np.float32(0.5) + np.float32(0.5))
    assert set(plain.passes) == {4}


def test_what_belongs_to_no_picture_is_never_mixed() -> None:
    plain = Plain()
    runner = TogetherRunner(plain, size=2, patience=0.2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(runner.run, fed(1.0, morph=0.0))
        second = pool.submit(runner.run, fed(1.0, morph=1.0))
        assert [float(one.result()["image"][0, 0]) for one in (first, second)] == [0.5, 1.5]


def test_an_error_reaches_everybody_in_the_pass_and_nobody_after() -> None:
    runner = TogetherRunner(Plain(failing=5.0), size=2, patience=30.0)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(runner.run, fed(value)) for value in (1.0, 9.0)]
        for one in both:
            with pytest.raises(ModelMismatchError, match="will not have it"):
                one.result()
    after = TogetherRunner(Plain(failing=5.0), size=2, patience=0.0)
    with pytest.raises(ModelMismatchError):
        after.run(fed(9.0))
    assert after.run(fed(1.0))["image"][0, 0] == 1.0


def test_a_stop_in_one_thread_leaves_nobody_waiting() -> None:
    class Stopped(Plain):
        def run(self, inputs: Mapping[str, Tensor], /) -> dict[str, Tensor]:
            raise KeyboardInterrupt

    runner = TogetherRunner(Stopped(), size=2, patience=30.0)
    ends: list[type[BaseException]] = []

    def ask(value: float) -> None:
        try:
            runner.run(fed(value))
        except BaseException as error:  # noqa: BLE001  # what is looked for is no Exception
            ends.append(type(error))

    threads = [threading.Thread(target=ask, args=(value,), daemon=True) for value in (1.0, 2.0)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=20.0)
    assert sorted(one.__name__ for one in ends) == ["DeviceError", "KeyboardInterrupt"]


def test_a_network_whose_bits_hang_on_the_place_is_refused() -> None:
    runner = TogetherRunner(Plain(by_place=1e-6), size=3, patience=0.0)
    with pytest.raises(DeviceError, match="other bits at another place") as refused:
        runner.run(fed(1.0))
    assert "network.batch" in (refused.value.mend or "")


def test_a_graph_of_one_picture_takes_no_batch() -> None:
    plain = Plain()
    plain.most = 1
    with pytest.raises(DeviceError, match="takes 1 at once"):
        together(plain, batch=4)
    assert together(plain, batch=1) is plain


def test_a_graph_of_a_fixed_batch_is_filled_up_and_gives_the_bits_of_a_free_one() -> None:
    card = load_registry().cards["inswapper-128"]
    spec = card.match[0]
    slots = {**spec.inputs, **spec.outputs}
    roles = {role: slot.names[0] if slot.names else f"{role}.3" for role, slot in slots.items()}
    free, fixed = (
        OnnxRunner(
            session=open_session(family_graph(card, batch=batch), device="cpu", threads=1, where="graph"),
            roles=roles,
            where="graph",
        )
        for batch in ("batch", 4)
    )
    assert (free.most, fixed.most) == (None, 4)
    random = np.random.default_rng(8)
    shown = random.uniform(0, 1, (6, 3, 128, 128)).astype(np.float32)
    source = random.standard_normal((1, 512)).astype(np.float32)
    want = [free.run({"target": one[None], "source": source})["image"] for one in shown]
    for count in (1, 3, 4, 6):
        got = run_batch(fixed, {"target": shown[:count], "source": source})["image"]
        assert np.array_equal(got, np.concatenate(want[:count]))
    passes = together(fixed, batch=1)
    assert isinstance(passes, TogetherRunner)
    assert passes.most == 4
    assert np.array_equal(run_batch(passes, {"target": shown[:5], "source": source})["image"], np.concatenate(want[:5]))
    with pytest.raises(DeviceError, match="takes 4 at once"):
        together(fixed, batch=8)


def opened(home: Path, *, id: str = "inswapper-128", **options: Any) -> OpenedSwapper:
    registry = brought(home, (next(one for one in FAMILIES if one.id == id), 0))
    options = {"threads": 1, **options}
    return open_swapper(registry.cards[id], options=LoadOptions(**options), registry=registry, folders=[home])


@pytest.mark.parametrize("id", ["inswapper-128", "deepfacelab"])
def test_a_swapper_in_passes_alone_and_in_company(id: str, tmp_path: Path) -> None:
    shown = [picture(128 if id == "inswapper-128" else 64, seed=seed) for seed in range(5)]
    alone = opened(tmp_path / "models", id=id, batch=4).network
    each = [alone(one, vector()) for one in shown]
    beside = opened(tmp_path / "models", id=id, batch=4).network
    with ThreadPoolExecutor(5) as pool:
        for one, other in zip(each, pool.map(lambda image: beside(image, vector()), shown), strict=True):
            same(one, other)
    for one, other in zip(each, beside.answers(shown, vector()), strict=True):  # type: ignore[attr-defined]
        same(one, other)


def test_tensors_bound_to_a_device_give_the_bits_of_plain_arrays(tmp_path: Path) -> None:
    network: Any = opened(tmp_path / "models").network
    plain = network._runner
    bound = OnnxRunner(
        session=plain._session, roles=plain._inputs | plain._outputs, where="graph", bind="cpu"
    )  # fmt: skip
    random = np.random.default_rng(3)
    given: dict[str, Tensor] = {
        "target": random.uniform(0, 1, (1, 3, 128, 128)).astype(np.float32),
        "source": random.standard_normal((1, 512)).astype(np.float32),
    }
    want = plain.run(given)["image"]
    for _ in range(2):
        assert np.array_equal(bound.run(given)["image"], want)
    # The vector is sent once, until another comes: also where it is written over in place.
    given["source"][:] = given["source"][:, ::-1].copy()
    assert np.array_equal(bound.run(given)["image"], plain.run(given)["image"])
    assert not np.array_equal(bound.run(given)["image"], want)
    given["target"][:] = given["target"][..., ::-1].copy()
    assert np.array_equal(bound.run(given)["image"], plain.run(given)["image"])
