"""Inspectors: who they are, and what "looking" is (master table row 60).

An inspector is somebody from outside, a regulator or whoever the operator lets check. They have a key of their own, made when they are
added and shown once; only its hash is kept. With it they sign in on the inspector's page (a cookie of its own, four hours at most) or
send it with each request (``Authorization: Bearer``). Neither is a sign-in of a family's: the routes of families do not look at it, and
these do not look at theirs.

**One verb.** An inspector looks at evidence and does nothing else (``inspectors-look-at-evidence``; that they reach no family and change
nothing is proved in every situation there is). What is to be shown is made first, and read once more by somebody who has not made it:
``names_nobody`` looks up every word of it that could be an id or a pseudonym of somebody. One of them found, and the rules refuse
(``evidence-names-nobody``), whatever went wrong before. Names are not looked up, and the rule does not say so: a child may be called
Will or Rose, or as three letters of a checkpoint happen to read, and would then shut the evidence to everybody. That no name is in it
is up to what makes it (``evidence.py`` reads none), and tests search every page for those of a house. Each look is a row of the
platform's record, under the inspector's id.

What this cannot prevent: whoever may write the database can add an inspector. It leaves a row in the record.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit
from server.audit import PLATFORM
from server.db.session import Database, rows
from server.facts import Asked
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb
from server.policy.facts import Evidence, Inspect, Person

SESSION_MS: Final = 4 * 3_600_000  #: half a working day; a page left open in an office is closed by the evening
_RULES: Final = ("inspectors-only",)


@dataclass(frozen=True, slots=True)
class Inspector:
    """Somebody whose key or sign-in is good at this moment. ``until``: when the sign-in runs out; 0 for a key sent along."""

    id: str
    name: str
    until: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """An inspector as the operator's list has them. ``gone_at``: None as long as the key is good."""

    name: str
    added_at: int
    gone_at: int | None


# -- who they are ---------------------------------------------------------------------------------------------------------


async def add(db: Database, keeper: Gatekeeper, name: str, now: int) -> str | None:
    """A new inspector. Their key, which is kept nowhere; None if there is one of this name already."""
    inspector = f"i_{secrets.token_urlsafe(12)}"
    key = f"{inspector}.{secrets.token_urlsafe(32)}"
    async with db.begin() as tx:
        if not await rows(tx, _NEW, id=inspector, name=name, hash=_hash(key), now=now):
            return None
        await _note(tx, keeper, now, "add_inspector", inspector, allow=True)
    return key


async def remove(db: Database, keeper: Gatekeeper, name: str, now: int) -> bool:
    """No inspector any more, from now on, and signed in nowhere. False if there is none of this name."""
    async with db.begin() as tx:
        gone = await rows(tx, _GONE, name=name, now=now)
        for (inspector,) in gone:
            await rows(tx, "DELETE FROM inspector_sessions WHERE inspector_id = :id", id=inspector)
            await _note(tx, keeper, now, "remove_inspector", inspector, allow=False)
        return bool(gone)


async def everyone(db: Database) -> list[Listed]:
    """All whom the operator has added, also those whose key was taken back within a year."""
    async with db.read() as tx:
        return [Listed(*row) for row in await rows(tx, "SELECT name, added_at, gone_at FROM inspectors ORDER BY name")]


async def sign_in(db: Database, keeper: Gatekeeper, key: str, now: int) -> tuple[str, Inspector] | None:
    """A sign-in for whoever holds this key: the cookie's token, and who it is. None: nobody's key. Either way a row says so."""
    token = secrets.token_urlsafe(32)
    async with db.begin() as tx:
        inspector = await _by_key(tx, key)
        await _note(tx, keeper, now, "inspector_sign_in", inspector.id if inspector else "", allow=bool(inspector))
        if inspector is None:
            return None
        until = now + SESSION_MS
        await rows(tx, "DELETE FROM inspector_sessions WHERE expires_at <= :now", now=now)
        await rows(tx, _SIGNED_IN, token=_hash(token), inspector=inspector.id, until=until)
        return token, Inspector(inspector.id, inspector.name, until)


async def sign_out(db: Database, keeper: Gatekeeper, token: str, now: int) -> None:
    """This sign-in is over. Nothing happens when it was already."""
    async with db.begin() as tx:
        for (inspector,) in await rows(tx, _SIGNED_OUT, token=_hash(token)):
            await _note(tx, keeper, now, "inspector_sign_out", inspector, allow=True)


async def by_token(tx: AsyncConnection, token: str, now: int) -> Inspector | None:
    """Whose cookie this is. None for unknown, ended, run out, and for a key that was taken back: one query, one answer."""
    found = await rows(tx, _OF_COOKIE, token=_hash(token), now=now)
    return Inspector(*found[0]) if found else None


async def by_key(db: Database, key: str) -> Inspector | None:
    """Whose key this is, sent with a request."""
    async with db.read() as tx:
        return await _by_key(tx, key)


async def _by_key(tx: AsyncConnection, key: str) -> Inspector | None:
    found = await rows(tx, _BY_KEY, hash=_hash(key))
    return Inspector(*found[0]) if found else None


# -- looking --------------------------------------------------------------------------------------------------------------


async def look(db: Database, keeper: Gatekeeper, inspector: Inspector, told: Any, now: int) -> Decision:
    """Whether the rules let this inspector see what was made to be shown. One row of the record either way."""
    async with db.begin() as tx:
        still = bool(await rows(tx, "SELECT 1 FROM inspectors WHERE id = :id AND gone_at IS NULL", id=inspector.id))
        # of an inspector every fact but these is as good as it can be: they have no family, no device and no hours
        person = Person("inspector", "18+", still, True, not inspector.until or now < inspector.until, *[True] * 5)
        question = Inspect(Verb.LOOK_AT_EVIDENCE, person, Evidence(nameless=await names_nobody(tx, told)))
        return await keeper.ask(tx, Asked(question, (inspector.id,), (PLATFORM,), now))


async def names_nobody(tx: AsyncConnection, told: Any) -> bool:
    """Whether no word in this is the id or pseudonym of somebody, of a family or of anything of theirs that can be pointed at; a chain of
    the record among them."""
    found = {word for text in _texts(told) for word in _WORD.findall(text)}
    words = sorted(found | {word.removeprefix("h_") for word in found})  # the name of a family's chain, and its id
    for first in range(0, len(words), _AT_ONCE):
        some = {f"w{number}": word for number, word in enumerate(words[first : first + _AT_ONCE])}
        some |= {f"w{number}": "" for number in range(len(some), _AT_ONCE)}  # always the same statement
        if await rows(tx, _ANYBODY, **some):
            return False
    return True


def _texts(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping):
        for key, value in told.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(told, list | tuple):
        for one in told:
            yield from _texts(one)


#: An id or pseudonym is 22 signs, one with a letter before it 18 or more; a shorter word is none.
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{16,}")
_AT_ONCE: Final = 64
_AMONG: Final = ", ".join(f":w{number}" for number in range(_AT_ONCE))
_ANYBODY: Final = f"""
SELECT 1 FROM people WHERE id IN ({_AMONG}) OR pseudonym IN ({_AMONG})
UNION ALL SELECT 1 FROM households WHERE id IN ({_AMONG})
UNION ALL SELECT 1 FROM contacts WHERE id IN ({_AMONG})
UNION ALL SELECT 1 FROM sides WHERE ref IN ({_AMONG})
UNION ALL SELECT 1 FROM calls WHERE id IN ({_AMONG})
UNION ALL SELECT 1 FROM reports WHERE id IN ({_AMONG})
UNION ALL SELECT 1 FROM audit_heads WHERE chain IN ({_AMONG})
LIMIT 1
"""  # noqa: S608  # only our own :w0, :w1 are put in


# -- what they share ------------------------------------------------------------------------------------------------------


async def _note(tx: AsyncConnection, keeper: Gatekeeper, now: int, what: str, inspector: str, *, allow: bool) -> None:
    """One row in the platform's record for what no verb stands for."""
    verdict: Literal["allow", "deny"] = "allow" if allow else "deny"
    who = (inspector,) if inspector else ()
    await audit.append(tx, (PLATFORM,), audit.Entry(now, what, who, verdict, _RULES, keeper.rulebook.version))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


_NEW: Final = """
INSERT INTO inspectors (id, name, key_hash, added_at) VALUES (:id, :name, :hash, :now)
ON CONFLICT (name) DO NOTHING RETURNING id
"""
_GONE: Final = "UPDATE inspectors SET gone_at = :now WHERE name = :name AND gone_at IS NULL RETURNING id"
_BY_KEY: Final = "SELECT id, name, 0 FROM inspectors WHERE key_hash = :hash AND gone_at IS NULL"
_SIGNED_IN: Final = """
INSERT INTO inspector_sessions (token_hash, inspector_id, expires_at) VALUES (:token, :inspector, :until)
"""
_SIGNED_OUT: Final = "DELETE FROM inspector_sessions WHERE token_hash = :token RETURNING inspector_id"
_OF_COOKIE: Final = """
SELECT i.id, i.name, s.expires_at FROM inspector_sessions s JOIN inspectors i ON i.id = s.inspector_id
 WHERE s.token_hash = :token AND s.expires_at > :now AND i.gone_at IS NULL
"""
