"""The shot file's values: one frozen model per table, every number with its range and unit.

Attribute names are the keys of the file. Paths are absolute once `vfx_swap.settings.load_shot` has read
them; relative ones in the file are relative to the file.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "DEFAULT_ENGINE",
    "NAME_PATTERN",
    "SHOT_SCHEMA",
    "Cast",
    "Focus",
    "Grain",
    "Holdout",
    "Layer",
    "Light",
    "LightKey",
    "Lighting",
    "LightingKey",
    "Matte",
    "Motion",
    "Network",
    "Position",
    "Qc",
    "QcLimit",
    "Shot",
    "Table",
    "Write",
]

DEFAULT_ENGINE = "reprojection"
"""The engine that needs no weights."""
SHOT_SCHEMA = "vfx_swap/shot.1"

NAME_PATTERN = r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*$"
"""Names that become part of file names: no folders, no hidden files, no control characters."""

Position: TypeAlias = Literal["largest", "left", "right", "all"]
Holdout: TypeAlias = Literal["hair", "glasses", "hand"]
Layer: TypeAlias = Literal["matte", "patch", "stmap", "regions", "cryptomatte", "uv", "normals", "depth", "confidence"]
QcLimit: TypeAlias = Literal[
    "distance_to_identity",
    "landmark_error_percent",
    "pose_error_degrees",
    "expression_error",
    "seam_worst_stops",
    "sharpness_least",
    "grain_least",
    "flicker_ratio",
    "flicker_pop_ratio",
    "matte_jump_percent",
    "clipped_added_percent",
    "light_level_stops",
    "light_shading_stops",
    "light_jump_stops",
    "changed_outside_pixels",
    "not_finite_pixels",
]
ColourValue: TypeAlias = Annotated[float, Field(ge=0.0, le=1000.0)]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=4096)]


class Table(BaseModel):
    """What every table of a shot file has in common: frozen, strict types, no unknown keys, no NaN or inf."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )


class Cast(Table):
    """One casting: which performer in the plate gets which identity. Give one of `performer`, `track`, `position`."""

    performer: Text | None = None
    """Photograph of the performer; the track that looks most like it is taken."""
    track: int | None = Field(default=None, ge=0, le=1_000_000)
    """Id of a track in the tracks file."""
    position: Position | None = None
    """The track by its place in the picture: the largest face, the leftmost, the rightmost, or all of them."""
    identity: Text
    """Identity pack that goes in."""
    strength: float = Field(default=1.0, ge=0.0, le=1.0)
    """How much of the swap shows: 0 the plate, 1 the identity. The matte written is multiplied by it."""
    reshape: float = Field(default=0.6, ge=0.0, le=1.0)
    """How far the face is pulled toward the identity's proportions: 0 not at all, 1 all the way. The outline stays the
    performer's, the lips move as one piece, and no pixel of the plate is moved."""
    makeup: float = Field(default=0.0, ge=0.0, le=1.0)
    """How much of the performer's make-up and face paint is kept: 0 none, 1 all, lipstick included."""


class LightKey(Table):
    """A light at one frame. What several keys give is drawn straight from one to the next and held beyond the ends."""

    frame: int = Field(ge=-10_000_000, le=10_000_000)
    """The frame, by the plate's numbers."""
    azimuth_degrees: float | None = Field(default=None, ge=-720.0, le=720.0)
    """As of the light; a lamp that goes from 170 to 190 passes behind the head."""
    elevation_degrees: float | None = Field(default=None, ge=-90.0, le=90.0)
    """As of the light."""
    intensity: float | None = Field(default=None, ge=0.0, le=1000.0)
    """As of the light."""
    colour: Annotated[tuple[ColourValue, ColourValue, ColourValue], Field(strict=False)] | None = None
    """As of the light."""
    softness: float | None = Field(default=None, ge=0.0, le=1.0)
    """As of the light."""


class Light(Table):
    """A directional light that is added to the face's own, in the camera's frame."""

    azimuth_degrees: float = Field(ge=-360.0, le=360.0)
    """Degrees from the camera's axis, positive toward the picture's right; 0 is light from the camera."""
    elevation_degrees: float = Field(ge=-90.0, le=90.0)
    """Degrees above the camera's horizon."""
    intensity: float = Field(default=1.0, ge=0.0, le=1000.0)
    """Light on skin that faces it, as a multiple of the plate's mean light on the face: 1 lights it as much again."""
    colour: Annotated[tuple[ColourValue, ColourValue, ColourValue], Field(strict=False)] = (1.0, 1.0, 1.0)
    """Scene-linear red, green, blue in the plate's primaries, each 0 to 1000; 1, 1, 1 is the colour of the plate's own
    light on the face."""
    softness: float = Field(default=0.2, ge=0.0, le=1.0)
    """Sine of the angle from the light's middle to its edge: 0 hard, as the sun; 0.2 a softbox; 1 as soft as half the
    sky."""
    key: Annotated[tuple[LightKey, ...], Field(strict=False, max_length=4096)] = ()
    """The light over the shot."""


class LightingKey(Table):
    """Settings of `[lighting]` at one frame; between keys as those of a light."""

    frame: int = Field(ge=-10_000_000, le=10_000_000)
    """The frame, by the plate's numbers."""
    exposure_stops: float | None = Field(default=None, ge=-20.0, le=20.0)
    """As in `[lighting]`."""
    temperature_mired: float | None = Field(default=None, ge=-500.0, le=500.0)
    """As in `[lighting]`."""
    tint: float | None = Field(default=None, ge=-1.0, le=1.0)
    """As in `[lighting]`."""
    environment_rotation_degrees: float | None = Field(default=None, ge=-3600.0, le=3600.0)
    """As in `[lighting]`."""


class Lighting(Table):
    """How the identity's face is lit."""

    match: Literal["plate", "none"] = "plate"
    """`plate`: take the light of the performer's face; `none`: keep the identity's own light."""
    exposure_stops: float = Field(default=0.0, ge=-20.0, le=20.0)
    """Stops added to the swapped face."""
    temperature_mired: float = Field(default=0.0, ge=-500.0, le=500.0)
    """Shift of the light's colour temperature in mired; positive is warmer."""
    tint: float = Field(default=0.0, ge=-1.0, le=1.0)
    """Green to magenta, in stops of green; positive is more magenta."""
    environment: Text | None = None
    """Latlong HDRI that lights the face in place of the plate's light; its middle is where the camera looks, its mean
    over the sphere counts as the plate's mean light on the face."""
    environment_rotation_degrees: float = Field(default=0.0, ge=-360.0, le=360.0)
    """Degrees the environment is turned about the vertical; positive moves it to the picture's right."""
    light: Annotated[tuple[Light, ...], Field(strict=False, max_length=64)] = ()
    """Directional lights, one `[[lighting.light]]` each."""
    key: Annotated[tuple[LightingKey, ...], Field(strict=False, max_length=4096)] = ()
    """The settings above over the shot, one `[[lighting.key]]` a frame."""


class Grain(Table):
    """Grain on the swapped face."""

    match: Literal["plate", "none"] = "plate"
    """`plate`: the plate's own grain, measured over the shot for each channel and brightness; `none`: leave the face
    clean."""
    detail: float = Field(default=0.0, ge=0.0, le=1.0)
    """How much of the plate's fine skin texture, its pores and stubble, is laid on the swapped face."""


class Motion(Table):
    """Motion blur on the swapped face."""

    match: Literal["plate", "none"] = "plate"
    """`plate`: along the track for as long as the shutter is open, and what else the plate shows of it; `none`: leave
    the face sharp."""
    shutter_degrees: float | None = Field(default=None, ge=0.0, le=720.0)
    """Angle of the shutter, 360 for the whole time from frame to frame; absent: measured over the shot. One that is
    given is all there is: nothing more is read off the plate."""


class Focus(Table):
    """Focus of the swapped face."""

    match: Literal["plate", "none"] = "plate"
    """`plate`: as soft as the plate's face is where it is out of focus; `none`: leave the face sharp."""


class Matte(Table):
    """The edge of the swapped face."""

    expand_pixels: float = Field(default=0.0, ge=-256.0, le=256.0)
    """Plate pixels the matte grows (positive) or shrinks (negative)."""
    feather: float = Field(default=0.05, ge=0.0, le=0.5)
    """Width of the soft edge as a fraction of face height."""
    holdout: Annotated[tuple[Holdout, ...], Field(strict=False)] = ("hair", "glasses", "hand")
    """What stays the plate's when it lies over the face. `hair`: hair, fringe and caps; `glasses`: the rims of
    spectacles; `hand`: hands, and whatever else passes in front, such as a microphone. A list given here stands
    alone."""
    holdout_matte: Text | None = None
    """Matte of your own of what stays in front of the face, beside what `holdout` finds: a frame pattern, or one
    picture for all frames. 1 where the plate stays."""
    holdout_channel: Text | None = None
    """Full name of its channel, such as `roto.hand.A`; absent: alpha, else the first."""
    garbage_matte: Text | None = None
    """Matte of your own of where the swap must not show, as `holdout_matte`. Unlike there, the skin under it is still
    read for light and colour."""
    garbage_channel: Text | None = None
    """Full name of its channel; absent: alpha, else the first."""
    missing: Literal["error", "hold", "none"] = "error"
    """A frame of these mattes that is not on disk: refuse, hold the one before, or do without."""


class Network(Table):
    """How engines that are networks work; the default engine has no use for it."""

    pixel_boost: int = Field(default=1, ge=1, le=8)
    """The crop is so many times the network's own size each way; the network runs the square of that for every face."""
    parser: Text = "landmark-parser"
    """What finds the face's regions, in which the network's answer is laid: id of a parser's card, such as `bisenet`;
    `none`: an ellipse in the crop."""
    batch: int = Field(default=1, ge=1, le=16)
    """Pictures of a forward pass, filled with frames that are at work side by side; for GPUs. A frame's bits do not
    hang on which others come along, but on this number."""
    runtime: Literal["default", "tensorrt"] = "default"
    """`tensorrt`: for ONNX graphs on a GPU, in place of ONNX Runtime's CUDA provider. It builds an engine for that GPU
    and keeps it; an engine that is built anew may round otherwise."""


class Write(Table):
    """What is written beside RGB."""

    layers: Annotated[tuple[Layer, ...], Field(strict=False)] = ()
    """Extra EXR layers; docs/layers.md says what each holds."""


class Qc(Table):
    """What `vfx-swap qc` passes and fails. No pixel depends on it; docs/qc.md says how each number is measured."""

    distance_to_identity: float = Field(default=0.6, ge=0.0, le=2.0)
    """Most that a swapped face may be away from the identity, by the recogniser."""
    landmark_error_percent: float = Field(default=2.0, ge=0.0, le=100.0)
    """Most that landmarks may lie off the plate's, in percent of face height."""
    pose_error_degrees: float = Field(default=6.0, ge=0.0, le=180.0)
    """Most that the head may be turned away from the plate's."""
    expression_error: float = Field(default=0.06, ge=0.0, le=1.0)
    """Most that the expression weights may differ from the plate's, in the mean."""
    seam_worst_stops: float = Field(default=0.6, ge=0.0, le=20.0)
    """Most that the matte's edge may add to the plate's gradient, at its worst place."""
    sharpness_least: float = Field(default=0.5, ge=0.0, le=1.0)
    """Least detail inside the matte, as a share of the plate's."""
    grain_least: float = Field(default=0.5, ge=0.0, le=1.0)
    """Least grain inside the matte, as a share of the plate's."""
    flicker_ratio: float = Field(default=1.2, ge=0.0, le=1000.0)
    """Most flicker of the whole shot, as a multiple of the plate's own."""
    flicker_pop_ratio: float = Field(default=2.5, ge=0.0, le=1000.0)
    """Most change from one frame to the next, as a multiple of the plate's own there."""
    matte_jump_percent: float = Field(default=15.0, ge=0.0, le=100.0)
    """Most that the matte's area may change from one frame to the next, as the face's size does not."""
    clipped_added_percent: float = Field(default=1.0, ge=0.0, le=100.0)
    """Most of the matte that may be at white where the plate is not."""
    light_level_stops: float = Field(default=0.5, ge=0.0, le=20.0)
    """Most that the face may be brighter or darker than the plate's."""
    light_shading_stops: float = Field(default=0.5, ge=0.0, le=20.0)
    """Most that the face's broad shading may differ from the plate's."""
    light_jump_stops: float = Field(default=0.15, ge=0.0, le=20.0)
    """Most that the face's brightness against the plate's may change from one frame to the next."""
    changed_outside_pixels: int = Field(default=0, ge=0, le=1000000000)
    """Most pixels that may differ from the plate's bits where the matte is 0."""
    not_finite_pixels: int = Field(default=0, ge=0, le=1000000000)
    """Most pixels that may be NaN or infinite where the plate's are not."""
    failing_frames_percent: float = Field(default=0.0, ge=0.0, le=100.0)
    """Share of the shot's frames that may break a limit before the shot fails; missing frames always fail it."""
    skip: Annotated[tuple[QcLimit, ...], Field(strict=False)] = ()
    """Limits that do not count: measured and shown, never failed."""


class Shot(Table):
    """A shot file."""

    schema_: Literal["vfx_swap/shot.1"] = Field(alias="schema", default="vfx_swap/shot.1")
    """Schema label of the file."""
    name: str = Field(min_length=1, max_length=128, pattern=NAME_PATTERN)
    """Name of the shot; the tracks file and the render log are called after it."""
    plate: Text
    """The plate: a frame pattern, one picture or a movie."""
    output: Text
    """Where results go: a frame pattern, one picture or a movie."""
    frames: str = Field(default="", max_length=65536)
    """Frames to render, such as `1001-1100x2,1200`; empty: every frame of the plate."""
    colour_space: Text | None = None
    """OCIO name of the plate's colour space; absent: from the file's header, else by kind of file."""
    missing: Literal["error", "hold", "black"] = "error"
    """A frame that is not on disk: refuse, hold the frame before, or take black."""
    engine: Text = DEFAULT_ENGINE
    """`reprojection`, or the id of a model card."""
    cast: Annotated[tuple[Cast, ...], Field(strict=False, min_length=1, max_length=256)]
    """Who is swapped, one `[[cast]]` each."""
    lighting: Lighting = Lighting()
    """How the face is lit."""
    grain: Grain = Grain()
    """Grain on the face."""
    motion: Motion = Motion()
    """Motion blur on the face."""
    focus: Focus = Focus()
    """Focus of the face."""
    matte: Matte = Matte()
    """The edge of the face."""
    network: Network = Network()
    """How an engine that is a network works."""
    write: Write = Write()
    """What is written beside RGB."""
    qc: Qc = Qc()
    """What quality control passes and fails."""
