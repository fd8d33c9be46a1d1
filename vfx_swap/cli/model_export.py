"""`vfx-swap models export`: a network with its weights as ONNX, or a generator with one identity as TorchScript."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from vfx_swap.models.networks import NetworkSpec
    from vfx_swap.types import Identity

__all__ = ["export_model"]


def export_model(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Id of a card that was added, or a network's name.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="What is written: .onnx, or .pt with --identity.")],
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For a network's name: .safetensors, or a torch checkpoint.")
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(metavar="I.identity", help="For .pt: the identity that is put into the generator.")
    ] = None,
    recogniser: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose embedding of the identity, where the card does not say.")
    ] = None,
    size: Annotated[int | None, typer.Option(metavar="PX", help="For .onnx: side of pictures; else its own.")] = None,
    untrained: Annotated[
        int | None, typer.Option(metavar="SEED", help="Instead of weights: fresh ones, to try a tool chain with.")
    ] = None,
    project: Annotated[str, typer.Option(metavar="NAME", help="The project, where the consent names any.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over a file that exists.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a network for other programs; what it computes is compared with torch first."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.models.export import export_onnx, export_torchscript
        from vfx_swap.models.networks import build_network, load_weights

        _check_options(out, weights=weights, identity=identity, size=size, untrained=untrained, overwrite=overwrite)
        pack, used = _allowed_identity(identity, project=project)  # before weights are read: a refusal comes at once
        spec, tensors, facts, card_recogniser = _what(name, weights=weights, untrained=untrained)
        network = build_network(spec.name, seed=untrained)
        if tensors is not None:
            report = load_weights(network, tensors, where=weights or name)
            for key in report.ignored:
                console.note(f"left out, as nothing ever went through it: {key}")
        if pack is None:
            done = export_onnx(network, spec, out, size=size, facts=facts)
        else:
            vector = _vector(pack, recogniser or card_recogniser, latent=_latent(network, spec), where=identity)
            done = export_torchscript(network, spec, out, identity=vector, facts={**facts, **used})
        console.event(
            "exported", path=str(done.path), network=spec.name, bytes=done.size, off=done.off,
            inputs={key: list(shape) for key, shape in done.inputs.items()}, outputs=list(done.outputs),
        )  # fmt: skip
        console.event("done", files=1)
        shapes = ", ".join(f"{key} {list(shape)}" for key, shape in done.inputs.items())
        console.say(f"{done.path}: {spec.name}, {done.size / 1e6:.1f} MB; in {shapes}; out {', '.join(done.outputs)}")
        console.say(f"compared with torch: off by {done.off:.1g}")
        if "licence" in facts:
            console.say(f"licence: {facts['licence']}")


def _check_options(
    out: Path, *, weights: Path | None, identity: Path | None, size: int | None, untrained: int | None, overwrite: bool
) -> None:
    from vfx_swap.errors import UsageError

    suffix = out.suffix.lower()
    if suffix not in (".onnx", ".pt"):
        raise UsageError(f"{out.suffix or 'no suffix'!r} is not written", where=out, mend="Name it .onnx or .pt")
    if suffix == ".pt" and identity is None:
        raise UsageError("TorchScript is written for one identity", where=out, mend="Give --identity, or name it .onnx")
    if suffix == ".onnx" and identity is not None:
        raise UsageError("an identity is put into TorchScript alone", where=out, mend="Name it .pt")
    if suffix == ".pt" and size is not None:
        raise UsageError("TorchScript takes pictures of any size", mend="Leave --size out")
    if weights is not None and untrained is not None:
        raise UsageError("--weights and --untrained exclude each other", mend="Leave one out")
    if out.exists() and not overwrite:
        raise UsageError("exists already", where=out, mend="Choose another name, or write over with --overwrite")


def _what(
    name: str, *, weights: Path | None, untrained: int | None
) -> tuple[NetworkSpec, Mapping[str, Any] | None, dict[str, str], str | None]:
    """The network, its weights (None: fresh ones), what to say in the file, and whose embeddings it takes."""
    from vfx_swap.errors import UsageError
    from vfx_swap.models.networks import NETWORKS, network_spec

    if name not in NETWORKS:
        if weights is not None or untrained is not None:
            mend = f"Leave them out, or name a network: {', '.join(NETWORKS)}"
            raise UsageError(f"{name!r} is no network, and a card has weights of its own", mend=mend)
        return _of_card(name)
    if weights is None and untrained is None:
        raise UsageError(
            f"{name!r} is a network without weights",
            mend="Give --weights FILE, name a card that has them (vfx-swap models list), or try with --untrained 0",
        )
    facts = {"weights": "untrained" if weights is None else weights.name}
    return network_spec(name), None if weights is None else _read_weights(weights), facts, None


def _of_card(name: str) -> tuple[NetworkSpec, Mapping[str, Any], dict[str, str], str | None]:
    from vfx_swap.errors import UsageError
    from vfx_swap.models.networks import NETWORKS, network_spec
    from vfx_swap.models.registry import load_registry
    from vfx_swap.models.weights import model_folders, verified_files

    cards = load_registry().cards
    card = cards.get(name)
    if card is None or card.weights is None:
        fitting = [one.id for one in cards.values() if one.weights is not None and not one.is_family]
        raise UsageError(
            f"there is no card {name!r}" if card is None else f"the model {name!r} is no network of torch here",
            mend=f"Cards: {', '.join(fitting) or 'none was added'}; networks: {', '.join(NETWORKS)}",
        )
    path = next(iter(verified_files(card, folders=model_folders()).values()))
    facts = {"weights": card.file[0].sha256, "card": card.id, "licence": card.licence, "origin": card.origin}
    recogniser = None if card.swap is None else card.swap.recogniser
    return network_spec(card.weights.network), _read_weights(path), facts, recogniser


def _read_weights(path: Path) -> Mapping[str, Any]:
    """A state dict by key. Nothing in the file is run."""
    from vfx_swap.errors import MissingInputError
    from vfx_swap.models.bring.safetensors_file import read_safetensors
    from vfx_swap.models.bring.torch_file import looks_like_torch_file, read_torch_file

    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise MissingInputError(f"the weights cannot be read ({error.strerror})", where=path) from error
    if head[:2] == b"PK" or looks_like_torch_file(head):
        return read_torch_file(path)
    return read_safetensors(path).tensors


def _allowed_identity(path: Path | None, *, project: str) -> tuple[Identity | None, dict[str, str]]:
    """The pack, if its consent covers a swap today, and what the file says of it."""
    if path is None:
        return None, {}
    from vfx_swap.pipeline.consent import check_consent, consent_usage
    from vfx_swap.pipeline.identity_file import load_identity
    from vfx_swap.pipeline.today import local_today
    from vfx_swap.pipeline.usage import identity_uses, record_usage, refusals_on_record

    identity = load_identity(path)
    with refusals_on_record(lambda: (identity,), shot=project):
        check_consent(identity, today=local_today(), project=project, pack=path)
    record_usage("exported", uses=identity_uses((identity,)), shot=project)
    expires = "" if identity.consent is None else identity.consent.expires.isoformat()
    return identity, {**consent_usage(identity), "consent_expires": expires, "identity_sha256": identity.sha256}


def _latent(network: Any, spec: NetworkSpec) -> int:  # Any: torch is Any to mypy
    from vfx_swap.errors import UsageError

    if not spec.is_generator:
        raise UsageError(f"{spec.name!r} takes no identity", mend="Leave --identity out and name the file .onnx")
    return int(network.latent)


def _vector(identity: Identity, recogniser: str | None, *, latent: int, where: Path | None) -> NDArray[np.float32]:
    """The identity's embedding by the recogniser; where none is named, the only one of the right length."""
    from vfx_swap.errors import IdentityError

    held = {label: len(one.vector) for label, one in identity.embeddings.items()}
    fitting = [label for label, length in held.items() if length == latent]
    chosen = recogniser or (fitting[0] if len(fitting) == 1 else None)
    if chosen not in fitting:
        wanted = "one embedding" if recogniser is None else f"an embedding by {recogniser!r}"
        raise IdentityError(
            f"{wanted} of {latent} numbers is needed; identity {identity.name!r} holds: "
            + (", ".join(f"{label} ({length})" for label, length in sorted(held.items())) or "none"),
            where=where,
            mend="Say which with --recogniser, or build the identity again with the generator's recogniser in place",
        )
    return identity.embeddings[chosen].vector
