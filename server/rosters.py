"""Which devices may talk: the keys of browsers, the rosters that grown-ups sign, and the keys of others that they said yes to.

Calls are sealed between devices, and the server carries what they say to each other about keys. So that the server alone cannot
put in a device of its own, a device believes another only when it stands in a *roster*: a list of device keys for one contact, signed
in the browser of the grown-up who said yes to that contact. The device remembers whose signature it was. Another grown-up's, or a
new browser's, is believed only when the device's *own* grown-up has signed that they know it (``knows``): no child can say that
yes, and neither can we. What is kept here is only carried: the devices check every signature themselves
(``client_web/shared/seal/roster.js``). We check as well, so that nothing is kept that no device would believe.

Statements travel as ``{"m": text, "s": signature}``; the text is JSON, signed behind ``ringfence statement`` and a line feed::

    {"v": 1, "t": "roster", "contact", "side", "devices": [keys], "guardian": key, "serial", "at"}
    {"v": 1, "t": "knows", "contact", "side", "key", "checked", "guardian": key, "at"}

``side`` is ``a`` or ``b`` of the contact: of a roster, whose devices; of a ``knows``, whose signer is known. A grown-up who is the
contact signs for their own browsers in the same form.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta
from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server import facts, notices
from server.accounts import CONFLICT, DAY, No, SignedIn, ask, guardians_of
from server.contacts import Place, Slot, place_of
from server.db.models import (
    call_people,
    calls,
    contacts,
    devices,
    guardianships,
    known_keys,
    people,
    rosters,
    sessions,
    sides,
    yeses,
)
from server.db.session import Database
from server.errors import BadRequest
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb
from signalling.authority import passing_ref

Side = Literal["a", "b"]
#: Thirty-two bytes in the one right way to write them: devices read no other, and would refuse a whole roster for one such key.
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]
ContactId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")]

MOST_DEVICES: Final = 32  #: in a roster: a family's devices, and room
LONGEST: Final = 4096  #: characters of a statement, as of every body that devices carry
#: A browser's clock may be so much ahead. Serials are milliseconds, and only a higher one takes a roster's place: whoever signed one of
#: the year 3000 would be the last who ever signs there, also after they are nobody's guardian any more.
AHEAD: Final = DAY


class Roster(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="roster"):
    """These devices may talk for this side of this contact."""

    v: Literal[1]
    contact: ContactId
    side: Side
    devices: Annotated[list[Key], Meta(max_length=MOST_DEVICES)]
    guardian: Key
    serial: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    at: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Knows(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="knows"):
    """Whoever signs with this key for this side of this contact is the one we mean."""

    v: Literal[1]
    contact: ContactId
    side: Side
    key: Key
    checked: bool
    guardian: Key
    at: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    m: str
    s: str


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A browser and the key it signs with. ``id``: of a child's device, or of a grown-up's own sign-in."""

    id: str
    key: str | None
    label: str
    this: bool


@dataclass(frozen=True, slots=True)
class ToSign:
    """One side of a contact that somebody signs for. ``roster``, ``theirs``: what this side and the other have signed; ``knows``: our yes
    to whoever signs for the other; ``changed``: another than the first signs there now, and nobody of ours has said yes to that."""

    contact: str
    side: Side
    ref: str
    name: str
    roster: str | None
    theirs: str | None
    changed: bool
    knows: str | None


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody for whose devices a grown-up signs: an own child, or (``child`` is None) themself."""

    child: str | None
    name: str
    devices: tuple[DeviceKey, ...]
    contacts: tuple[ToSign, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """All that a grown-up's browser signs. ``key``: the one it has told us."""

    key: str | None
    people: tuple[Signed, ...]


@dataclass(frozen=True, slots=True)
class InCall:
    """What a device needs to believe another in a call. ``mine``: what was signed for its own side, which the other device is handed:
    only to say so where it is missing."""

    ref: str
    contact: str
    side: Side
    roster: str | None
    knows: str | None
    mine: str | None


# -- keys -----------------------------------------------------------------------------------------------------------------


async def say_key(db: Database, keeper: Gatekeeper, me: SignedIn, key: str, *, now: int) -> Decision:
    """A browser says which key it signs with. It stays for the sign-in; another key is another device to everybody."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.SAY_KEY, now):
            said = await tx.execute(
                update(sessions)
                .where(sessions.c.id == me.session, or_(sessions.c.identity.is_(None), sessions.c.identity != key))
                .values(identity=key)
            )
            if said.rowcount:
                signers = {me.person, *await guardians_of(tx, [me.person])}
                await notices.post(tx, "changed", signers, now=now, what=["sessions"])
        return decision


async def key_of(tx: AsyncConnection, session: str) -> str | None:
    """The key that this sign-in's browser has told."""
    found = await tx.execute(select(sessions.c.identity).where(sessions.c.id == session))
    return found.scalar_one_or_none()


async def signers(tx: AsyncConnection, contact: str) -> Mapping[Side, str]:
    """Who signs for either side of a contact today: the key of a grown-up's browser. A side without a roster is not there."""
    found = await tx.execute(select(rosters.c.side, rosters.c.signer).where(rosters.c.contact_id == contact))
    return {row.side: row.signer for row in found}


# -- signing ----------------------------------------------------------------------------------------------------------------


async def desk(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Desk | Decision:
    """What this grown-up signs for, and what is signed already. A child has nothing here."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_ROSTERS, now)
        if not decision:
            return decision
        if me.kind == "child":
            return Desk(await key_of(tx, me.session), ())
        wards = (
            await tx.execute(
                select(people.c.id, people.c.name)
                .join(guardianships, guardianships.c.child_id == people.c.id)
                .where(guardianships.c.guardian_id == me.person)
                .order_by(people.c.created_at, people.c.id)
            )
        ).all()
        found = [Signed(None, "", await _browsers(tx, me, now), await _to_sign(tx, me.person, now))]
        for ward in wards:
            found.append(Signed(ward.id, ward.name, await _devices(tx, ward.id, now), await _to_sign(tx, ward.id, now)))
        return Desk(await key_of(tx, me.session), tuple(found))


async def sign(db: Database, keeper: Gatekeeper, me: SignedIn, body: str, *, now: int) -> Decision | No:
    """Keep a roster. ``CONFLICT`` when a newer one is here already, when it is dated ahead of any honest clock, or when the contact is
    not this grown-up's to sign for."""
    said = read(body, Roster)
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.SIGN_ROSTER, now, contact=said.contact)
        if not decision:
            return decision
        if max(said.serial, said.at) > now + AHEAD:
            return CONFLICT
        place = await _place(tx, said.contact, now)
        if said.guardian != await key_of(tx, me.session) or place is None or not await _signs(tx, place, said.side, me):
            return CONFLICT
        return decision if await keep(tx, said, body, now=now) else CONFLICT


async def keep(tx: AsyncConnection, said: Roster, body: str, *, now: int) -> bool:
    """Put a roster in the place of the older one, and tell everybody whose pages or devices look at it. False: it is not newer."""
    here = and_(rosters.c.contact_id == said.contact, rosters.c.side == said.side)
    before = (await tx.execute(select(rosters).where(here))).first()
    values = {"serial": said.serial, "signer": said.guardian, "body": body, "at": now}
    if before is None:
        await tx.execute(
            insert(rosters).values(contact_id=said.contact, side=said.side, first_signer=said.guardian, **values)
        )
    elif not (await tx.execute(update(rosters).where(here, rosters.c.serial < said.serial).values(values))).rowcount:
        return False
    await _tell(tx, said.contact, now)
    return True


async def know(db: Database, keeper: Gatekeeper, me: SignedIn, body: str, *, now: int) -> Decision | No:
    """Keep that this grown-up knows whoever signs for the other side with this key. ``CONFLICT`` when somebody else signs there by now."""
    said = read(body, Knows)
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.KNOW_KEY, now, contact=said.contact)
        if not decision:
            return decision
        if said.at > now + AHEAD:  # devices take only a newer one than they took before
            return CONFLICT
        place, ours = await _place(tx, said.contact, now), _other(said.side)
        if said.guardian != await key_of(tx, me.session) or place is None or not await _signs(tx, place, ours, me):
            return CONFLICT
        if (await signers(tx, said.contact)).get(said.side) != said.key:
            return CONFLICT
        await tx.execute(
            delete(known_keys).where(known_keys.c.contact_id == said.contact, known_keys.c.side == said.side)
        )
        await tx.execute(
            insert(known_keys).values(
                contact_id=said.contact, side=said.side, key=said.key, checked=said.checked, signer=said.guardian, body=body,
                at=now,
            )
        )  # fmt: skip
        await _tell(tx, said.contact, now)
        return decision


def read(body: str, kind: type[Any]) -> Any:
    """A statement of this kind that its ``guardian`` has signed, or ``BadRequest``."""
    try:
        statement = msgspec.json.decode(body, type=_Statement)
        said = msgspec.json.decode(statement.m, type=kind)
        key = Ed25519PublicKey.from_public_bytes(_bytes(said.guardian))
        key.verify(_bytes(statement.s), signed_bytes(statement.m))
    except (msgspec.DecodeError, InvalidSignature, ValueError) as fault:
        raise BadRequest({"body": "wrong"}) from fault
    return said


def signed_bytes(text: str) -> bytes:
    """What a signature of a statement is made over: never what a hello's is made over."""
    return f"ringfence statement\n{text}".encode()


# -- in a call --------------------------------------------------------------------------------------------------------------


async def in_call(
    db: Database, keeper: Gatekeeper, me: SignedIn, call: str, *, now: int
) -> Sequence[InCall] | Decision:
    """What the devices of everybody else in this call have been signed for, by the refs under which this person knows them.
    Nothing about a call that is over or that this person was never rung into.

    Two grown-ups in one call have no contact: of each the other sees the roster for a child in this very call."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_ROSTERS, now)
        if not decision:
            return decision
        rung = (
            await tx.execute(
                select(call_people.c.person_id)
                .join(calls, calls.c.id == call_people.c.call_id)
                .where(calls.c.id == call, calls.c.state == "live")
            )
        ).scalars()
        there = set(rung)
        if me.person not in there:
            return ()
        between = await _among(tx, there)
        told = []
        for other in sorted(there - {me.person}):
            direct = between.get(frozenset((me.person, other)))
            if direct is not None:
                told.append(await _entry(tx, direct.ref[me.person], direct, other, between_two=True))
                continue
            beside = next((one for pair, one in sorted(between.items(), key=_by_id) if other in pair), None)
            if beside is not None and beside.b == other:
                told.append(await _entry(tx, passing_ref(call, me.person, other), beside, other, between_two=False))
        return told


@dataclass(frozen=True, slots=True)
class _Between:
    id: str
    a: str
    b: str
    ref: Mapping[str, str]  #: by viewer


def _by_id(item: tuple[frozenset[str], _Between]) -> str:
    return item[1].id


async def _among(tx: AsyncConnection, there: set[str]) -> Mapping[frozenset[str], _Between]:
    """The living contacts between any two of these."""
    rows = await tx.execute(
        select(contacts.c.id, contacts.c.a_id, contacts.c.b_id, sides.c.viewer_id, sides.c.ref)
        .join(sides, sides.c.contact_id == contacts.c.id)
        .where(contacts.c.a_id.in_(there), contacts.c.b_id.in_(there), contacts.c.state == "approved")
    )
    found: dict[frozenset[str], _Between] = {}
    for row in rows:
        pair = frozenset((row.a_id, row.b_id))
        before = found.get(pair)
        known = {**(before.ref if before else {}), row.viewer_id: row.ref}
        found[pair] = _Between(row.id, row.a_id, row.b_id, known)
    return found


async def _entry(tx: AsyncConnection, ref: str, between: _Between, other: str, *, between_two: bool) -> InCall:
    side: Side = "a" if other == between.a else "b"
    signed = {
        row.side: row.body
        for row in await tx.execute(select(rosters.c.side, rosters.c.body).where(rosters.c.contact_id == between.id))
    }
    knows = await tx.execute(
        select(known_keys.c.body).where(known_keys.c.contact_id == between.id, known_keys.c.side == side)
    )
    if not between_two:
        return InCall(ref, between.id, side, signed.get(side), None, None)
    return InCall(ref, between.id, side, signed.get(side), knows.scalar_one_or_none(), signed.get(_other(side)))


# -- the demo -------------------------------------------------------------------------------------------------------------


async def sign_everywhere(db: Database, subject: str, signer: Ed25519PrivateKey, *, now: int) -> None:
    """With a key that this very process holds, sign for all devices of somebody in all their contacts: for the demo's made-up
    grown-ups, who have no browser. What somebody else has signed is left alone."""
    key = _text(signer.public_key().public_bytes_raw())
    async with db.begin() as tx:
        keys = await _keys_of(tx, subject, now)
        for one in await _to_sign(tx, subject, now):
            before = read(one.roster, Roster) if one.roster else None
            if before and (before.guardian != key or before.devices == keys):
                continue
            serial = max(now, before.serial + 1 if before else 0)
            said = Roster(v=1, contact=one.contact, side=one.side, devices=keys, guardian=key, serial=serial, at=now)
            text = msgspec.json.encode(said).decode()
            statement = {"m": text, "s": _text(signer.sign(signed_bytes(text)))}
            await keep(tx, said, msgspec.json.encode(statement).decode(), now=now)


async def _keys_of(tx: AsyncConnection, person: str, now: int) -> list[str]:
    found = await tx.execute(
        select(sessions.c.identity)
        .outerjoin(devices, devices.c.id == sessions.c.device_id)
        .where(
            sessions.c.person_id == person,
            sessions.c.identity.is_not(None),
            devices.c.unpaired_at.is_(None),
            *_open(now),
        )
    )
    return sorted(set(found.scalars()))[:MOST_DEVICES]


# -- small things ---------------------------------------------------------------------------------------------------------


def _other(side: Side) -> Side:
    return "b" if side == "a" else "a"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Base64url without padding, in the one right way to write it."""
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as fault:
        raise ValueError(text) from fault
    if _text(found) != text:
        raise ValueError(text)
    return found


async def _tell(tx: AsyncConnection, contact: str, now: int) -> None:
    pair = (await tx.execute(select(contacts.c.a_id, contacts.c.b_id).where(contacts.c.id == contact))).one()
    await notices.post(tx, "changed", {*pair, *await guardians_of(tx, pair)}, now=now, what=["people", "sessions"])


async def _place(tx: AsyncConnection, contact: str, now: int) -> Place | None:
    """A contact that may still be talked in, or None."""
    found = await _places(tx, contacts.c.id == contact, now)
    return found[0] if found else None


async def _places(tx: AsyncConnection, which: Any, now: int) -> list[Place]:
    b = people.alias("b")
    found = (
        await tx.execute(
            select(contacts, b.c.kind.label("b_kind"))
            .join(b, b.c.id == contacts.c.b_id)
            .where(
                which,
                or_(
                    and_(contacts.c.state == "asked", contacts.c.decide_by > now),
                    and_(contacts.c.state == "approved", contacts.c.until > now),
                ),
            )
            .order_by(contacts.c.created_at, contacts.c.id)
        )
    ).all()
    said: dict[str, list[Any]] = {row.id: [] for row in found}
    for one in await tx.execute(select(yeses).where(yeses.c.contact_id.in_(list(said)))):
        said[one.contact_id].append(one)
    leading = await facts.leading(tx, {person for row in found for person in (row.a_id, row.b_id)}, now=now)
    return [place_of(row, said[row.id], leading) for row in found]


async def _signs(tx: AsyncConnection, place: Place, side: Side, me: SignedIn) -> bool:
    """Whether this grown-up signs for this side, and the yes that it takes has been said."""
    subject = place.a if side == "a" else place.b
    theirs = subject == me.person or me.person in await guardians_of(tx, [subject])
    return theirs and _agreed(place, side)


def _agreed(place: Place, side: Side) -> bool:
    """The grown-up of this side has said yes; or the contact is approved without (a teenager who leads, row 47)."""
    slot: Slot = "b" if side == "b" and place.adult else "guardian_a" if side == "a" else "guardian_b"
    said = place.said.get(slot)
    if said is not None:
        return bool(said.voice)
    return slot not in place.bond.needed and place.bond.state == "approved"


async def _to_sign(tx: AsyncConnection, subject: str, now: int) -> tuple[ToSign, ...]:
    places = await _places(tx, or_(contacts.c.a_id == subject, contacts.c.b_id == subject), now)
    ids = [place.id for place in places]
    kept = {
        (row.contact_id, row.side): row
        for row in await tx.execute(select(rosters).where(rosters.c.contact_id.in_(ids)))
    }
    known = {
        (row.contact_id, row.side): row
        for row in await tx.execute(select(known_keys).where(known_keys.c.contact_id.in_(ids)))
    }
    views = {
        row.contact_id: row
        for row in await tx.execute(select(sides).where(sides.c.contact_id.in_(ids), sides.c.viewer_id == subject))
    }
    found = []
    for place in places:
        side: Side = "a" if subject == place.a else "b"
        if not _agreed(place, side):
            continue
        mine, theirs = kept.get((place.id, side)), kept.get((place.id, _other(side)))
        yes = known.get((place.id, _other(side)))
        changed = (
            theirs is not None and theirs.signer != theirs.first_signer and (yes is None or yes.key != theirs.signer)
        )
        view = views[place.id]
        found.append(
            ToSign(
                place.id, side, view.ref, view.name, mine.body if mine else None, theirs.body if theirs else None, changed,
                yes.body if yes else None,
            )
        )  # fmt: skip
    return tuple(found)


async def _devices(tx: AsyncConnection, child: str, now: int) -> tuple[DeviceKey, ...]:
    found = await tx.execute(
        select(devices.c.id, sessions.c.identity, devices.c.label)
        .join(sessions, sessions.c.device_id == devices.c.id)
        .where(devices.c.person_id == child, devices.c.unpaired_at.is_(None), *_open(now))
        .order_by(devices.c.paired_at, devices.c.id)
    )
    return tuple(DeviceKey(row.id, row.identity, row.label, False) for row in found)


async def _browsers(tx: AsyncConnection, me: SignedIn, now: int) -> tuple[DeviceKey, ...]:
    found = await tx.execute(
        select(sessions.c.id, sessions.c.identity, sessions.c.label)
        .where(sessions.c.person_id == me.person, *_open(now))
        .order_by(sessions.c.created_at, sessions.c.id)
    )
    return tuple(DeviceKey(row.id, row.identity, row.label, row.id == me.session) for row in found)


def _open(now: int) -> tuple[Any, ...]:
    return (sessions.c.revoked_at.is_(None), sessions.c.expires_at > now)
