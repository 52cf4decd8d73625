"""What a house promises about time, played so much later (``aged.py``).

Each time is a server of its own, opened on a copy of the same records and shared by the stories (``years.py``). What must still be so is
the control, on a copy that is a little younger, or in the same house for what is not over.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from server import retention
from server.db.models import metadata
from server.inspection.adapter import CouldNotSee
from server.inspection.aged import DAY, HOUR, Aged
from server.inspection.own import FreshServer, Line, said_no
from server.inspection.own.fresh_server import DATABASE
from server.inspection.own.home import or_not_shown
from server.inspection.scenarios.years import House, There, for_this, house, rings
from server.inspection.stage import Scenario, Stage

BEFORE_A_MONTH, AFTER_A_MONTH = 29 * DAY, 31 * DAY
AFTER_A_YEAR: Final = 373 * DAY  # and the week for which a sign-in is kept after its end


def _now() -> int:
    return time.time_ns() // 1_000_000


def _of(stage: Stage, there: There, *names: str) -> None:
    """The rows that this story leaves in that house are its rows."""
    for name in names:
        stage.recorded(lambda since, name=name: asyncio.to_thread(there.server.rows_about, name, since))  # type: ignore[misc]


def days(ms: int) -> str:
    return f"{ms // DAY} days"


# -- a year -----------------------------------------------------------------------------------------------------------------


async def a_year(stage: Stage) -> None:
    old = await house(stage)
    younger, there = await asyncio.gather(old.after(BEFORE_A_MONTH), old.after(AFTER_A_YEAR))
    maya, theo = younger.again(old.maya.child), younger.again(old.theo.child)
    await asyncio.gather(or_not_shown(maya.connect()), or_not_shown(theo.connect()))
    code, rang = await rings(maya, theo, old.refs[0])
    stage.control(
        f"{days(BEFORE_A_MONTH)} after all have said yes a child rings the friend.",
        "It rang." if rang else f"It did not ring ({code}).",
        rang,
    )
    _of(stage, there, old.maya.name, old.theo.name)
    since = _now()
    sam, femi = await asyncio.gather(there.signs_in(old.maya), there.signs_in(old.theo))
    maya, theo = await asyncio.gather(there.pairs(old.maya, sam), there.pairs(old.theo, femi))
    await asyncio.gather(or_not_shown(maya.connect()), or_not_shown(theo.connect()))
    for who, one, other, ref in (
        ("A child", maya, theo, old.refs[0]),
        ("The friend", theo, maya, old.refs[1]),
    ):
        code, rang = await rings(one, other, ref)
        rules = await asyncio.to_thread(there.why, old.maya.name, "ring", since)
        seen = "It rang." if rang else f"Refused ({code}) by the rules {', '.join(sorted(rules))}; nothing rang."
        stage.attack(
            f"{who} rings when the yes is older than a year.", seen, for_this(not rang and bool(code), rules >= PAST)
        )
    for what, line, path in (
        ("The child's page", maya, "/api/child/home"),
        ("The grown-up's page", sam, f"/api/children/{old.maya.child_id}/contacts"),
    ):
        told = await or_not_shown(line.get(path))
        people = told["people"] if isinstance(told, dict) else told
        on = [one for one in people if one["name"] == old.theo.name]
        stage.attack(f"{what} is looked at.", "The friend stands on it." if on else "The friend is not on it.", not on)
    await _all_asked_again(stage, old, maya, theo, sam, femi)


#: The rule that says no when nothing but the year is over.
PAST: Final = {"contact-past-its-year"}


async def _all_asked_again(stage: Stage, old: House, maya: Line, theo: Line, sam: Line, femi: Line) -> None:
    words = (await maya.post("/api/child/friend-code"))["words"]
    await theo.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
    (ask,) = [one for one in (await maya.get("/api/child/home"))["asks"] if one["waiting_for_me"]]
    await maya.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True, "how_known": "class"})
    asked = []
    for guardian in (sam, femi):
        decisions = await guardian.get("/api/decisions")
        asked.append(len(decisions))
        if guardian is femi:
            code, rang = await rings(maya, theo, old.refs[0])
            stage.attack(
                "Three of four have said yes again, and the child rings by what they knew of the friend.",
                "It rang." if rang else f"Refused ({code}); nothing rang.",
                not rang and bool(code),
            )
        for one in decisions:
            await guardian.post(f"/api/decisions/{one['id']}", {"answer": "camera", "how_known": "met"})
    knows = (await maya.get("/api/child/home"))["people"]
    if not knows:
        stage.control("All four are asked again and say yes.", "The friend is not on the child's page.", False)
    code, rang = await rings(maya, theo, str(knows[-1]["ref"]))
    stage.control(
        "All four are asked again and say yes.",
        f"{sum(asked)} grown-ups were asked. " + ("It rings." if rang else f"It does not ring ({code})."),
        rang and asked == [1, 1],
    )


# -- an age that nobody said again ------------------------------------------------------------------------------------------


LEADS: Final = {"lead": True, "read": True}
TOO_YOUNG: Final = {"not-old-enough-to-lead"}


async def old_age(stage: Stage) -> None:
    """At seventeen one may take the lead of one's own account, and switch a stage on; the youngest may neither."""
    old = await house(stage)
    younger, there = await asyncio.gather(old.after(BEFORE_A_MONTH), old.after(AFTER_A_YEAR))
    zoe = younger.again(old.zoe.child)
    for what, path, body in POWERS:
        code = said_no(await zoe.call("POST", path, body))
        stage.control(
            f"{days(BEFORE_A_MONTH)} after a grown-up has said that a child is 16 or 17, they {what}.",
            f"Refused ({code})." if code else "They may.",
            not code,
        )
    _of(stage, there, old.zoe.name)
    since = _now()
    guardian = await there.signs_in(old.zoe)
    zoe = await there.pairs(old.zoe, guardian)
    for what, path, body in POWERS:
        code = said_no(await zoe.call("POST", path, body))
        stage.attack(
            f"Nobody has said the age again within a year, and they {what}.",
            f"Refused ({code})." if code else "They may.",
            bool(code),
        )
    rules = await asyncio.to_thread(there.why, old.zoe.name, "lead_myself", since)
    stage.attack(
        "The house takes an age of a year ago for the age of today.",
        f"It refused by the rules {', '.join(sorted(rules))}." if rules else "It wrote down no reason.",
        for_this(True, rules >= TOO_YOUNG),  # that it refused was seen above
    )
    said = await guardian.call("POST", f"/api/children/{old.zoe.child_id}/age-group", {"group": "16-17"})
    codes = [said_no(said), *[said_no(await zoe.call("POST", path, body)) for _, path, body in POWERS]]
    stage.control(
        "A grown-up says the age again, and they do both.",
        "They may." if not any(codes) else f"Refused ({', '.join(filter(None, codes))}).",
        not any(codes),
    )


POWERS: Final[tuple[tuple[str, str, Mapping[str, bool]], ...]] = (
    ("take the lead of their account", "/api/child/lead", LEADS),
    ("switch a stage on", "/api/child/stage", {"on": True}),
)


# -- thirty days, and everything else that has an end -----------------------------------------------------------------------


async def thirty_days(stage: Stage) -> None:
    old = await house(stage)
    younger, there = await asyncio.gather(old.after(BEFORE_A_MONTH), old.after(AFTER_A_MONTH))
    path = f"/api/history?child={old.maya.child_id}"
    known = await or_not_shown(younger.again(old.maya.guardian).get(path))
    kept = await _kept(younger.server, old.other_call)
    stage.control(
        f"{days(BEFORE_A_MONTH)} after two calls a grown-up looks at the child's calls.",
        f"{len(known)} are shown, and {kept} rows about one of them are on the disk.",
        len(known) == 2 and kept > 0,
    )
    _of(stage, there, old.maya.name)
    sam = await there.signs_in(old.maya)
    shown = await or_not_shown(sam.get(path))
    stage.attack(
        f"{days(AFTER_A_MONTH)} after them a grown-up looks at the child's calls.",
        f"{len(shown)} are shown.",
        not shown,
    )
    help_ = await or_not_shown(there.again(old.maya.child).get("/api/child/reports"))
    stage.attack(
        "The child looks in Help for calls to point at.", f"{len(help_['calls'])} are shown.", not help_["calls"]
    )
    await asyncio.gather(younger.server.tidied(), there.server.tidied())
    left = await _kept(there.server, old.other_call)
    stage.attack("The tables are searched for a call that nobody has told us of.", f"{left} rows are left.", not left)
    held = await _kept(younger.server, old.other_call)
    stage.control(
        f"The house of {days(BEFORE_A_MONTH)} has tidied up too; it is searched for the same.",
        f"{held} rows are there.",
        held == kept,
    )
    await there.server.shut()  # its file is whole only then, and no other story speaks to it
    raw = await asyncio.to_thread(_traces, there.server.data, old.other_call)
    before = await asyncio.to_thread(_traces, old.snapshot, old.other_call)
    stage.attack(
        f"The files themselves are searched, byte by byte, for the name of that call; in the copy of then it stands {before} times.",
        f"It stands {raw} times.",
        not raw and before > 0,
    )


async def _kept(server: FreshServer, call: str) -> int:
    sql = "SELECT (SELECT count(*) FROM calls WHERE id = ?) + (SELECT count(*) FROM call_people WHERE call_id = ?)"
    return int((await asyncio.to_thread(server.read, sql, call, call))[0][0])


def _traces(folder: Path, call: str) -> int:
    return sum(one.read_bytes().count(call.encode()) for one in folder.iterdir() if one.is_file())


#: Marks that a report which nobody has closed holds.
HELD: Final = "id IN (SELECT e.mark_id FROM evidence e JOIN reports r ON r.id = e.report_id WHERE r.state = 'open')"
#: What goes: of which table, which rows, and the times at which they must still be there (0: when the records were copied) and must be
#: gone. The comments of server/db/models.py are the promise; server/retention.py has the list, and a table that is on it and not here
#: makes this story "could not be shown".
GOES: Final[tuple[tuple[str, str, int, int], ...]] = (
    ("tickets", "TRUE", 0, BEFORE_A_MONTH),
    ("pairings", "TRUE", 0, BEFORE_A_MONTH),
    ("introductions", "TRUE", 0, BEFORE_A_MONTH),
    ("sessions", "revoked_at IS NOT NULL", 0, BEFORE_A_MONTH),
    ("sessions", "revoked_at IS NULL", BEFORE_A_MONTH, AFTER_A_YEAR),
    ("call_yeses", "TRUE", 0, BEFORE_A_MONTH),
    ("comparisons", "TRUE", 0, BEFORE_A_MONTH),
    ("picture_tries", "TRUE", 0, BEFORE_A_MONTH),
    ("shifts", "TRUE", 0, BEFORE_A_MONTH),
    ("inspector_sessions", "TRUE", 0, BEFORE_A_MONTH),
    ("notices", "done_at IS NOT NULL", 0, BEFORE_A_MONTH),
    ("rosters", "contact_id IN (SELECT id FROM contacts WHERE ended_at IS NOT NULL)", 0, BEFORE_A_MONTH),
    ("known_keys", "contact_id IN (SELECT id FROM contacts WHERE ended_at IS NOT NULL)", 0, BEFORE_A_MONTH),
    ("devices", "unpaired_at IS NOT NULL", BEFORE_A_MONTH, AFTER_A_MONTH),
    ("calls", "TRUE", BEFORE_A_MONTH, AFTER_A_MONTH),
    ("reports", "state = 'closed'", BEFORE_A_MONTH, AFTER_A_MONTH),
    ("reports", "state = 'taken'", AFTER_A_MONTH, AFTER_A_YEAR),
    ("marks", f"NOT ({HELD})", BEFORE_A_MONTH, AFTER_A_MONTH),
    ("mark_asks", "TRUE", BEFORE_A_MONTH, AFTER_A_MONTH),
    ("helpers", "gone_at IS NOT NULL", AFTER_A_MONTH, AFTER_A_YEAR),
    ("inspectors", "gone_at IS NOT NULL", AFTER_A_MONTH, AFTER_A_YEAR),
    ("contacts", "ended_at IS NOT NULL", AFTER_A_MONTH, AFTER_A_YEAR),
    ("blocks", "TRUE", AFTER_A_MONTH, AFTER_A_YEAR),
)
#: What has no end of its own, or whose end has not come.
STAYS: Final[tuple[tuple[str, str], ...]] = (
    ("people", "TRUE"),
    ("consents", "TRUE"),
    ("devices", "unpaired_at IS NULL"),
    ("reports", "state = 'open'"),
    ("marks", HELD),
    ("audit", "TRUE"),
)


async def everything_goes(stage: Stage) -> None:
    old = await house(stage)
    known, listed = {table for table, *_ in GOES}, {table.name for table, _ in retention.over(_now())}
    if known != listed:
        raise CouldNotSee(f"What goes, and when, is not known here of {', '.join(sorted(known ^ listed))}.")
    times = (BEFORE_A_MONTH, AFTER_A_MONTH, AFTER_A_YEAR)
    houses = dict(zip(times, await asyncio.gather(*(old.after(one) for one in times)), strict=True))
    await asyncio.gather(*(there.server.tidied() for there in houses.values()))
    folders = {0: old.snapshot} | {ms: there.server.data for ms, there in houses.items()}
    for table, which, there_at, gone_at in GOES:
        ours = await asyncio.to_thread(_keys, old.snapshot, table, which)
        kept = ours & await asyncio.to_thread(_keys, folders[there_at], table)
        when = f"after {days(there_at)}" if there_at else "at the beginning"
        what = f"{table} ({which})" if which != "TRUE" else table
        stage.control(
            f"Rows of {what} are looked for {when}.",
            f"{len(kept)} of {len(ours)} are there.",
            bool(ours) and kept == ours,
        )
        left = ours & await asyncio.to_thread(_keys, folders[gone_at], table)
        stage.attack(
            f"Their time is over: they are looked for after {days(gone_at)}.",
            f"{len(left)} are left." if left else "None is left.",
            not left,
        )
    for table, which in STAYS:
        ours = await asyncio.to_thread(_keys, old.snapshot, table, which)
        kept = ours & await asyncio.to_thread(_keys, folders[AFTER_A_YEAR], table)
        stage.control(
            f"What is not over stays: rows of {table} are looked for after {days(AFTER_A_YEAR)}.",
            f"{len(kept)} of {len(ours)} are there.",
            bool(ours) and kept == ours,
        )


def _keys(folder: Path, table: str, which: str = "TRUE") -> set[tuple[Any, ...]]:
    """The rows of this table that are so, by their keys."""
    key = ", ".join(column.name for column in metadata.tables[table].primary_key)
    with contextlib.closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True, timeout=10)) as db:
        return set(db.execute(f"SELECT {key} FROM {table} WHERE {which}"))  # noqa: S608 - all of it our own text


# -- nobody has looked ------------------------------------------------------------------------------------------------------


LATE: Final = "past their 48 hours and nobody has looked"


async def nobody_looked(stage: Stage) -> None:
    """A child has told us and no helper has looked. By the command that helpers have, on the records alone; and by the log of a house."""
    old = await house(stage)
    for hours in (47, 49):
        records = Aged(old.server, old.snapshot, hours * HOUR)
        try:
            await records.move_in()
            status, said = await records.types("reports", "list", "--helper", str(old.keys["Ada"]))
        finally:
            await records.close()
        (line,) = [one for one in said.splitlines() if one.startswith(old.report)] or ["It is not on the list."]
        tried = f"{hours} hours after a child has told us a helper asks for the reports."
        seen = f"{line.partition('recorded')[0].replace(old.report, '').strip()} (exit status {status})"
        if hours < 48:
            stage.control(tried, seen, status == 0 and "look by" in line)
        else:
            stage.attack(
                f"{tried} It is told as if there were time.",
                seen,
                False if "look by" in line else for_this(True, status == 1 and "OVERDUE by 1 h" in line),
            )
    there = await old.after(BEFORE_A_MONTH)
    await there.server.tidied()
    quiet = LATE not in old.server.errors()
    stage.control(
        "The log of the house in which the child has just told us is read.",
        "It says nothing of it." if quiet else "It says that nobody has looked.",
        quiet,
    )
    loud = [one for one in there.server.errors().splitlines() if LATE in one]
    stage.attack(
        f"In the house {days(BEFORE_A_MONTH)} later nobody has looked, and nobody is told.",
        f"Its log says {len(loud)} times that nobody has looked." if loud else "Its log says nothing of it.",
        bool(loud) and " ERROR " in loud[0],
    )
    ada = ("--helper", str(old.keys["Ada"]))
    await there.server.types("reports", "take", old.report, *ada)
    _, said = await there.server.types("reports", "list", *ada)
    line = next((one for one in said.splitlines() if one.startswith(old.report)), "")
    done = "taken" in line and "OVERDUE" not in line
    stage.control("A helper looks.", "It is not overdue any more." if done else "It is overdue all the same.", done)


SCENARIOS: Final = (
    Scenario("a-year", "Calling on when the year is over", ("a-year",), a_year, 120, waits=True),
    Scenario("old-age", "An age that nobody said again", ("unknown-age-is-youngest",), old_age, 120, waits=True),
    Scenario("thirty-days", "Calls of a month ago", ("thirty-days",), thirty_days, 200, waits=True),
    Scenario(
        "everything-goes", "What is kept longer than it was said", ("retention",), everything_goes, 200, waits=True
    ),
    Scenario("nobody-looked", "A report that nobody looks at", ("a-helper-looks",), nobody_looked, 200, waits=True),
)
