"""Issued marks: which faint code stands in whose copy of whose picture (issue 4, row 37; docs/reference/mark.md).

A mark is a random number of 32 bits, new for each call, sender and recipient. The sender's own device adds it to the picture that
this one recipient gets. Nothing can be computed from it; only this table knows what it stands for, and only until the row goes:
after 30 days with the call record, later only while it is evidence of a report (``server/reports.py``, ``server/retention.py``).

Sender and recipient stand here under the pseudonyms of the audit record, never as a name or an account's own id. So whoever reads a
recording gets no further than a pseudonym, and what is evidence outlives an account that somebody deletes in time.

``issue`` gives marks out, ``marked`` and ``unmarked`` write down what the sending device says that it does. A device that has
said nothing is not known to mark. Once a device has said of a copy that it is unmarked, that stays: part of that call went out
without it. Asking the rules is not this file's business: a mark is issued for a picture that the rules let through already.

What turns a mark into a pseudonym is ``server/helpers.py``, and takes two people.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.db.models import people
from server.db.session import Database, rows

KEPT_MS: Final = (
    30 * 24 * 3_600_000
)  # as long as the record of the call (row 46), so that it outlives no list that a family sees
QUARTERS: Final = 4
_TRIES: Final = 16  # for a number that is not taken; with a million kept, one try in four thousand finds one that is

#: Why a copy goes out unmarked: the device does not keep up, the browser has no way to do it, it broke on the way, or more people
#: are in the call than copies are made for (four).
Why = Literal["too_slow", "cannot", "broken", "too_many"]
WHYS: Final[tuple[Why, ...]] = get_args(Why)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the sending device adds for one recipient: the code, and by which quarter of a second its swing is put off."""

    id: int
    quarter: int


class CannotMark(RuntimeError):
    """Somebody is not there, or no number is free: this picture must not count as marked."""


async def key(db: Database, now: int) -> bytes:
    """The deployment's 32 bytes that scramble every mark (HKDF's input in ``server/trace/pattern.py``); made by the first who asks.

    Every device that sends a picture is given it, so it keeps nobody who calls from removing a mark; it keeps everybody else from
    reading one. Never logged. Without it no recording can be read, so it is in the database, and in its backup, with the marks."""
    async with db.read() as tx:
        if found := await rows(tx, _KEY):
            return bytes(found[0][0])
    async with db.begin() as tx:
        await rows(tx, _NEW_KEY, secret=secrets.token_bytes(32), now=now)
        found = await rows(tx, _KEY)  # of whoever came first
    return bytes(found[0][0])


async def issue(
    tx: AsyncConnection, call: str, sender: str, recipients: Collection[str], now: int
) -> Mapping[str, Mark]:
    """The marks of ``sender``'s picture in ``call``, one for each of ``recipients``, by recipient. Call it inside the transaction in
    which the picture is allowed (``server/calls.py``), so that a mark in use is always one that this table knows.

    ``sender`` and ``recipients`` are ids of people. Raises :class:`CannotMark` for somebody who is not there, and when no number is
    free: then nothing was issued. The same three are always given the same mark: who comes back into a call, or turns the camera on
    again, gets the one from before. Recipients of one sender are a quarter of a second apart, as far as there are quarters."""
    names = await pseudonyms(tx, {sender, *recipients})
    if sender in recipients or len(names) != len({sender, *recipients}):
        raise CannotMark("Somebody is not there.")
    known = {
        recipient: Mark(number, quarter)
        for recipient, number, quarter in await rows(tx, _OF_SENDER, call=call, sender=names[sender])
    }
    for recipient in sorted(set(recipients)):
        if names[recipient] not in known:
            taken = [mark.quarter for mark in known.values()]
            quarter = min(range(QUARTERS), key=lambda one: (taken.count(one), one))
            known[names[recipient]] = await _new(tx, call, names[sender], names[recipient], quarter, now)
    return {recipient: known[names[recipient]] for recipient in recipients}


async def pseudonyms(tx: AsyncConnection, persons: Collection[str]) -> dict[str, str]:
    """Under what these people stand here. Who is not there any more is not in the answer."""
    found = await tx.execute(select(people.c.id, people.c.pseudonym).where(people.c.id.in_(persons)))
    return {row.id: row.pseudonym for row in found}


async def _new(tx: AsyncConnection, call: str, sender: str, recipient: str, quarter: int, now: int) -> Mark:
    for _ in range(_TRIES):
        number = secrets.randbits(32)
        told = {"id": number, "call": call, "sender": sender, "recipient": recipient, "quarter": quarter, "now": now}
        if await rows(tx, _ISSUE, **told):
            return Mark(number, quarter)
    raise CannotMark("No number is free.")


async def marked(tx: AsyncConnection, call: str, sender: str, now: int, recipient: str | None = None) -> int:
    """The device of ``sender`` says that it marks the copy of ``recipient`` in this call (None: every copy). Returns how many marks
    that made known to be in use. ``sender`` is stamped by the server, so nobody can say it of somebody else's picture."""
    return len(await rows(tx, _MARKED, call=call, sender=sender, recipient=recipient or "", now=now))


async def unmarked(tx: AsyncConnection, call: str, sender: str, why: Why, recipient: str | None = None) -> int:
    """The device of ``sender`` says that the copy of ``recipient`` in this call (None: every copy) goes out without a mark, and why.
    Stays; the first reason stays too.
    ``told_at`` is left as it is: when it is set, the part before was marked. Returns how many copies that concerned."""
    if why not in WHYS:
        raise ValueError(why)
    return len(await rows(tx, _UNMARKED, call=call, sender=sender, recipient=recipient or "", why=why))


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the copies that are kept are marked, have been silent, or are unmarked, by reason. Nobody is named."""

    marked: int
    silent: int
    unmarked: Mapping[str, int]


async def tally(tx: AsyncConnection) -> Tally:
    """For the inspector: how many pictures go out unmarked, and why."""
    found = {
        (state, why): n for state, why, n in await rows(tx, "SELECT state, why, count(*) FROM marks GROUP BY 1, 2")
    }
    return Tally(
        marked=found.get(("marked", None), 0),
        silent=found.get(("issued", None), 0),
        unmarked={why: n for (state, why), n in sorted(found.items(), key=str) if state == "unmarked"},
    )


_KEY: Final = "SELECT secret FROM mark_key WHERE id = 1"
_NEW_KEY: Final = "INSERT INTO mark_key (id, secret, made_at) VALUES (1, :secret, :now) ON CONFLICT (id) DO NOTHING"
_OF_SENDER: Final = "SELECT recipient, id, quarter FROM marks WHERE call_id = :call AND sender = :sender"
_ISSUE: Final = """
INSERT INTO marks (id, call_id, sender, recipient, quarter, issued_at, state)
VALUES (:id, :call, :sender, :recipient, :quarter, :now, 'issued') ON CONFLICT (id) DO NOTHING RETURNING id
"""
_THEIRS: Final = """call_id = :call AND sender = (SELECT pseudonym FROM people WHERE id = :sender)
   AND (:recipient = '' OR recipient = (SELECT pseudonym FROM people WHERE id = :recipient))"""
_MARKED: Final = f"UPDATE marks SET state = 'marked', told_at = :now WHERE {_THEIRS} AND state = 'issued' RETURNING id"  # noqa: S608  # only our own text is put in
_UNMARKED: Final = (
    f"UPDATE marks SET state = 'unmarked', why = :why WHERE {_THEIRS} AND state <> 'unmarked' RETURNING id"  # noqa: S608  # likewise
)
