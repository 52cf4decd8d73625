"""What does a decision cost, and what do its facts cost?

Yardsticks of the same run: a plain Python function that decides the same rings, held to the rulebook on 5,000 random ones first;
and the same facts read with the standard library's ``sqlite3`` on the loop, six statements, no engine and no thread between.

Decisions are CPU time of this process, the median of single ones; transactions wait for the disk and are wall-clock medians.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
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
    if {x.kind, y.kind} & {"nobody", "helper", "inspector"} or between.blocked:
        return False
    if not call.live or call.people > call.room:
        return False
    for person in (x, y):
        if not (person.active and person.consent):
            return False
        if person.acts and not (person.signed_in and person.paired):
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
    if (x.acts and between.watch_x != "free" and not between.watched_x) or (
        y.acts and between.watch_y != "free" and not between.watched_y
    ):
        return False
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


def _each(decide: Callable[[Reach], object], rings: Sequence[Reach]) -> float:
    """Median CPU microseconds of one decision, less those of looking at the clock."""
    clock = time.process_time_ns
    found, idle = [], []
    for ring in rings:
        start = clock()
        between = clock()
        decide(ring)
        end = clock()
        idle.append(between - start)
        found.append(end - between)
    return (statistics.median(found) - statistics.median(idle)) / 1e3


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
    number, rounds = (200, 3) if quick else (2_000, 7)
    cold = statistics.median(_each(load().decide, some_rings(number // 2)) for _ in range(rounds))
    for ring in some_rings(number):
        book.decide(ring)
    # built anew each time: nothing is the same object, as nothing is in a new transaction
    warm = statistics.median(_each(book.decide, some_rings(number)) for _ in range(rounds))
    yardstick = statistics.median(_each(plain, some_rings(number)) for _ in range(rounds))
    told = [
        _row("decision, remembered, p50", warm, "µs CPU", "plain function", yardstick),
        _row("decision, never asked before, p50", cold, "µs CPU", "plain function", yardstick),
    ]
    with tempfile.TemporaryDirectory() as folder:
        told += await _with_records(Path(folder), 60 if quick else 400)
    return told


async def _with_records(folder: Path, times: int) -> list[dict[str, Any]]:
    async with village(folder) as v:
        ref, seat = await v.ref("maya", "theo"), v.seat("maya")
        for child in ("maya", "theo"):
            await v.limit(child, quiet=(21 * 60, 7 * 60), minutes=240)

        async with v.db.read() as tx:

            async def load_facts() -> object:
                return await facts.by_refs(tx, "maya", [ref], session=seat.session, now=v.now)

            gathered = await facts.by_refs(tx, "maya", [ref], session=seat.session, now=v.now)
            assert len(gathered.people) == 2
            one_query = await micros_of(load_facts, times)

        by_hand = _by_hand(folder / "village.db", ref, times)  # before there are calls: of the same records as ours

        async def ring() -> None:
            assert isinstance(await v.calls.ring(seat, [ref], "video"), Permit)

        ringing = await micros_of(ring, times)
        durable = _durable_row(folder / "yardstick.db", times)
    return [
        _row("facts of a 1:1 ring, one statement", one_query, "µs", "sqlite3 on the loop, six statements", by_hand),
        _row(
            "a ring: facts, decisions, two audit rows, call, commit",
            ringing,
            "µs",
            "one durable sqlite3 insert",
            durable,
        ),
    ]


def _by_hand(file: Path, ref: str, times: int) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN")  # as ours: reads of one moment
    found = []
    for _ in range(times):
        start = time.perf_counter()
        (other,) = connection.execute(
            "SELECT other_id FROM sides WHERE viewer_id = 'maya' AND ref = ?", (ref,)
        ).fetchone()
        two = (other,)
        connection.execute(
            "SELECT p.kind, p.state, ch.age_group, ch.age_until, co.withdrawn_at, s.revoked_at, s.expires_at, d.unpaired_at,"
            " l.quiet_from, l.quiet_until, l.minutes_a_day, h.country, h.time_zone, t.since"
            " FROM people p JOIN households h ON h.id = p.household_id JOIN children ch ON ch.person_id = p.id"
            " JOIN consents co ON co.id = ch.consent_id"
            " JOIN sessions s ON s.person_id = p.id JOIN devices d ON d.id = s.device_id"
            " LEFT JOIN limits l ON l.child_id = p.id LEFT JOIN teen_leads t ON t.child_id = p.id AND t.ended_at IS NULL"
            " WHERE p.id IN ('maya', ?)",
            two,
        ).fetchall()
        connection.execute(
            "SELECT k.state, k.until, y.slot, y.voice, y.video, v.child_id, v.mode FROM contacts k"
            " JOIN yeses y ON y.contact_id = k.id LEFT JOIN supervisions v ON v.contact_id = k.id"
            " WHERE k.a_id = 'maya' AND k.b_id = ?",
            two,
        ).fetchall()
        connection.execute(
            "SELECT 1 FROM blocks WHERE (by_id = 'maya' AND of_id = ?1) OR (by_id = ?1 AND of_id = 'maya')", two
        ).fetchall()
        connection.execute(
            "SELECT person_id, came_at, left_at FROM call_people WHERE person_id IN ('maya', ?) AND came_at IS NOT NULL",
            two,
        ).fetchall()
        connection.execute(
            "SELECT 1 FROM guardianships WHERE guardian_id IN ('maya', ?1) AND child_id IN ('maya', ?1)", two
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
