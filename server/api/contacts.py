"""Friend codes, links, yeses, contacts: the HTTP side of ``server/contacts.py``.

No route here searches, suggests, or lists anybody's contacts but one's own and one's own child's. A code or link that is wrong, used,
expired or one's own has one answer, byte for byte; so have a person who does not exist and one who is not yours.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from aiohttp import web
from msgspec import Meta

from server import contact_pages, contacts
from server.api.families import (
    Avatar,
    Body,
    Ground,
    Name,
    Nothing,
    Words,
    card,
    count,
    own_origin,
    right,
    shown_me,
    time,
    told,
)
from server.api.keys import DB, KEEPER, Route, answer, read, signed_in
from server.policy import Verb

Id = Annotated[str, Meta(max_length=64)]
Token = Annotated[str, Meta(max_length=64)]


class CodeTyped(Body, frozen=True):
    words: Words
    how_known: contacts.HowKnown


class ChildsAnswer(Body, frozen=True):
    yes: bool
    how_known: contacts.HowKnown | None = None


class GrownUpsAnswer(Body, frozen=True):
    answer: contacts.Answer
    how_known: contacts.KnowsThem | None = None


class Switches(Body, frozen=True):
    voice: bool
    video: bool


class NewName(Body, frozen=True):
    name: Name
    avatar: Avatar
    ground: Ground


class LinkFor(Body, frozen=True):
    child: Id


class LinkToken(Body, frozen=True):
    token: Token


class LinkTaken(Body, frozen=True, rename={"for_": "for"}):
    token: Token
    for_: Id
    how_known: contacts.HowKnown
    answer: Literal["camera", "voice"] = "voice"


# -- a child's own ----------------------------------------------------------------------------------------------------------------


async def home(request: web.Request) -> web.Response:
    outcome = await contact_pages.childs_home(
        request.app[DB], request.app[KEEPER], signed_in(request), now=time(request)
    )
    if not isinstance(outcome, contact_pages.Home):
        return told(outcome)
    return answer(
        {
            "me": shown_me(request, outcome.me),
            "people": outcome.people,
            "asks": outcome.asks,
            "grown_ups": outcome.grown_ups,
            "limits": outcome.limits,
        }
    )


async def make_friend_code(request: web.Request) -> web.Response:
    await read(request, Nothing)
    outcome = await contacts.make_friend_code(
        request.app[DB], request.app[KEEPER], signed_in(request), now=time(request)
    )
    if not isinstance(outcome, contacts.Code):
        return told(outcome)
    return answer({"words": outcome.words, "expires_in_s": contacts.CODE // 1000}, status=201)


async def enter_friend_code(request: web.Request) -> web.Response:
    body, who = await read(request, CodeTyped), signed_in(request)
    count(request, "friend_code", who.person)
    outcome = await contacts.enter_friend_code(
        request.app[DB], request.app[KEEPER], who, body.words, body.how_known, now=time(request)
    )
    if outcome:
        right(request, "friend_code", who.person)
    return told(outcome)


async def answer_ask(request: web.Request) -> web.Response:
    body = await read(request, ChildsAnswer)
    return told(
        await contacts.answer_ask(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], yes=body.yes,
            how_known=body.how_known, now=time(request),
        )
    )  # fmt: skip


# -- a grown-up's own ---------------------------------------------------------------------------------------------------------------


async def decisions(request: web.Request) -> web.Response:
    return told(
        await contact_pages.decisions(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    )


async def decide(request: web.Request) -> web.Response:
    body = await read(request, GrownUpsAnswer)
    return told(
        await contacts.decide(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], answer=body.answer,
            knows_them=body.how_known, now=time(request),
        )
    )  # fmt: skip


async def people(request: web.Request) -> web.Response:
    return told(
        await contact_pages.whom_i_may_call(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    )


async def make_link(request: web.Request) -> web.Response:
    body = await read(request, LinkFor)
    outcome = await contacts.make_link(
        request.app[DB], request.app[KEEPER], signed_in(request), body.child, now=time(request)
    )
    if not isinstance(outcome, contacts.Link):
        return told(outcome)
    url = (
        f"{own_origin(request)}/grown-up/#invite={outcome.token}"  # behind the #: never sent to a server, so in no log
    )
    return answer({"url": url, "expires_in_s": contacts.LINK // 1000}, status=201)


async def look_at_link(request: web.Request) -> web.Response:
    body, who = await read(request, LinkToken), signed_in(request)
    count(request, "link", who.person)
    outcome = await contacts.look_at_link(request.app[DB], request.app[KEEPER], who, body.token, now=time(request))
    if outcome:
        right(request, "link", who.person)
    return told(outcome)


async def accept_link(request: web.Request) -> web.Response:
    body, who = await read(request, LinkTaken), signed_in(request)
    count(request, "link", who.person)
    outcome = await contacts.accept_link(
        request.app[DB], request.app[KEEPER], who, body.token, child=None if body.for_ == "me" else body.for_,
        how_known=body.how_known, answer=body.answer, now=time(request),
    )  # fmt: skip
    if outcome:
        right(request, "link", who.person)
    return told(outcome)


# -- contacts of an own child, and one's own ------------------------------------------------------------------------------------------


async def contacts_of(request: web.Request) -> web.Response:
    return told(
        await contact_pages.contacts_of(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], now=time(request)
        )
    )


async def allow(request: web.Request) -> web.Response:
    body = await read(request, Switches)
    return told(
        await contacts.allow(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], voice=body.voice,
            video=body.video, now=time(request),
        )
    )  # fmt: skip


async def rename(request: web.Request) -> web.Response:
    body = await read(request, NewName)
    return told(
        await contacts.rename(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"],
            card=card(body.name, body.avatar, body.ground), now=time(request),
        )
    )  # fmt: skip


async def end(request: web.Request) -> web.Response:
    """Any of the four, at any time; live calls end in the same instant."""
    await read(request, Nothing)
    return told(
        await contacts.end(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], now=time(request)
        )
    )


ROUTES: Final = (
    Route("GET", "/api/child/home", home, Verb.LOOK_AT_HOME),
    Route("POST", "/api/child/friend-code", make_friend_code, Verb.MAKE_FRIEND_CODE),
    Route("POST", "/api/child/friend-code/enter", enter_friend_code, Verb.ENTER_FRIEND_CODE),
    Route("POST", "/api/child/asks/{id}/answer", answer_ask, Verb.ANSWER_ASK),
    Route("POST", "/api/child/people/{ref}/end", end, Verb.END_CONTACT),
    Route("GET", "/api/decisions", decisions, Verb.LOOK_AT_DECISIONS),
    Route("POST", "/api/decisions/{id}", decide, Verb.DECIDE),
    Route("GET", "/api/children/{id}/contacts", contacts_of, Verb.LOOK_AT_CONTACTS),
    Route("POST", "/api/contacts/{ref}/allow", allow, Verb.ALLOW_MEDIA),
    Route("POST", "/api/contacts/{ref}/name", rename, Verb.NAME_CONTACT),
    Route("POST", "/api/contacts/{ref}/end", end, Verb.END_CONTACT),
    Route("POST", "/api/links", make_link, Verb.MAKE_LINK),
    Route("POST", "/api/links/look", look_at_link, Verb.OPEN_LINK),
    Route("POST", "/api/links/accept", accept_link, Verb.ACCEPT_LINK),
    Route("GET", "/api/people", people, Verb.LOOK_AT_PEOPLE),
    Route("POST", "/api/people/{ref}/end", end, Verb.END_CONTACT),
)
