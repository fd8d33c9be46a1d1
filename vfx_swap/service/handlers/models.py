"""`load`, `unload` and `describe`: the engines of a worker."""

from __future__ import annotations

from vfx_swap.errors import UsageError
from vfx_swap.models.registry import load_registry
from vfx_swap.models.weights import card_states, model_folders
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.service.handlers.held import Held, text_of
from vfx_swap.service.link import Message
from vfx_swap.service.options import describe_options
from vfx_swap.service.worker import Work
from vfx_swap.settings import Cast, Shot

__all__ = ["describe", "load", "unload"]


def load(held: Held, work: Work) -> Message:
    """Load an engine before it is needed, and the models that see faces with it.

    Raises:
        UsageError: there is no such engine.
        CannotRunError: a file or the device is missing.
    """
    engine, tools = text_of(work.body, "model"), held.warm.tools
    # Nothing of a shot decides which networks an engine works with, but its name and its parser, left at the default.
    nobody = Cast(position="all", identity="nobody")
    shot = Shot(name="load", plate="/plate.####.exr", output="/output.####.exr", cast=(nobody,), engine=engine)
    tools.open_engine(shot, config=tools.load_config(), kernels=tools.open_kernels(held.device))
    with tools.load_models():
        return {"model": engine, "bytes": held.warm.holds[engine]}


def unload(held: Held, work: Work) -> Message:
    """Let go of an engine. Sessions that work with it keep it until they are closed.

    Raises:
        UsageError: there is no such engine.
    """
    engine = text_of(work.body, "model")
    if engine not in engine_ids():
        raise UsageError(f"no engine is called {engine!r}")
    return {"model": engine, "unloaded": held.unload(engine)}


def describe(held: Held, work: Work) -> Message:  # noqa: ARG001  # one face for all kinds
    """What is here: engines, knobs with their ranges, cards and whether their files are found, the device."""
    engines = engine_ids()
    states = card_states(load_registry().cards.values(), folders=model_folders())
    return {
        "engines": list(engines),
        "options": [{**vars(one), "choices": list(one.choices)} for one in describe_options(engines)],
        "models": [
            {
                "id": one.card.id,
                "task": one.card.task,
                "licence": one.card.licence,
                "paid_work_allowed": one.card.commercial_use,
                "state": one.state,
            }
            for one in states
        ],
        "loaded": held.warm.holds,
        "device": held.device,
    }
