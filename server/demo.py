"""The demo: made-up families, made by the same services as real ones, and a door that lets the visitor be any of them.

Two families who are friends: Maya with her father Sam, Theo with his mother Femi. Gran, a grown-up of her own household, is
approved for Maya. And one family nobody has approved: Kit with Alex. Everybody here is invented; no name, picture or address
belongs to anybody.

There is no back door. Sam signs up, consents, adds Maya; a friend code and a link are shown and used; every one of the yeses is
said by the one whose yes it is, through ``accounts`` and ``contacts`` with the gatekeeper asked each time. Becoming Maya is
pairing a device with Maya and Sam saying yes to it; becoming Sam is signing in with his password, which is random and lives
in this process only. Only starting again reaches into the tables, and it empties them all; it refuses when they were not made
by the demo.

Which devices may talk is signed in grown-ups' browsers (``rosters``). A visitor who opens two children's pages has none of those, so
here, and nowhere else, the process holds a key for each made-up grown-up and signs for every device of the cast that comes
(``sign``). Whoever has this process has these keys, so in the demo the server itself could put in a device.

All this exists in demo mode and nowhere else: in production the routes are not there. On this machine each person has a host
name of their own, and a page under ``maya.localhost`` can become Maya and nobody else.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, func, select

from server import accounts, checkpoints, contact_pages, contacts, inspectors, rosters
from server.accounts import Card, Entered, SignedIn
from server.api import inspector, keys, problems
from server.api.keys import Open, Route, answer
from server.db.models import accounts as account_rows
from server.db.models import metadata, people, sessions
from server.db.session import Database
from server.errors import CannotStart
from server.gatekeeper import Gatekeeper
from server.settings import DEMO_SLUGS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Somebody:
    """One made-up person. ``looked_after_by``: the slug of a child's guardian. ``family``: who belongs together on the start page.
    ``of``: the child to whom a grown-up belongs, so that the page can say whose parent they are."""

    slug: str
    name: str
    role: Literal["child", "parent", "grown_up"]
    family: str
    avatar: int
    ground: int
    looked_after_by: str = ""
    of: str = ""


#: Grown-ups before the children they look after. Slugs are ``settings.DEMO_SLUGS``.
CAST: Final = (
    Somebody("maya", "Maya", "child", "maya", 8, 6, "sam"),
    Somebody("sam", "Sam", "parent", "maya", 0, 3, of="maya"),
    Somebody("theo", "Theo", "child", "theo", 2, 7, "femi"),
    Somebody("femi", "Femi", "parent", "theo", 6, 5, of="theo"),
    Somebody("gran", "Gran", "grown_up", "maya", 16, 2, of="maya"),
    Somebody("kit", "Kit", "child", "strangers", 7, 8, "alex"),
    Somebody("alex", "Alex", "parent", "strangers", 3, 1, of="kit"),
)
BY_SLUG: Final[Mapping[str, Somebody]] = {one.slug: one for one in CAST}


@dataclass(slots=True)
class Stage:
    """What the demo must remember to let a visitor in: each grown-up's password, each child's id. Gone with the process."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    passwords: dict[str, str] = field(default_factory=dict)
    children: dict[str, str] = field(default_factory=dict)
    grown_ups: dict[str, Ed25519PrivateKey] = field(default_factory=dict)  #: by person: with what they sign
    people: dict[str, str] = field(default_factory=dict)  #: by slug
    inspector: str = ""  #: the key of the made-up inspector


INSPECTOR: Final = "Demo inspector"
_NOBODYS: Final = "@demo.invalid"  # RFC 2606: reaches nobody

STAGE: Final[web.AppKey[Stage]] = web.AppKey("stage")

#: Four yeses, an own child's yes, a grandmother's: (child whose code or link it is, the other one).
FRIENDS: Final = (("maya", "theo"), ("maya", "gran"), ("maya", "sam"), ("theo", "femi"))


async def seed(app: web.Application) -> None:
    """Empty the tables and make everybody. Takes about a second, most of it argon2id."""
    stage = app[STAGE]
    async with stage.turn:
        await _empty(app)
        stage.passwords.clear()
        stage.children.clear()
        cast: dict[str, SignedIn] = {}
        for one in CAST:
            if one.role != "child":
                cast[one.slug] = await _sign_up(app, one)
        for one in CAST:
            if one.role == "child":
                cast[one.slug] = await _add_child(app, one, cast[one.looked_after_by])
        for child, other in FRIENDS:
            await _introduce(app, cast, child, other)
            await _everybody_says_yes(app, cast)
        for signed_in in cast.values():  # nobody is left signed in: the lists of devices and sign-ins begin empty
            if signed_in.device:
                guardian = next(cast[one.looked_after_by] for one in CAST if cast[one.slug] is signed_in)
                await _sure(accounts.unpair_device(*_door(app), guardian, signed_in.device, now=_now(app)))
        for signed_in in cast.values():
            if not signed_in.device:
                await _sure(accounts.sign_out(*_door(app), signed_in, now=_now(app)))
        await checkpoints.take(app[keys.DB], app[keys.SETTINGS], app[keys.CLOCK].now)  # of the record that begins here
        key = await _sure(inspectors.add(*_door(app), INSPECTOR, _now(app)))
        stage.inspector = key or ""
        stage.people = {slug: signed_in.person for slug, signed_in in cast.items()}
        stage.grown_ups = {cast[one.slug].person: Ed25519PrivateKey.generate() for one in CAST if one.role != "child"}
    app[keys.FOLLOWER].wake()


async def sign(app: web.Application, now: int) -> None:
    """The cast's grown-ups sign for the devices that there are, where they are not signed for yet. Where a visitor's own browser has
    signed as one of them, it signs from then on, and this process does not."""
    stage = app[STAGE]
    for one in CAST:
        signer = stage.people.get(one.looked_after_by or one.slug, "")
        if signer in stage.grown_ups:
            await rosters.sign_everywhere(app[keys.DB], stage.people[one.slug], stage.grown_ups[signer], now=now)


async def enter(app: web.Application, slug: str, label: str) -> Entered:
    """Become one of the cast, the way that person would: a grown-up by password, a child by a device that the guardian pairs."""
    one, stage = BY_SLUG[slug], app[STAGE]
    if one.role != "child":
        return await _sign_in(app, slug, label)
    guardian = await _sign_in(app, one.looked_after_by, label)
    try:
        return await _pair(app, guardian.signed_in, stage.children[slug], label)
    finally:
        await accounts.sign_out(*_door(app), guardian.signed_in, now=_now(app))


# -- making families, by the services that real ones use -------------------------------------------------------------------


def _now(app: web.Application) -> int:
    return app[keys.CLOCK].now()


def _door(app: web.Application) -> tuple[Database, Gatekeeper]:
    return app[keys.DB], app[keys.KEEPER]


async def _sure(work: Awaitable[T]) -> T:
    """The demo's families break no rule, so a no is a fault of ours."""
    done = await work
    if not done:
        raise CannotStart("The demo's families could not be made: a rule said no to one of their own yeses.")
    return done


async def _sign_up(app: web.Application, one: Somebody) -> SignedIn:
    password = app[STAGE].passwords[one.slug] = secrets.token_urlsafe(24)
    made = await _sure(
        accounts.sign_up(
            app[keys.DB],
            app[keys.PASSWORDS],
            email=_email(one.slug),
            password=password,
            card=Card(one.name, one.avatar, one.ground),
            kind="guardian" if one.role == "parent" else "trusted_adult",
            country="GB",
            time_zone="Europe/London",
            label="Demo",
            now=_now(app),
        )
    )
    assert isinstance(made, Entered)
    return made.signed_in


async def _sign_in(app: web.Application, slug: str, label: str) -> Entered:
    email, password = _email(slug), app[STAGE].passwords[slug]
    made = await _sure(
        accounts.sign_in(app[keys.DB], app[keys.PASSWORDS], email=email, password=password, label=label, now=_now(app))
    )
    assert isinstance(made, Entered)
    return made


def _email(slug: str) -> str:
    return f"{slug}{_NOBODYS}"


async def _add_child(app: web.Application, one: Somebody, guardian: SignedIn) -> SignedIn:
    child = await _sure(
        accounts.add_child(
            *_door(app),
            guardian,
            card=Card(one.name, one.avatar, one.ground),
            group="9-12",
            version=accounts.CONSENT_VERSION,
            now=_now(app),
        )
    )
    assert isinstance(child, accounts.Child)
    app[STAGE].children[one.slug] = child.id
    return (await _pair(app, guardian, child.id, "Demo")).signed_in


async def _pair(app: web.Application, guardian: SignedIn, child: str, label: str) -> Entered:
    pairing = await accounts.start_pairing(app[keys.DB], label=label, instead_of="", now=_now(app))
    await _sure(accounts.approve_pairing(*_door(app), guardian, pairing.words, child, now=_now(app)))
    made = await accounts.claim_pairing(*_door(app), pairing.claim, now=_now(app))
    if not isinstance(made, Entered):
        raise CannotStart("The demo could not pair a device.")
    return made


async def _introduce(app: web.Application, cast: Mapping[str, SignedIn], child: str, other: str) -> None:
    """A friend code between children; from a guardian to a grown-up, a link."""
    if BY_SLUG[other].role == "child":
        code = await _sure(contacts.make_friend_code(*_door(app), cast[child], now=_now(app)))
        assert isinstance(code, contacts.Code)
        await _sure(contacts.enter_friend_code(*_door(app), cast[other], code.words, "class", now=_now(app)))
        return
    guardian = cast[BY_SLUG[child].looked_after_by]
    link = await _sure(contacts.make_link(*_door(app), guardian, app[STAGE].children[child], now=_now(app)))
    assert isinstance(link, contacts.Link)
    await _sure(
        contacts.accept_link(
            *_door(app), cast[other], link.token, child=None, how_known="family", answer="camera", now=_now(app)
        )
    )


async def _everybody_says_yes(app: web.Application, cast: Mapping[str, SignedIn]) -> None:
    for one in CAST:
        me = cast[one.slug]
        if one.role == "child":
            home = await _sure(contact_pages.childs_home(*_door(app), me, now=_now(app)))
            assert isinstance(home, contact_pages.Home)
            for asked in home.asks:
                if asked.waiting_for_me:
                    yes = contacts.answer_ask(*_door(app), me, asked.id, yes=True, how_known="class", now=_now(app))
                    await _sure(yes)
            continue
        waiting = await contact_pages.decisions(*_door(app), me, now=_now(app))
        for one_more in waiting if isinstance(waiting, tuple) else ():
            await _sure(contacts.decide(*_door(app), me, one_more.id, answer="camera", knows_them="met", now=_now(app)))


async def _empty(app: web.Application) -> None:
    """Hang up on everybody, then forget everything, whoever a visitor has signed up as too: the start page says so. Only the
    demo's own records: those that hold accounts and none of the cast's were never made here."""
    async with app[keys.DB].read() as tx:
        count = select(func.count()).select_from(account_rows)
        everybody = (await tx.execute(count)).scalar_one()
        cast = (await tx.execute(count.where(account_rows.c.email.like(f"%{_NOBODYS}")))).scalar_one()
        if everybody and not cast:
            raise CannotStart(
                f"The file {app[keys.SETTINGS].data}/demo.sqlite was not made by the demo, so it is not emptied. "
                "Move it away and start again."
            )
        if not (await tx.execute(select(func.count()).select_from(people))).scalar_one():
            return
        live = list((await tx.execute(select(sessions.c.id))).scalars())
    await app[keys.HUB].close_sessions(live, "session_revoked")
    async with app[keys.DB].begin() as tx:
        for table in reversed(metadata.sorted_tables):
            await tx.execute(delete(table))


# -- the routes of the demo ----------------------------------------------------------------------------------------------


class Entering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    slug: str


async def show(request: web.Request) -> web.Response:
    """Who there is to be, and where each of them lives."""
    return answer(
        {
            "people": [
                {
                    "slug": one.slug,
                    "name": one.name,
                    "role": one.role,
                    "family": one.family,
                    "of": BY_SLUG[one.of].name if one.of else "",
                    "avatar": one.avatar,
                    "ground": one.ground,
                    "url": _home(request, one.slug),
                }
                for one in CAST
            ]
        }
    )


async def become(request: web.Request) -> web.Response:
    """Sign in as the person whose host name this is (or, served to a network by https, as the one that was chosen)."""
    slug = (await keys.read(request, Entering)).slug
    if slug not in BY_SLUG or slug not in _may_become(request):
        return problems.problem("not_found")
    made = await enter(request.app, slug, keys.device_label(request))
    response = answer({"go": "/child/" if BY_SLUG[slug].role == "child" else "/grown-up/"})
    keys.give_cookie(request, response, made.token, seconds=accounts.GROWN_UP_SESSION // 1000)
    return response


async def inspect(request: web.Request) -> web.Response:
    """Be the made-up inspector, under whichever name of the demo's: an inspector's sign-in is a cookie of its own."""
    made = await inspectors.sign_in(*_door(request.app), request.app[STAGE].inspector, keys.now(request))
    return inspector.entered(request, *made) if made else problems.problem("not_found")


async def again(request: web.Request) -> web.Response:
    """Start again with fresh families. No, if these records were never the demo's."""
    try:
        await seed(request.app)
    except CannotStart:
        return problems.problem("not_permitted")
    return answer({})


def _may_become(request: web.Request) -> frozenset[str]:
    if request.app[keys.SETTINGS].https:
        return frozenset(BY_SLUG)
    name = (urlsplit(f"//{request.host}").hostname or "").lower()
    return frozenset({name.removesuffix(".localhost")} if name.endswith(".localhost") else ())


def _home(request: web.Request, slug: str) -> str:
    settings = request.app[keys.SETTINGS]
    own = f"http://{slug}.localhost:{settings.port}".removesuffix(":80")
    return f"{own if own in settings.origins else ''}/demo/?as={slug}"


_DEMO: Final = Open("Demo only, made-up people only; everything behind it asks as real life does.")
ROUTES: Final = (
    Route("GET", "/api/demo", show, _DEMO),
    Route("POST", "/api/demo/enter", become, _DEMO),
    Route("POST", "/api/demo/inspector", inspect, _DEMO),
    Route("POST", "/api/demo/reset", again, _DEMO),
)

assert tuple(one.slug for one in CAST) == DEMO_SLUGS  # their host names are origins that settings allow
