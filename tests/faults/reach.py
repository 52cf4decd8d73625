"""Who may reach whom: contacts, their four yeses, blocks, supervision, and the hours and minutes of a day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, Final

from server import calls, contacts, facts, home_time
from server.db.session import rows
from server.facts import NOT_FOUND, Gathering, Known
from server.policy.facts import Contact
from signalling.authority import Refusal
from tests.faults.seeding import fault, put

GOOD: Final = Contact(
    state="approved", voice=True, video=True, in_year=True, blocked=False, own_guardian=False, assurance=3, assurance_needed=1,
    watch_x="free", watched_x=True, watch_y="free", watched_y=True,
)  # fmt: skip


def friendly(found: Gathering, which: Callable[[Known, Known], bool] = lambda x, y: True) -> Gathering:
    """These people, as if every family had said every yes."""
    good = {(x.id, y.id): GOOD for x, y in permutations(found.people, 2) if x.id and y.id and which(x, y)}
    return replace(found, contacts={**good, **{pair: one for pair, one in found.contacts.items() if pair not in good}})


def ring_by_any_ref(whose: str) -> None:
    async def by_refs(tx: Any, me: str, refs: Sequence[str], *, session: str, now: int) -> Gathering:
        ids = []
        for ref in dict.fromkeys(refs):
            found = await rows(tx, f"SELECT other_id FROM sides WHERE ref = :ref AND {whose}", ref=ref, me=me)
            ids.append(found[0][0] if found else "")
        there = await facts.around(tx, [one for one in (me, *ids) if one], now=now, me=me, session=session)
        known = {one.id: one for one in there.people}
        return friendly(replace(there, people=tuple(known.get(one, NOT_FOUND) for one in (me, *ids))))

    put(facts, "by_refs", by_refs)


@fault(
    "contact-not-checked-at-ring",
    "contacts-only",
    "whether the two are contacts is not asked when it rings",
    "stranger-rings",
)
def _() -> None:
    ring_by_any_ref("(viewer_id = :me OR 1 = 1)")


@fault("removed-comes-back", "no-return", "a contact that was ended is good for another ring", "returns")
def _() -> None:
    ring_by_any_ref("viewer_id = :me")


def friendly_in_calls(when: Callable[[Gathering], bool]) -> None:
    """The questions about a call that rings or is live find everybody approved."""
    around, many = facts.around, facts.around_many

    async def one(tx: Any, ids: Sequence[str], **more: Any) -> Gathering:
        found = await around(tx, ids, **more)
        return friendly(found) if more.get("call") and when(found) else found

    async def several(tx: Any, asked: Any, **more: Any) -> list[Gathering]:
        return [friendly(found) if when(found) else found for found in await many(tx, asked, **more)]

    put(facts, "around", one)
    put(facts, "around_many", several)


@fault(
    "contact-not-checked-at-answer", "contacts-only", "a yes that is taken back while it rings is not noticed until the next change",
    "answer-after-no",
)  # fmt: skip
def _() -> None:
    friendly_in_calls(lambda found: found.call is not None and not found.call.there)


@fault(
    "contact-not-checked-in-call",
    "cut-at-once",
    "a live call is asked about again, and everybody counts as approved",
    "revoke",
)
def _() -> None:
    friendly_in_calls(lambda found: found.call is not None and bool(found.call.there))


@fault(
    "group-checked-with-caller-only",
    "pairwise-groups",
    "only the caller's own contacts are checked, as in the failure of 2019",
    "group",
)
def _() -> None:
    caller_of: dict[str, str] = {}
    by_refs, around, many, ring = facts.by_refs, facts.around, facts.around_many, calls.Calls.ring

    def beside(caller: str) -> Callable[[Known, Known], bool]:
        return lambda x, y: caller not in (x.id, y.id)

    async def rung(tx: Any, me: str, refs: Sequence[str], **more: Any) -> Gathering:
        return friendly(await by_refs(tx, me, refs, **more), beside(me))

    async def one(tx: Any, ids: Sequence[str], **more: Any) -> Gathering:
        found = await around(tx, ids, **more)
        caller = caller_of.get(str(more.get("call")))
        return friendly(found, beside(caller)) if caller else found

    async def several(tx: Any, asked: Any, **more: Any) -> list[Gathering]:
        found = await many(tx, asked, **more)
        return [
            friendly(each, beside(caller_of[call])) if call in caller_of else each
            for (call, _), each in zip(asked, found, strict=True)
        ]

    async def remember(self: Any, caller: Any, to: Any, media: Any) -> Any:
        permit = await ring(self, caller, to, media)
        if not isinstance(permit, Refusal):
            caller_of[permit.call] = caller.person
        return permit

    put(facts, "by_refs", rung)
    put(facts, "around", one)
    put(facts, "around_many", several)
    put(calls.Calls, "ring", remember)


@fault("video-opened-with-voice", "video-is-separate", "a yes to voice counts as one to video", "video-without-yes")
def _() -> None:
    contact = facts._contact
    put(facts, "_contact", lambda *given: (found := contact(*given)) and replace(found, video=found.voice))


@fault("block-ignored", "block-ends-and-is-silent", "a block is kept and changes nothing", "block")
def _() -> None:
    contact = facts._contact
    put(facts, "_contact", lambda *given: replace(contact(*given), blocked=False))


@fault("three-yeses-are-enough", "four-yeses", "the yes of the other child's guardian is not waited for", "three-yeses")
def _() -> None:
    needed, contact = contacts.needed, facts._contact

    def lenient(row: Any, *given: Any) -> Contact:
        found = contact(row, *given)
        return replace(found, state="approved", voice=True, video=True) if row[4] == "approved" else found

    put(contacts, "needed", lambda **given: needed(**given) - {"guardian_b"})
    put(facts, "_contact", lenient)


@fault("quiet-hours-ignored", "quiet-hours", "no hour is quiet", "quiet-hours")
def _() -> None:
    put(home_time, "quiet", lambda *_: False)
    put(home_time, "next_turn", lambda window, now, name: now + 86_400_000)  # which looks for a change that never comes


@fault("minutes-ignored", "minutes", "what was talked today counts as nothing", "minutes")
def _() -> None:
    put(home_time, "talked", lambda *_: 0)


@fault(
    "supervision-ignored",
    "supervision-is-kept",
    "a family that wants to be asked before each call is not",
    "supervision",
)
def _() -> None:
    contact = facts._contact
    put(facts, "_contact", lambda *given: replace(contact(*given), watch_x="free", watch_y="free"))
