"""What a process keeps between renders: face models and the networks of engines, so that the next shot finds them.

Networks are known by their card's digests, and what they are made with: two shots of one engine share them, whatever
else their settings say. Consent, plates, identities, tracks and the OCIO config are read anew every time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.models.cards import Card
from vfx_swap.models.default import FaceModels, load_model
from vfx_swap.models.kernels import Kernels
from vfx_swap.models.registry import LoadOptions, Registry
from vfx_swap.pipeline.engines import Engine, open_engine
from vfx_swap.pipeline.shot import Tools
from vfx_swap.settings import Shot

__all__ = ["WarmTools"]


@dataclass(eq=False)
class _Kept:
    """A model that is loaded."""

    model: Any
    size: int
    users: set[str] = field(default_factory=set)
    """Engines that work with it."""


class WarmTools:
    """Tools of a render that keep what they load. For one thread; close it, or use it in `with`.

    Args:
        tools: the tools; tests bring quick ones.
    """

    def __init__(self, tools: Tools = Tools()) -> None:
        self._real = tools
        self._kept: dict[tuple[object, ...], _Kept] = {}
        self._engines: dict[str, None] = {}
        self._opening = ""
        self._held = ExitStack()
        self._faces: FaceModels | None = None
        self._kernels: dict[str, Kernels] = {}
        self.tools = replace(
            tools, open_engine=self._open_engine, load_models=self._load_faces, open_kernels=self._open_kernels
        )
        """What renders are given."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def holds(self) -> dict[str, int]:
        """Engine -> bytes of the files of its models. What several share counts for each: letting one go frees less."""
        sizes = dict.fromkeys(self._engines, 0)
        for kept in self._kept.values():
            for user in kept.users:
                sizes[user] = sizes.get(user, 0) + kept.size
        return sizes

    def unload(self, engine: str) -> bool:
        """Let go of what an engine alone works with; False: it was not loaded. Its next shot loads it again."""
        known = engine in self.holds
        self._engines.pop(engine, None)
        for key, kept in list(self._kept.items()):
            kept.users.discard(engine)
            if not kept.users:
                del self._kept[key]
        return known

    def close(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self._engines.clear()
        self._faces = None
        self._held.close()

    def load(
        self, card: Card, *, registry: Registry, options: LoadOptions, folders: Sequence[Path] | None = None
    ) -> Any:
        """As `models.default.load_model`, from what is kept where it is."""
        key = (card.model_dump_json(), options)
        kept = self._kept.get(key)
        if kept is None:
            model = load_model(card, registry=registry, options=options, folders=folders)
            kept = self._kept[key] = _Kept(model, sum(file.size for file in card.file))
        kept.users.add(self._opening)
        return kept.model

    @contextmanager
    def used_by(self, engine: str) -> Iterator[None]:
        """What `load` loads in this block is this engine's."""
        before, self._opening = self._opening, engine
        try:
            yield
        finally:
            self._opening = before

    def _open_engine(self, shot: Shot, *, config: ColourConfig, kernels: Kernels) -> Engine:
        with self.used_by(shot.engine):
            if self._real.open_engine is open_engine:
                engine = open_engine(shot, config=config, kernels=kernels, load=self.load)
            else:
                engine = self._real.open_engine(shot, config=config, kernels=kernels)
        self._engines[shot.engine] = None
        return engine

    def _open_kernels(self, device: str) -> Kernels:
        if device not in self._kernels:
            self._kernels[device] = self._real.open_kernels(device)
        return self._kernels[device]

    @contextmanager
    def _load_faces(self) -> Iterator[FaceModels]:
        if self._faces is None:
            self._faces = self._held.enter_context(self._real.load_models())
        yield self._faces
