"""Random villages and random days in them, against a model in plain Python that shares nothing with the rules.

Whatever happened before, and in whatever order: a lane is granted exactly where the model says that X may reach Y with this,
so nothing is ever forwarded that the families have not allowed, and nothing that they have allowed is lost.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import audit
from signalling.authority import Permit, Standing
from signalling.protocol import Media
from tests.village import YEAR, Village, village

CHILDREN = ("maya", "theo", "ada", "kit")
GROWN_UPS = ("sam", "gran")
PEOPLE = CHILDREN + GROWN_UPS
PAIRS = [pair for pair in combinations(PEOPLE, 2) if pair[0] in CHILDREN]


@dataclass
class Agreed:
    """What a pair's families have said, in the model."""

    living: bool = True
    voice: dict[str, bool] = field(default_factory=dict)
    video: dict[str, bool] = field(default_factory=dict)
    until: int = 0


@dataclass
class Model:
    now: int
    agreed: dict[frozenset[str], Agreed] = field(default_factory=dict)
    without_consent: set[str] = field(default_factory=set)
    signed_out: set[str] = field(default_factory=set)
    unpaired: set[str] = field(default_factory=set)
    still: set[str] = field(default_factory=set)

    def reaches(self, x: str, y: str, kind: str, in_call: frozenset[str]) -> bool:
        """May X's voice ("audio") or picture ("video") reach Y among these people?"""
        for person in (x, y):
            if person in self.without_consent | self.signed_out | self.unpaired | self.still:
                return False
        if x in GROWN_UPS and y in GROWN_UPS:
            return any(person in CHILDREN for person in in_call)
        agreed = self.agreed.get(frozenset((x, y)))
        if agreed is None or not agreed.living or agreed.until <= self.now:
            return False
        if not all(agreed.voice.values()):
            return False
        return kind == "audio" or all(agreed.video.values())

    def lanes(self, people: frozenset[str]) -> set[tuple[str, str, str]]:
        return {
            (x, y, kind)
            for x, y in permutations(people, 2)
            for kind in ("audio", "video")
            if self.reaches(x, y, kind, people)
        }

    def all_together(self, people: frozenset[str]) -> bool:
        return all(self.reaches(x, y, "audio", people) for x, y in permutations(people, 2))


class Day:
    """One random day: the village, the model beside it, the calls that were rung."""

    def __init__(self, v: Village) -> None:
        self.v = v
        self.model = Model(v.now)
        self.calls: dict[str, frozenset[str]] = {}  # live ones, and who was rung
        self.over: dict[str, frozenset[str]] = {}

    async def begin(self, friends: list[tuple[str, str]]) -> None:
        await self.v.do("DELETE FROM contacts")
        self.v.contact_of.clear()
        for a, b in friends:
            await self.befriend(a, b)

    async def befriend(self, a: str, b: str) -> None:
        known = self.model.agreed.get(frozenset((a, b)))
        if known is not None and known.living:
            return
        await self.v.contact(a, b)
        slots = ["a", "guardian_a", "b", *(["guardian_b"] if b in CHILDREN else [])]
        self.model.agreed[frozenset((a, b))] = Agreed(
            voice=dict.fromkeys(slots, True), video=dict.fromkeys(slots, True), until=self.v.now + YEAR
        )

    async def happens(self, what: str, pair: tuple[str, str], who: str, group: frozenset[str], media: Media) -> None:
        model, v = self.model, self.v
        agreed, contact = model.agreed.get(frozenset(pair)), v.contact_of.get(frozenset(pair))
        match what:
            case "befriend":
                await self.befriend(*pair)
            case "end" if agreed:
                agreed.living = False
                await v.end_contact(*pair)
            case "voice off" | "video off" | "all on" if agreed:
                slot = "guardian_a"
                agreed.voice[slot] = what != "voice off"
                agreed.video[slot] = what == "all on"
                await v.do(
                    "UPDATE yeses SET voice = :voice, video = :video WHERE contact_id = :c AND slot = :slot",
                    voice=agreed.voice[slot], video=agreed.video[slot], c=contact, slot=slot,
                )  # fmt: skip
            case "year passes" if agreed:
                agreed.until = model.now
                await v.do("UPDATE contacts SET until = :now WHERE id = :c", now=model.now, c=contact)
            case "consent" if who in CHILDREN:
                model.without_consent ^= {who}
                withdrawn = v.now if who in model.without_consent else None
                await v.do("UPDATE consents SET withdrawn_at = :w WHERE id = :id", w=withdrawn, id=f"yes-{who}")
            case "sign-in":
                model.signed_out ^= {who}
                revoked = v.now if who in model.signed_out else None
                await v.do("UPDATE sessions SET revoked_at = :r WHERE person_id = :p", r=revoked, p=who)
            case "device" if who in CHILDREN:
                model.unpaired ^= {who}
                unpaired = v.now if who in model.unpaired else None
                await v.do("UPDATE devices SET unpaired_at = :u WHERE person_id = :p", u=unpaired, p=who)
            case "still":
                model.still ^= {who}
                state = "standing_still" if who in model.still else "active"
                await v.do("UPDATE people SET state = :s WHERE id = :p", s=state, p=who)
            case "hang up" if self.calls:
                call = sorted(self.calls)[0]
                self.over[call] = self.calls.pop(call)
                await v.calls.ended(call, "left")
            case "ring":
                await self.ring(who, group - {who}, media)
            case _:
                pass

    async def ring(self, who: str, whom: frozenset[str], media: Media) -> None:
        refs = []
        for other in sorted(whom):
            known = frozenset((who, other)) in self.v.contact_of
            refs.append(await self.v.ref(who, other) if known else "k_never-was-one")
        permit = await self.v.calls.ring(self.v.seat(who), refs, media)
        people = whom | {who}
        awake = Model(**{**vars(self.model), "signed_out": self.model.signed_out & {who},
                         "unpaired": self.model.unpaired & {who}})  # fmt: skip
        # only contacts of the caller can be rung: two grown-ups know each other by no ref
        known = all(frozenset((who, other)) in self.v.contact_of for other in whom)
        together = known and awake.all_together(people)
        if media == "video":
            approved = [pair for pair in permutations(people, 2) if not set(pair) <= set(GROWN_UPS)]
            together = together and all(awake.reaches(x, y, "video", people) for x, y in approved)
        assert isinstance(permit, Permit) == together, (who, whom, media, permit)
        if isinstance(permit, Permit):
            assert permit.lanes == awake.lanes(people)
            self.calls[permit.call] = people

    async def look(self, present: frozenset[str]) -> None:
        """Ask everything that can be asked about every call, and hold it against the model."""
        for call, rung in self.calls.items():
            here = present & rung
            for seat in sorted(here):
                await self.look_at_one(call, seat, here)
            if len(here) > 1:
                self.check(await self.v.calls.go_on(call, sorted(here)), here)
            for outsider in sorted(set(PEOPLE) - rung)[:1]:
                assert not await self.v.calls.answer(call, self.v.seat(outsider), sorted(here) or sorted(rung))
        for call, rung in self.over.items():
            seat, *others = sorted(rung)
            assert not await self.v.calls.answer(call, self.v.seat(seat), others)
            assert not await self.v.calls.publish(call, self.v.seat(seat), others, True, False)
            assert not (await self.v.calls.go_on(call, sorted(rung))).lanes

    async def look_at_one(self, call: str, seat: str, here: frozenset[str]) -> None:
        others = sorted(here - {seat})
        together = bool(others) and self.model.all_together(here)
        answer = await self.v.calls.answer(call, self.v.seat(seat), others)
        assert isinstance(answer, Permit) == together, (seat, others, answer)
        if isinstance(answer, Permit):
            assert answer.lanes == self.model.lanes(here)
            opened = await self.v.calls.publish(call, self.v.seat(seat), others, True, False)
            assert isinstance(opened, Permit)
            assert opened.lanes == {(seat, other, "audio") for other in others}
            camera = await self.v.calls.publish(call, self.v.seat(seat), others, True, True)
            wanted = {lane for lane in self.model.lanes(here) if lane[0] == seat}
            if any(lane[2] == "video" for lane in wanted):
                assert isinstance(camera, Permit)
                assert camera.lanes == wanted
            else:
                assert not camera

    def check(self, standing: Standing, here: frozenset[str]) -> None:
        gone = [person for person, _ in standing.must_leave]
        stay = here - set(gone)
        assert standing.lanes <= self.model.lanes(here)
        assert all(lane[0] in stay and lane[1] in stay for lane in standing.lanes)
        if len(stay) > 1:
            assert self.model.all_together(stay)
            assert standing.lanes == self.model.lanes(stay)
        fit = [
            one for one in gone if self.model.all_together(frozenset({one, "-"}) - {"-"}) and self.may_be_anywhere(one)
        ]
        # among those who could be in a call at all, no child leaves before a grown-up
        assert fit == sorted(fit, key=lambda one: one in CHILDREN)
        if self.model.all_together(here):
            assert gone == []

    def may_be_anywhere(self, one: str) -> bool:
        model = self.model
        return one not in model.without_consent | model.signed_out | model.unpaired | model.still


ABOUT_TWO = ["befriend", "end", "voice off", "video off", "all on", "year passes"]
ABOUT_ONE = ["consent", "sign-in", "device", "still"]

#: half of what happens befalls the two who are in a call from the start, or nothing would ever be lost in the middle of one
pairs = st.one_of(st.none(), st.sampled_from(PAIRS))
happenings = st.one_of(
    st.tuples(st.sampled_from(ABOUT_TWO), pairs, st.none(), st.none(), st.just("audio")),
    st.tuples(st.sampled_from(ABOUT_ONE), st.none(), st.sampled_from(PEOPLE), st.none(), st.just("audio")),
    st.tuples(
        st.just("ring"), st.none(), st.sampled_from(PEOPLE), st.frozensets(st.sampled_from(PEOPLE), min_size=2, max_size=4),
        st.sampled_from(["audio", "video"]),
    ),
    st.just(("hang up", None, None, None, "audio")),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    friends=st.lists(st.sampled_from(PAIRS), min_size=3, max_size=10, unique=True),
    day=st.lists(happenings, min_size=3, max_size=12),
    present=st.frozensets(st.sampled_from(PEOPLE), min_size=2),
)
def test_a_lane_is_granted_exactly_where_the_families_allow_it(
    friends: list[tuple[str, str]], day: list[Any], present: frozenset[str]
) -> None:
    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with village(Path(folder)) as v:
                today = Day(v)
                await today.begin(friends)
                await today.happens("ring", friends[0], friends[0][0], frozenset(friends[0]), "video")
                for what, pair, who, group, media in day:
                    first = friends[0]
                    await today.happens(what, pair or first, who or first[0], group or frozenset(first), media)
                    await today.look(present | set(first))
                assert await audit.verify(v.db) == []

    asyncio.run(live())
