"""Reference documentation: a page at /docs, AsyncAPI at /asyncapi.json, the project's JSON Schema.

Run as a program it prints the AsyncAPI document, as it is kept in docs/asyncapi.json.
"""

from __future__ import annotations

import html
import sys
from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from schemas import asyncapi
from schemas.project import json_schema

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "code,pre{font:14px/1.45 ui-monospace,monospace}"
    "pre{background:#f2f4f7;padding:1rem;overflow:auto;border-radius:6px}"
    "b{display:inline-block;min-width:4.5rem;color:#0b5cad}"
    "details{border-top:1px solid #dde2e8;padding:.5rem 0}"
    "summary{cursor:pointer}"
)


@cache
def asyncapi_json() -> bytes:
    """The AsyncAPI document as it is kept in the repository."""
    return orjson.dumps(asyncapi.document(), option=orjson.OPT_INDENT_2) + b"\n"


@cache
def _project_schema() -> bytes:
    return orjson.dumps(json_schema())


def document_routes() -> APIRouter:
    """The routes; /openapi.json is the framework's own."""
    router = APIRouter()

    @router.get("/asyncapi.json")
    async def events() -> Response:
        return Response(asyncapi_json(), media_type="application/json")

    @router.get("/schemas/project.json")
    async def project() -> Response:
        return Response(_project_schema(), media_type="application/schema+json")

    @router.get("/docs")
    async def page(request: Request) -> Response:
        return HTMLResponse(docs_page(request.app.openapi()))

    return router


def docs_page(openapi: dict[str, Any]) -> str:
    """All operations on one page without external resources."""
    info = openapi["info"]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(info['title'])}</title>",
        f"<style>{_STYLE}</style><h1>{html.escape(info['title'])}</h1>",
        "".join(f"<p>{html.escape(text)}</p>" for text in info["description"].strip().split("\n\n")),
        '<p><a href="openapi.json">openapi.json</a> · <a href="asyncapi.json">asyncapi.json</a> · ',
        '<a href="schemas/project.json">project.json</a></p>',
    ]
    tag = None
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            if (first := operation.get("tags", [""])[0]) != tag:
                tag = first
                parts.append(f"<h2>{html.escape(tag)}</h2>")
            parts.append(_operation(path, method, operation))
    return "".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    lines = [f"<p>{html.escape(operation.get('description', ''))}</p>"]
    lines += [
        f"<p><code>{html.escape(p['name'])}</code> ({p['in']}) {html.escape(p.get('description', ''))}</p>"
        for p in operation.get("parameters", ())
    ]
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in media:
            example = orjson.dumps(media["example"], option=orjson.OPT_INDENT_2).decode()
            lines.append(f"<p>{html.escape(kind)}</p><pre>{html.escape(example)}</pre>")
    lines += [
        f"<p><code>{status}</code> {html.escape(answer.get('description', ''))}</p>"
        for status, answer in operation.get("responses", {}).items()
    ]
    summary = html.escape(operation.get("summary", ""))
    head = f"<b>{method.upper()}</b> <code>{html.escape(path)}</code> {summary}"
    return f"<details><summary>{head}</summary>{''.join(lines)}</details>"


if __name__ == "__main__":
    sys.stdout.buffer.write(asyncapi_json())
