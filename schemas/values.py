"""The small parts of a project document: numbers, colours, sources, easings, and the base of its models.

Scalars are strict: "3" is no number and 1 is no text. Building a model's validator is put off until a
document is read (`defer_build`), so importing costs little.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field
from pydantic.alias_generators import to_camel

from schemas.colors import parse_color
from schemas.easings import check_easing
from schemas.sources import check_source


class StrictModel(BaseModel):
    """A frozen object of a document or of settings: unknown keys are errors, keys camelCase or snake_case."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
        defer_build=True,
    )


Item = TypeVar("Item")

if TYPE_CHECKING:
    Many: TypeAlias = tuple[Item, ...]
else:
    Many = Annotated[tuple[Item, ...], Field(fail_fast=True)]
    """An array; reading ends at its first wrong item: a document may have a million."""


def _color(text: str) -> str:
    parse_color(text)
    return text


def whole(value: Any) -> Any:
    """320.0 as 320: JSON has one kind of number, and an integer is one without a fraction (JSON Schema
    2020-12, Validation 6.1.1).
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _font_weight(value: Any) -> Any:
    return {"normal": 400, "bold": 700}.get(value, value) if isinstance(value, str) else whole(value)


def by_type(default: str | None = None) -> Discriminator:
    """Choose a model of a union by the object's `type`.

    The tag is written `<type>`, which no key of a document is: so it can be told from a key in the
    path of an error.
    """

    def tag(value: Any) -> str | None:
        kind = value.get("type", default) if isinstance(value, dict) else getattr(value, "type", None)
        return f"<{kind}>" if isinstance(kind, str) else None

    return Discriminator(tag)


def by(choose: Callable[[Any], str]) -> Discriminator:
    """Choose a model of a union by a function of the value; tags are written `<name>`."""
    return Discriminator(choose)


Number = Annotated[float, Field(strict=True)]
Coordinate = Annotated[float, Field(strict=True, ge=-100_000, le=100_000)]
Length = Annotated[float, Field(strict=True, ge=0, le=100_000)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=1_000_000)]
Duration = Annotated[float, Field(strict=True, gt=0, le=1_000_000)]
Volume = Annotated[float, Field(strict=True, ge=0, le=2)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Color = Annotated[str, Field(strict=True), AfterValidator(_color)]
Source = Annotated[str, Field(strict=True), AfterValidator(check_source)]
Easing = Annotated[str, Field(strict=True), AfterValidator(check_easing)]
Weight = Annotated[int, BeforeValidator(_font_weight), Field(strict=True, ge=1, le=1000)]
FontStyle = Literal["normal", "italic", "oblique"]
Fit = Literal["cover", "contain", "fill"]
Position = tuple[Share, Share]
Point = tuple[Coordinate, Coordinate]
