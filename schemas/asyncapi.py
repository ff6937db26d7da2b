"""The stream described in AsyncAPI 3, generated from the models and the table of topics.

Source: AsyncAPI 3.0.0; Kafka bindings 0.5.0. What services do (`ask`, `cancel`, `follow`) comes
first; the topics between the stages are described as well, for operators.
"""

from __future__ import annotations

from typing import Any

from schemas import messages, topics
from schemas.facts import FACT_TYPES
from schemas.lifecycle import Job
from schemas.messages import Message

VERSION = "1.0.0"
SCHEMAS = "#/components/schemas/"

CARRIED: dict[str, tuple[type[Message], ...]] = {
    topics.REQUESTS: (messages.ExportRequest,),
    topics.RENDER: (messages.RenderTask, messages.DocumentTask),
    topics.ENCODE: (messages.EncodeTask,),
    topics.SOUND: (messages.SoundTask,),
    topics.MIX: (messages.PartDone, messages.JoinTask),
    topics.UPLOAD: (messages.UploadTask,),
    topics.CONTROL: (messages.Control,),
    topics.PROGRESS: FACT_TYPES,
    topics.STATUS: (Job,),
}
"""The messages of each topic. On the dead-letter topic lies whatever could not be read."""

EXAMPLE: dict[str, Any] = {
    "job_id": "newsletter-2026-01",
    "format": "mp4",
    "settings": {"quality": "1080p", "fps": 30},
    "project": {
        "version": 1,
        "width": 1920,
        "height": 1080,
        "slides": [{"duration": 3, "background": {"type": "solid", "color": "#102040"}, "elements": []}],
    },
}

_ABOUT = (
    "Services publish a request to `export.requests`, with any key, and read snapshots of "
    "the job from `export.status` until its status is completed, failed or cancelled. Headers are optional "
    "for requests and orders; everything that the system publishes carries CloudEvents attributes as headers "
    "(binary mode). Messages grow only by optional fields: ignore what you do not know."
)


def document() -> dict[str, Any]:
    """The AsyncAPI document, the same for the same models."""
    schemas: dict[str, Any] = {}
    carried = {name: [_message(cls, schemas) for cls in classes] for name, classes in CARRIED.items()}
    carried[topics.DEAD_LETTER] = [_dead_letter()]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "exportstream", "version": VERSION, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": {spec.name: _channel(spec, carried[spec.name]) for spec in topics.TOPICS},
        "operations": _operations(),
        "components": {
            "messages": {message["name"]: message for found in carried.values() for message in found},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _message(cls: type[Message], schemas: dict[str, Any]) -> dict[str, Any]:
    """One message; its schema and those that it refers to are added to `schemas`."""
    schema = cls.model_json_schema(ref_template=SCHEMAS + "{model}", mode="serialization")
    schemas.update(schema.pop("$defs", {}))
    schemas[cls.__name__] = schema
    message: dict[str, Any] = {
        "name": cls.TYPE,
        "title": cls.__name__,
        "summary": (cls.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": _headers(cls.TYPE, str(cls.VERSION)),
        "payload": {"$ref": SCHEMAS + cls.__name__},
    }
    if cls is messages.ExportRequest:
        message["examples"] = [{"name": "inline", "payload": EXAMPLE}]
    return message


def _headers(type_name: str, version: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_type": {"const": type_name},
            "ce_id": {"type": "string", "description": "The same for the same happening."},
            "ce_source": {"type": "string"},
            "ce_time": {"type": "string", "format": "date-time"},
            "content-type": {"const": "application/json"},
            "traceparent": {"type": "string", "description": "W3C Trace Context."},
            "version": {"const": version, "description": "Of the message's schema."},
        },
    }


def _dead_letter() -> dict[str, Any]:
    return {
        "name": "dead-letter",
        "title": "DeadLetter",
        "summary": "A message that could not be handled, unchanged; headers give the reason and the origin.",
        "payload": {},
    }


def _channel(spec: topics.TopicSpec, found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "address": spec.name,
        "description": f"{spec.carries[0].upper()}{spec.carries[1:]}. The key is {spec.key}.",
        "messages": {m["name"]: {"$ref": f"#/components/messages/{m['name']}"} for m in found},
        "bindings": {"kafka": {"partitions": spec.partitions, "topicConfiguration": _configuration(spec)}},
    }


def _configuration(spec: topics.TopicSpec) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "cleanup.policy": [spec.cleanup],
        "max.message.bytes": spec.max_message_bytes,
    }
    if spec.cleanup == "delete":
        configuration["retention.ms"] = spec.retention_ms
    return configuration


def _operations() -> dict[str, Any]:
    """An operation on the stream; `action` is the system's side of it."""
    texts = {
        "ask": ("receive", topics.REQUESTS, "Ask for an export"),
        "cancel": ("receive", topics.CONTROL, "Call an export off"),
        "follow": ("send", topics.STATUS, "Follow exports: a snapshot after each change"),
        "observe": ("send", topics.PROGRESS, "Read what the stages did"),
        "inspect": ("send", topics.DEAD_LETTER, "Look at what could not be handled"),
    }
    return {
        name: {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
        for name, (action, channel, summary) in texts.items()
    }
