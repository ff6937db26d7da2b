"""Upper limits of a job, checked before any work starts and named in the error."""

from typing import NamedTuple

MIB = 1 << 20


class Limits(NamedTuple):
    """Ceilings, each a setting of the deployment.

    slides, elements (of one slide), tracks, assets: counts. seconds: length of the timeline.
    long_side, short_side: of the exported picture in px. document_side: of the project's own
    coordinate system in px. asset_bytes, job_bytes: of what is fetched. document_bytes: of the project
    document itself. inline_bytes: of one `data:` source. megapixels: of one image. text: characters of
    one element. depth: nesting of the document.
    """

    slides: int = 2000
    elements: int = 500
    seconds: float = 4 * 3600
    long_side: int = 3840
    short_side: int = 2160
    document_side: int = 7680
    fps: int = 60
    tracks: int = 64
    assets: int = 1000
    asset_bytes: int = 512 * MIB
    job_bytes: int = 8192 * MIB
    megapixels: float = 100
    text: int = 20_000
    depth: int = 16
    document_bytes: int = 8 * MIB
    inline_bytes: int = 1 * MIB


DEFAULT = Limits()
