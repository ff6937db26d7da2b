"""`jobs list|show|cancel`: looks at jobs through the API and calls them off."""

from __future__ import annotations

import argparse
from typing import Any

import orjson

from exportstream import exits
from exportstream.client import Client
from exportstream.config import Settings
from schemas.errors import InvalidInput


def run(options: argparse.Namespace, settings: Settings) -> int:
    """List, show or cancel."""
    client = Client(options.url or settings.url, settings.api_key)
    if options.action == "list":
        return _list(client, options)
    if not options.id:
        raise InvalidInput("missing_id", f"Which job? exportstream jobs {options.action} ID")
    path = f"/v1/exports/{options.id}"
    job = client.get(path) if options.action == "show" else client.post(f"{path}/cancel")
    if options.json or options.action == "show":
        print(orjson.dumps(job, option=orjson.OPT_INDENT_2).decode())
    else:
        print(f"{options.id} is being cancelled.")
    return exits.OK


def _list(client: Client, options: argparse.Namespace) -> int:
    page = client.get("/v1/exports", {"status": options.status, "limit": options.limit})
    if options.json:
        print(orjson.dumps(page, option=orjson.OPT_INDENT_2).decode())
        return exits.OK
    jobs = page["exports"]
    if not jobs:
        print("No jobs.")
    for job in jobs:
        print(line(job))
    return exits.OK


def line(job: dict[str, Any]) -> str:
    """One job in a line: id, state, progress, format, when, and what went wrong."""
    error = (job.get("error") or {}).get("message") or ""
    when = str(job.get("created_at") or "")[:19].replace("T", " ")
    state = f"{job['status']:<10} {job['progress']:>3} %  {job.get('format') or '':<5}"
    return f"{job['id']:<38} {state} {when}  {error}".rstrip()
