"""Stills of people who stand in no shot, for training: each a drawn pose, expression and light, all in one run."""

from __future__ import annotations

import numpy as np

from scripts.digital_doubles.cast import CROWD, hair_of, person
from scripts.digital_doubles.figure import Figure, Region
from scripts.digital_doubles.hair import STYLES, grow_hair
from scripts.digital_doubles.headwear import cap, woollen_hat
from scripts.digital_doubles.mesh import Mesh, Strands
from scripts.digital_doubles.shots import Options, reference_stage
from scripts.digital_doubles.spectacles import STYLES as SPECTACLES
from scripts.digital_doubles.spectacles import spectacles
from scripts.digital_doubles.stage import Light, Moment, Stage

__all__ = ["answered_with", "crowd_frames", "crowd_stage", "swapped_with", "worn_by"]

_SPECTACLES, _HEADWEAR = 0.4, 0.3
"""Shares of a dressed crowd who wear them."""


def crowd_frames(count: int) -> list[tuple[str, float]]:
    """Label and time of each still of a person."""
    return [(f"still{number:03}", float(number)) for number in range(count)]


def swapped_with(name: str, *, count: int) -> str:
    """Whose face one of the first `count` of `CROWD` wears in its true swaps: the next but one's, of its own sex."""
    return CROWD[(CROWD.index(name) + 2) % count]


def answered_with(name: str, *, count: int, answers: int, stills: int) -> list[tuple[str, list[int]]]:
    """Whose faces one of the first `count` of `CROWD` wears in what it is trained with, and in which of its stills.

    They are those before it in the list, who are in no true swap that is judged while there are more than twice as
    many; two of the first half of its stills each, so that the others can be held back.
    """
    first = max(stills // 2, 1)
    return [
        (CROWD[(CROWD.index(name) - 1 - turn) % count], sorted({2 * turn % first, (2 * turn + 1) % first}))
        for turn in range(answers)
    ]


def crowd_stage(*, region: Region, name: str, options: Options, identity: str | None = None) -> Stage:
    """One of `CROWD`, 512 x 512, another still at every whole time: turned to 35 degrees, lit from the front.

    With `identity` that person's face can be drawn on it, in the same pose, expression and light: the true swap.
    """
    made = reference_stage(region=region, name=name, view="front", options=options)
    actor = made.actors[0]

    def drawn(time: float) -> np.random.Generator:
        return np.random.default_rng([actor.figure.person.seed, round(time)])

    def act(time: float) -> Moment:
        rng = drawn(time)
        yaw, pitch, roll = rng.uniform(-35.0, 35.0), rng.uniform(-10.0, 10.0), rng.uniform(-5.0, 5.0)
        units = {"jawOpen": 0.5, "mouthPucker": 0.5, "browInnerUp": 0.8}
        units |= {
            f"{unit}{side}": 0.8 for unit in ("mouthSmile", "browDown", "eyeSquint") for side in ("Left", "Right")
        }
        mood = rng.choice((*units, ""))
        stem = mood.removesuffix("Left").removesuffix("Right")
        much = float(rng.uniform(0.2, 1.0))
        weights = {unit: most * much for unit, most in units.items() if mood and unit.startswith(stem)}
        return Moment(weights=weights, motion=np.array([pitch, yaw, roll, 0.0, 0.0, 0.0]))

    def lights(time: float) -> list[Light]:
        rng = drawn(time + 500.0)
        across, watts = float(rng.uniform(-1.1, 1.1)), float(rng.uniform(12.0, 24.0))
        warm = float(rng.uniform(0.8, 1.0))
        key = Light(position=(across, float(rng.uniform(0.0, 0.7)), 0.9), watts=watts, color=(1.0, 0.9, warm))
        return [key, Light(position=(-across, 0.15, 1.0), watts=float(rng.uniform(3.0, 9.0)), size=0.9)]

    told = {field: getattr(made, field) for field in vars(made)} | {"lights": lights, "pace": 0.0}
    things = worn_by(actor.figure) if options.dressed else ()
    who = actor.figure.person
    worn = Figure(region=region, person=who, identity=person(identity)) if identity else None
    told["actors"] = [type(actor)(figure=actor.figure, worn=worn, act=act, things=things or actor.things)]
    return Stage(**told)


def worn_by(figure: Figure) -> list[Mesh | Strands]:
    """Hair, spectacles and headwear of one of a dressed crowd, drawn by the person's seed; under a hat hair is short.

    Empty where the person wears neither.
    """
    who = figure.person
    rng = np.random.default_rng([who.seed, 433])
    glasses, headwear = rng.random() < _SPECTACLES, rng.random() < _HEADWEAR
    style, colour = str(rng.choice(sorted(SPECTACLES))), tuple(float(part) for part in rng.uniform(0.02, 0.3, 3))
    if not glasses and not headwear:
        return []
    head = figure.head_shape()
    found: list[Mesh | Strands] = [*spectacles(head=head, style=style)] if glasses else []
    if headwear:
        make = cap if rng.random() < 0.5 else woollen_hat
        found += make(head=head, color=(colour[0], colour[1], colour[2]))
    hair = STYLES["buzz" if headwear else hair_of(who.name)]
    return [*found, grow_hair(figure=figure, style=hair, seed=who.seed, colour=who.hair)]
