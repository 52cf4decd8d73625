"""Limits, a grown-up nearby, a grown-up's word, blocks: the HTTP side of ``limits.py``, ``supervision.py`` and ``blocks.py``.

Times of day are ``HH:MM`` on the wall of the child's home. A route about something that is not one's own answers as one about
nothing. The three routes about blocks are the same for a child and a grown-up, under the one's and the other's path.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from aiohttp import web
from msgspec import Meta

from server import accounts, blocks, limits, supervision
from server.api.families import Body, Nothing, time, told
from server.api.keys import DB, KEEPER, Route, read, signed_in
from server.errors import BadRequest
from server.policy import Verb
from server.policy.facts import Supervision

TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
Minutes = Annotated[int, Meta(ge=1, le=24 * 60)]


class Hours(Body, frozen=True, rename={"from_": "from"}):
    from_: TimeOfDay
    until: TimeOfDay


class NewLimits(Body, frozen=True):
    quiet: Hours | None
    minutes: Minutes | None


class OnOrOff(Body, frozen=True):
    on: bool


class NewAgeGroup(Body, frozen=True):
    group: accounts.AgeGroup


class NewHousehold(Body, frozen=True):
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
    time_zone: Annotated[str, Meta(max_length=64)]


class Objection(Body, frozen=True):
    unfair: bool


class Lead(Body, frozen=True):
    lead: bool
    read: bool


class Mode(Body, frozen=True):
    mode: Supervision


class Word(Body, frozen=True):
    vouched: bool


class YesOrNo(Body, frozen=True):
    answer: Literal["yes", "no"]


# -- a child's day ----------------------------------------------------------------------------------------------------------------


async def look_at_limits(request: web.Request) -> web.Response:
    return told(
        await limits.look_at(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], now=time(request)
        )
    )


async def change_limits(request: web.Request) -> web.Response:
    quiet, minutes = _limits(await read(request, NewLimits))
    return told(
        await limits.change(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], quiet=quiet,
            minutes=minutes, now=time(request),
        )
    )  # fmt: skip


async def switch_stage(request: web.Request) -> web.Response:
    body = await read(request, OnOrOff)
    return told(
        await limits.switch_stage(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], on=body.on,
            now=time(request),
        )
    )  # fmt: skip


async def change_age_group(request: web.Request) -> web.Response:
    body = await read(request, NewAgeGroup)
    return told(
        await limits.change_age_group(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], group=body.group,
            now=time(request),
        )
    )  # fmt: skip


async def change_household(request: web.Request) -> web.Response:
    body = await read(request, NewHousehold)
    if not accounts.known_zone(body.time_zone):
        raise BadRequest({"time_zone": "wrong"})
    return told(
        await limits.change_household(
            request.app[DB], request.app[KEEPER], signed_in(request), country=body.country, time_zone=body.time_zone,
            now=time(request),
        )
    )  # fmt: skip


# -- the child's own side of it -----------------------------------------------------------------------------------------------------


async def look_at_own_limits(request: web.Request) -> web.Response:
    return told(await limits.look_at_own(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request)))


async def change_own_limits(request: web.Request) -> web.Response:
    quiet, minutes = _limits(await read(request, NewLimits))
    return told(
        await limits.change_own(
            request.app[DB], request.app[KEEPER], signed_in(request), quiet=quiet, minutes=minutes, now=time(request)
        )
    )


async def switch_own_stage(request: web.Request) -> web.Response:
    body = await read(request, OnOrOff)
    return told(
        await limits.switch_own_stage(
            request.app[DB], request.app[KEEPER], signed_in(request), on=body.on, now=time(request)
        )
    )


async def object_to_limit(request: web.Request) -> web.Response:
    body = await read(request, Objection)
    return told(
        await limits.object_to(
            request.app[DB], request.app[KEEPER], signed_in(request), unfair=body.unfair, now=time(request)
        )
    )


async def lead_myself(request: web.Request) -> web.Response:
    """The lead is taken only by somebody who says that they have read what it means."""
    body = await read(request, Lead)
    if body.lead and not body.read:
        raise BadRequest({"read": "not_agreed"})
    return told(
        await limits.lead(request.app[DB], request.app[KEEPER], signed_in(request), lead=body.lead, now=time(request))
    )


def _limits(body: NewLimits) -> tuple[limits.Hours | None, int | None]:
    """As minutes of the day. From and until at one time would be none or all of a day, so it is neither."""
    if body.quiet is None:
        return None, body.minutes
    begin, end = (60 * int(text[:2]) + int(text[3:]) for text in (body.quiet.from_, body.quiet.until))
    if begin == end:
        raise BadRequest({"quiet": "wrong"})
    return (begin, end), body.minutes


# -- a grown-up nearby, and a grown-up's word -----------------------------------------------------------------------------------------


async def change_supervision(request: web.Request) -> web.Response:
    body = await read(request, Mode)
    return told(
        await supervision.change(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], mode=body.mode,
            now=time(request),
        )
    )  # fmt: skip


async def vouch(request: web.Request) -> web.Response:
    body = await read(request, Word)
    return told(
        await supervision.vouch(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], vouched=body.vouched,
            now=time(request),
        )
    )  # fmt: skip


async def be_present(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await supervision.be_present(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], now=time(request)
        )
    )


async def stop_being_present(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await supervision.stop_being_present(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], now=time(request)
        )
    )


async def ask_grown_up(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await supervision.ask_grown_up(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], now=time(request)
        )
    )


async def calls_to_allow(request: web.Request) -> web.Response:
    outcome = await supervision.calls_to_allow(
        request.app[DB], request.app[KEEPER], signed_in(request), now=time(request)
    )
    if not isinstance(outcome, tuple):
        return told(outcome)
    return told(
        [
            {
                "id": one.id,
                "child": one.child,
                "with": one.with_,
                "ref": one.ref,
                "kind": one.kind,
                "asked_at": one.asked_at,
            }
            for one in outcome
        ]
    )


async def allow_this_call(request: web.Request) -> web.Response:
    body = await read(request, YesOrNo)
    return told(
        await supervision.allow_this_call(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"],
            yes=body.answer == "yes", now=time(request),
        )
    )  # fmt: skip


# -- blocks -------------------------------------------------------------------------------------------------------------------------


async def block(request: web.Request) -> web.Response:
    """Nobody is asked whether one may, and nobody is told."""
    await read(request, Nothing)
    return told(
        await blocks.block(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], now=time(request)
        )
    )


async def unblock(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await blocks.unblock(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], now=time(request)
        )
    )


async def look_at_blocks(request: web.Request) -> web.Response:
    return told(
        await blocks.look_at_blocks(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    )


ROUTES: Final = (
    Route("GET", "/api/children/{id}/limits", look_at_limits, Verb.LOOK_AT_LIMITS),
    Route("POST", "/api/children/{id}/limits", change_limits, Verb.CHANGE_LIMIT),
    Route("POST", "/api/children/{id}/stage", switch_stage, Verb.SWITCH_STAGE),
    Route("POST", "/api/children/{id}/age-group", change_age_group, Verb.CHANGE_AGE_GROUP),
    Route("POST", "/api/household", change_household, Verb.CHANGE_HOUSEHOLD),
    Route("GET", "/api/child/limits", look_at_own_limits, Verb.LOOK_AT_OWN_LIMITS),
    Route("POST", "/api/child/limits", change_own_limits, Verb.CHANGE_OWN_LIMIT),
    Route("POST", "/api/child/stage", switch_own_stage, Verb.SWITCH_OWN_STAGE),
    Route("POST", "/api/child/limits/object", object_to_limit, Verb.OBJECT_TO_LIMIT),
    Route("POST", "/api/child/lead", lead_myself, Verb.LEAD_MYSELF),
    Route("POST", "/api/contacts/{ref}/supervision", change_supervision, Verb.CHANGE_SUPERVISION),
    Route("POST", "/api/contacts/{ref}/vouch", vouch, Verb.VOUCH),
    Route("POST", "/api/contacts/{ref}/present", be_present, Verb.BE_PRESENT),
    Route("POST", "/api/contacts/{ref}/absent", stop_being_present, Verb.STOP_BEING_PRESENT),
    Route("POST", "/api/child/people/{ref}/ask", ask_grown_up, Verb.ASK_GROWN_UP),
    Route("GET", "/api/calls/to-allow", calls_to_allow, Verb.LOOK_AT_CALLS_TO_ALLOW),
    Route("POST", "/api/calls/to-allow/{id}", allow_this_call, Verb.ALLOW_THIS_CALL),
    Route("POST", "/api/child/people/{ref}/block", block, Verb.BLOCK),
    Route("POST", "/api/child/people/{ref}/unblock", unblock, Verb.UNBLOCK),
    Route("GET", "/api/child/blocks", look_at_blocks, Verb.LOOK_AT_BLOCKS),
    Route("POST", "/api/people/{ref}/block", block, Verb.BLOCK),
    Route("POST", "/api/people/{ref}/unblock", unblock, Verb.UNBLOCK),
    Route("GET", "/api/blocks", look_at_blocks, Verb.LOOK_AT_BLOCKS),
)
