"""What is looked at on the disk and in the process of a server: what helpers' commands tell, and whether a house that is not safe opens.

Only on a server of our own, with the house that ``years.py`` has furnished, or a copy of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from server.inspection.adapter import CouldNotSee
from server.inspection.aged import Aged, copied
from server.inspection.own import Line, Ringfence
from server.inspection.own.fresh_server import DATABASE
from server.inspection.scenarios.years import There, for_this, house
from server.inspection.stage import Scenario, Stage

# -- two helpers ------------------------------------------------------------------------------------------------------------


async def two_helpers(stage: Stage) -> None:
    old = await house(stage)
    server = old.server
    stage.families += old.families
    people = dict(await asyncio.to_thread(server.read, "SELECT name, pseudonym FROM people"))
    names, pseudonyms = set(people), set(people.values())
    ada, ben = (("--helper", str(old.keys[name])) for name in ("Ada", "Ben"))
    nobody = server.file("helper-nobody")
    nobody.write_text("helper_0123456789abcdef.0123456789abcdef0123456789abcdef")

    def told(said: str, of: set[str]) -> set[str]:
        return {one for one in of if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", said)}

    async def types(tried: str, *what: str) -> None:
        """An attack: a clear no in one sentence, and nobody's pseudonym or name in it."""
        status, said = await server.types(*what)
        learnt = told(said, names | pseudonyms)
        seen = f"{said.splitlines()[-1] if said else 'Nothing was said.'} (exit status {status})"
        clear = status == 1 and len(said.splitlines()) == 1
        stage.attack(tried, "They were told who." if learnt else seen, False if learnt or not status else clear or None)

    case = ("--case", old.report, "--why", "report")
    status, said = await server.types("marks", "ask", old.mark, *case, *ada)
    found = re.search(r"a_[\w-]+", said)
    learnt = told(said, names | pseudonyms)
    stage.attack(
        "One helper alone asks whose copy a recording is, in an open case.",
        "They were told who." if learnt else f"They were told {said.splitlines()[-1] if said else 'nothing'!r}.",
        False if learnt else (status == 0 and found is not None) or None,
    )
    ask = found[0] if found else "a_none"
    await types("The same helper agrees, too.", "marks", "agree", ask, *ada)
    await types("Somebody with a key that was made up agrees.", "marks", "agree", ask, "--helper", str(nobody))
    await types("A helper agrees to what nobody has asked.", "marks", "agree", "a_0123456789abcdef", *ben)
    await types(
        "A helper asks without a case.",
        "marks",
        "ask",
        old.mark,
        "--case",
        "r_0123456789abcdef",
        "--why",
        "report",
        *ada,
    )
    _, said = await server.types("marks", "ask", f"{int(old.mark, 16) ^ 1:08x}", *case, *ada)
    never = (re.search(r"a_[\w-]+", said) or ["a_none"])[0]
    await types("Two helpers ask about a code that stood in no copy.", "marks", "agree", never, *ben)

    since = time.time_ns() // 1_000_000
    status, said = await server.types("marks", "agree", ask, *ben)
    whose = {people[old.maya.name], people[old.theo.name]}
    right = status == 0 and told(said, pseudonyms) == whose
    stage.control(
        "A second helper agrees.",
        "They are told two pseudonyms, of who sent it and whose copy it was." if right else f"Exit status {status}.",
        right,
    )
    stage.attack(
        f"What they were told is searched for the names of {len(names)} people.",
        f"{len(told(said, names))} stand in it.",
        not told(said, names),
    )
    await types("They are told once more.", "marks", "agree", ask, *ben)
    rows = await asyncio.to_thread(
        server.read, "SELECT verdict, who FROM audit WHERE question = 'resolve_mark' AND at >= ? ORDER BY seq", since
    )
    kept = [who for verdict, who in rows if verdict == "allow"]
    stage.attack(
        "Whose copy it was is told without a row in the record.",
        f"{len(kept)} row, with {len(json.loads(kept[0]))} pseudonyms." if kept else "There is no row.",
        len(kept) == 1 and whose <= set(json.loads(kept[0])),
    )


# -- it fails closed --------------------------------------------------------------------------------------------------------

#: Settings that production refuses, and a word of the sentence with which it does.
UNSAFE: Final[tuple[tuple[str, Mapping[str, str | None], str], ...]] = (
    ("pages that are not https", {"RINGFENCE_ORIGIN": "http://localhost:8080"}, "https"),
    ("nobody who answers for it", {"RINGFENCE_ACCOUNTABLE_PERSON": None}, "RINGFENCE_ACCOUNTABLE_PERSON"),
    ("the demo's open doors", {"RINGFENCE_DEMO_ON_NETWORK": "yes"}, "RINGFENCE_DEMO_ON_NETWORK"),
    ("a guard that is misspelt", {"RINGFENCE_CERTIFICAT_KEY": "key.pem"}, "RINGFENCE_CERTIFICAT_KEY"),
)


async def fails_closed(stage: Stage) -> None:
    old = await house(stage)
    own = Aged(old.server, old.snapshot, 0)
    there = There(own, Ringfence(own))
    try:
        await own.open()
        line = there.platform.line(there.platform.new_home())
        guards = await _guards(line)
        stage.control(
            "A house with the settings of production opens.",
            f"It is well: {len(guards)} guards are effective." if all(guards.values()) else f"{guards}",
            len(guards) > 4 and all(guards.values()),
        )
        await _unknown_is_no(stage, line, own.key)
        another = own.file("another")  # where everything is as it must be, but for the settings
        await asyncio.to_thread(copied, old.snapshot, another)
        for what, settings, word in UNSAFE:
            opened, said = await own.would_open(RINGFENCE_DATA=str(another), RINGFENCE_PORT="0", **settings)
            stage.attack(
                f"It is started with {what}.",
                "It opened its doors." if opened else f"It did not open: {said.splitlines()[-1] if said else ''}",
                for_this(not opened, word in said),
            )
        await asyncio.to_thread(_break, own.data, "UPDATE audit_heads SET hash = zeroblob(32) WHERE chain = 'platform'")
        red = await _red(line)
        stage.attack(
            "Somebody changes the record behind its back, and it goes on as if it were well.",
            f"Its health page turns red: {', '.join(red)}." if red else "Its health page stays green.",
            "audit" in red,
        )
        await own.shut()
        opened, said = await own.would_open()
        stage.attack(
            "It is started again like that.",
            "It opened its doors." if opened else f"It did not open: {said.splitlines()[-1] if said else ''}",
            for_this(not opened, "audit" in said),
        )
    finally:
        await there.close()


async def _guards(line: Line) -> dict[str, bool]:
    answer = await line.call("GET", "/healthz")
    if answer.status not in (200, 503):
        raise CouldNotSee(f"The health page was answered with status {answer.status}.")
    return {str(name): works is True for name, works in answer.json["guards"].items()}


async def _red(line: Line, seconds: float = 30.0) -> list[str]:
    """Guards that its health page says are not effective; waits until there is one, for it looks once a second."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if red := sorted(name for name, works in (await _guards(line)).items() if not works):
            return red
        await asyncio.sleep(0.3)
    return []


def _break(folder: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / DATABASE, timeout=10)) as db, db:
        if db.execute(sql).rowcount < 1:
            raise CouldNotSee("There was nothing of the record to change.")


ASKED: Final = ("ring", "answer", "be_seen_by")
NOT_KNOWN: Final = "something-else"  # how a fact is written that is none of the values that are known
NOT_KNOWN_RULE: Final = "unknown-fact"


async def _unknown_is_no(stage: Stage, line: Line, key: str) -> None:
    """As an inspector tries a situation on the page: all is known and good; then one thing of it is not known."""
    head = {"Authorization": f"Bearer {key}"}
    told = await line.call("GET", "/api/inspector/situations", None, **head)
    if told.status != 200:
        raise CouldNotSee("An inspector was not shown which situations there are.")
    verbs = {one["verb"]: one for one in told.json["verbs"]}
    for verb in ASKED:
        start, values = verbs[verb]["start"], verbs[verb]["facts"]

        async def judged(facts: Mapping[str, Any], verb: str = verb) -> dict[str, Any]:
            answer = await line.call("POST", "/api/inspector/situation", {"verb": verb, "facts": facts}, **head)
            if answer.status != 200:
                raise CouldNotSee(f"A situation was not judged (status {answer.status}).")
            return dict(answer.json)

        good = await judged(start)
        stage.control(
            f"An inspector tries {verb!r} between two approved friends, all of it known.",
            "Allowed." if good["verdict"] == "allow" else "Refused.",
            good["verdict"] == "allow",
        )
        unknown = [fact for fact, known in values.items() if NOT_KNOWN in known]
        answers = [await judged({**start, fact: NOT_KNOWN}) for fact in unknown]
        refused = [{str(rule["id"]) for rule in one["rules"]} for one in answers if one["verdict"] == "deny"]
        stage.attack(
            f"One of the {len(unknown)} facts of it that can be unknown is not known, each in its turn.",
            f"{len(refused)} of {len(unknown)} are refused, "
            f"{sum(NOT_KNOWN_RULE in rules for rules in refused)} by the rule {NOT_KNOWN_RULE}.",
            for_this(len(refused) == len(unknown), bool(unknown) and all(NOT_KNOWN_RULE in rules for rules in refused)),
        )


SCENARIOS: Final = (
    Scenario("two-helpers", "One helper who wants to know", ("two-helpers",), two_helpers, 120, waits=True),
    Scenario("fails-closed", "A house that is not safe", ("fails-closed",), fails_closed, 120, waits=True),
)
