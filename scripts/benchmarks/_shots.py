"""What the benchmarks share: plates, identities and renders by the same road that users take."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from PIL import Image

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import IdentityError, NoFaceError
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.consent import public_domain_consent
from vfx_swap.pipeline.demo_light import srgb_to_linear
from vfx_swap.pipeline.demo_portraits import Portrait, portrait_path, read_portrait
from vfx_swap.pipeline.embeddings import vectors_here, with_vectors
from vfx_swap.pipeline.engines import engine_ids, texture_builder
from vfx_swap.pipeline.identity import build_identity, save_identity
from vfx_swap.pipeline.progress import Progress, no_progress
from vfx_swap.pipeline.shot import ShotReport, Tools, render_shot
from vfx_swap.settings import Cast, file_sha256, shot_from_values
from vfx_swap.types import Embedding

__all__ = [
    "Pack",
    "build_double",
    "build_pack",
    "render",
    "render_values",
    "with_settings",
    "write_plate",
    "write_still_plate",
]


@dataclass(frozen=True, eq=False)
class Pack:
    """An identity pack on disk."""

    path: Path
    embedding: Embedding


def build_pack(portrait: Portrait, folder: Path, *, models: FaceModels, config: ColourConfig) -> Pack:
    """The identity of a portrait."""
    identity = build_identity(
        name=portrait.name,
        references=[portrait_path(portrait)],
        consent=public_domain_consent(performer=portrait.person, statement=portrait.statement),
        models=models,
        config=config,
        texture_builder=texture_builder(),
    )
    path = folder / f"{portrait.name}.identity"
    # By the user's recognisers as well, for `--engine`.
    seen, _ = with_vectors(identity, config=config, vectors=vectors_here())
    saved = save_identity(seen, path)
    return Pack(path, saved.embeddings[models.recogniser.id])


def build_double(
    name: str, references: Sequence[Path], folder: Path, *, models: FaceModels, config: ColourConfig
) -> Pack:
    """The identity of a double. Pictures that none can be made of are left out, with a word on stderr."""
    # A refused picture costs a whole attempt: which were, by digest, is kept while the rules stay as they are.
    rules = file_sha256(Path(build_identity.__code__.co_filename))
    kept = folder / f"{name}.{rules[:12]}.refused"
    refused = set(kept.read_text(encoding="utf-8").split()) if kept.is_file() else set()
    wanted = [path for path in references if file_sha256(path) not in refused]
    while True:
        try:
            identity = build_identity(
                name=name,
                references=wanted,
                consent=public_domain_consent(performer=name, statement="A digital double: nobody's likeness"),
                models=models,
                config=config,
                texture_builder=texture_builder(),
            )
            break
        except (IdentityError, NoFaceError) as error:
            bad = [path for path in wanted if str(path) == str(error.where)]
            if not bad or len(wanted) == 1:
                raise
            print(f"{name}: {error}", file=sys.stderr)
            wanted.remove(bad[0])
            refused.add(file_sha256(bad[0]))
            folder.mkdir(parents=True, exist_ok=True)
            kept.write_text("\n".join(sorted(refused)), encoding="utf-8")
    path = folder / f"{name}.identity"
    # By the user's recognisers as well, for `--engine`.
    seen, _ = with_vectors(identity, config=config, vectors=vectors_here())
    saved = save_identity(seen, path)
    return Pack(path, saved.embeddings[models.recogniser.id])


def write_still_plate(portrait: Portrait, path: Path, *, factor: int) -> None:
    """A portrait as a scene-linear Rec.709 half EXR, enlarged by Lanczos-3 in linear light."""
    linear = srgb_to_linear(read_portrait(portrait))
    if factor > 1:
        size = (linear.shape[1] * factor, linear.shape[0] * factor)
        channels = [
            np.asarray(Image.fromarray(np.ascontiguousarray(linear[..., index])).resize(size, Image.Resampling.LANCZOS))
            for index in range(3)
        ]
        linear = np.clip(np.stack(channels, axis=-1), 0.0, None).astype(np.float32)
    write_plate(path, linear)


def render(
    name: str,
    *,
    plate: str,
    output: str,
    colour_space: str,
    pack: Pack,
    models: FaceModels,
    overwrite: bool = True,
    reshape: float = Cast.model_fields["reshape"].default,
    settings: Sequence[str] = (),
    progress: Progress = no_progress,
) -> ShotReport:
    """Render with the default engine, matte layers beside RGB, and `settings` as `with_settings` takes them."""
    values = {
        "name": name,
        "plate": plate,
        "output": output,
        "colour_space": colour_space,
        "cast": [{"position": "largest", "identity": str(pack.path), "reshape": reshape}],
        "write": {"layers": ["matte"]},
    }
    return render_values(with_settings(values, settings), models=models, overwrite=overwrite, progress=progress)


def render_values(
    values: Mapping[str, Any],
    *,
    models: FaceModels,
    frames: Sequence[int] | None = None,
    overwrite: bool = True,
    progress: Progress = no_progress,
) -> ShotReport:
    """Render a shot file's values; `frames`: some of the shot's."""
    shot = shot_from_values(dict(values), engines=engine_ids()).result()
    tools = replace(Tools(), load_models=lambda: nullcontext(models))
    today = datetime.now(UTC).astimezone().date()
    return render_shot(shot, frames=frames, overwrite=overwrite, today=today, tools=tools, progress=progress)


def with_settings(values: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """A shot's values with `table.key=value` laid on; `cast.key` goes to every casting."""
    out = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for text in settings:
        key, _, value = text.partition("=")
        table, _, name = key.strip().partition(".")
        try:
            read = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise SystemExit(f"--set {text}: {value!r} is no TOML value ({error})") from error
        if not name:
            out[table] = read
        elif table == "cast":
            out["cast"] = [{**dict(row), name: read} for row in out["cast"]]
        else:
            out[table] = {**out.get(table, {}), name: read}
    return out


def write_plate(path: Path, rgb: FloatArray) -> None:
    """Scene-linear Rec.709, (height, width, 3), as a half EXR."""
    spec = oiio.ImageSpec(rgb.shape[1], rgb.shape[0], 3, oiio.HALF)
    spec.attribute("compression", "zip")
    spec.attribute("colorInteropID", "lin_rec709_scene")
    path.parent.mkdir(parents=True, exist_ok=True)
    output = oiio.ImageOutput.create(str(path))
    if output is None or not output.open(str(path), spec) or not output.write_image(rgb.astype(np.float16)):
        raise OSError(f"{path} cannot be written: {oiio.geterror()}")
    output.close()
