"""Families: who there is, who looks after whom, and on which devices they are signed in.

A guardian signs up with e-mail and password, consents, and only then can there be a child: the consent row is written before the
child's row in the same transaction, and the database refuses a child without one (COPPA 312.5; UK GDPR Art 8; master table
rows 1-2). A child has a chosen name, a built-in picture and an age group: no e-mail, no password, no birth date (rows 4-5). A
child signs in by holding a device that a guardian has paired: the device shows four words, the guardian says yes to them, and
the device, which alone knows a second secret, comes to fetch its session. A trusted adult (a grandmother) has an account of
her own and looks after nobody.

A session is a random token in a cookie; we keep its hash. It ends by signing out, by being revoked from a list, by un-pairing, by
withdrawn consent or by time, and whatever ends it writes a notice in the same transaction, so that a live call on it ends
too (row 48).

Every service here has one shape: open the transaction, ask the gatekeeper, do, commit. What comes back is the result, or a
falsy value that says no: the gatekeeper's ``Decision``, or a ``No`` where no rule was broken and it still does not fit. Both are
returned, never raised, so that the record of the refusal is kept. Who meets whom is not here: ``contacts.py``.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import Select, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server import facts, notices, words
from server.db.models import (
    accounts,
    call_yeses,
    children,
    consents,
    contacts,
    devices,
    guardianships,
    households,
    introductions,
    pairings,
    people,
    sessions,
)
from server.db.session import Database
from server.errors import Busy
from server.gatekeeper import Gatekeeper
from server.passwords import Passwords
from server.policy import Decision, Verb
from signalling.authority import own_handle

MINUTE: Final = 60_000  # milliseconds, as all times here
DAY: Final = 24 * 60 * MINUTE
GROWN_UP_SESSION: Final = 30 * DAY
DEVICE_SESSION: Final = (
    365 * DAY
)  # a child's device stays theirs until a guardian un-pairs it, or until a year has passed; then it is paired anew
PAIRING: Final = 10 * MINUTE
AGE_GROUP: Final = 365 * DAY  # then the group is read as the youngest (row 5), until the guardian says it anew
MAX_PAIRINGS: Final = 20_000  # waiting at once; each is a short row that anybody may make without signing in

CONSENT_VERSION: Final = "2026-11"
#: What a guardian agrees to, one page each (design 3.16); all three or there is no consent.
PROMISES: Final = frozenset({"keep", "no_recording", "change_mind"})
YOUNGEST: Final = "5-8"

Kind = Literal["child", "guardian", "trusted_adult"]
AgeGroup = Literal["5-8", "9-12", "13-15", "16-17"]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who asks: stamped by the server from the cookie. ``device`` is empty for a grown-up."""

    person: str
    session: str
    device: str
    kind: Kind
    household: str


@dataclass(frozen=True, slots=True)
class No:
    """It does not fit, though no rule was broken. ``code`` is of the closed list in ``api/problems.py``. Falsy."""

    code: str

    def __bool__(self) -> bool:
        return False


NO_MATCH: Final = No("no_match")  #: wrong, used, expired or one's own: one answer
CONFLICT: Final = No("conflict")  #: somebody else was quicker
CANNOT_SIGN_UP: Final = No("cannot_sign_up")
WRONG_SIGN_IN: Final = No("wrong_sign_in")


@dataclass(frozen=True, slots=True)
class Card:
    """What one person may be shown of another: a chosen name, a built-in picture, the ground it stands on."""

    name: str
    avatar: int
    ground: int


@dataclass(frozen=True, slots=True)
class Me:
    kind: Kind
    name: str
    avatar: int
    ground: int
    group: str  #: age group, or "adult"
    household: bool  #: belongs to a family with children here
    own: str  #: under which a browser keeps this person's identity; the wire's ``me``


@dataclass(frozen=True, slots=True)
class Entered:
    """A fresh sign-in. ``token`` goes into the cookie and nowhere else."""

    token: str
    me: Me
    signed_in: SignedIn
    guardian_key: str | None = None  #: of the browser in which this very device was said yes to


@dataclass(frozen=True, slots=True)
class Consent:
    given_on: str
    version: str
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Child:
    id: str
    name: str
    avatar: int
    ground: int
    group: str
    consent: Consent


@dataclass(frozen=True, slots=True)
class Named:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Device:
    id: str
    child: Named
    label: str
    last_used_on: str
    this: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    label: str
    last_used_on: str
    this: bool


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a device that wants to be a child's shows (``words``) and what it keeps to itself (``claim``)."""

    words: tuple[str, ...]
    claim: str


@dataclass(frozen=True, slots=True)
class Label:
    """Which browser and system shows the words: what a guardian sees before saying yes."""

    label: str


# -- who is signed in -------------------------------------------------------------------------------------------------


async def who(tx: AsyncConnection, token: str, now: int) -> SignedIn | None:
    """Whose cookie this is. None for unknown, ended, expired, and for a device that is no longer paired: one query, one answer."""
    found = (await tx.execute(_WHO, {"hash": _hash(token), "now": now})).first()
    return None if found is None else SignedIn(*found)


_WHO: Final = (
    select(
        sessions.c.person_id,
        sessions.c.id,
        func.coalesce(sessions.c.device_id, ""),
        people.c.kind,
        people.c.household_id,
    )
    .join(people, people.c.id == sessions.c.person_id)
    .outerjoin(devices, devices.c.id == sessions.c.device_id)
    .where(
        sessions.c.token_hash == bindparam("hash"),
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
        or_(sessions.c.device_id.is_(None), devices.c.unpaired_at.is_(None)),
        or_(people.c.kind != "child", and_(sessions.c.device_id.is_not(None), people.c.state == "active")),
    )
)


async def ask(tx: AsyncConnection, keeper: Gatekeeper, me: SignedIn, verb: Verb, now: int, **about: str) -> Decision:
    """One question about something that ``me`` wants to do, asked and recorded in ``tx``. ``about``: child, contact, device …"""
    return await keeper.ask(tx, await facts.act(tx, verb, me.person, now=now, by=me.session or None, **about))


async def myself(tx: AsyncConnection, person: str, now: int) -> Me:
    """A person as they see themselves. ``person`` is somebody signed in, so they exist."""
    row = (
        await tx.execute(
            select(people, children.c.age_group, children.c.age_until)
            .outerjoin(children, children.c.person_id == people.c.id)
            .where(people.c.id == person)
        )
    ).one()
    return Me(
        row.kind, row.name, row.avatar, row.ground, group_of(row, now), row.kind != "trusted_adult", own_handle(person)
    )


async def used_today(db: Database, signed_in: SignedIn, now: int) -> None:
    """Note the day (not the time, not the place) on which a sign-in and its device were last used. Writes once a day."""
    async with db.read() as tx:
        today = day(now, await zone_of(tx, signed_in.household))
        seen = (
            await tx.execute(select(sessions.c.last_used_on).where(sessions.c.id == signed_in.session))
        ).scalar_one_or_none()
    if seen == today:
        return
    async with db.begin() as tx:
        await tx.execute(update(sessions).where(sessions.c.id == signed_in.session).values(last_used_on=today))
        await tx.execute(update(devices).where(devices.c.id == signed_in.device).values(last_used_on=today))


# -- sign-up, sign-in, sign-out -----------------------------------------------------------------------------------------


async def sign_up(
    db: Database,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    card: Card,
    kind: Literal["guardian", "trusted_adult"],
    country: str,
    time_zone: str,
    label: str,
    now: int,
) -> Entered | No:
    """A new grown-up, in a household of their own, signed in. An e-mail that is taken gives ``CANNOT_SIGN_UP``, after the same work.

    Nobody is asked: there is nobody yet to ask about. A trusted adult's household has no children and never will.
    """
    hashed = await passwords.hash(password)
    person, household = new_id(), new_id()
    async with db.begin() as tx:
        if (await tx.execute(select(accounts.c.person_id).where(accounts.c.email == email))).first():
            return CANNOT_SIGN_UP
        await tx.execute(insert(households).values(id=household, country=country, time_zone=time_zone, created_at=now))
        await tx.execute(_person(person, household, kind, card, now))
        await tx.execute(
            insert(accounts).values(person_id=person, email=email, password_hash=hashed, assurance="self_declared")
        )
        return await _enter(tx, person, label=label, now=now, lasts=GROWN_UP_SESSION)


async def sign_in(
    db: Database, passwords: Passwords, *, email: str, password: str, label: str, now: int
) -> Entered | No:
    """A grown-up on one more device. The same work and the same answer for an unknown e-mail and for a wrong password."""
    async with db.read() as tx:
        account = (
            await tx.execute(select(accounts.c.person_id, accounts.c.password_hash).where(accounts.c.email == email))
        ).first()
    if not await passwords.verify(account.password_hash if account else None, password) or account is None:
        return WRONG_SIGN_IN
    fresh = await passwords.hash(password) if passwords.outdated(account.password_hash) else account.password_hash
    async with db.begin() as tx:
        await tx.execute(update(accounts).where(accounts.c.person_id == account.person_id).values(password_hash=fresh))
        return await _enter(tx, account.person_id, label=label, now=now, lasts=GROWN_UP_SESSION)


async def sign_out(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Decision:
    """Always open. Ends the live calls of this sign-in; a child's device is nobody's from then on."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.SIGN_OUT, now):
            await _end_sessions(tx, sessions.c.id == me.session, now)
        return decision


async def list_sessions(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Sequence[Session] | Decision:
    """Where this person is signed in."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_SESSIONS, now)
        if not decision:
            return decision
        found = await tx.execute(
            select(sessions)
            .where(sessions.c.person_id == me.person, sessions.c.revoked_at.is_(None), sessions.c.expires_at > now)
            .order_by(sessions.c.created_at.desc())
        )
        return [Session(row.id, row.label, row.last_used_on, row.id == me.session) for row in found]


async def revoke_session(db: Database, keeper: Gatekeeper, me: SignedIn, session: str, *, now: int) -> Decision:
    """End one of one's own sign-ins, the calls on it included."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.REVOKE_SESSION, now, session=session):
            await _end_sessions(tx, sessions.c.id == session, now)
        return decision


# -- a family -----------------------------------------------------------------------------------------------------------


async def list_children(tx: AsyncConnection, guardian: str, now: int) -> list[Child]:
    """The children that somebody looks after. The caller has asked."""
    found = await tx.execute(
        select(people, children.c.age_group, children.c.age_until, households.c.time_zone)
        .add_columns(consents.c.given_at, consents.c.version, consents.c.withdrawn_at)
        .join(guardianships, guardianships.c.child_id == people.c.id)
        .join(children, children.c.person_id == people.c.id)
        .join(consents, consents.c.id == children.c.consent_id)
        .join(households, households.c.id == people.c.household_id)
        .where(guardianships.c.guardian_id == guardian)
        .order_by(people.c.created_at, people.c.id)
    )
    return [
        Child(
            row.id, row.name, row.avatar, row.ground, group_of(row, now),
            Consent(day(row.given_at, row.time_zone), row.version, row.withdrawn_at is not None),
        )
        for row in found
    ]  # fmt: skip


async def add_child(
    db: Database, keeper: Gatekeeper, me: SignedIn, *, card: Card, group: AgeGroup, version: str, now: int
) -> Child | Decision:
    """Consent, then the child, in one transaction (row 1). ``version``: the wording that was agreed to. Nobody can call the
    child yet: there is no contact and no device."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.ADD_CHILD, now)
        if not decision:
            return decision
        consent, child = new_id(), new_id()
        await tx.execute(
            insert(consents).values(
                id=consent, household_id=me.household, guardian_id=me.person, method="signed_in_guardian", version=version,
                given_at=now,
            )
        )  # fmt: skip
        await tx.execute(_person(child, me.household, "child", card, now))
        await tx.execute(
            insert(children).values(
                person_id=child, household_id=me.household, consent_id=consent, age_group=group,
                age_method="guardian_attested", age_until=now + AGE_GROUP,
            )
        )  # fmt: skip
        await tx.execute(insert(guardianships).values(guardian_id=me.person, child_id=child))
        given_on = day(now, await zone_of(tx, me.household))
        return Child(child, card.name, card.avatar, card.ground, group, Consent(given_on, version, False))


async def withdraw_consent(db: Database, keeper: Gatekeeper, me: SignedIn, child: str, *, now: int) -> Decision:
    """COPPA 312.6; row 2. The account stands still: every sign-in and live call of the child ends, devices are un-paired, open
    codes and links are void, and what was still being asked lapses: nobody can say yes to this child now. Approved contacts are kept
    but reach nobody while there is no consent. Saying it twice is once."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.WITHDRAW_CONSENT, now, child=child)
        if not decision:
            return decision
        consent = select(children.c.consent_id).where(children.c.person_id == child).scalar_subquery()
        await tx.execute(
            update(consents).where(consents.c.id == consent, consents.c.withdrawn_at.is_(None)).values(withdrawn_at=now)
        )
        await tx.execute(update(people).where(people.c.id == child).values(state="standing_still"))
        await _end_sessions(tx, sessions.c.person_id == child, now)
        await tx.execute(
            update(devices).where(devices.c.person_id == child, devices.c.unpaired_at.is_(None)).values(unpaired_at=now)
        )
        for table in (introductions, pairings):
            await tx.execute(
                update(table).where(table.c.child_id == child, table.c.used_at.is_(None)).values(used_at=now)
            )
        known = await known_to(tx, [child])
        await tx.execute(
            update(contacts)
            .where(or_(contacts.c.a_id == child, contacts.c.b_id == child), contacts.c.state == "asked")
            .values(state="lapsed", ended_at=now)
        )
        await notices.post(tx, "facts_changed", {child, *known}, now=now)
        guardians = await guardians_of(tx, [child, *known])
        await notices.post(
            tx, "changed", {*known, *guardians}, now=now, what=["people", "asks", "decisions", "family", "sessions"]
        )
        return decision


async def change_look(
    db: Database, keeper: Gatekeeper, me: SignedIn, *, avatar: int, ground: int, now: int
) -> Me | Decision:
    """A child picks their own picture. What other families call them and see of them is those families' own choice (row 23)."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.CHANGE_LOOK, now)
        if not decision:
            return decision
        await tx.execute(update(people).where(people.c.id == me.person).values(avatar=avatar, ground=ground))
        await notices.post(tx, "changed", await guardians_of(tx, [me.person]), now=now, what=["family"])
        return await myself(tx, me.person, now)


# -- devices --------------------------------------------------------------------------------------------------------------


async def start_pairing(db: Database, *, label: str, instead_of: str, now: int) -> Pairing:
    """A device would like to be a child's. Anybody may say so; it means nothing until a guardian says yes. ``instead_of``: the
    claim of an earlier try of the same device, which is void from now on. Raises ``Busy`` when too many wait."""
    made = Pairing(words.make(), secrets.token_urlsafe(32))
    async with db.begin() as tx:
        await tx.execute(
            delete(pairings).where(pairings.c.claim_hash == _hash(instead_of), pairings.c.used_at.is_(None))
        )
        waiting = select(func.count()).select_from(pairings).where(pairings.c.expires_at > now)
        if (await tx.execute(waiting)).scalar_one() >= MAX_PAIRINGS:
            raise Busy
        await tx.execute(
            insert(pairings).values(
                id=new_id(), code_hash=words.digest(made.words), claim_hash=_hash(made.claim), label=label,
                expires_at=now + PAIRING,
            )
        )  # fmt: skip
    return made


async def look_at_pairing(
    db: Database, keeper: Gatekeeper, me: SignedIn, typed: Sequence[str], *, now: int
) -> Label | Decision | No:
    """Which device shows these words: a guardian looks before saying yes."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_PAIRING, now)
        if not decision:
            return decision
        label = (await tx.execute(select(pairings.c.label).where(*_open_pairing(typed, now)))).scalar_one_or_none()
        return NO_MATCH if label is None else Label(label)


async def approve_pairing(
    db: Database, keeper: Gatekeeper, me: SignedIn, typed: Sequence[str], child: str, *, now: int
) -> Decision | No:
    """The guardian's yes: the device that shows these words becomes this child's. Once: a second yes finds nothing."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.PAIR_DEVICE, now, child=child)
        if not decision:
            return decision
        done = await tx.execute(
            update(pairings)
            .where(*_open_pairing(typed, now))
            .values(
                child_id=child,
                approved_by=me.person,
                guardian_key=select(sessions.c.identity).where(sessions.c.id == me.session).scalar_subquery(),
            )
        )
        return decision if done.rowcount == 1 else NO_MATCH


async def claim_pairing(
    db: Database, keeper: Gatekeeper, claim: str, *, now: int
) -> Entered | Literal["waiting", "expired"]:
    """The device asks whether it has been said yes to. Once, to the holder of the claim, the answer is a sign-in.

    The guardian is asked about again, at this moment: a yes of nine minutes ago is no use when consent was withdrawn since.
    """
    async with db.begin() as tx:
        found = (
            await tx.execute(
                select(pairings).where(
                    pairings.c.claim_hash == _hash(claim), pairings.c.used_at.is_(None), pairings.c.expires_at > now
                )
            )
        ).first()
        if found is None:
            return "expired"
        if found.child_id is None:
            return "waiting"
        spent = await tx.execute(
            update(pairings).where(pairings.c.id == found.id, pairings.c.used_at.is_(None)).values(used_at=now)
        )
        guardian = await tx.execute(
            select(people.c.household_id, people.c.kind).where(people.c.id == found.approved_by)
        )
        household, kind = guardian.one()
        sponsor = SignedIn(found.approved_by, "", "", kind, household)
        if spent.rowcount != 1 or not await ask(tx, keeper, sponsor, Verb.PAIR_DEVICE, now, child=found.child_id):
            return "expired"
        device = new_id()
        today = day(now, await zone_of(tx, household))
        await tx.execute(
            insert(devices).values(
                id=device, person_id=found.child_id, label=found.label, paired_at=now, last_used_on=today
            )
        )
        guardians = await guardians_of(tx, [found.child_id])
        await notices.post(tx, "changed", guardians, now=now, what=["sessions", "family"])
        entered = await _enter(tx, found.child_id, label=found.label, now=now, lasts=DEVICE_SESSION, device=device)
        return replace(entered, guardian_key=found.guardian_key)


async def list_devices(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Sequence[Device] | Decision:
    """The paired devices of the children that somebody looks after."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_DEVICES, now)
        if not decision:
            return decision
        found = await tx.execute(
            select(devices, people.c.name)
            .join(guardianships, guardianships.c.child_id == devices.c.person_id)
            .join(people, people.c.id == devices.c.person_id)
            .where(guardianships.c.guardian_id == me.person, devices.c.unpaired_at.is_(None))
            .order_by(devices.c.paired_at)
        )
        return [Device(row.id, Named(row.person_id, row.name), row.label, row.last_used_on) for row in found]


async def unpair_device(db: Database, keeper: Gatekeeper, me: SignedIn, device: str, *, now: int) -> Decision:
    """The device is nobody's from this instant; any call on it ends (row 48)."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.UNPAIR_DEVICE, now, device=device):
            await tx.execute(update(devices).where(devices.c.id == device).values(unpaired_at=now))
            await _end_sessions(tx, sessions.c.device_id == device, now)
        return decision


# -- small things that contacts.py needs too --------------------------------------------------------------------------------


def new_id() -> str:
    """Random, so that an id says nothing about how many there are."""
    return secrets.token_urlsafe(16)


def day(at: int, zone: str) -> str:
    """The date of a moment where the household lives, as ISO text. Never from a device."""
    return datetime.fromtimestamp(at / 1000, _zone(zone) or UTC).date().isoformat()


def known_zone(name: str) -> bool:
    """Whether this is a time zone that we can reckon in. Without a zone database on the machine only UTC is."""
    return _zone(name) is not None


#: names that some zone databases hold and that are no place: the machine's own zone among them
_NO_PLACE: Final = frozenset({"localtime", "Factory", "posixrules"})


@cache
def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    if name in _NO_PLACE:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def group_of(row: Any, now: int) -> str:
    """The age group that a row of people (beside children) stands for. Unknown or out of date is the youngest (row 5)."""
    if row.kind != "child":
        return "adult"
    return row.age_group if row.age_group is not None and row.age_until > now else YOUNGEST


async def zone_of(tx: AsyncConnection, household: str) -> str:
    return str((await tx.execute(select(households.c.time_zone).where(households.c.id == household))).scalar_one())


async def guardians_of(tx: AsyncConnection, of: Iterable[str]) -> list[str]:
    """Everybody who looks after any of these people. Empty for grown-ups."""
    return list((await tx.execute(_looked_after(of))).scalars())


def _looked_after(of: Iterable[str]) -> Select[Any]:
    return select(guardianships.c.guardian_id).where(guardianships.c.child_id.in_(list(of))).distinct()


async def known_to(tx: AsyncConnection, of: Iterable[str]) -> set[str]:
    """Those who have a living contact with any of these people: who must hear when the facts about them change."""
    some = set(of)
    found = await tx.execute(
        select(contacts.c.a_id, contacts.c.b_id).where(
            or_(contacts.c.a_id.in_(some), contacts.c.b_id.in_(some)), contacts.c.state.in_(["asked", "approved"])
        )
    )
    return {one for pair in found for one in pair} - some


async def _enter(
    tx: AsyncConnection, person: str, *, label: str, now: int, lasts: int, device: str | None = None
) -> Entered:
    token, session = secrets.token_urlsafe(32), new_id()
    row = (
        await tx.execute(
            select(people.c.kind, people.c.household_id, households.c.time_zone)
            .join(households, households.c.id == people.c.household_id)
            .where(people.c.id == person)
        )
    ).one()
    await tx.execute(
        insert(sessions).values(
            id=session, person_id=person, device_id=device, token_hash=_hash(token), label=label, created_at=now,
            last_used_on=day(now, row.time_zone), expires_at=now + lasts,
        )
    )  # fmt: skip
    return Entered(
        token, await myself(tx, person, now), SignedIn(person, session, device or "", row.kind, row.household_id)
    )


async def _end_sessions(tx: AsyncConnection, which: Any, now: int) -> None:
    """Revoke, and tell the live calls in the same transaction. A child's device without a sign-in is nobody's, so it is
    un-paired with it. Nothing is told when nothing was open."""
    ended = (
        await tx.execute(
            update(sessions)
            .where(which, sessions.c.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(sessions.c.id, sessions.c.person_id, sessions.c.device_id)
        )
    ).all()
    if not ended:
        return
    held = [row.device_id for row in ended if row.device_id is not None]
    await tx.execute(
        update(devices).where(devices.c.id.in_(held), devices.c.unpaired_at.is_(None)).values(unpaired_at=now)
    )
    persons = {row.person_id for row in ended}
    await notices.post(tx, "session_over", persons, now=now, sessions=[row.id for row in ended], code="session_revoked")
    await notices.post(tx, "changed", {*persons, *await guardians_of(tx, persons)}, now=now, what=["sessions"])
    await end_presence(tx, call_yeses.c.guardian_id.in_(persons), now)


async def end_presence(tx: AsyncConnection, which: Any, now: int) -> None:
    """A grown-up is no longer beside a child: a call that needed them there ends at once. Nothing is told when nobody was."""
    ended = await tx.execute(
        update(call_yeses)
        .where(which, call_yeses.c.kind == "present", call_yeses.c.state == "given", call_yeses.c.until > now)
        .values(state="over", until=now)
        .returning(call_yeses.c.child_id)
    )
    if left := set(ended.scalars()):
        await notices.post(tx, "facts_changed", left, now=now)
        await notices.post(tx, "changed", {*left, *await guardians_of(tx, left)}, now=now, what=["people"])


def _person(person: str, household: str, kind: Kind, card: Card, now: int) -> Any:
    return insert(people).values(
        id=person, household_id=household, kind=kind, name=card.name, avatar=card.avatar, ground=card.ground,
        pseudonym=new_id(), state="active", created_at=now,
    )  # fmt: skip


def _open_pairing(typed: Sequence[str], now: int) -> tuple[Any, ...]:
    return (
        pairings.c.code_hash == words.digest(typed),
        pairings.c.child_id.is_(None),
        pairings.c.used_at.is_(None),
        pairings.c.expires_at > now,
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


# -- names ---------------------------------------------------------------------------------------------------------------------

NAME_MAX: Final = 40  # characters, as the column


def name_of(typed: str) -> str | None:
    """A chosen name as it is kept: 1-40 characters, trimmed, in one normal form; None where it cannot be one.

    Refused are line breaks and other control characters, characters that turn the reading direction round (a name must not be able
    to rewrite the sentence around it), unassigned and private ones, and names without a single letter or digit: every
    picture has its name written under it. Joiners stay: Persian and emoji sequences need them. Markup is no danger and is
    kept as typed, for a name is text everywhere.
    """
    try:
        typed.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    name = unicodedata.normalize("NFC", typed).strip()
    kinds = [unicodedata.category(sign) for sign in name]
    if not 1 <= len(name) <= NAME_MAX or not any(kind[0] in "LN" for kind in kinds):
        return None
    for sign, kind in zip(name, kinds, strict=True):
        if kind in _NEVER or (kind == "Cf" and sign not in _JOINERS):
            return None
    return name


_NEVER: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS: Final = frozenset({"\u200c", "\u200d"})  # ZWNJ and ZWJ: part of spelling, harmless to direction
