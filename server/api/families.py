"""Sign-up, sign-in, children, devices: the HTTP side of ``server/accounts.py``.

Each handler reads a body, calls one service and answers; what may be done is the gatekeeper's business. A chosen name is kept as
it was typed (trimmed, in one normal form) and leaves as JSON text; it is never part of a page that we write.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from functools import cache
from typing import Annotated, Any, Final, Literal

import msgspec
import segno
from aiohttp import web
from msgspec import Meta, Struct

from server import accounts, contact_pages, words
from server.accounts import Card, Entered, Me, No, SignedIn
from server.api import problems
from server.api.keys import (
    CLOCK,
    DB,
    FOLLOWER,
    KEEPER,
    PASSWORDS,
    SETTINGS,
    SIGNED_IN,
    THROTTLE,
    Open,
    Route,
    address,
    answer,
    device_label,
    give_cookie,
    read,
    signed_in,
    take_cookie,
)
from server.errors import BadRequest, SlowDown
from server.policy import Decision, Verb
from server.throttle import Action

Avatar = Annotated[int, Meta(ge=0, le=39)]
Ground = Annotated[int, Meta(ge=1, le=8)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]  # the real rule is ``accounts.name_of``
Words = Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(min_length=words.COUNT, max_length=words.COUNT)]
Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=8, max_length=256)]  # NIST SP 800-63B: length, and no other rule


class Body(Struct, forbid_unknown_fields=True, frozen=True):
    """A request's body. A field that we do not know is refused: it may be a misspelt one that matters."""


class Nothing(Body, frozen=True):
    """No body, or an empty object."""


class SignUp(Body, frozen=True):
    email: Email
    password: Password
    name: Name
    avatar: Avatar
    ground: Ground
    kind: Literal["guardian", "trusted_adult"]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] = "GB"
    time_zone: Annotated[str, Meta(max_length=64)] = "Europe/London"


class SignIn(Body, frozen=True):
    email: Annotated[str, Meta(max_length=254)]
    password: Annotated[str, Meta(max_length=256)]


class ConsentGiven(Body, frozen=True):
    version: str
    agreed: list[str]


class NewChild(Body, frozen=True):
    name: Name
    avatar: Avatar
    ground: Ground
    group: accounts.AgeGroup
    consent: ConsentGiven


class Look(Body, frozen=True):
    avatar: Avatar
    ground: Ground


class PairingWords(Body, frozen=True):
    words: Words


class PairingYes(Body, frozen=True):
    words: Words
    child: Annotated[str, Meta(max_length=64)]


# -- what the handlers here and in contacts.py share ---------------------------------------------------------------------------


def time(request: web.Request) -> int:
    return request.app[CLOCK].now()


def told(outcome: Any, *, shape: Any = None, status: int = 200) -> web.Response:
    """What a service gave back, as an answer: its no, or ``shape`` (default: the result itself)."""
    if isinstance(outcome, Decision | No) and not outcome:
        return problems.denied(outcome.code)
    if shape is None:
        shape = {} if isinstance(outcome, Decision) else outcome
    return answer(shape, status=status)


def card(name: str, avatar: int, ground: int) -> Card:
    """A chosen name and picture, or ``BadRequest``."""
    chosen = accounts.name_of(name)
    if chosen is None:
        raise BadRequest({"name": "wrong"})
    return Card(chosen, avatar, ground)


def count(request: web.Request, action: Action, account: str | None) -> None:
    """One try at something that could be guessed. Raises ``SlowDown``; ``right`` takes the try back."""
    wait = request.app[THROTTLE].check(action, account=account, address=address(request))
    if wait is not None:
        raise SlowDown(wait)


def right(request: web.Request, action: Action, account: str | None) -> None:
    request.app[THROTTLE].forgive(action, account=account, address=address(request))


def own_origin(request: web.Request) -> str:
    """Scheme and host under which this very page was reached; the host has been checked against the settings on the way here."""
    return f"{'https' if request.app[SETTINGS].https else 'http'}://{request.host}"


def shown_me(request: web.Request, me: Me) -> dict[str, Any]:
    return {**asdict(me), "demo": request.app[SETTINGS].demo}


# -- signing up, in and out -------------------------------------------------------------------------------------------------------


async def sign_up(request: web.Request) -> web.Response:
    """A grown-up comes in. ``cannot_sign_up`` where the e-mail is taken."""
    body = await read(request, SignUp)
    email = _email(body.email)
    wrong = {"email": "wrong"} if email is None else {}
    if not accounts.known_zone(body.time_zone):
        wrong["time_zone"] = "wrong"
    if wrong or email is None:
        raise BadRequest(wrong)
    chosen = card(body.name, body.avatar, body.ground)
    count(request, "sign_up", None)
    count(request, "new_family", None)  # is not taken back: who is right every time is not a family but a machine
    outcome = await accounts.sign_up(
        request.app[DB], request.app[PASSWORDS], email=email, password=body.password, card=chosen, kind=body.kind,
        country=body.country, time_zone=body.time_zone, label=device_label(request), now=time(request),
    )  # fmt: skip
    if isinstance(outcome, No):
        return problems.denied(outcome.code)
    right(request, "sign_up", None)
    return await _let_in(request, outcome, status=201)


async def sign_in(request: web.Request) -> web.Response:
    """A grown-up on one more device. One answer, after one hash, for an unknown e-mail and for a wrong password."""
    body = await read(request, SignIn)
    email = _email(body.email) or ""
    count(request, "sign_in", email)
    outcome = await accounts.sign_in(
        request.app[DB], request.app[PASSWORDS], email=email, password=body.password, label=device_label(request),
        now=time(request),
    )  # fmt: skip
    if isinstance(outcome, No):
        return problems.denied(outcome.code)
    right(request, "sign_in", email)
    return await _let_in(request, outcome)


async def sign_out(request: web.Request) -> web.Response:
    """Always open. Live calls on this sign-in end."""
    await read(request, Nothing)
    await accounts.sign_out(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    response = web.Response(status=204)
    take_cookie(request, response)
    return response


async def me(request: web.Request) -> web.Response:
    """Who I am. Pages ask this first, so it is also where the day of last use is noted."""
    who = signed_in(request)
    await accounts.used_today(request.app[DB], who, time(request))
    async with request.app[DB].read() as tx:
        return answer(shown_me(request, await accounts.myself(tx, who.person, time(request))))


async def list_sessions(request: web.Request) -> web.Response:
    return told(
        await accounts.list_sessions(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    )


async def revoke_session(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await accounts.revoke_session(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], now=time(request)
        )
    )


# -- a family ---------------------------------------------------------------------------------------------------------------------


async def family(request: web.Request) -> web.Response:
    outcome = await contact_pages.family(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    if not isinstance(outcome, contact_pages.Family):
        return told(outcome)
    return answer(
        {
            "me": shown_me(request, outcome.me),
            "household": outcome.household,
            "children": outcome.children,
            "decisions": outcome.decisions,
        }
    )


async def add_child(request: web.Request) -> web.Response:
    """All three promises agreed to, in today's wording, or there is no child."""
    body = await read(request, NewChild)
    if body.consent.version != accounts.CONSENT_VERSION or set(body.consent.agreed) != accounts.PROMISES:
        raise BadRequest({"consent": "not_agreed"})
    outcome = await accounts.add_child(
        request.app[DB], request.app[KEEPER], signed_in(request), card=card(body.name, body.avatar, body.ground),
        group=body.group, version=body.consent.version, now=time(request),
    )  # fmt: skip
    return told(outcome, shape={"child": outcome}, status=201)


async def withdraw_consent(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await accounts.withdraw_consent(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], now=time(request)
        )
    )


async def change_look(request: web.Request) -> web.Response:
    body = await read(request, Look)
    outcome = await accounts.change_look(
        request.app[DB],
        request.app[KEEPER],
        signed_in(request),
        avatar=body.avatar,
        ground=body.ground,
        now=time(request),
    )
    return told(outcome, shape={"me": shown_me(request, outcome)} if isinstance(outcome, Me) else None)


# -- devices ------------------------------------------------------------------------------------------------------------------------


async def start_pairing(request: web.Request) -> web.Response:
    """A device shows four words and a square; it keeps a claim of its own in a cookie."""
    await read(request, Nothing)
    count(request, "new_device", None)
    made = await accounts.start_pairing(
        request.app[DB], label=device_label(request), instead_of=request.cookies.get(_claim_name(request), ""),
        now=time(request),
    )  # fmt: skip
    url = f"{own_origin(request)}/grown-up/#pair={'-'.join(made.words)}"
    rows = ["".join(str(int(dark)) for dark in row) for row in segno.make(url, micro=False, error="m").matrix]
    response = answer(
        {
            "words": made.words,
            "qr": {"size": len(rows), "rows": rows},
            "url": url,
            "expires_in_s": accounts.PAIRING // 1000,
        },
        status=201,
    )
    response.set_cookie(
        _claim_name(request), made.claim, max_age=accounts.PAIRING // 1000, path="/", httponly=True, samesite="Strict",
        secure=request.app[SETTINGS].https,
    )  # fmt: skip
    return response


async def claim_pairing(request: web.Request) -> web.Response:
    """Has a guardian said yes? The answer that says "done" is the sign-in."""
    await read(request, Nothing)
    claim = request.cookies.get(_claim_name(request), "")
    outcome = await accounts.claim_pairing(request.app[DB], request.app[KEEPER], claim, now=time(request))
    if not isinstance(outcome, Entered):
        return answer({"state": outcome})
    response = await _let_in(request, outcome, shape={"state": "done", "guardian_key": outcome.guardian_key})
    response.del_cookie(
        _claim_name(request), path="/", httponly=True, samesite="Strict", secure=request.app[SETTINGS].https
    )
    request.app[FOLLOWER].wake()
    return response


async def look_at_pairing(request: web.Request) -> web.Response:
    body, who = await read(request, PairingWords), signed_in(request)
    count(request, "pairing", who.person)
    outcome = await accounts.look_at_pairing(request.app[DB], request.app[KEEPER], who, body.words, now=time(request))
    if outcome:
        right(request, "pairing", who.person)
    return told(outcome)


async def approve_pairing(request: web.Request) -> web.Response:
    body, who = await read(request, PairingYes), signed_in(request)
    count(request, "pairing", who.person)
    outcome = await accounts.approve_pairing(
        request.app[DB], request.app[KEEPER], who, body.words, body.child, now=time(request)
    )
    if outcome:
        right(request, "pairing", who.person)
    return told(outcome)


async def list_devices(request: web.Request) -> web.Response:
    return told(
        await accounts.list_devices(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    )


async def unpair_device(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await accounts.unpair_device(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["id"], now=time(request)
        )
    )


async def word_list(_request: web.Request) -> web.Response:
    """The words that a code can have, for the boxes to complete. The same for everybody, so it may be kept."""
    return web.Response(
        body=_word_list(), content_type="application/json", headers={"Cache-Control": "public, max-age=86400"}
    )


@cache
def _word_list() -> bytes:
    return msgspec.json.encode({"words": words.every()})


# -- small things -------------------------------------------------------------------------------------------------------------------


async def _let_in(request: web.Request, entered: Entered, *, shape: Any = None, status: int = 200) -> web.Response:
    """Set the cookie. Whoever was signed in on this device before is signed out: their cookie is gone, so must be what it opened."""
    before: SignedIn | None = request.get(SIGNED_IN)
    if before is not None:
        await accounts.sign_out(request.app[DB], request.app[KEEPER], before, now=time(request))
    lasts = accounts.DEVICE_SESSION if entered.signed_in.device else accounts.GROWN_UP_SESSION
    response = answer(shape or {"me": shown_me(request, entered.me)}, status=status)
    give_cookie(request, response, entered.token, seconds=lasts // 1000)
    return response


def _claim_name(request: web.Request) -> str:
    return f"{request.app[SETTINGS].cookie_name}-claim"


def _email(typed: str) -> str | None:
    """An address as it is kept: trimmed, small letters. None where nothing could ever be sent there."""
    plain = typed.strip().casefold()
    return plain if len(plain) <= 254 and _EMAIL.fullmatch(plain) and plain.isprintable() else None


_EMAIL: Final = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\]+\.[^@\s.<>,;:\"()\[\]\\]+")

_NOBODY_YET: Final = "There is nobody yet about whom a rule could be asked; "

ROUTES: Final = (
    Route("POST", "/api/sign-up", sign_up, Open(_NOBODY_YET + "an address makes at most twenty families an hour.")),
    Route("POST", "/api/sign-in", sign_in, Open(_NOBODY_YET + "an address can only be wrong a few times.")),
    Route("POST", "/api/sign-out", sign_out, Verb.SIGN_OUT),
    Route(
        "GET",
        "/api/me",
        me,
        Open("It tells whoever holds the cookie their own chosen name and picture; 401 without one."),
    ),
    Route(
        "POST",
        "/api/pairings",
        start_pairing,
        Open("A device of nobody asks to be a child's, thirty an address at most; a guardian's yes is asked about."),
    ),
    Route(
        "POST",
        "/api/pairings/mine",
        claim_pairing,
        Open("Only the holder of the claim is answered; whether the guardian may is asked."),
    ),
    Route("GET", "/api/words", word_list, Open("The list of words is public.")),
    Route("POST", "/api/child/look", change_look, Verb.CHANGE_LOOK),
    Route("GET", "/api/family", family, Verb.LOOK_AT_FAMILY),
    Route("POST", "/api/children", add_child, Verb.ADD_CHILD),
    Route("POST", "/api/children/{id}/consent/withdraw", withdraw_consent, Verb.WITHDRAW_CONSENT),
    Route("GET", "/api/devices", list_devices, Verb.LOOK_AT_DEVICES),
    Route("POST", "/api/devices/{id}/unpair", unpair_device, Verb.UNPAIR_DEVICE),
    Route("POST", "/api/pairings/look", look_at_pairing, Verb.LOOK_AT_PAIRING),
    Route("POST", "/api/pairings/approve", approve_pairing, Verb.PAIR_DEVICE),
    Route("GET", "/api/sessions", list_sessions, Verb.LOOK_AT_SESSIONS),
    Route("POST", "/api/sessions/{id}/revoke", revoke_session, Verb.REVOKE_SESSION),
)
