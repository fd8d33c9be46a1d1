"""A trained generator judged on pictures that training never saw, by the default recogniser, which it never saw.

    scripts/doubles --crowd 24 --stills 10 --swaps 1 --size 0.3125 --out build/crowd
    vfx-swap train prepare build/crowd/crowd --out crops --size 64 --consent consent.json
    scripts/bench train split crops --hold 2 --out build/split
    vfx-swap train generator build/split/seen --recogniser FILE --out run --keep
    scripts/bench train judge build/split --run run --recogniser FILE --swaps build/crowd/crowd --out judged

`split` holds the last pictures of everyone back. `judge` swaps pairs of those with every generator that the run kept,
prints a table and writes `judged.json`, `curves.png` and `sheet.png`. PROTOCOL below says what each column is.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.geometry.warps import cut_crop, fit_similarity
from vfx_swap.models.bring.safetensors_file import read_safetensors, write_safetensors
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.models.protocols import Recogniser
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.models.training.crops import Crops, kept_answers, read_crops, write_crops
from vfx_swap.models.training.run import LOG
from vfx_swap.models.training.sheet import sample_sheet
from vfx_swap.pipeline.identity import read_photograph
from vfx_swap.types import Detection, ModelImage, Warp, Window

__all__ = ["PROTOCOL", "Pair", "TrueSwap", "crop_vector", "judged", "main", "pairs_of", "split"]

Swap = Callable[[FloatArray, FloatArray], FloatArray]
"""(b, 3, h, w) performers and identities in [0, 1] -> swaps."""
PROTOCOL = {
    "to_identity": "mean distance of the swap's vector to that of the identity's crop, by the default recogniser "
    "(dlib's). Crops are enlarged four times (cubic) with their edges drawn out; the face's place is the template's, "
    "so that a swap in which no detector would find a face is judged too",
    "to_performer": "the same, to the performer's crop, whose light and pose the swap keeps",
    "nearer": "share of pairs that lie nearer to the identity's crop than to the performer's",
    "retrieved": "share whose nearest person is the identity; a person is the mean vector of their pictures among "
    "those that were trained on, the performer is among them",
    "self_l1": "mean difference of swap and performer, both pictures of one person, sRGB 0 to 1, the whole crop",
    "true_l1": "mean difference of swap and true swap where that differs from the plate by more than 2 of 255; the "
    "true swap has the identity's face and the performer's tone of skin",
    "plate_l1": "the same of the plate as it is: what no swap at all would score",
}
ENLARGED, MARGIN = 4, 64
CHANGED = 2.0 / 255.0


@dataclass(frozen=True)
class Pair:
    """Rows of the crops held back."""

    performer: int
    identity: int


@dataclass(frozen=True, eq=False)
class TrueSwap:
    """A plate, its true swap, and whose face that wears."""

    plate: NDArray[np.uint8]
    true: NDArray[np.uint8]
    """(side, side, 3), sRGB-encoded, both cut by the plate's landmarks."""
    identity: str


def split(crops: Path, out: Path, *, hold: int) -> tuple[int, int]:
    """Write `seen` and `held`: the last `hold` pictures of everyone are held back; how many crops there are of each.

    Raises:
        ValueError: someone would have no picture left to train on.
    """
    held = read_crops(crops)
    files = [one["file"] for one in json.loads((crops / "crops.json").read_text(encoding="utf-8"))["crops"]]
    last, people = np.zeros(len(held.labels), dtype=bool), {one: one for one in range(len(held.identities))}
    for label, name in enumerate(held.identities):
        rows = np.flatnonzero(held.labels == label)
        if not 0 < hold < len(rows):
            raise ValueError(f"{name} has {len(rows)} pictures: {hold} cannot be held back")
        last[rows[-hold:]] = True
    for name, rows in (("seen", np.flatnonzero(~last)), ("held", np.flatnonzero(last))):
        write_crops(
            out / name,
            pictures=np.array(held.pictures[rows]),
            labels=held.labels[rows],
            identities=held.identities,
            files=[files[row] for row in rows],
            template=held.template,
            usage=held.usage,
            answers=kept_answers(held.answers, rows=rows, people=people) if name == "seen" else None,
        )
    return int((~last).sum()), int(last.sum())


def pairs_of(labels: NDArray[np.int64], *, count: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs of different people, everyone as often a performer as an identity, and of one person with themselves."""
    people = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    different = []
    for number in range(count):
        turn, who = divmod(number, len(people))
        performer, identity = people[who], people[(who + 1 + turn % (len(people) - 1)) % len(people)]
        different.append(Pair(int(performer[turn % len(performer)]), int(identity[(turn + 1) % len(identity)])))
    same = [Pair(int(rows[0]), int(rows[-1])) for rows in people if len(rows) > 1]
    return different, same


def crop_vector(picture: NDArray[np.uint8], *, template: str, recogniser: Recogniser) -> FloatArray:
    """The default recogniser's vector of an aligned (side, side, 3) crop; PROTOCOL says how."""
    side = len(picture)
    large = cv2.resize(
        picture.astype(np.float32) / 255.0, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC
    )
    framed = cv2.copyMakeBorder(np.clip(large, 0.0, 1.0), *(MARGIN,) * 4, cv2.BORDER_REPLICATE)
    points = (template_named(template).pixels(side) + 0.5) * ENLARGED - 0.5 + MARGIN
    box = np.array([MARGIN, MARGIN, MARGIN + ENLARGED * side, MARGIN + ENLARGED * side], dtype=np.float32)
    face = Detection(box=box, points=points.astype(np.float32), score=1.0)
    return recogniser.embed(ModelImage(framed.astype(np.float32)), face).vector


def judged(
    swap: Swap,
    *,
    seen: Crops,
    held: Crops,
    vector: Callable[[NDArray[np.uint8]], FloatArray],
    trues: Sequence[TrueSwap] = (),
    pairs: int = 48,
) -> dict[str, float]:
    """PROTOCOL's measures of a generator.

    Args:
        swap: the generator.
        seen: crops that were trained on: the gallery.
        held: crops that were not: the pairs.
        vector: of a crop, by a recogniser that training did not know.
        trues: true swaps by the identity's crops held back; none: those columns are left out.
        pairs: of different people.
    """
    different, same = pairs_of(held.labels, count=pairs)
    people = [np.mean([vector(one) for one in seen.pictures[seen.labels == label]], axis=0)
              for label in range(len(seen.identities))]  # fmt: skip
    own: dict[int, FloatArray] = {}
    to_identity, to_performer, right = [], [], []
    for pair, picture in zip(different, _swaps(swap, held, different), strict=True):
        for row in (pair.performer, pair.identity):
            if row not in own:
                own[row] = vector(held.pictures[row])
        made = vector(picture)
        to_identity.append(float(np.linalg.norm(made - own[pair.identity])))
        to_performer.append(float(np.linalg.norm(made - own[pair.performer])))
        nearest = int(np.argmin([np.linalg.norm(made - one) for one in people]))
        right.append(seen.identities[nearest] == held.identities[int(held.labels[pair.identity])])
    told = {
        "to_identity": float(np.mean(to_identity)),
        "to_performer": float(np.mean(to_performer)),
        "nearer": float(np.mean(np.array(to_identity) < np.array(to_performer))),
        "retrieved": float(np.mean(right)),
        "self_l1": float(np.mean([
            _difference(picture, held.pictures[pair.performer])
            for pair, picture in zip(same, _swaps(swap, held, same), strict=True)
        ])),
    }  # fmt: skip
    return told | _against_true(swap, held, trues)


def _against_true(swap: Swap, held: Crops, trues: Sequence[TrueSwap]) -> dict[str, float]:
    if not trues:
        return {}
    rows = [int(np.flatnonzero(held.labels == held.identities.index(one.identity))[0]) for one in trues]
    made = _eight_bits(swap(_looks(np.stack([one.plate for one in trues])), _looks(held.pictures[rows])))
    told: dict[str, list[float]] = {"true_l1": [], "plate_l1": []}
    for one, picture in zip(trues, made, strict=True):
        changed = np.abs(one.true.astype(np.float32) - one.plate).max(axis=2) > CHANGED * 255.0
        if changed.any():
            told["true_l1"].append(_difference(picture[changed], one.true[changed]))
            told["plate_l1"].append(_difference(one.plate[changed], one.true[changed]))
    return {name: float(np.mean(values)) for name, values in told.items() if values}


def _swaps(swap: Swap, held: Crops, pairs: Sequence[Pair]) -> list[NDArray[np.uint8]]:
    made: list[NDArray[np.uint8]] = []
    for begin in range(0, len(pairs), 16):
        some = pairs[begin : begin + 16]
        performers = _looks(held.pictures[[one.performer for one in some]])
        made.extend(_eight_bits(swap(performers, _looks(held.pictures[[one.identity for one in some]]))))
    return made


def _looks(pictures: NDArray[np.uint8]) -> FloatArray:
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255.0)


def _eight_bits(looks: FloatArray) -> NDArray[np.uint8]:
    bits: NDArray[np.uint8] = np.round(np.clip(looks, 0.0, 1.0).transpose(0, 2, 3, 1) * 255.0).astype(np.uint8)
    return bits


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).mean() / 255.0)


def true_swaps(root: Path, *, held: Crops, models: FaceModels) -> list[TrueSwap]:
    """What `scripts/doubles --swaps` drew of people among the crops; a plate without a face is left out."""
    config, side = load_config(), held.side
    points, found = template_named(held.template).pixels(side), []
    for told in sorted(root.glob("*/swaps/swaps.json")):
        identity = json.loads(told.read_text(encoding="utf-8"))["identity"]
        for path in sorted(told.parent.glob("true.*.png")) if identity in held.identities else ():
            plate = path.with_name(path.name.removeprefix("true."))
            linear = [read_photograph(one, config=config, colour_space=None, warn=print) for one in (plate, path)]
            # Both as the plate: each by itself they would be exposed by their faces.
            stops = auto_exposure_stops(linear[0])
            image, true = (to_display(one, config=config, colour_space=LINEAR_REC709, exposure=stops) for one in linear)
            faces = sorted(models.detector.detect(image), key=lambda one: -one.height)
            landmarks = models.landmarker.landmarks(image, faces[0]) if faces else None
            if landmarks is None:
                continue
            warp = fit_similarity(five_points(landmarks.points), points, width=side, height=side)
            found.append(TrueSwap(_cut(image, warp), _cut(true, warp), identity))
    return found


def _cut(image: ModelImage, warp: Warp) -> NDArray[np.uint8]:
    window = Window(0, 0, image.rgb.shape[1], image.rgb.shape[0])
    crop = cut_crop(image.rgb, data_window=window, warp=warp, colour_space="sRGB")
    bits: NDArray[np.uint8] = np.round(np.clip(crop.rgb, 0.0, 1.0) * 255.0).astype(np.uint8)
    return bits


def curves(path: Path, *, log: Sequence[Mapping[str, float]], rows: Sequence[Mapping[str, float]]) -> None:
    """Draw the losses of the log and the measures of the judged checkpoints."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Sequence[tuple[str, Sequence[Mapping[str, float]], Sequence[str], float | None]] = (
        ("losses on pictures trained on", log, ("identity", "reconstruction"), None),
        ("distance, default recogniser, held back", rows, ("to_identity", "to_performer"), None),
        ("share of pairs, held back", rows, ("retrieved", "nearer"), 0.8),
        ("difference of pixels, held back", rows, ("self_l1", "true_l1", "plate_l1"), 0.08),
    )
    for axes, (title, told, names, wanted) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        for name in names:
            points = [(row["step"], row[name]) for row in told if name in row]
            if points:
                axes.plot(*zip(*points, strict=True), marker="" if told is log else "o", label=name)
        if wanted is not None:
            axes.axhline(wanted, color="0.6", linestyle="--", linewidth=1.0)
        axes.set(title=title, xlabel="step", ylim=(0.0, None))
        axes.legend()
    figure.savefig(path, dpi=90)


def _judge(args: argparse.Namespace) -> int:
    from vfx_swap.models.training.checkpoints import open_generator, open_recogniser
    from vfx_swap.models.training.generator import swapped_by

    console = Console(stderr=args.json)
    seen, held = read_crops(args.split / "seen"), read_crops(args.split / "held")
    kept = sorted(args.run.glob("generator-*.safetensors"))[args.every - 1 :: args.every]
    if not kept:
        console.print(f"{args.run} holds no generator-*.safetensors: train it with --keep")
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    trained = open_recogniser(args.recogniser)
    rows: list[dict[str, float]] = []
    with load_face_models(threads=1) as models:
        trues = true_swaps(args.swaps, held=held, models=models) if args.swaps else []
        known: dict[bytes, FloatArray] = {}

        def vector(picture: NDArray[np.uint8]) -> FloatArray:
            key = picture.tobytes()
            if key not in known:
                known[key] = crop_vector(picture, template=held.template, recogniser=models.recogniser)
            return known[key]

        if args.mean:
            kept = [*kept, _mean(sorted(args.run.glob("generator-*.safetensors"))[-args.mean :], args.out)]
        for path in kept:
            swap = swapped_by(open_generator(path), trained)
            told = judged(swap, seen=seen, held=held, vector=vector, trues=trues, pairs=args.pairs)
            rows.append({"step": float(path.stem.rpartition("-")[2]), **told})
            console.print(", ".join(f"{name} {value:.3f}" for name, value in rows[-1].items()))
        sample_sheet(args.out / "sheet.png", held, swapped=swap)
    log = [json.loads(line) for line in (args.run / LOG).read_text(encoding="utf-8").splitlines()]
    curves(args.out / "curves.png", log=log, rows=rows)
    report = {"protocol": PROTOCOL, "pairs": args.pairs, "true_swaps": len(trues), "checkpoints": rows}
    (args.out / "judged.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    if args.json:
        print(json.dumps(report))
    else:
        _print(console, rows)
    return 0


def _mean(kept: Sequence[Path], folder: Path) -> Path:
    """The mean of checkpoints' weights, which wanders less than each of them (P. Izmailov et al., UAI 2018), as a file
    that stands for the last one's step.
    """
    files = [read_safetensors(path) for path in kept]
    sums = {name: sum(file.tensors[name].astype(np.float64) for file in files) for name in files[-1].tensors}
    mean = {name: np.asarray(one / len(files), files[-1].tensors[name].dtype) for name, one in sums.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mean-{kept[-1].stem.rpartition('-')[2]}.safetensors"
    write_safetensors(path, mean, metadata=files[-1].metadata)
    return path


def _print(console: Console, rows: Sequence[Mapping[str, float]]) -> None:
    table = Table("step", *PROTOCOL, title="held-back pairs")
    for row in rows:
        cells = [row.get(name, math.nan) for name in PROTOCOL]
        table.add_row(f"{row['step']:.0f}", *("-" if math.isnan(value) else f"{value:.3f}" for value in cells))
    console.print(table)


def main(given: list[str] | None = None) -> int:
    """`split` or `judge`; 0 when done."""
    parser = argparse.ArgumentParser(prog="scripts/bench train")
    verbs = parser.add_subparsers(dest="verb", required=True)
    divide = verbs.add_parser("split", help="hold pictures back")
    divide.add_argument("crops", type=Path, help="folder that `train prepare` wrote")
    divide.add_argument("--hold", type=int, default=2, help="pictures of everyone (2)")
    divide.add_argument("--out", type=Path, required=True, help="folder for `seen` and `held`")
    judge = verbs.add_parser("judge", help="judge what a run kept")
    judge.add_argument("split", type=Path, help="folder with `seen` and `held`")
    judge.add_argument("--run", type=Path, required=True, help="folder that `train generator --keep` wrote")
    judge.add_argument("--recogniser", type=Path, required=True, help="the one it was trained with: it gives vectors")
    judge.add_argument("--swaps", type=Path, help="folder of people that `scripts/doubles --swaps` drew")
    judge.add_argument("--pairs", type=int, default=48, help="of different people (48)")
    judge.add_argument("--every", type=int, default=1, help="judge every n-th checkpoint (1)")
    judge.add_argument(
        "--mean", type=int, default=0, help="judge the mean of the last N checkpoints too, as a last row"
    )
    judge.add_argument("--out", type=Path, default=Path("build/judged"), help="folder (build/judged)")
    judge.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    args = parser.parse_args(given)
    if args.verb == "judge":
        return _judge(args)
    seen, held = split(args.crops, args.out, hold=args.hold)
    print(f"{args.out}: {seen} crops to train on, {held} held back")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
