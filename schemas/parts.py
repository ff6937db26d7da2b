"""Parts: what an export is made of. Each is named by a hash of all that determines its bytes.

A part's kind has a route through the stages. `plan` writes the parts down and sends out those that the store
lacks, `mix` joins them when none is missing:

    picture   render, encode   a chunk of film: some frames, the last of them held
    page      render           one picture that is a file of the result
    file      render           a document
    sound     mix              about ten seconds of the mix, encoded
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from schemas.messages import Message
from schemas.stages import StageName

PartKind = Literal["picture", "page", "file", "sound"]

ROUTES: dict[PartKind, tuple[StageName, ...]] = {
    "picture": ("render", "encode"),
    "page": ("render",),
    "file": ("render",),
    "sound": ("mix",),
}
"""The stages that make a part of each kind."""

Count = Annotated[int, Field(ge=0)]


class PicturePart(Message):
    """A chunk of film: `frames` pictures from `first_frame` on, the last of them held for `hold` more.

    A still has one picture. Frames that lead to it from the part before are not encoded: they come before
    `first_frame`, and `lead` says of each how far the transition `way` has come: of a fade the weight of this
    picture (of `renderers.timeline.scene.WHOLE`), of others the pixels that the border between both slides
    has run. `run` is how far it has in the picture before them, and in this one. `key` names the encoded
    pictures; it depends on whether the last is held, not on how long. `slides` are those seen.
    """

    kind: Literal["picture"] = "picture"
    key: str
    shape: Literal["still", "moving"]
    first_frame: Count
    frames: Annotated[int, Field(ge=1)]
    hold: Count = 0
    slides: tuple[int, ...] = ()
    lead: tuple[int, ...] = ()
    way: str = "fade"
    run: tuple[int, int] = (0, 0)

    @property
    def begin(self) -> int:
        """The first frame that it is for."""
        return self.first_frame - len(self.lead)

    @property
    def end(self) -> int:
        """The first frame after it."""
        return self.first_frame + self.frames + self.hold

    @property
    def work(self) -> int:
        """Cost in encoded frames."""
        return self.frames


class PagePart(Message):
    """One picture of the timeline as a file of the result, called `name` and its suffix."""

    kind: Literal["page"] = "page"
    key: str
    frame: Count
    name: str = "file"

    @property
    def work(self) -> int:
        """Cost of one frame."""
        return 1


class FilePart(Message):
    """A document that is written in one go."""

    kind: Literal["file"] = "file"
    key: str

    @property
    def work(self) -> int:
        """Cost of one frame."""
        return 1


class SoundPart(Message):
    """`samples` of the mix from sample `first` on, encoded."""

    kind: Literal["sound"] = "sound"
    key: str
    first: Count
    samples: Annotated[int, Field(ge=1)]

    @property
    def work(self) -> int:
        """Equal for all parts of a mix."""
        return 1


Part = PicturePart | PagePart | FilePart | SoundPart
AnyPart = Annotated[Part, Discriminator("kind")]
"""A part as it lies in a plan."""
