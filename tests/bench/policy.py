"""What does a decision cost, and what do its facts cost?

Yardsticks of the same run: a plain Python function that decides the same ring, and the same facts read with the standard
library's ``sqlite3`` on the loop, three statements, no engine and no thread between.

All figures are CPU time of this process except the transactions, which wait for the disk and are wall-clock medians.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_args

from server import facts
from server.policy import Reach, Rulebook, Verb, load
from server.policy.facts import Band, Call, Contact, ContactState, Kind, Person, Supervision
from signalling.authority import Permit
from tests.village import village

KID = Person("child", "0-12", True, True, True, True, True, True, True, True)
FRIENDS = Contact("approved", True, True, True, False, False, 3, 3, "free", True, "free", True)
RING = Reach(Verb.RING, KID, KID, FRIENDS, Call(2, 8, True, True, "video"))
_GROWN_UPS = ("guardian", "trusted_adult")


def plain(q: Reach) -> bool:
    """The same ring decided by hand: what somebody would write without a rulebook. ``agrees`` holds it to the rulebook."""
    x, y, between, call = q.x, q.y, q.contact, q.call
    if x.kind == "nobody" or y.kind == "nobody" or between.blocked:
        return False
    if not call.live or call.people > call.room:
        return False
    for person in (x, y):
        if not (person.active and person.consent):
            return False
        if person.acts and not (person.signed_in and person.paired):
            return False
    if (x.acts and between.watch_x != "free" and not between.watched_x) or (
        y.acts and between.watch_y != "free" and not between.watched_y
    ):
        return False
    if x.kind == "child" or y.kind == "child":
        if between.state != "approved" or not (between.in_year and between.voice):
            return False
        if call.media == "video" and not between.video:
            return False
    elif not call.with_child:
        return False
    if between.own_guardian:
        return True
    for person, other in ((x, y), (y, x)):
        if person.kind == "child" and not (person.open_hours and person.minutes_left):
            return False
        sure = person.few_families and between.assurance >= between.assurance_needed
        if person.kind in _GROWN_UPS and other.kind == "child" and not sure:
            return False
    return True


def some_rings(number: int, seed: int = 3) -> list[Reach]:
    """Random rings, most facts of each on the safe side, so that both answers come often."""
    chance = random.Random(seed)

    def yes(of_ten: int = 9) -> bool:
        return chance.randrange(10) < of_ten

    def person() -> Person:
        kind = chance.choice(("child", "child", "child", *get_args(Kind)))
        return Person(kind, chance.choice(get_args(Band)), *(yes() for _ in range(8)))

    def contact() -> Contact:
        state = chance.choice(("approved",) * 12 + get_args(ContactState))
        watch_x, watch_y = (chance.choice(("free", *get_args(Supervision))) for _ in range(2))
        assurance = chance.randrange(4), chance.choice((1, 2, 3))
        return Contact(state, yes(), yes(), yes(), yes(1), yes(4), *assurance, watch_x, yes(), watch_y, yes())

    def call() -> Call:
        return Call(chance.randint(2, 4), chance.choice((3, 8)), yes(), yes(), chance.choice(("audio", "video")))

    return [Reach(Verb.RING, person(), person(), contact(), call()) for _ in range(number)]


def agrees(book: Rulebook, number: int = 5_000) -> None:
    """The yardstick is only one if it decides the same."""
    rings = some_rings(number)
    answers = [book.decide(ring).allowed for ring in rings]
    assert answers == [plain(ring) for ring in rings]
    assert number // 20 < sum(answers) < number * 19 // 20, "one answer hardly ever comes"


def micros(what: Callable[[], object], times: int, rounds: int = 7) -> float:
    """Median over rounds of the CPU microseconds of one run."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(times):
            what()
        found.append((time.process_time() - start) / times * 1e6)
    return statistics.median(found)


async def micros_of(what: Callable[[], Awaitable[object]], times: int) -> float:
    """Median wall-clock microseconds of one run."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        await what()
        found.append((time.perf_counter() - start) * 1e6)
    return statistics.median(found)


async def rows(quick: bool) -> list[dict[str, Any]]:
    """The rows of ``make bench``."""
    book = load()
    assert book.decide(RING)
    agrees(book)
    times = 2_000 if quick else 20_000
    yardstick = micros(lambda: plain(RING), times)
    told = [
        _row("decision, remembered", micros(lambda: book.decide(RING), times), "µs CPU", "plain function", yardstick)
    ]
    told.append(
        _row("decision, never asked before", _cold(100 if quick else 500), "µs CPU", "plain function", yardstick)
    )
    told.append(_row("1,000 live calls asked again", _thousand_calls(), "ms CPU", None, None))
    with tempfile.TemporaryDirectory() as folder:
        told += await _with_records(Path(folder), 60 if quick else 400)
    return told


def _cold(times: int) -> float:
    """Every question another one, the people among them too: nothing is remembered anywhere."""
    book = load()
    flags = list(product((False, True), repeat=5))
    questions = [
        Reach(Verb.RING, Person("child", "0-12", *x), Person("child", "0-12", *y), RING.contact, RING.call)
        for x, y in product(flags, repeat=2)
    ][:times]
    start = time.process_time()
    for question in questions:
        book.decide(question)
    return (time.process_time() - start) / len(questions) * 1e6


def _thousand_calls() -> float:
    """All questions of 1,000 one-to-one calls: both alone, and for both ordered pairs stay, seen and heard."""
    book = load()
    questions = [replace(RING, verb=verb) for verb in (Verb.STAY, Verb.BE_SEEN_BY, Verb.BE_HEARD_BY)] * 2
    start = time.process_time()
    for _ in range(1_000):
        for question in questions:
            book.decide(question)
    return (time.process_time() - start) * 1e3


async def _with_records(folder: Path, times: int) -> list[dict[str, Any]]:
    async with village(folder) as v:
        ref, seat = await v.ref("maya", "theo"), v.seat("maya")

        async with v.db.read() as tx:

            async def load_facts() -> object:
                return await facts.by_refs(tx, "maya", [ref], session=seat.session, now=v.now)

            gathered = await facts.by_refs(tx, "maya", [ref], session=seat.session, now=v.now)
            assert len(gathered.people) == 2
            one_query = await micros_of(load_facts, times)

        async def ring() -> None:
            assert isinstance(await v.calls.ring(seat, [ref], "video"), Permit)

        ringing = await micros_of(ring, times)
        by_hand = _by_hand(folder / "village.db", ref, times)
        durable = _durable_row(folder / "yardstick.db", times)
    return [
        _row("facts of a 1:1 ring, one statement", one_query, "µs", "sqlite3 on the loop, three statements", by_hand),
        _row(
            "a ring: facts, decisions, two audit rows, call, commit",
            ringing,
            "µs",
            "one durable sqlite3 insert",
            durable,
        ),
    ]


def _by_hand(file: Path, ref: str, times: int) -> float:
    connection = sqlite3.connect(file)
    found = []
    for _ in range(times):
        start = time.perf_counter()
        (other,) = connection.execute(
            "SELECT other_id FROM sides WHERE viewer_id = 'maya' AND ref = ?", (ref,)
        ).fetchone()
        connection.execute(
            "SELECT p.kind, p.state, ch.age_group, ch.age_until, co.withdrawn_at, s.revoked_at, s.expires_at, d.unpaired_at"
            " FROM people p JOIN children ch ON ch.person_id = p.id JOIN consents co ON co.id = ch.consent_id"
            " JOIN sessions s ON s.person_id = p.id JOIN devices d ON d.id = s.device_id WHERE p.id IN ('maya', ?)",
            (other,),
        ).fetchall()
        connection.execute(
            "SELECT k.state, k.until, y.voice, y.video FROM contacts k JOIN yeses y ON y.contact_id = k.id"
            " WHERE k.a_id = 'maya' AND k.b_id = ?",
            (other,),
        ).fetchall()
        found.append((time.perf_counter() - start) * 1e6)
    connection.close()
    return statistics.median(found)


def _durable_row(file: Path, times: int) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (x)")
    found = []
    for number in range(times):
        start = time.perf_counter()
        connection.execute("INSERT INTO t VALUES (?)", (number,))
        found.append((time.perf_counter() - start) * 1e6)
    connection.close()
    return statistics.median(found)


def _row(name: str, value: float, unit: str, yardstick: str | None, at: float | None) -> dict[str, Any]:
    told = f"{yardstick}: {at:.3g}" if yardstick and at else None
    return {"name": name, "value": value, "unit": unit, "yardstick": told, "ratio": value / at if at else None}
