"""`identity`: a pack of photographs, as `vfx-swap identity build` makes it."""

from __future__ import annotations

from pathlib import Path

from vfx_swap.errors import ProtocolError
from vfx_swap.pipeline.consent import consent_from_file
from vfx_swap.pipeline.embeddings import vectors_here, with_vectors
from vfx_swap.pipeline.engines import texture_builder
from vfx_swap.pipeline.identity import build_identity, save_identity
from vfx_swap.service.handlers.held import Held, text_of
from vfx_swap.service.link import Message
from vfx_swap.service.worker import Work

__all__ = ["identity"]


def identity(held: Held, work: Work) -> Message:
    """Build an identity pack, with its consent record.

    Raises:
        SettingsError, MissingInputError: the record's file is wrong or missing.
        UsageError, InputError: a photograph will not do.
        CannotRunError: a model is missing.
        OutputError: the pack cannot be written.
    """
    body, warnings = work.body, list[str]()
    references = body.get("references")
    if not isinstance(references, list) or not all(isinstance(one, str) and one for one in references):
        raise ProtocolError("a task's body has no references")
    record = consent_from_file(Path(text_of(body, "consent")))
    tools, out = held.warm.tools, Path(text_of(body, "out"))
    config = tools.load_config()
    with tools.load_models() as models:
        built = build_identity(
            name=text_of(body, "name"),
            references=[Path(one) for one in references],
            consent=record,
            models=models,
            config=config,
            texture_builder=texture_builder(),
            face=body.get("face"),
            colour_space=body.get("colour_space"),
            warn=warnings.append,
        )
    work.stop_if_cancelled()
    built, _ = with_vectors(built, config=config, vectors=vectors_here())
    saved = save_identity(built, out)
    return {
        "path": str(out),
        "sha256": saved.sha256,
        "name": saved.name,
        "recognisers": sorted(saved.embeddings),
        "references": len(saved.references),
        "warnings": warnings,
    }
