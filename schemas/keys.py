"""Keys of the object store: one prefix for each tenant, and below it one for each kind.

What is named by a hash is written once and never changed. No key is ever the folder of another
(S3 servers on files cannot have both `k/x` and `k/x/y`).
"""

from __future__ import annotations


def tenant_prefix(tenant: str) -> str:
    """Prefix of a tenant. Nothing is shared: a fast answer would reveal that another tenant has the same."""
    return f"t/{tenant}/"


def asset_key(tenant: str, sha256: str) -> str:
    """A foreign file as it was fetched."""
    return f"t/{tenant}/assets/{sha256}"


def source_key(tenant: str, source_hash: str) -> str:
    """Cached result of fetching one version of a source."""
    return f"t/{tenant}/sources/{source_hash}.json"


def image_key(tenant: str, image_hash: str) -> str:
    """An image in its normal form: upright, sRGB, at the size needed."""
    return f"t/{tenant}/images/{image_hash}"


def sound_source_key(tenant: str, fingerprint: str) -> str:
    """A sound in its normal form: packets of one stream, each at its place in time."""
    return f"t/{tenant}/sources-sound/{fingerprint}"


def font_key(tenant: str, sha256: str) -> str:
    """A font in its normal form."""
    return f"t/{tenant}/fonts/{sha256}"


def probe_key(tenant: str, probe_hash: str) -> str:
    """Cached answer of a decoder about an asset."""
    return f"t/{tenant}/probes/{probe_hash}.json"


def layer_key(tenant: str, layer_hash: str) -> str:
    """A rasterised layer."""
    return f"t/{tenant}/layers/{layer_hash}"


_PARTS = {"picture": "chunks", "page": "pages", "file": "files", "sound": "sound"}


def part_key(tenant: str, kind: str, part_hash: str) -> str:
    """A part of a result: an encoded chunk, a page, a document, some seconds of encoded sound."""
    return f"t/{tenant}/{_PARTS[kind]}/{part_hash}"


def segment_key(tenant: str, segment_hash: str) -> str:
    """A stretch of a long result, its parts joined."""
    return f"t/{tenant}/segments/{segment_hash}"


def record_key(tenant: str, segment_hash: str) -> str:
    """What the head of the result has to know of a segment; written after the segment."""
    return f"t/{tenant}/records/{segment_hash}"


def plan_key(tenant: str, job_id: str) -> str:
    """The plan of a job, read by every stage after `plan`; written once, so a repeated request reuses it."""
    return f"t/{tenant}/plans/{job_id}.json"


def project_key(tenant: str, project_hash: str) -> str:
    """A project document that came inline."""
    return f"t/{tenant}/documents/{project_hash}.json"


def upload_key(tenant: str, sha256: str, extension: str) -> str:
    """A file that a client uploaded to refer to it from a document; `extension` with its dot or empty."""
    return f"t/{tenant}/uploads/{sha256}{extension}"


def output_key(tenant: str, output_hash: str, extension: str) -> str:
    """A finished file, named by all that determines it."""
    return f"t/{tenant}/outputs/{output_hash}.{extension}"


def export_key(tenant: str, job_id: str, name: str) -> str:
    """A published file of a job; `name` with its suffix, `file.mp4` for the main one."""
    return f"t/{tenant}/exports/{job_id}/{name}"


def manifest_key(tenant: str, job_id: str) -> str:
    """Manifest of a published file."""
    return f"t/{tenant}/exports/{job_id}/manifest.json"


def library_key(tenant: str, video_id: str) -> str:
    """An entry of the video library."""
    return f"t/{tenant}/library/{video_id}.json"


def project_record_key(customer_id: str, project_id: str) -> str:
    """Project record of the design editor."""
    return f"projects/{customer_id}/{project_id}.json"
