"""A shot goes over the wire and comes back as it was; the message and the shot file have the same keys."""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from vfx_swap.errors import SettingsError
from vfx_swap.service import wire
from vfx_swap.service.shot_message import shot_to_message, shot_values, values_to_message
from vfx_swap.settings import (
    Cast,
    Light,
    Lighting,
    LightingKey,
    LightKey,
    Matte,
    Network,
    Shot,
    Write,
    shot_from_values,
)


def shot(**more: Any) -> Shot:
    cast = more.pop("cast", (Cast(position="largest", identity="/packs/lead.identity"),))
    return Shot(name="sh010", plate="/plates/a.####.exr", output="/renders/a.####.exr", cast=cast, **more)


def back(given: Shot) -> Shot:
    message = wire.shot.Shot.FromString(shot_to_message(given).SerializeToString())
    return Shot.model_validate(shot_values(message))


def test_every_setting_comes_back() -> None:
    given = shot(
        frames="1001-1010x2",
        colour_space="ACEScg",
        missing="hold",
        cast=(
            Cast(track=0, identity="/a.identity", strength=0.0),
            Cast(performer="/double.jpg", identity="/b.identity", reshape=0.1, makeup=1.0),
        ),
        lighting=Lighting(match="none", exposure_stops=-0.7, tint=0.1, temperature_mired=13.3),
        matte=Matte(expand_pixels=-1.5, feather=0.0, holdout=()),
        network=Network(pixel_boost=2, parser="none", batch=4, runtime="tensorrt"),
        write=Write(layers=("matte", "cryptomatte")),
    )
    assert back(given) == given


def test_a_light_from_the_camera_is_not_lost() -> None:
    given = Lighting(light=(Light(azimuth_degrees=0.0, elevation_degrees=0.0, colour=(0.1, 1.0, 0.3)),))
    message = shot_to_message(shot(lighting=given))
    [light] = shot_values(message)["lighting"]["light"]
    plain = {"azimuth_degrees": 0.0, "elevation_degrees": 0.0, "intensity": 1.0, "softness": 0.2}
    assert light == {**plain, "colour": [0.1, 1.0, 0.3]}


def test_keys_of_light_go_over_and_back() -> None:
    keys = (LightKey(frame=0, azimuth_degrees=0.0), LightKey(frame=-8, colour=(1.0, 0.5, 0.0), softness=0.0))
    light = Light(azimuth_degrees=-40.0, elevation_degrees=5.0, softness=1.0, key=keys)
    lighting = Lighting(light=(light,), key=(LightingKey(frame=1001, tint=0.0), LightingKey(frame=1002, tint=0.5)))
    assert back(shot(lighting=lighting)).lighting == lighting


def test_an_empty_holdout_is_not_an_absent_one() -> None:
    assert shot_values(shot_to_message(shot(matte=Matte(holdout=()))))["matte"]["holdout"] == []
    bare = wire.shot.Shot(name="a", plate="p", output="o")
    assert "matte" not in shot_values(bare)


@given(st.floats(min_value=-20, max_value=20), st.floats(min_value=0, max_value=1))
def test_numbers_keep_their_bits(stops: float, strength: float) -> None:
    given = shot(
        lighting=Lighting(exposure_stops=stops), cast=(Cast(track=3, identity="/a.identity", strength=strength),)
    )
    assert back(given) == given


def test_what_is_missing_is_named_by_its_key() -> None:
    with pytest.raises(SettingsError) as caught:
        shot_from_values(shot_values(wire.shot.Shot(name="a"))).result()
    assert {"plate", "output", "cast"} <= {problem.key for problem in caught.value.problems}


def test_a_word_of_a_newer_client_is_named() -> None:
    message = wire.shot.Shot(name="a", plate="p", output="o")
    message.write.layers.append(77)  # type: ignore[arg-type]  # what an enum of a newer version looks like here
    with pytest.raises(SettingsError) as caught:
        shot_values(message)
    [problem] = caught.value.problems
    assert problem.key == "write.layers[0]"
    assert "77" in problem.what


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"nmae": "a", "lighting": {"tnit": 1.0}}, {"nmae", "lighting.tnit"}),
        ({"cast": [{"identity": 3}], "engine": ["a"]}, {"cast[0].identity", "engine"}),
        ({"lighting": {"match": "sun"}, "missing": None}, {"lighting.match", "missing"}),
        ({"cast": {"identity": "a"}}, {"cast"}),
        ({"cast": ["a"], "lighting": "bright"}, {"cast", "lighting"}),
        ({"cast": [{"identity": "a", "strength": True}]}, {"cast[0].strength"}),
        ({"matte": {"holdout": "hair"}, "write": {"layers": ["matte", "smoke"]}}, {"matte.holdout", "write.layers"}),
    ],
)
def test_values_that_no_message_holds_are_named(values: dict[str, Any], keys: set[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        values_to_message(values)
    assert {problem.key for problem in caught.value.problems} == keys


def test_message_and_shot_file_have_the_same_keys() -> None:
    assert keys_of_message(wire.shot.Shot.DESCRIPTOR) == keys_of_model(Shot) - {"schema"}


def keys_of_message(message: Any, at: str = "") -> set[str]:
    found: set[str] = set()
    for field in message.fields:
        inner = field.message_type
        if inner is None or [one.name for one in inner.fields] == ["values"]:
            found.add(at + field.name)
        else:
            found |= keys_of_message(inner, f"{at}{field.name}.")
    return found


def keys_of_model(model: type[BaseModel], at: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = [one for one in flat(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        key = f"{at}{field.alias or name}"
        found |= keys_of_model(inner[0], f"{key}.") if inner else {key}
    return found


def flat(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    if not inner or isinstance(annotation, UnionType):
        return [annotation, *inner]
    return [one for part in inner for one in flat(part)]
