"""What an inspector can look at, over HTTP: everything under ``/api/inspector/``, and nothing else is theirs.

Who asks is read from a cookie of its own or from ``Authorization: Bearer KEY``; a family's sign-in is not looked at here, and an
inspector's nowhere else (``middleware.sign_in``). What is told is made by ``server/evidence.py`` and shown by ``server/inspectors.py``,
where the rules are asked: each look is one question and one row of the record.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from aiohttp import web
from msgspec import Meta

from server import checkpoints, evidence, inspections, inspectors, pack, promises, record, record_keys
from server.api import keys, problems
from server.api.families import Body, Nothing
from server.api.keys import DB, INSPECTOR, KEEPER, SETTINGS, THROTTLE, Open, Route, answer, read
from server.api.promises import statuses
from server.errors import BadRequest, SlowDown
from server.inspections import Inspections
from server.inspectors import Inspector
from server.notes import Signer
from server.policy import Verb
from server.promises import Proof


class KeyTyped(Body, frozen=True):
    key: Annotated[str, Meta(max_length=200)]


class Situation(Body, frozen=True):
    """What is to be judged: facts by name ("x.kind"), every one of the verb's."""

    verb: Annotated[str, Meta(max_length=32)]
    facts: Annotated[dict[str, bool | int | str], Meta(max_length=64)]


# -- coming in ------------------------------------------------------------------------------------------------------------


async def sign_in(request: web.Request) -> web.Response:
    """An inspector's key gives an inspector's cookie. Wrong keys are counted by address."""
    typed, home = await read(request, KeyTyped), keys.address(request)
    wait = request.app[THROTTLE].check("inspector", address=home)
    if wait is not None:
        raise SlowDown(wait)
    made = await inspectors.sign_in(request.app[DB], request.app[KEEPER], typed.key, keys.now(request))
    if made is None:
        return problems.problem("wrong_key")
    request.app[THROTTLE].forgive("inspector", address=home)
    return entered(request, *made)


def entered(request: web.Request, token: str, inspector: Inspector) -> web.Response:
    """Who has come in, with the cookie."""
    response = answer(_told(inspector))
    settings = request.app[SETTINGS]
    response.set_cookie(
        settings.inspector_cookie, token, max_age=inspectors.SESSION_MS // 1000, path="/", httponly=True,
        samesite="Strict", secure=settings.https,
    )  # fmt: skip
    return response


async def who(request: web.Request) -> web.Response:
    """Who is signed in here, and until when."""
    if INSPECTOR not in request:
        return problems.problem("not_signed_in")
    return answer(_told(request[INSPECTOR]))


async def sign_out(request: web.Request) -> web.Response:
    """The sign-in of this cookie is over."""
    settings = request.app[SETTINGS]
    token = request.cookies.get(settings.inspector_cookie, "")
    if token:
        await inspectors.sign_out(request.app[DB], request.app[KEEPER], token, keys.now(request))
    response = web.Response(status=204)
    response.del_cookie(settings.inspector_cookie, path="/", httponly=True, samesite="Strict", secure=settings.https)
    return response


def _told(inspector: Inspector) -> dict[str, Any]:
    return {"label": inspector.name, "until": inspector.until}


# -- looking --------------------------------------------------------------------------------------------------------------


async def show(request: web.Request, told: Any) -> web.Response:
    """``told`` as JSON if the rules let this inspector see it."""
    no = await refused(request, told)
    return no if no is not None else answer(told)


async def refused(request: web.Request, told: Any) -> web.Response | None:
    """The rules' no to showing ``told``, or None. Asked once for every look."""
    decision = await inspectors.look(request.app[DB], request.app[KEEPER], request[INSPECTOR], told, keys.now(request))
    return None if decision else problems.denied(decision.code)


async def rules(request: web.Request) -> web.Response:
    return await show(request, evidence.rules(request.app[KEEPER].rulebook, promises.ledger()))


async def situations(request: web.Request) -> web.Response:
    return await show(request, evidence.situations(request.app[KEEPER].rulebook))


async def situation(request: web.Request) -> web.Response:
    asked = await read(request, Situation)
    return await show(request, evidence.judge(request.app[KEEPER].rulebook, promises.ledger(), asked.verb, asked.facts))


async def all_promises(request: web.Request) -> web.Response:
    return await show(request, evidence.promises(promises.ledger(), await proofs()))


async def measures(request: web.Request) -> web.Response:
    return await show(request, evidence.measures(request.app[KEEPER].rulebook, promises.ledger(), await proofs()))


async def transparency(request: web.Request) -> web.Response:
    asked = request.query.get("days", "30")
    if asked not in ("30", "90"):
        raise BadRequest({"days": "wrong"})
    async with request.app[DB].read() as tx:
        told = await evidence.counts(tx, request.app[KEEPER].rulebook, keys.now(request), int(asked))
    return await show(request, told)


async def decisions(request: web.Request) -> web.Response:
    search = evidence.Search(
        request.query.get("rule", ""),
        request.query.get("verb", ""),
        request.query.get("verdict", ""),
        request.query.get("before", ""),
    )
    often = 1 if request.app[SETTINGS].demo else evidence.SMALL  # in a demo nobody is real, and little has happened
    async with request.app[DB].read() as tx:
        found = await evidence.decided(tx, keys.now(request), search, often=often)
    return await show(request, evidence.page_of(found, search, often))


async def record_now(request: web.Request) -> web.Response:
    """The checkpoints, and what a check of the whole record finds; at most one look a minute."""
    return await show(request, await looked(request.app))


async def looked(app: web.Application) -> dict[str, Any]:
    """What the last look at the whole record found; another one if that is a minute ago."""
    last = app[RECORD]
    async with last.turn:
        if time.monotonic() >= last.until:
            own = checkpoints.kept(app[SETTINGS])
            overview = await record.overview(app[DB], () if own is None else (own,))
            last.found = evidence.record(overview, exactly=app[SETTINGS].demo)
            last.until = time.monotonic() + RECORD_SECONDS
        return last.found


@dataclass(slots=True)
class Looked:
    """What the last look at the whole record found."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    until: float = 0.0
    found: dict[str, Any] = field(default_factory=dict)


RECORD: Final[web.AppKey[Looked]] = web.AppKey("inspected_record")
RECORD_SECONDS: Final = 60.0  # every row is hashed anew for it


# -- the inspection -------------------------------------------------------------------------------------------------------


async def begin(request: web.Request) -> web.Response:
    """Start one, against a fresh server of its own. ``conflict`` while another one is played, ``slow_down`` while this inspector rests."""
    await read(request, Nothing)
    no = await refused(request, {})
    if no is not None:
        return no
    run = request.app[INSPECTIONS].start(keys.now(request), request[INSPECTOR].id)
    if isinstance(run, float):
        raise SlowDown(math.ceil(run))
    return problems.problem("conflict") if run is None else answer({"id": run.id}, status=201)


async def all_inspections(request: web.Request) -> web.Response:
    runs = await asyncio.to_thread(request.app[INSPECTIONS].every)
    return await show(request, {"inspections": [inspections.short(run) for run in runs]})


async def one_inspection(request: web.Request) -> web.Response:
    known, name = request.app[INSPECTIONS], request.match_info["id"]
    run = await asyncio.to_thread(known.one, name)
    told = None
    if run is not None:  # a report may have megabytes: it is not parsed where live calls are served
        told = inspections.told(run, await asyncio.to_thread(known.report, name) if run.done else None)
    shown = await show(request, told)
    return problems.problem("not_found") if told is None and shown.status == 200 else shown


async def report(request: web.Request) -> web.Response:
    """A file of a report, in a sandbox: it is somebody else's page here, and runs nothing."""
    kind, name = request.match_info["kind"], request.match_info["id"]
    raw = await asyncio.to_thread(request.app[INSPECTIONS].file, name, kind)
    no = await refused(request, raw.decode("utf-8", "replace") if raw and kind in ("json", "html") else {})
    if no is not None or raw is None:
        return no or problems.problem("not_found")
    headers = {"Content-Security-Policy": SANDBOX}
    if kind != "html":
        headers["Content-Disposition"] = f'attachment; filename="{inspections.FILES[kind]}"'
    return web.Response(body=raw, headers={**headers, "Content-Type": REPORT_KINDS[kind]})


#: A report is a page of its own, with its style and pictures inside. No script, no address, no form, no frame.
SANDBOX: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
REPORT_KINDS: Final = {
    "json": "application/json", "html": "text/html; charset=utf-8", "pdf": "application/pdf",
    "sig": "text/plain; charset=utf-8", "key": "text/plain; charset=utf-8",
}  # fmt: skip
INSPECTIONS: Final[web.AppKey[Inspections]] = web.AppKey("inspections")


# -- all of it in one file ------------------------------------------------------------------------------------------------


async def evidence_pack(request: web.Request) -> web.Response:
    """The evidence pack, made now and signed with the record's key; one at a time."""
    app, now = request.app, keys.now(request)
    async with app[PACKING]:
        parts, key = await _parts(app, now)
        found = await asyncio.to_thread(lambda: pack.files(**parts))
        no = await refused(request, [raw.decode("utf-8", "replace") for name, raw in found.items() if _is_text(name)])
        if no is not None:
            return no
        raw = await asyncio.to_thread(pack.zipped, found, key)
    name = f"ringfence-evidence-{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%d}.zip"
    return web.Response(
        body=raw,
        headers={"Content-Type": "application/zip", "Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _parts(app: web.Application, now: int) -> tuple[dict[str, Any], Signer]:
    book, ledger, proven = app[KEEPER].rulebook, promises.ledger(), await proofs()
    async with app[DB].read() as tx:
        known = await record_keys.keys(tx)
        every = await checkpoints.every(tx)
        counted = [await evidence.counts(tx, book, now, days) for days in (30, 90)]
    found = await looked(app)
    measures = evidence.measures(book, ledger, proven)["measures"]
    told = {
        "child-safety.json": evidence.child_safety(app[SETTINGS], book, every[-1] if every else None),
        "promises.json": evidence.promises(ledger, proven),
        "transparency.json": counted,
        "record/now.json": {name: found[name] for name in ("chains", "rows", "covered", "whole", "why")},
    }
    key = await asyncio.to_thread(record_keys.signing, app[SETTINGS], known[-1].line if known else None)
    report = await asyncio.to_thread(app[INSPECTIONS].newest_files)
    return {
        "book": book, "now": now, "told": told, "measures": measures, "checkpoints": every, "keys": known, "report": report,
    }, key  # fmt: skip


def _is_text(name: str) -> bool:
    return not name.endswith((".pdf", ".png"))


PACKING: Final[web.AppKey[asyncio.Lock]] = web.AppKey("packing")


# -- for everybody --------------------------------------------------------------------------------------------------------


async def child_safety(request: web.Request) -> web.Response:
    """Who answers for the safety of this service, and where the evidence is (ICU A1 to A7)."""
    async with request.app[DB].read() as tx:
        note = await checkpoints.newest(tx)
    settings = request.app[SETTINGS]
    return answer(evidence.child_safety(settings, request.app[KEEPER].rulebook, note))


async def proofs() -> Mapping[str, Proof]:
    """Which promises are proven for the code that runs: reads every file of it, so not in this thread, and not each time."""
    return await asyncio.to_thread(statuses)


_LOOK: Final = Verb.LOOK_AT_EVIDENCE

ROUTES: Final = (
    Route(
        "POST", "/api/inspector/session", sign_in,
        Open("Coming in with an inspector's key; counted when it is wrong, and each try is a row of the record."),
    ),
    Route("GET", "/api/inspector/session", who, Open("It tells an inspector who they are here, and others nothing.")),
    Route("DELETE", "/api/inspector/session", sign_out, Open("Signing out is asked of nobody.")),
    Route("GET", "/api/inspector/rules", rules, _LOOK),
    Route("GET", "/api/inspector/situations", situations, _LOOK),
    Route("POST", "/api/inspector/situation", situation, _LOOK),
    Route("GET", "/api/inspector/promises", all_promises, _LOOK),
    Route("GET", "/api/inspector/measures", measures, _LOOK),
    Route("GET", "/api/inspector/transparency", transparency, _LOOK),
    Route("GET", "/api/inspector/decisions", decisions, _LOOK),
    Route("GET", "/api/inspector/record", record_now, _LOOK),
    Route("POST", "/api/inspector/inspections", begin, _LOOK),
    Route("GET", "/api/inspector/inspections", all_inspections, _LOOK),
    Route("GET", "/api/inspector/inspections/{id}", one_inspection, _LOOK),
    Route("GET", "/api/inspector/inspections/{id}/report.{kind}", report, _LOOK),
    Route("GET", "/api/inspector/pack", evidence_pack, _LOOK),
    Route(
        "GET", "/.well-known/child-safety", child_safety,
        Open("Who answers for children's safety is for everybody to know; it says nothing about anybody else."),
    ),
)  # fmt: skip
