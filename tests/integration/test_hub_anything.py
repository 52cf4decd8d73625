"""Anything may happen in any order: people come, ring, answer, lose their sockets, contacts begin and end, questions take their
time. Whatever happens, the gate forwards X to Y only while the rules allow it, both have answered, both have confirmed keys, and X
sends it.

The model knows only what was sent and what the rules are; it never looks at the hub's own idea of the call. Questions to the
house take a drawn number of turns of the loop, so that answers and revocations overtake each other in every way.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from itertools import combinations, cycle
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from signalling import protocol
from signalling.gate import Connected, Lost
from signalling.hub import Hub, Session
from signalling.pace import HubLimits
from signalling.ws import HANDLERS
from tests.street import House, PaperGate, be_ready, ref

PEOPLE = ("ann", "ben", "cat", "dan")
person = st.sampled_from(PEOPLE)
number = st.integers(0, 3)
LIMITS = HubLimits(invites=((10**6, 1.0),), invites_to_one=((10**6, 1.0),), bad_states=10**6)


class SlowHouse(House):
    """Every question takes a few turns of the loop, and its answer is as old as the question."""

    turns = cycle([0])

    async def _note(self, name: str, *what: Any) -> None:
        await super()._note(name, *what)
        for _ in range(next(self.turns)):
            await asyncio.sleep(0)


class Ear:
    """A socket that remembers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.open = True

    def send(self, frame: bytes) -> None:
        self.heard.append(json.loads(frame))

    def close(self, code: Any) -> None:
        self.open = False


class Anything(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.house = SlowHouse(*combinations(PEOPLE, 2))
        self.gate = PaperGate(self.house.log)
        self.hub = Hub(self.house, self.gate, limits=LIMITS)
        self.devices: dict[str, list[tuple[Session, Ear]]] = defaultdict(list)
        self.lost: list[tuple[Session, Ear]] = []
        self.requests = 0
        # the model: what was said about which call, by whom
        self.yes: set[tuple[str, str]] = set()  # (call, person) who rang or answered, and has not said goodbye to it
        self.ready: set[tuple[str, str]] = set()  # (call, person) who said that their keys are confirmed
        self.shows: set[tuple[str, str]] = set()  # (call, person) whose last word about the camera was "open"

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    @initialize(turns=st.lists(st.integers(0, 6), min_size=1, max_size=7))
    def begin(self, turns: list[int]) -> None:
        self.house.turns = cycle(turns)
        for who in PEOPLE:
            self.somebody_comes(who)

    def tell(self, session: Session, message: Any) -> None:
        async def say() -> None:
            work = HANDLERS[type(message)](self.hub, session, message)
            if work is not None:
                self.hub.spawn_for(session, work)

        if not session.closed and session.socket is not None:
            self.run(say())

    def request(self) -> str:
        self.requests += 1
        return f"r{self.requests}"

    def device(self, who: str, which: int) -> Session | None:
        there = self.devices[who]
        return there[which % len(there)][0] if there else None

    def calls(self, who: str) -> list[str]:
        """Every call this person has heard of, the latest first."""
        heard = [m for _, ear in self.devices[who] for m in ear.heard]
        return list(dict.fromkeys(m["call"] for m in reversed(heard) if m.get("call")))

    # -- what may happen ----------------------------------------------------------------------------------------------

    @rule(who=person)
    def somebody_comes(self, who: str) -> None:
        ear = Ear()
        hello = protocol.Hello(ticket=self.house.ticket(who, f"{who}-{len(self.devices[who])}"))
        session = self.run(self.hub.hello(ear, hello))
        assert isinstance(session, Session)
        self.devices[who].append((session, ear))

    @rule(who=person, others=st.sets(person, min_size=1, max_size=3), which=number)
    def somebody_rings(self, who: str, others: set[str], which: int) -> None:
        session = self.device(who, which)
        if session is not None:
            to = [ref(who, other) for other in sorted(others - {who})] or [ref(who, who)]
            self.tell(session, protocol.Invite(id=self.request(), to=to, media="video"))

    @rule(people=st.permutations(PEOPLE), size=st.integers(2, 4), ready=st.integers(0, 4), cameras=st.booleans())
    def a_call_is_set_up(self, people: list[str], size: int, ready: int, cameras: bool) -> None:
        """The plain way, so that what is drawn next meets live calls and not only closed doors."""
        caller, *others = people[:size]
        self.somebody_rings(caller, set(others), 0)
        self.time_passes(20)
        for other in others:
            self.somebody_answers(other, 0)
        self.time_passes(20 * size)
        for one in people[: ready or size]:
            self.somebody_is_ready(one, 0)
        if cameras:
            for one in people[:size]:
                self.somebody_moves_a_curtain(one, 0, True, True)

    @rule(who=person, which=number)
    def somebody_answers(self, who: str, which: int) -> None:
        session = self.device(who, which)
        rings = [m for _, ear in self.devices[who] for m in ear.heard if m["t"] == "call.incoming"]
        if session is not None and rings:
            ring = rings[-1 - which % len(rings)]
            self.tell(session, protocol.Accept(id=self.request(), call=ring["call"], nonce=ring["nonce"]))

    @rule(who=person, which=number, how=st.sampled_from([protocol.Leave, protocol.Cancel, protocol.Reject]))
    def somebody_wants_out(self, who: str, which: int, how: type[Any]) -> None:
        session, calls = self.device(who, which), self.calls(who)
        if session is not None and calls:
            call = calls[which % len(calls)]
            mine = session.call is not None and session.call.call.id == call
            self.tell(session, how(id=self.request(), call=call))
            if mine and how is not protocol.Reject:
                assert not any(call == c and who in lane[:2] for c, lane in self.table())

    @rule(who=person, which=number, audio=st.booleans(), video=st.booleans())
    def somebody_moves_a_curtain(self, who: str, which: int, audio: bool, video: bool) -> None:
        session, calls = self.device(who, which), self.calls(who)
        if session is not None and calls:
            call = calls[0]
            holds = session.call is not None and session.call.call.id == call
            if video:
                self.shows.add((call, who))
            elif holds:
                self.shows.discard((call, who))
            self.tell(session, protocol.SetMedia(id=self.request(), call=call, audio=audio, video=video))

    @rule(who=person, which=number)
    def somebody_is_ready(self, who: str, which: int) -> None:
        session, calls = self.device(who, which), self.calls(who)
        if session is not None and calls:
            self.ready.add((calls[0], who))
            before = self.table()
            be_ready(self.hub, session, calls[0], self.request())
            opened = self.table() - before
            assert all(call == calls[0] and who in lane[:2] for call, lane in opened)

    @rule(who=person, others=person, which=number)
    def somebody_sends_a_word(self, who: str, others: str, which: int) -> None:
        session, calls = self.device(who, which), self.calls(who)
        if session is None or session.closed or not calls:
            return
        before, heard = self.table(), self.words()
        self.hub.seal_to(session, protocol.SealTo(id=self.request(), call=calls[0], to=ref(who, others), body="x"))
        assert self.table() == before
        reached = {one for one, count in self.words().items() if count != heard[one]}
        assert reached <= {others} - {who}

    @rule(who=person, up=st.booleans(), why=st.sampled_from(["consent_expired", "closed_by_peer"]))
    def media_comes_or_goes(self, who: str, up: bool, why: str) -> None:
        async def say() -> None:
            for live in list(self.hub._calls.values()):
                if who in live.placed:
                    self.hub.gate_event(Connected(live.peers[who]) if up else Lost(live.peers[who], why))

        self.run(say())

    @rule(who=person, which=number)
    def a_socket_is_lost(self, who: str, which: int) -> None:
        async def lose() -> None:
            if self.devices[who]:
                session, ear = self.devices[who].pop(which % len(self.devices[who]))
                self.hub.lost(session, ear)
                self.lost.append((session, ear))

        self.run(lose())

    @precondition(lambda self: self.lost)
    @rule(which=number)
    def a_socket_comes_back(self, which: int) -> None:
        session, old = self.lost.pop(which % len(self.lost))
        tokens = [m["resume_token"] for m in old.heard if "resume_token" in m]
        ear = Ear()
        ear.heard += [m for m in old.heard if m.get("call")]
        message = protocol.Resume(session=session.id, token=tokens[-1], last_seq=0)
        back = self.run(self.hub.resume(ear, message))
        if isinstance(back, Session):
            self.devices[session.seat.person].append((back, ear))

    @rule(pair=st.sampled_from(list(combinations(PEOPLE, 2))), kind=st.sampled_from(["audio", "video", "both"]))
    def an_approval_goes(self, pair: tuple[str, str], kind: str) -> None:
        kinds = {"audio", "video"} if kind == "both" else {kind}
        self.house.lanes = {x for x in self.house.lanes if {x[0], x[1]} != set(pair) or x[2] not in kinds}
        self.run(self.hub.facts_changed(pair))

    @rule(pair=st.sampled_from(list(combinations(PEOPLE, 2))))
    def an_approval_comes(self, pair: tuple[str, str]) -> None:
        a, b = pair
        self.house.lanes |= {(p, v, k) for p, v in ((a, b), (b, a)) for k in ("audio", "video")}
        self.run(self.hub.facts_changed(pair))

    @rule(who=person, which=number)
    def somebody_signs_out(self, who: str, which: int) -> None:
        session = self.device(who, which)
        if session is not None:
            self.run(self.hub.close_sessions([session.seat.session]))
            self.devices[who] = [one for one in self.devices[who] if one[0].seat.session != session.seat.session]
            self.hub._gone_signins.clear()  # the next device may sit under the same name of sign-in
            if not any(s.call for s, _ in self.devices[who]) and not any(s.seat.person == who for s, _ in self.lost):
                assert not any(who in lane[:2] for _, lane in self.table())

    @rule(who=person)
    def a_guardian_ends_it(self, who: str) -> None:
        for live in self.hub.live_calls([who]):
            self.run(self.hub.end_call(live.id, "Dad", [who]))
            assert not any(call == live.id for call, _ in self.table())

    @rule(count=st.integers(1, 20))
    def time_passes(self, count: int) -> None:
        self.run(self._turns(count))

    def words(self) -> dict[str, int]:
        """How many words about keys each person was handed."""
        return {who: sum(m["t"] == "seal.from" for _, ear in self.devices[who] for m in ear.heard) for who in PEOPLE}

    # -- what must hold -----------------------------------------------------------------------------------------------

    def table(self) -> set[tuple[str, tuple[str, str, str]]]:
        """The gate's table in people, by call."""
        who = {peer: (live.call.id, one) for live in self.hub._calls.values() for one, peer in live.peers.items()}
        return {(who[p][0], (who[p][1], who[v][1], k)) for p, v, k in self.gate.table}

    @invariant()
    def the_gate_forwards_only_what_the_rules_allow(self) -> None:
        for _, lane in self.table():
            assert lane in self.house.lanes

    @invariant()
    def only_between_those_who_said_yes(self) -> None:
        said = {
            (m["call"], who)
            for who in PEOPLE
            for session, ear in [*self.devices[who], *(one for one in self.lost if one[0].seat.person == who)]
            for m in ear.heard
            if m["t"] == "ok" and "call" in m
        }
        # Who rang has said yes by ringing, and who answered by answering, also if the socket was gone before the ok could be heard.
        said |= {(live.call.id, live.call.caller) for live in self.hub._calls.values()}
        unheard = [(session, json.loads(frame)) for session, _ in self.lost for frame in session.kept]
        said |= {(m["call"], session.seat.person) for session, m in unheard if m["t"] == "ok" and "call" in m}
        for call, (publisher, viewer, _) in self.table():
            assert (call, publisher) in said
            assert (call, viewer) in said

    @invariant()
    def only_between_those_whose_keys_are_confirmed(self) -> None:
        for call, (publisher, viewer, _) in self.table():
            assert {(call, publisher), (call, viewer)} <= self.ready

    @invariant()
    def a_picture_only_of_somebody_who_opened_the_camera(self) -> None:
        for call, (publisher, _, kind) in self.table():
            assert kind == "audio" or (call, publisher) in self.shows

    @invariant()
    def nobody_is_in_two_calls(self) -> None:
        for who in PEOPLE:
            inside = {call for call, lane in self.table() if who in lane[:2]}
            assert len(inside) <= 1

    @invariant()
    def the_gate_holds_places_for_the_living_only(self) -> None:
        assert set(self.gate.peers) == {live.peers[one] for live in self.hub._calls.values() for one in live.placed}

    def teardown(self) -> None:
        self.run(self.hub.close())
        assert self.gate.peers == {}
        assert self.gate.table == set()
        assert not self.hub._calls
        assert not self.hub._calls_of
        assert not self.hub._sessions
        assert not self.hub._people
        assert not self.hub._peers
        assert not self.hub._signins
        assert self.hub.counts["faults"] == 0
        assert self.hub.counts["authority_faults"] == 0
        self.loop.close()


Anything.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnything = Anything.TestCase
