"""The project document: what a design editor saves and an export turns into files.

`parse_project` reads one, `canonical` and `dump` write it, `json_schema` publishes what is allowed.
The parts are in `schemas.elements`, `schemas.paint` and `schemas.motion`; how a refusal is worded is
in `schemas.reading`.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.elements import (
    Element,
    ImageElement,
    ShapeElement,
    TextElement,
    TextStyle,
    VideoElement,
    VisualizerElement,
)
from schemas.errors import InvalidInput
from schemas.limits import DEFAULT, Limits
from schemas.motion import Animation, Keyframe, Transition, exact
from schemas.paint import Background, ImageBackground, SolidBackground, VideoBackground
from schemas.reading import load, validate
from schemas.values import (
    Color,
    Duration,
    Flag,
    FontStyle,
    Many,
    Name,
    Number,
    Seconds,
    Source,
    StrictModel,
    Text,
    Volume,
    Weight,
    whole,
)

__all__ = [
    "Animation",
    "AudioTrack",
    "Background",
    "Captions",
    "Duck",
    "Element",
    "Font",
    "ImageElement",
    "InstalledFont",
    "Keyframe",
    "Project",
    "ShapeElement",
    "Slide",
    "SourceRef",
    "TextElement",
    "Transition",
    "canonical",
    "dump",
    "json_schema",
    "parse_project",
    "sources",
    "unsupported",
]


class Font(StrictModel):
    """A font that the document brings along."""

    family: Name
    src: Source
    weight: Weight = 400
    style: FontStyle = "normal"


class InstalledFont(Font):
    """A font that the document only names: the deployment has it. Never part of a document.

    src: `font:` and what names its bytes. weights: the least and the most that it can have.
    """

    src: str
    weights: tuple[int, int]


def _white() -> SolidBackground:
    return SolidBackground(type="solid", color="white")


class Slide(StrictModel):
    """One picture of the film. `transition` leads into the next slide."""

    id: Name | None = None
    duration: Duration
    background: Background = Field(default_factory=_white)  # no default built at import: that takes 20 ms
    elements: Many[Element] = ()
    transition: Transition | None = None


def _magnitude(decibels: float) -> float:
    return abs(decibels)  # of `abs` itself pydantic would read the signature from its text: 7 ms


class Duck(StrictModel):
    """Lower a track while track `by` sounds, by `amount` dB."""

    by: Name
    amount: Annotated[Number, Field(ge=-60, le=60), AfterValidator(_magnitude)] = 12.0


class AudioTrack(StrictModel):
    """A sound on the project's timeline; seconds, volume 1 as it is."""

    id: Name
    src: Source
    start: Seconds = 0.0
    trim_start: Seconds = 0.0
    duration: Duration | None = None
    volume: Volume = 1.0
    loop: Flag = False
    fade_in: Seconds = 0.0
    fade_out: Seconds = 0.0
    duck: Duck | None = None


class Word(StrictModel):
    """A word of a cue and when it is spoken."""

    start: Seconds
    end: Seconds
    text: Text


class Cue(StrictModel):
    """One caption."""

    start: Seconds
    end: Seconds
    text: Text
    words: Many[Word] = ()


class Captions(StrictModel):
    """Subtitles, from a file or from the document."""

    src: Source | None = None
    cues: Many[Cue] | None = None
    style: TextStyle | None = None
    position: Literal["top", "middle", "bottom"] = "bottom"
    mode: Literal["burn", "sidecar", "both"] = "burn"
    highlight: Color | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.src is None) == (self.cues is None):
            raise ValueError("Captions have either a src or cues.")
        return self


Side = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1)]


class Project(StrictModel):
    """A whole document. `width` and `height` are its coordinate system in px."""

    version: Literal[1] = 1
    id: Name | None = None
    name: Annotated[Text, Field(max_length=1000)] | None = None
    meta: dict[str, Any] = Field(default_factory=dict)
    width: Side
    height: Side
    fonts: Many[Font] = ()
    slides: Many[Slide] = ()
    audio: Many[AudioTrack] = ()
    captions: Captions | None = None

    def seconds(self) -> Fraction:
        """Length of the picture: the slides' durations less their overlaps."""
        overlaps = (overlap(slide) for slide in self.slides[:-1])
        return sum((exact(slide.duration) for slide in self.slides), Fraction(0)) - sum(overlaps, Fraction(0))


def overlap(slide: Slide) -> Fraction:
    """Seconds that a slide's transition takes from the timeline, if another slide follows."""
    transition = slide.transition
    return Fraction(0) if transition is None or transition.type == "none" else exact(transition.duration)


def parse_project(data: bytes | Mapping[str, Any], limits: Limits = DEFAULT) -> Project:
    """The document, validated in itself: no source is fetched.

    Raises InvalidInput with a code (`invalid_json`, `too_large`, `too_deep`, `non_finite`,
    `unknown_key`, `missing_key`, `invalid_value`, `duplicate_id`, `unknown_reference`,
    `limit_exceeded`), the path of the culprit and a sentence for its owner.
    """
    raw = load(data, limits)
    _check_counts(raw, limits)
    project = validate(Project, raw)
    _check_limits(project, limits)
    _check_ids(project)
    _check_references(project)
    _check_transitions(project)
    return project


def canonical(project: Project, part: Any = None) -> dict[str, Any]:
    """The document with its defaults filled in, keys in camelCase: equal documents, equal hashes.

    What is absent stays absent. Names that don't show (`meta`, ids) are part of it. part: nothing but these
    fields, as pydantic's `include` names them.
    """
    return project.model_dump(mode="json", by_alias=True, exclude_none=True, include=part)


def dump(project: Project) -> dict[str, Any]:
    """The document as it was stored, in camelCase and without defaults; reading it gives an equal project."""
    return project.model_dump(mode="json", by_alias=True, exclude_unset=True)


def json_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of a document."""
    schema = Project.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "exportstream project",
        **{key: value for key, value in schema.items() if key != "title"},
    }


SourceKind = Literal["image", "audio", "font", "video", "midi", "captions"]


class SourceRef(NamedTuple):
    """A foreign file that the document names, and where it does."""

    path: str
    kind: SourceKind
    src: str


def sources(project: Project) -> list[SourceRef]:
    """Every source in the order of the document; a file used twice is listed twice."""
    return list(_sources(project))


def _sources(project: Project) -> Iterator[SourceRef]:
    for index, font in enumerate(project.fonts):
        yield SourceRef(f"fonts[{index}].src", "font", font.src)
    for number, slide in enumerate(project.slides):
        path = f"slides[{number}]"
        if isinstance(slide.background, ImageBackground | VideoBackground):
            yield SourceRef(f"{path}.background.src", slide.background.type, slide.background.src)
        for index, element in enumerate(slide.elements):
            if isinstance(element, ImageElement | VideoElement):
                yield SourceRef(f"{path}.elements[{index}].src", element.type, element.src)
            elif isinstance(element, VisualizerElement) and element.midi is not None:
                yield SourceRef(f"{path}.elements[{index}].midi", "midi", element.midi)
    for index, track in enumerate(project.audio):
        yield SourceRef(f"audio[{index}].src", "audio", track.src)
    if project.captions is not None and project.captions.src is not None:
        yield SourceRef("captions.src", "captions", project.captions.src)


def unsupported(project: Project) -> InvalidInput | None:
    """The first part of a valid document that exports cannot show yet, as an error to raise; or None."""
    for number, slide in enumerate(project.slides):
        if isinstance(slide.background, VideoBackground):
            return _not_yet("A video background", f"slides[{number}].background")
        for index, element in enumerate(slide.elements):
            if isinstance(element, VideoElement | VisualizerElement):
                return _not_yet(f"An element of type {element.type}", f"slides[{number}].elements[{index}]")
    return None if project.captions is None else _not_yet("Captions", "captions")


def _not_yet(what: str, path: str) -> InvalidInput:
    verb = "are" if what == "Captions" else "is"
    return InvalidInput(
        "not_supported", f"{what} {verb} not yet supported; remove it to export the rest.", path=path
    )


def _exceeded(what: str, limit: str, path: str) -> InvalidInput:
    return InvalidInput("limit_exceeded", f"{what}; the limit is {limit}.", path=path)


def _check_counts(raw: dict[str, Any], limits: Limits) -> None:
    """Refuse long lists before they are validated."""
    for key, limit in (("slides", limits.slides), ("audio", limits.tracks), ("fonts", limits.assets)):
        items = raw.get(key)
        if isinstance(items, list) and len(items) > limit:
            raise _exceeded(f"The project has {len(items):,} {key}", f"{limit:,}", key)
    for number, slide in enumerate(raw["slides"] if isinstance(raw.get("slides"), list) else ()):
        elements = slide.get("elements") if isinstance(slide, dict) else None
        if isinstance(elements, list) and len(elements) > limits.elements:
            what = f"The slide has {len(elements):,} elements"
            raise _exceeded(what, f"{limits.elements:,}", f"slides[{number}].elements")


def _check_limits(project: Project, limits: Limits) -> None:
    for key, side in (("width", project.width), ("height", project.height)):
        if side > limits.document_side:
            raise _exceeded(f"The project's {key} is {side:,} px", f"{limits.document_side:,} px", key)
    if project.seconds() > limits.seconds:
        what = f"The project lasts {float(project.seconds()):,.0f} s"
        raise _exceeded(what, f"{limits.seconds:,.0f} s", "slides")
    if (count := len({ref.src for ref in _sources(project)})) > limits.assets:
        raise _exceeded(f"The project uses {count:,} files", f"{limits.assets:,}", "slides")
    for number, slide in enumerate(project.slides):
        for index, element in enumerate(slide.elements):
            if isinstance(element, TextElement) and len(element.text) > limits.text:
                what = f"The text has {len(element.text):,} characters"
                raise _exceeded(what, f"{limits.text:,}", f"slides[{number}].elements[{index}].text")


def _check_ids(project: Project) -> None:
    """Ids of slides and of tracks are unique in the project, those of elements in their slide."""
    _unique("slides", [slide.id for slide in project.slides])
    _unique("audio", [track.id for track in project.audio])
    for number, slide in enumerate(project.slides):
        _unique(f"slides[{number}].elements", [element.id for element in slide.elements])


def _unique(path: str, ids: list[str | None]) -> None:
    seen: dict[str, int] = {}
    for index, name in enumerate(ids):
        if name is None:
            continue
        if name in seen:
            message = f"The id {name!r} is already that of {path}[{seen[name]}]; ids are unique."
            raise InvalidInput("duplicate_id", message, path=f"{path}[{index}].id")
        seen[name] = index


def _check_references(project: Project) -> None:
    tracks = {track.id for track in project.audio}
    for index, track in enumerate(project.audio):
        if track.duck is not None and (track.duck.by not in tracks or track.duck.by == track.id):
            message = f"A track ducks under another one; {track.duck.by!r} is none."
            raise InvalidInput("unknown_reference", message, path=f"audio[{index}].duck.by")
    for number, slide in enumerate(project.slides):
        for index, element in enumerate(slide.elements):
            if isinstance(element, VisualizerElement) and element.audio not in tracks:
                message = f"No audio track has the id {element.audio!r}."
                raise InvalidInput(
                    "unknown_reference", message, path=f"slides[{number}].elements[{index}].audio"
                )


_NOISE = Fraction(1, 100_000)
"""Seconds of rounding that a client's arithmetic may leave behind."""


def _check_transitions(project: Project) -> None:
    for number, (slide, following) in enumerate(pairwise(project.slides)):
        length = overlap(slide)
        shorter = min(exact(slide.duration), exact(following.duration))
        if length * 2 > shorter + _NOISE:
            message = (
                f"The transition lasts {float(length):g} s, longer than half of a slide it joins; "
                f"it may last {float(shorter / 2):g} s."
            )
            raise InvalidInput("invalid_value", message, path=f"slides[{number}].transition.duration")
