"""Every no and every fault over HTTP is one shape: ``application/problem+json`` (RFC 9457) with a stable ``code``.

The code is for programs and never changes; the title is English for the person who reads a log; people are shown words that
the page keeps. One table says which status and title a code has, so that two ways to the same answer give the same bytes:
"there is no such child" and "not yours to know" are both exactly ``problem("not_found")``. A problem never carries what was
typed, and an unknown exception says nothing but "internal".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from server.errors import BadRequest, Fault, SlowDown

#: code: (status, title). The closed list; docs/reference/http-api.md repeats it.
PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "bad_request": (422, "The request is not of the documented shape."),
    "cannot_sign_up": (422, "This sign-up is not possible."),
    "not_signed_in": (401, "Sign in first."),
    "wrong_key": (401, "This is nobody's key."),
    "wrong_sign_in": (401, "E-mail or password is wrong."),
    "bad_origin": (403, "The request does not come from a page of this server."),
    "not_permitted": (403, "The rules say no."),
    "not_found": (404, "There is nothing here for you."),
    "no_match": (404, "These words or this link do not match."),
    "bad_method": (405, "This method does not exist here."),
    "conflict": (409, "Something changed meanwhile. Look again."),
    "too_large": (413, "The request is too large."),
    "bad_host": (421, "This server does not answer under this name."),
    "slow_down": (429, "Tried too often. Wait a little."),
    "internal": (500, "Something went wrong on our side."),
    "busy_try_again": (503, "Busy. Try again in a moment."),
    "database_busy": (503, "The records are locked by another program. Try again in a moment."),
    "database_read_only": (503, "The records cannot be written, so nothing is allowed."),
}

CONTENT_TYPE: Final = "application/problem+json"


def problem(code: str, *, retry_after_s: int | None = None, fields: Mapping[str, str] | None = None) -> web.Response:
    """The answer for ``code``. ``fields``: wrong field to code. ``retry_after_s``: also sent as ``Retry-After``."""
    status, title = PROBLEMS[code]
    told: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    headers: dict[str, str] = {}
    if retry_after_s is not None:
        told["retry_after_s"] = retry_after_s
        headers["Retry-After"] = str(retry_after_s)
    if fields:
        told["fields"] = dict(fields)
    return web.Response(status=status, body=msgspec.json.encode(told), content_type=CONTENT_TYPE, headers=headers)


def denied(code: str) -> web.Response:
    """What a denied ``Decision`` looks like from outside: its own code where the closed list has it, else ``not_found``."""
    return problem(code if code in PROBLEMS else "not_found")


def of_fault(fault: Fault) -> web.Response:
    """A fault raised anywhere below a handler, as its answer."""
    if isinstance(fault, SlowDown):
        return problem("slow_down", retry_after_s=fault.retry_after_s)
    if isinstance(fault, BadRequest):
        return problem("bad_request", fields=fault.fields)
    return problem(fault.code)
