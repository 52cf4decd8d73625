"""Families as rows, for tests of what stands below the services: facts, gatekeeper, audit, calls.

Everybody here is made up. The services that make such rows in real life have tests of their own; this only puts the
village in a state and changes one fact at a time.
"""

from __future__ import annotations

import copy
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event

from server import chains
from server.accounts import Kind, SignedIn
from server.calls import Calls
from server.db.session import Database, Row, rows
from server.gatekeeper import Gatekeeper
from server.policy import load
from signalling.authority import Seat
from tests.databases import Mould, make_tables

FILE = "village.db"
YEAR = 365 * 24 * 3_600_000
START = 1_795_000_000_000


@dataclass
class Village:
    db: Database
    keeper: Gatekeeper
    now: int = START
    household_of: dict[str, str] = field(default_factory=dict)
    guardian_of: dict[str, str] = field(default_factory=dict)
    kind: dict[str, Kind] = field(default_factory=dict)
    session_of: dict[str, str] = field(default_factory=dict)
    device_of: dict[str, str] = field(default_factory=dict)
    contact_of: dict[frozenset[str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.calls = Calls(self.db, self.keeper, lambda: self.now)

    async def do(self, sql: str, **params: Any) -> list[Row]:
        async with self.db.begin() as tx:
            return list(await rows(tx, sql, **params))

    async def put(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        await self.do(f"INSERT INTO {table} ({names}) VALUES ({marks})", **values)

    async def family(self, guardian: str, *children: str, kind: Kind = "guardian") -> None:
        household = f"house-{guardian}"
        await self.put("households", id=household, country="GB", time_zone="Europe/London", created_at=START)
        await self._person(guardian, household, kind)
        for child in children:
            await self.child(guardian, child)

    async def child(self, guardian: str, child: str, group: str | None = "9-12") -> None:
        household = self.household_of[guardian]
        await self.put(
            "consents", id=f"yes-{child}", household_id=household, guardian_id=guardian, method="password",
            version="2026-11", given_at=START, withdrawn_at=None,
        )  # fmt: skip
        await self._person(child, household, "child")
        await self.put(
            "children", person_id=child, household_id=household, consent_id=f"yes-{child}", age_group=group,
            age_method="guardian_attested", age_until=START + YEAR,
        )  # fmt: skip
        await self.put("guardianships", guardian_id=guardian, child_id=child)
        self.guardian_of[child] = guardian
        device = f"device-{child}"
        await self.put(
            "devices", id=device, person_id=child, label="Chromium on Linux", paired_at=START, last_used_on="2026-11-22"
        )
        self.device_of[child] = device
        await self.do("UPDATE sessions SET device_id = :device WHERE person_id = :child", device=device, child=child)

    async def _person(self, person: str, household: str, kind: Kind) -> None:
        await self.put(
            "people", id=person, household_id=household, kind=kind, name=person.title(), avatar=1, ground=1,
            pseudonym=f"p-{person}", state="active", created_at=START,
        )  # fmt: skip
        self.household_of[person], self.kind[person] = household, kind
        if kind != "child":
            await self.put(
                "accounts",
                person_id=person,
                email=f"{person}@example.org",
                password_hash="-",
                assurance="self_declared",
            )
        session = f"session-{person}"
        await self.put(
            "sessions", id=session, person_id=person, device_id=None, token_hash=hashlib.sha256(session.encode()).digest(),
            label="Chromium on Linux", created_at=START, last_used_on="2026-11-22", expires_at=START + 5 * YEAR,
        )  # fmt: skip
        self.session_of[person] = session

    async def contact(
        self, a: str, b: str, *, voice: bool = True, video: bool = True, state: str = "approved", yeses: int = 9
    ) -> str:
        """A contact with its yeses and sides. ``a`` is a child. ``yeses``: at most so many of them are there."""
        contact = f"contact-{secrets.token_hex(6)}"
        self.contact_of[frozenset((a, b))] = contact
        await self.put(
            "contacts", id=contact, a_id=a, b_id=b, pair=":".join(sorted((a, b))), state=state, opened_by="code",
            created_at=self.now, decide_by=self.now + 14 * 24 * 3_600_000, approved_at=self.now, until=self.now + YEAR,
        )  # fmt: skip
        slots = {"a": a, "guardian_a": self.guardian_of[a], "b": b}
        if b in self.guardian_of:
            slots["guardian_b"] = self.guardian_of[b]
        for slot, person in list(slots.items())[:yeses]:
            await self.put(
                "yeses", contact_id=contact, slot=slot, person_id=person, voice=voice, video=video, said_at=self.now
            )
        if b not in self.guardian_of and yeses > 1:
            await self.put("vouches", contact_id=contact, guardian_id=self.guardian_of[a], at=self.now)
        for viewer, other in ((a, b), (b, a)):
            await self.put(
                "sides", contact_id=contact, viewer_id=viewer, other_id=other, ref=f"k_{secrets.token_hex(8)}",
                name=f"{other.title()} for {viewer.title()}", avatar=1, ground=1,
            )  # fmt: skip
        return contact

    async def end_contact(self, a: str, b: str, state: str = "ended") -> None:
        await self.do(
            "UPDATE contacts SET state = :state WHERE id = :id", state=state, id=self.contact_of[frozenset((a, b))]
        )

    async def withdraw(self, child: str) -> None:
        await self.do("UPDATE consents SET withdrawn_at = :now WHERE id = :id", now=self.now, id=f"yes-{child}")

    # -- what the rulebook knows beside the contact itself; each says all there is to say, again ------------------------

    async def limit(self, child: str, *, quiet: tuple[int, int] | None = None, minutes: int | None = None) -> None:
        await self.do("DELETE FROM limits WHERE child_id = :child", child=child)
        begin, end = quiet or (None, None)
        await self.put(
            "limits", child_id=child, quiet_from=begin, quiet_until=end, minutes_a_day=minutes, stage_on=False,
            set_at=self.now,
        )  # fmt: skip

    async def supervise(self, child: str, other: str, mode: str | None) -> None:
        contact = self.contact_of[frozenset((child, other))]
        await self.do("DELETE FROM supervisions WHERE contact_id = :k AND child_id = :c", k=contact, c=child)
        if mode:
            await self.put("supervisions", contact_id=contact, child_id=child, mode=mode)

    async def call_yes(self, child: str, other: str, kind: str, until: int, state: str = "given") -> str:
        """A yes for one call with this contact (``ask``), or a grown-up's being there (``present``)."""
        made = f"cy-{secrets.token_hex(6)}"
        await self.put(
            "call_yeses", id=made, contact_id=self.contact_of[frozenset((child, other))], child_id=child,
            guardian_id=self.guardian_of[child], kind=kind, state=state, call_id=None, at=self.now, until=until,
        )  # fmt: skip
        return made

    async def vouch(self, child: str, other: str, guardian: str | None) -> None:
        contact = self.contact_of[frozenset((child, other))]
        await self.do("DELETE FROM vouches WHERE contact_id = :k", k=contact)
        if guardian:
            await self.put("vouches", contact_id=contact, guardian_id=guardian, at=self.now)

    async def block(self, by: str, of: str, on: bool = True) -> None:
        await self.do("DELETE FROM blocks WHERE by_id = :by AND of_id = :of", by=by, of=of)
        if on:
            await self.put("blocks", by_id=by, of_id=of, at=self.now)

    async def lead(self, child: str, on: bool = True) -> None:
        await self.do("DELETE FROM teen_leads WHERE child_id = :child", child=child)
        if on:
            await self.put("teen_leads", child_id=child, since=self.now)

    async def looked_at(self, grown_up: str, families: int) -> None:
        """A helper has looked at this grown-up: so many families are fine."""
        await self.do("DELETE FROM reviews WHERE person_id = :person", person=grown_up)
        await self.put("reviews", person_id=grown_up, families=families, at=self.now)

    async def shift(self, until: int) -> None:
        await self.put("shifts", id=f"sh-{secrets.token_hex(6)}", until=until)

    async def ref(self, viewer: str, other: str) -> str:
        found = await self.do(
            "SELECT ref FROM sides WHERE viewer_id = :v AND contact_id = :c",
            v=viewer,
            c=self.contact_of[frozenset((viewer, other))],
        )
        return str(found[0][0])

    def seat(self, person: str) -> Seat:
        return Seat(person, self.session_of[person], self.device_of.get(person, ""))

    def signed_in(self, person: str) -> SignedIn:
        return SignedIn(
            person,
            self.session_of[person],
            self.device_of.get(person, ""),
            self.kind[person],
            self.household_of[person],
        )

    async def overhear(self) -> list[str]:
        """Every statement that whoever writes sends to the database from now on; on SQLite with its values."""
        seen: list[str] = []
        if self.db.kind == "sqlite":
            async with (
                self.db.begin() as tx
            ):  # there is one writer, so this is the connection that every change goes through
                driver: Any = (await tx.get_raw_connection()).driver_connection
                await driver.set_trace_callback(seen.append)
        else:
            event.listen(self.db._writer.sync_engine, "before_cursor_execute", lambda *its: seen.append(its[2]))
        return seen

    async def last_audit(self, chain: str) -> Row:
        """The newest row of a chain; ``own()`` is that of a person."""
        return (
            await self.do(
                "SELECT question, who, verdict, rules, rulebook FROM audit WHERE chain = :c ORDER BY seq DESC LIMIT 1",
                c=chain,
            )
        )[0]


def own(person: str) -> str:
    """The name of this person's own chain."""
    return chains.of_person(f"p-{person}")


async def five_families(there: Village) -> None:
    """Maya and Theo are friends, Gran is Maya's; Ada is Theo's friend but not Maya's; Kit is a stranger to all."""
    await there.family("sam", "maya")
    await there.family("femi", "theo")
    await there.family("bea", "ada")
    await there.family("alex", "kit")
    await there.family("gran", kind="trusted_adult")
    await there.contact("maya", "theo")
    await there.contact("maya", "gran")
    await there.contact("theo", "ada")
    await there.contact("maya", "sam")


@asynccontextmanager
async def village(
    folder: Path, settle: Callable[[Village], Awaitable[None]] = five_families, keeper: Gatekeeper | None = None
) -> AsyncIterator[Village]:
    """A village in which ``settle`` has happened."""
    mould, known = _BUILT.setdefault(settle, (Mould(), {}))

    async def build(url: str) -> None:
        known.update(await _build(url, settle))

    db = await Database.open(await mould.pour(folder / FILE, build))
    there = Village(db, keeper or Gatekeeper(_RULEBOOK), **copy.deepcopy(known))
    try:
        yield there
    finally:
        await db.close()


_RULEBOOK = load()
#: the rows of a village, and who is who in them
_BUILT: dict[Callable[[Village], Awaitable[None]], tuple[Mould, dict[str, Any]]] = {}


async def _build(url: str, settle: Callable[[Village], Awaitable[None]]) -> dict[str, Any]:
    await make_tables(url)
    db = await Database.open(url)
    there = Village(db, Gatekeeper(_RULEBOOK))
    await settle(there)
    await db.close()
    kept = ("household_of", "guardian_of", "kind", "session_of", "device_of", "contact_of")
    return {name: getattr(there, name) for name in kept}
