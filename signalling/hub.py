"""The hub: who is here, which calls are live, and the one place where a decision becomes an effect.

Every way in has the same shape: find the call, ask the authority, take the step (:mod:`signalling.call`), do what it lists.
The steps and their effects never wait, so one event at a time per call is not a rule to keep but how it is. What waits are
the questions, and for those there is one rule: **opening waits its turn, shutting never waits.** Questions that may open
something (an answer, a camera) stand in line at the call's lock and are asked again if, meanwhile, a fact changed or somebody
came or went; everything that shuts (leaving, declining, a curtain, a revocation, a sign-out) goes straight to the gate.

Promises kept here:

- No gate place, no SDP and no offer for anybody before somebody has answered; the caller included (T11, T12).
- A ring is answered with the nonce that was given to that very session, once.
- A no, an error and a silence of the authority are the same: no. If it was asked whether a call may go on, the call is cut.
- What devices say to each other about keys is handed on unread, between people in one call, and neither kept nor logged.
- What a person is told about who sees and hears them is read from the gate's table, never from what ought to be there.
- What the clock alone will change is waited for, not looked for (:mod:`signalling.clockwork`): each answer sets the alarm at which the
  same question is asked again, and whoever will have to leave is told two minutes before.
- How pictures are sent is read off the call's size in one place (:func:`signalling.call.picture`) and said with every offer. A mark
  is told to the one device that adds it, after it is on record.
- The record is written after the cut, never before it: a slow disk does not keep a camera open.
- Nothing about a person is logged but the first six characters of an id that means nothing elsewhere.

Nothing here knows a family, a table or a rule: see :mod:`signalling.authority`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hmac import compare_digest
from typing import Any, Final, Literal, ParamSpec, Protocol, TypeVar

from msgspec.structs import replace as with_fields

from signalling import protocol
from signalling.authority import Authority, Circle, Mark, Permit, PersonId, Refusal, Seat, Standing, Until, own_handle
from signalling.bus import Bus, LocalBus
from signalling.call import (
    OWN_REASONS,
    Accepted,
    Back,
    Bounded,
    Call,
    Closes,
    Cut,
    Effect,
    Event,
    Lost,
    MakeOffer,
    MediaUp,
    NoteEnded,
    NoteIn,
    NoteOut,
    Open,
    Opens,
    Placed,
    RemoveLeg,
    Ring,
    RingOver,
    Sealed,
    StartTimer,
    Stopped,
    StopRinging,
    StopTimer,
    TellEnded,
    TellLeft,
    TellState,
    TimerKind,
    WaitOver,
    Went,
    picture,
    placed,
    step,
)
from signalling.clockwork import Alarms, Warnings, asked_again_in
from signalling.gate import terms
from signalling.pace import Bucket, HubLimits, Windows
from signalling.protocol import Code, LegState, Media, Status

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_TRIES: Final = 3  # how often an answer that facts overtook is asked again before it counts as no
_LAST_TRIES: Final = 3  # to write something down while the process is about to stop
_REMEMBERED: Final = 4096  # changed people and closed sign-ins kept for questions still in flight
_AT_ONCE: Final = (
    50  # live calls in one question: a lot holds the records for some 50 ms, and other cuts wait no longer than that
)
_REFRESHES: Final = 8  # circles asked about at once when everybody's are: the questions about calls go between them
_CIRCLE_LATER_MS: Final = 30_000  # nobody is seen by somebody whose circle is unknown, so it is asked for again
#: Refusals for a reason of the caller's own home: who is told to ask first, and then may ring, has not rung too often.
_OWN_HOME: Final = frozenset({"needs_guardian", "quiet_hours", "time_limit"})
_MENDABLE: Final = "consent_expired"  # the one loss of media that an ICE restart can mend


class GatePort(Protocol):
    """What the hub asks of the gate. All of it is done when the call returns."""

    def offer(self, peer: str, *, slots: Sequence[str], picture: protocol.Picture) -> terms.Offer: ...
    def offer_picture(self, peer: str, picture: protocol.Picture) -> terms.Offer: ...
    def answer(self, peer: str, sdp: str, neg: int) -> None: ...
    def restart_ice(self, peer: str) -> terms.Offer: ...
    def seal(self, peer: str, kids: Collection[int]) -> None: ...
    def allow(self, publisher: str, viewer: str, kind: Media) -> None: ...
    def cut(self, *, publisher: str | None = None, viewer: str | None = None, kind: Media | None = None) -> int: ...
    def remove(self, peer: str) -> None: ...
    def who_sees_whom(self, among: Iterable[str] | None = None) -> frozenset[tuple[str, str, Media]]: ...


class SocketPort(Protocol):
    """One open socket. Neither method waits, neither raises."""

    def send(self, frame: bytes) -> None: ...
    def close(self, code: Code | None) -> None: ...


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call as a grown-up's page may show it: who and how long, never what is said."""

    id: str
    state: str
    media: Media
    seconds: float
    legs: tuple[tuple[PersonId, LegState, bool, bool], ...]  # person, state, audio, video; nobody who has left


class Session:
    """One device's conversation with us. It outlives its socket by the resume window; nobody outside this package
    looks inside."""

    __slots__ = (
        "asks", "bucket", "call", "closed", "id", "kept", "kept_bytes",
        "rings", "seal_bucket", "seat", "seq", "socket", "strikes", "timer", "token",
    )  # fmt: skip

    def __init__(self, seat: Seat, socket: SocketPort, bucket: Bucket, seal_bucket: Bucket) -> None:
        self.id = _secret()
        self.seat = seat
        self.socket: SocketPort | None = socket
        self.bucket, self.seal_bucket = bucket, seal_bucket
        self.token = b""  # sha-256 of the resume token; empty while none is good
        self.seq = 0
        self.kept: deque[bytes] = deque()
        self.kept_bytes = 0
        self.rings: dict[str, str] = {}  # call -> nonce; an empty nonce is spent
        self.call: _Live | None = None  # the place held by this very device
        self.timer: asyncio.TimerHandle | None = None
        self.strikes = 0
        self.asks = 0
        self.closed = False


class _Person:
    """Somebody who has a session here."""

    __slots__ = ("circle", "refs", "sessions", "told")

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.circle = Circle({}, {})
        self.refs: frozenset[str] = frozenset()
        self.told: Status = "away"


class _Live:
    """A live call: the machine's value and what belongs to it in this process."""

    __slots__ = (
        "call", "lock", "marks", "named", "neg", "noted", "notes", "peers", "pictures", "placed", "refs",
        "said", "seats", "since", "standing", "timers", "up", "warnings", "wishes", "writing",
    )  # fmt: skip

    warnings: Warnings  # set by the hub, which knows how to tell

    def __init__(self, permit: Permit, call: Call) -> None:
        self.call = call
        self.refs = permit.refs
        self.peers: dict[PersonId, str] = {person: "p_" + secrets.token_urlsafe(9) for person in permit.people}
        self.placed: set[PersonId] = set()  # has a place in the gate
        self.up: set[PersonId] = set()  # whose place is connected
        self.noted: set[PersonId] = set()  # whose coming-in is on record
        self.seats: dict[PersonId, Session] = {}
        self.neg: dict[PersonId, int] = {}
        self.wishes: Counter[PersonId] = Counter()  # counts camera and microphone messages: a newer one wins
        self.timers: dict[tuple[TimerKind, PersonId], asyncio.TimerHandle] = {}
        self.lock = asyncio.Lock()
        self.standing = 0
        self.named: Mapping[PersonId, str] = {}
        self.marks: dict[tuple[PersonId, PersonId], Mark] = {}  # (sender, recipient): all are on record
        self.pictures: dict[PersonId, protocol.Picture] = {}  # how each was last told to send theirs
        self.said: set[tuple[PersonId, PersonId | None, str]] = set()  # of marks, so that nothing is written down twice
        self.notes: deque[tuple[Callable[..., Awaitable[None]], tuple[Any, ...]]] = deque()
        self.writing = False
        self.since: float | None = None


def _went(call: Call) -> frozenset[PersonId]:
    return frozenset(leg.person for leg in call.legs if leg.state == "left")


class Hub:
    """Everybody who is here. One per process, on one event loop."""

    def __init__(
        self,
        authority: Authority,
        gate: GatePort,
        *,
        clock: Callable[[], float] = time.monotonic,
        limits: HubLimits = HubLimits(),  # noqa: B008 - frozen
        bus: Bus | None = None,
        mark_key: str = "",
    ) -> None:
        self._mark_key = mark_key
        self._authority = authority
        self._gate = gate
        self._clock = clock
        self.limits: Final = limits
        self._bus: Bus = bus if bus is not None else LocalBus()
        self._sessions: dict[str, Session] = {}
        self._signins: dict[str, set[Session]] = {}
        self._people: dict[PersonId, _Person] = {}
        self._calls: dict[str, _Live] = {}
        self._calls_of: dict[PersonId, dict[str, _Live]] = {}
        self._peers: dict[str, tuple[_Live, PersonId]] = {}
        self._asking: dict[PersonId, tuple[int, asyncio.Future[None]]] = {}
        self._order = 0
        self._facts = 0  # counts changes of fact
        self._floor = 0
        self._changed: dict[PersonId, int] = {}  # person -> the last change that concerned them
        self._gone_signins: dict[str, None] = {}  # closed lately, in order
        self._invites = Windows(limits.invites)
        self._invites_to_one = Windows(limits.invites_to_one)
        self._call_alarms: Alarms[str] = Alarms(self._calls_are_due)
        self._circle_alarms: Alarms[PersonId] = Alarms(self._circles_are_due)
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._last_call_ended: asyncio.Event | None = None
        self._performing = False
        self.counts: Counter[str] = Counter()
        """What happened how often, by name; no name of a person among them."""

    # -- coming and going ---------------------------------------------------------------------------------------------

    async def hello(self, socket: SocketPort, message: protocol.Hello) -> Session | Code:
        """Spend the ticket and seat this socket. The code to close with, if not."""
        if message.v != protocol.VERSION:
            return "unsupported_version"
        if self._draining:
            return "server_draining"
        seat = await self._ask(self._authority.admit, message.ticket)
        if not isinstance(seat, Seat):
            self.counts["hello_refused"] += 1
            return seat.code if seat.code in protocol.CLOSE_CODES else "not_authenticated"
        if seat.session in self._gone_signins or self._draining:
            return "session_revoked"
        limits, now = self.limits, self._clock()
        session = Session(seat, socket, Bucket(limits.message_burst, now), Bucket(limits.seal_message_burst, now))
        person = self._seat(session)
        token = self._new_token(session)
        own = own_handle(seat.person)
        welcome = protocol.Welcome(
            session=session.id, resume_token=token, me=own, mark_key=self._mark_key, limits=self._wire_limits()
        )
        self._send(session, welcome)
        session.kept.clear()  # whoever resumes has read it, and the token in it is not to be kept
        session.kept_bytes = 0
        await self._refresh(seat.person)
        if not session.closed:
            self._send(session, self._presence_list(seat.person, person))
            self._ring_anew(session)
        return session

    async def resume(self, socket: SocketPort, message: protocol.Resume) -> Session | Code:
        """Take up a lost session, if the token is the latest, the seat still good and the rules still say yes."""
        session = self._sessions.get(message.session)
        digest = hashlib.sha256(message.token.encode()).digest()
        # An unknown session costs the same comparison as a known one.
        good = compare_digest(session.token if session is not None and session.token else b"\0" * 32, digest)
        if session is None or not good or self._draining:
            self.counts["resume_refused"] += 1
            return "not_authenticated"
        session.token = b""  # spent, whatever comes next
        seat = await self._ask(self._authority.readmit, session.seat)
        if session.closed:
            return "session_revoked"
        if not isinstance(seat, Seat) or seat.person != session.seat.person:
            code: Code = seat.code if isinstance(seat, Refusal) else "internal"
            self._forget(session, code)
            return code
        if session.call is not None:
            await self._recheck(session.call)
        await self._refresh(seat.person)
        if session.closed:
            return "session_revoked"
        self._take_over(session, socket)
        missed = message.last_seq
        replay = self._missed(session, missed)
        token = self._new_token(session)
        socket.send(
            protocol.encode_body(protocol.Resumed(resume_token=token, replayed=0 if replay is None else len(replay)))
        )
        for frame in replay or ():
            socket.send(frame)
        if replay is None:
            self._send(session, self._presence_list(seat.person, self._people[seat.person]))
            self._ring_anew(session)
        live = session.call
        if live is not None:
            person = seat.person
            back = MediaUp(person) if person in live.up else Back(person)
            if not self._do(live, back):
                self._send(session, self._state_for(live, person, self._gate.who_sees_whom(live.peers.values())))
        self.counts["resumed"] += 1
        return session

    def lost(self, session: Session, socket: SocketPort) -> None:
        """This socket is gone. The session waits for it, unless another socket has taken over."""
        if session.socket is not socket or session.closed:
            return
        session.socket = None
        session.timer = asyncio.get_running_loop().call_later(
            self.limits.resume_seconds, self._forget, session, "peer_lost"
        )
        if session.call is not None:
            self._do(session.call, Lost(session.seat.person))

    def bye(self, me: Session, message: protocol.Bye) -> None:
        """Going for good."""
        socket = me.socket
        self._forget(me, "left")
        if socket is not None:
            socket.close(None)

    # -- what a client may ask ----------------------------------------------------------------------------------------

    def invite(self, me: Session, message: protocol.Invite) -> Coroutine[Any, Any, None] | None:
        """Ring. May be refused here (busy with something, too often) or by the authority."""
        person, now = me.seat.person, self._clock()
        if self._draining:
            self._err(me, message.id, "server_draining")
            return None
        if self._taken(person) or person in self._asking:
            self._wrong(me, message.id)
            return None
        if len(set(message.to)) != len(message.to):
            self._err(me, message.id, "not_found")
            return None
        wait = max(
            self._invites.wait(person, now), *(self._invites_to_one.wait((person, ref), now) for ref in message.to)
        )
        if wait > 0:
            self.counts["rate_limited"] += 1
            self._err(me, message.id, "rate_limited", int(wait * 1000) + 1)
            return None
        self._invites.count(person, now)
        for ref in message.to:
            self._invites_to_one.count((person, ref), now)
        self._order += 1
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking[person] = (self._order, done)
        return self._invite(me, message, self._order, done)

    async def _invite(self, me: Session, message: protocol.Invite, order: int, done: asyncio.Future[None]) -> None:
        try:
            facts = self._facts
            permit = await self._ask(self._authority.ring, me.seat, message.to, message.media)
            if not isinstance(permit, Permit):
                self.counts["refused"] += 1
                if permit.code in _OWN_HOME:  # nobody was disturbed, and nothing learned of anybody else
                    for ref in message.to:
                        self._invites_to_one.take_back((me.seat.person, ref))
                return self._err(me, message.id, permit.code, permit.retry_after_ms)
            if not _sound(permit, me.seat.person):
                log.error("call %s: the permit does not fit the question", permit.call[:6])
                return self._turn_down(me, message.id, permit, "internal")
            # Two who ring each other at the same time: the earlier message wins, so let the earlier be heard first.
            for callee in permit.people[1:]:
                earlier = self._asking.get(callee)
                if earlier is not None and earlier[0] < order:
                    await asyncio.wait((earlier[1],))
            if self._stale(permit.people, facts):
                standing = await self._ask(self._authority.go_on, permit.call, permit.people)
                if not isinstance(standing, Standing) or standing.must_leave:
                    return self._turn_down(me, message.id, permit, "not_permitted")
                permit = replace(permit, lanes=permit.lanes & standing.lanes, until=standing.until)
            self._ring_out(me, message.id, permit)
        finally:
            del self._asking[me.seat.person]
            done.set_result(None)

    def _ring_out(self, me: Session, request: str, permit: Permit) -> None:
        caller = me.seat.person
        if me.closed or self._draining:
            return self._turn_down(me, request, permit, "server_draining")
        if self._taken(caller) or permit.call in self._calls:
            return self._turn_down(me, request, permit, "bad_state")
        if self._glares(caller, permit.people[1:]):
            self.counts["glare"] += 1
            return self._turn_down(me, request, permit, "glare_merged")
        absent: list[tuple[PersonId, Code]] = []
        for callee in permit.people[1:]:
            if callee not in self._people:
                absent.append((callee, "unreachable"))
            elif self._taken(callee):
                absent.append((callee, "busy"))
        live = _Live(permit, placed(permit.call, permit.media, permit.people, permit.lanes))
        live.warnings = Warnings(partial(self._warn, live), self._clock)
        self._calls[permit.call] = live
        for person in permit.people:
            self._calls_of.setdefault(person, {})[permit.call] = live
        live.seats[caller] = me
        me.call = live
        self._send(me, protocol.Ok(re=request, call=permit.call))
        self._do(live, Placed(tuple(absent)))
        self._mind_the_clock(live, permit.until)
        self.counts["rings"] += 1

    def accept(self, me: Session, message: protocol.Accept) -> Coroutine[Any, Any, None] | None:
        """Answer a ring that this very session was given."""
        live = self._calls.get(message.call)
        nonce = me.rings.get(message.call, "")
        if live is None or not compare_digest(nonce, message.nonce):
            # In a call already, or answered on another device: the person may know the call, so the state is the fault.
            if live is not None and (leg := live.call.leg(me.seat.person)) is not None and leg.answered:
                self._wrong(me, message.id)
                return None
            self._err(me, message.id, "not_found")
            return None
        if self._taken(me.seat.person):
            self._wrong(me, message.id)
            return None
        me.rings[message.call] = ""
        return self._accept(me, message.id, live)

    async def _accept(self, me: Session, request: str, live: _Live) -> None:
        person = me.seat.person
        async with live.lock:
            if me.closed or not _is_asked(live.call, person):
                return self._err(me, request, "answered_elsewhere")
            answer = await self._may_come_in(me, live)
            if not _is_asked(live.call, person):
                return self._err(me, request, "cancelled")  # the ring ended while the question was open
            if me.closed:
                return None
            if isinstance(answer, Refusal):
                self.counts["refused"] += 1
                self._err(me, request, answer.code, answer.retry_after_ms)
                self._do(live, Went(person, answer.code))
                return None
            if self._taken(person):
                self._err(me, request, "bad_state")
                self._do(live, Went(person, "busy"))
                return None
            me.rings.pop(live.call.id, None)
            live.seats[person] = me
            me.call = live
            self._send(me, protocol.Ok(re=request, call=live.call.id))
            live.marks.update(answer.marks)
            self._do(live, Accepted(person, answer.lanes))
            self._note_too_many(live)
            self._mind_the_clock(live, answer.until)
            for holder in (me, live.seats.get(live.call.caller)):
                if holder is not None and holder.socket is None:
                    self._do(live, Lost(holder.seat.person))
        return None

    async def _may_come_in(self, me: Session, live: _Live) -> Permit | Refusal:
        """Ask; and ask again, if anything moved meanwhile."""
        for _ in range(_TRIES):
            facts, present = self._facts, live.call.present()
            if not present:
                return Refusal("cancelled")
            permit = await self._ask(self._authority.answer, live.call.id, me.seat, present)
            if not isinstance(permit, Permit):
                return permit
            if live.call.present() == present and not self._stale((*present, me.seat.person), facts):
                return permit
        return Refusal("internal")

    def reject(self, me: Session, message: protocol.Reject) -> None:
        """Decline, on all devices. Asks nobody."""
        live = self._calls.get(message.call)
        if live is None or message.call not in me.rings:
            return self._not_mine(me, message.id, live)
        self._do(live, Went(me.seat.person, "declined"))
        self._send(me, protocol.Ok(re=message.id, call=message.call))
        return None

    def cancel(self, me: Session, message: protocol.Cancel) -> None:
        """Stop ringing. Asks nobody."""
        # The answer may have crossed the caller's change of mind; wanting out is never in the wrong state.
        return self._go(me, message.id, message.call)

    def leave(self, me: Session, message: protocol.Leave) -> None:
        """Go. Asks nobody, is never refused to somebody who is in the call, and is never held up by a question."""
        return self._go(me, message.id, message.call)

    def _go(self, me: Session, request: str, call: str) -> None:
        live = self._calls.get(call)
        if live is None or (live.seats.get(me.seat.person) is not me and call not in me.rings):
            return self._not_mine(me, request, live)
        code: Code = "declined" if call in me.rings else "cancelled" if live.call.state == "ringing" else "left"
        self._do(live, Went(me.seat.person, code))
        self._send(me, protocol.Ok(re=request, call=call))
        return None

    def media(self, me: Session, message: protocol.SetMedia) -> Coroutine[Any, Any, None] | None:
        """The truth about a camera and a microphone. Closing is done here and now; opening is asked for."""
        live, person = self._place(me, message.call), me.seat.person
        if live is None:
            self._not_mine(me, message.id, self._calls.get(message.call))
            return None
        live.wishes[person] += 1
        leg = live.call.leg(person)
        assert leg is not None
        if (leg.audio and not message.audio) or (leg.video and not message.video):
            self._do(live, Closes(person, message.audio, message.video))
        opening = {
            kind
            for kind, wish, now in (("audio", message.audio, leg.audio), ("video", message.video, leg.video))
            if wish
            and (not now or any(lane[0] == person and lane[2] == kind for lane in live.call.bound - live.call.granted))
        }
        if not opening:
            self._send(me, protocol.Ok(re=message.id, call=message.call))
            return None
        if me.asks >= self.limits.asks_at_once:
            self.counts["rate_limited"] += 1
            self._err(me, message.id, "rate_limited", int(self.limits.ask_seconds * 1000))
            return None
        return self._open(me, message, live, live.wishes[person])

    async def _open(self, me: Session, message: protocol.SetMedia, live: _Live, wish: int) -> None:
        person = me.seat.person
        async with live.lock:
            for _ in range(_TRIES):
                if live.wishes[person] != wish or self._place(me, message.call) is not live:
                    return self._err(me, message.id, "cancelled")  # the person changed their mind, or went
                facts, present = self._facts, live.call.present()
                others = tuple(other for other in present if other != person)
                permit = await self._ask(
                    self._authority.publish, message.call, me.seat, others, message.audio, message.video
                )
                if live.wishes[person] != wish or self._place(me, message.call) is not live:
                    return self._err(me, message.id, "cancelled")
                if not isinstance(permit, Permit):
                    self.counts["refused"] += 1
                    return self._err(me, message.id, permit.code, permit.retry_after_ms)
                if live.call.present() == present and not self._stale(present, facts):
                    live.marks.update(permit.marks)
                    self._do(live, Opens(person, message.audio, message.video, permit.lanes))
                    self._mind_the_clock(live, permit.until)
                    self._note_too_many(live)
                    self._send(me, protocol.Ok(re=message.id, call=message.call))
                    return None
            return self._err(me, message.id, "internal")

    def sdp(self, me: Session, message: protocol.SdpAnswer) -> None:
        """The answer to the latest offer. It opens nothing: what is open was decided before the offer was made."""
        live, person = self._place(me, message.call), me.seat.person
        if live is None:
            return self._not_mine(me, message.id, self._calls.get(message.call))
        if message.neg != live.neg.get(person):
            return self._err(me, message.id, "stale_negotiation")
        try:
            self._gate.answer(live.peers[person], message.sdp, message.neg)
        except terms.SdpRejected as no:
            self.counts["sdp_rejected"] += 1
            return self._err(me, message.id, "stale_negotiation" if no.code == "stale_negotiation" else "sdp_rejected")
        except (KeyError, terms.GateUnavailable):
            return self._err(me, message.id, "media_plane_unavailable")
        self._send(me, protocol.Ok(re=message.id, call=message.call))
        return None

    def restart(self, me: Session, message: protocol.IceRestart) -> None:
        """A new offer for a new network. The lanes stay as they are."""
        live, person = self._place(me, message.call), me.seat.person
        if live is None:
            return self._not_mine(me, message.id, self._calls.get(message.call))
        try:
            offer = self._gate.restart_ice(live.peers[person])
        except (KeyError, terms.SdpRejected, terms.GateUnavailable):
            return self._err(me, message.id, "media_plane_unavailable")
        self._send(me, protocol.Ok(re=message.id, call=message.call))
        self._send_offer(live, person, offer)
        return None

    def seal_to(self, me: Session, message: protocol.SealTo) -> None:
        """Hand a word about keys on, unread. Only between two people who are both in this call."""
        live, person = self._place(me, message.call), me.seat.person
        if live is None:
            return self._not_mine(me, message.id, self._calls.get(message.call))
        to = next((leg for leg in live.call.legs if live.refs.get((person, leg.person)) == message.to), None)
        if to is None or to.state == "left":
            return self._err(me, message.id, "not_found")
        session = live.seats.get(to.person)
        if not to.answered or session is None:
            return self._wrong(me, message.id)
        ref = live.refs[to.person, person]
        self._send(session, protocol.SealFrom(call=message.call, ref=ref, body=message.body))
        self._send(me, protocol.Ok(re=message.id, call=message.call))
        return None

    def seal_ready(self, me: Session, message: protocol.SealReady) -> None:
        """This device's frames carry these key ids from now on. It lets through what was granted already, and grants nothing."""
        live, person = self._place(me, message.call), me.seat.person
        if live is None:
            return self._not_mine(me, message.id, self._calls.get(message.call))
        index = live.call.index(person)
        if any(kid >> 4 != index for kid in message.kids):
            return self._err(me, message.id, "bad_message")  # somebody else's name
        try:
            self._gate.seal(live.peers[person], message.kids)
        except KeyError:
            return self._err(me, message.id, "media_plane_unavailable")
        self._do(live, Sealed(person))
        self._send(me, protocol.Ok(re=message.id, call=message.call))
        return None

    def mark_on(self, me: Session, message: protocol.MarkOn) -> None:
        """For the record, and nothing else: a copy of this person's picture is marked."""
        self._note_mark(me, message, "")

    def mark_off(self, me: Session, message: protocol.MarkOff) -> None:
        """For the record: a copy of this person's picture is not marked. The call goes on."""
        self._note_mark(me, message, message.why)

    def _note_mark(
        self, me: Session, message: protocol.MarkOn | protocol.MarkOff, why: protocol.WhyUnmarked | Literal[""]
    ) -> None:
        live, person = self._place(me, message.call), me.seat.person
        if live is None:
            return self._not_mine(me, message.id, self._calls.get(message.call))
        to = next((leg.person for leg in live.call.legs if live.refs.get((person, leg.person)) == message.to), None)
        if to is None or (person, to) not in live.marks:
            return self._err(me, message.id, "not_found")
        if live.pictures.get(person) != "each":
            return self._err(me, message.id, "bad_state")  # what goes to all at once carries nobody's mark
        # The first yes and the first no: after a no, this copy counts as unmarked whatever comes.
        if (person, to, "off" if why else "on") not in live.said:
            live.said.add((person, to, "off" if why else "on"))
            if why:
                self._write_down(live, self._authority.unmarked, live.call.id, person, to, why)
            else:
                self._write_down(live, self._authority.marked, live.call.id, person, to)
        self._send(me, protocol.Ok(re=message.id, call=message.call))
        return None

    def _note_too_many(self, live: _Live) -> None:
        """For the record: whoever shows a picture in a call of too many for copies sends it unmarked."""
        for leg in live.call.legs:
            person = leg.person
            if leg.answered and leg.video and live.pictures.get(person) == "once":
                # the marks of those who came in since are as new as they are
                known = sum(sender == person for sender, _ in live.marks)
                if (person, None, str(known)) not in live.said:
                    live.said.add((person, None, str(known)))
                    self._write_down(live, self._authority.unmarked, live.call.id, person, None, "too_many")

    # -- what the house tells us --------------------------------------------------------------------------------------

    async def facts_changed(self, people: Collection[PersonId]) -> None:
        """Something that concerns these people has changed: ask again for every ring and call that they are in, all at
        once, and for whom they may see. When this returns, whatever is no longer allowed is shut."""
        concerned = frozenset(people)
        self._facts += 1
        if len(self._changed) > _REMEMBERED:
            self._floor = self._facts
            self._changed.clear()
        for person in concerned:
            self._changed[person] = self._facts
        calls = {live.call.id: live for person in concerned for live in self._calls_of.get(person, {}).values()}
        # Tasks of our own: whoever waits for us may lose patience, and the cut must not be lost with it.
        work = [self.spawn(self._recheck_all(tuple(calls.values())))] if calls else []
        work += [self.spawn(self._refresh(person)) for person in concerned if person in self._people]
        if work:
            await asyncio.wait(work)

    async def everybody_again(self) -> None:
        """Something changed that may concern anybody: the rules, or the time itself. Ask again for every ring and every call, and
        for whom everybody may see. When this returns, whatever is no longer allowed is shut."""
        self._facts += 1
        self._floor = self._facts
        self._changed.clear()
        work = [
            self.spawn(self._recheck_all(tuple(self._calls.values()))),
            self.spawn(self._refresh_all(tuple(self._people))),
        ]
        await asyncio.wait(work)

    async def close_sessions(self, session_ids: Iterable[str], code: Code = "session_revoked") -> None:
        """Signed out, un-paired, suspended: the places in calls go at once, then the sockets. No resume."""
        for signin in session_ids:
            self._gone_signins[signin] = None
            while len(self._gone_signins) > _REMEMBERED:
                del self._gone_signins[next(iter(self._gone_signins))]
            for session in tuple(self._signins.get(signin, ())):
                socket = session.socket
                self._forget(session, code)
                if socket is not None:
                    socket.close(code)

    async def end_call(
        self,
        call: str,
        who_name: str = "",
        family: Collection[PersonId] = (),
        code: Code = "ended_by_supervisor",
    ) -> bool:
        """A guardian (or a helper) ends a call for everybody. ``who_name`` is told to those in ``family`` only.
        False if there is no such live call."""
        live = self._calls.get(call)
        if live is None:
            return False
        live.named = dict.fromkeys(family, who_name)
        return self._do(live, Stopped(code))

    async def tell_changed(self, people: Iterable[PersonId], what: Sequence[str]) -> None:
        """These people's pages are out of date."""
        message = protocol.Changed(what=list(what))  # type: ignore[arg-type]  # names are checked by the JSON Schema of the wire
        for person in people:
            self._bus.publish(person, message)

    def live_calls(self, people: Collection[PersonId]) -> tuple[LiveCall, ...]:
        """The rings and calls that any of these people is in, now."""
        found = {live.call.id: live for person in people for live in self._calls_of.get(person, {}).values()}
        now = self._clock()
        return tuple(
            LiveCall(
                live.call.id,
                live.call.state,
                live.call.media,
                0.0 if live.since is None else now - live.since,
                tuple((leg.person, leg.state, leg.audio, leg.video) for leg in live.call.legs if leg.state != "left"),
            )
            for live in found.values()
        )

    def gate_event(self, event: terms.GateEvent) -> None:
        """Give this to ``Gate.open`` as ``on_event``."""
        if self._performing:
            asyncio.get_running_loop().call_soon(self.gate_event, event)
            return
        if isinstance(event, terms.Fact):
            return
        live, person = self._peers.get(event.peer, (None, ""))
        if live is None:
            return
        session = live.seats.get(person)
        if isinstance(event, terms.Connected):
            live.up.add(person)
            # On record from here on, whatever the socket does: media without a record would use no minutes and nobody could end it.
            self._note_in(live, NoteIn(person))
            if session is not None and session.socket is not None:
                self._do(live, MediaUp(person))
            return
        live.up.discard(person)
        if event.why == _MENDABLE:
            self._do(live, Lost(person))
        else:
            connecting = (leg := live.call.leg(person)) is not None and leg.state == "connecting"
            self._do(live, Went(person, "media_plane_unavailable" if connecting else "peer_lost"))

    async def drain(self, grace: float = 0.0, reconnect_after_ms: int = 2000) -> None:
        """The process is about to stop: tell everybody, take no new calls, let the live ones finish for ``grace``
        seconds, end what is left, close, and wait until the record is written."""
        self._draining = True
        for session in tuple(self._sessions.values()):
            self._send(session, protocol.GoAway(reconnect_after_ms=reconnect_after_ms))
        if self._calls and grace > 0:
            self._last_call_ended = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._last_call_ended.wait()
        for live in tuple(self._calls.values()):
            self._do(live, Stopped("server_draining"))
        for session in tuple(self._sessions.values()):
            socket = session.socket
            self._forget(session, "server_draining")
            if socket is not None:
                socket.close("server_draining")
        self._call_alarms.close()
        self._circle_alarms.close()
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def now(self) -> float:
        """The hub's clock, in seconds from anywhere."""
        return self._clock()

    def refuse(self, me: Session, request: str, code: Code, retry_after_ms: int = 0) -> None:
        """Tell this session no, for a reason that lies outside the call."""
        if code == "bad_state":
            return self._wrong(me, request)
        return self._err(me, request, code, retry_after_ms)

    def spawn_for(self, me: Session, work: Coroutine[Any, Any, None]) -> None:
        """Let a question of this session run beside its loop."""
        me.asks += 1
        self.spawn(self._count_down(me, work))

    async def _count_down(self, me: Session, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            me.asks -= 1

    async def close(self) -> None:
        """Stop now: everybody is told, every place at the gate is taken away, the record is written."""
        await self.drain()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is not forgotten: :meth:`drain` waits for it, and a fault in it is logged without content."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)
        return task

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.counts["faults"] += 1
            log.error("a task of the hub failed: %s", type(fault).__name__)

    # -- questions ----------------------------------------------------------------------------------------------------

    async def _ask(self, question: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T | Refusal:
        """The answer; and if there is none in time, or the question fails, a no."""
        return await self._ask_within(self.limits.ask_seconds, question, *args, **kwargs)

    async def _ask_within(
        self, seconds: float, question: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T | Refusal:
        try:
            async with asyncio.timeout(seconds):
                return await question(*args, **kwargs)
        except Exception as fault:
            self.counts["authority_faults"] += 1
            log.error("the authority did not answer %s: %s", getattr(question, "__name__", "?"), type(fault).__name__)
            return Refusal("internal")

    async def _recheck_all(self, lives: Sequence[_Live]) -> None:
        """May these calls go on? Many are asked about in lots, all lots at once."""
        if len(lives) == 1:
            return await self._recheck(lives[0])
        lots = [lives[first : first + _AT_ONCE] for first in range(0, len(lives), _AT_ONCE)]
        if lots:
            await asyncio.wait([self.spawn(self._recheck_lot(lot)) for lot in lots])
        return None

    async def _recheck_lot(self, lives: Sequence[_Live]) -> None:
        """One question about several calls. If it fails, one about each: what one call breaks must not end the others. Both
        together take no longer than one question may."""
        half = self.limits.ask_seconds / 2
        asked = [self._begin_recheck(live) for live in lives]
        about = [(live.call.id, present) for live, (_, present) in zip(lives, asked, strict=True)]
        answers = await self._ask_within(half, self._authority.go_on_many, about)
        if isinstance(answers, Refusal) or len(answers) != len(lives):
            await asyncio.wait([self.spawn(self._recheck(live, half)) for live in lives])
            return
        for live, (mine, present), standing in zip(lives, asked, answers, strict=True):
            self._stand(live, mine, present, standing)

    async def _recheck(self, live: _Live, seconds: float | None = None) -> None:
        """May this call go on? Apply the answer; no answer is a no."""
        mine, present = self._begin_recheck(live)
        within = self.limits.ask_seconds if seconds is None else seconds
        self._stand(live, mine, present, await self._ask_within(within, self._authority.go_on, live.call.id, present))

    def _begin_recheck(self, live: _Live) -> tuple[int, tuple[PersonId, ...]]:
        live.standing += 1
        return live.standing, live.call.live()

    def _stand(self, live: _Live, mine: int, present: Sequence[PersonId], standing: Standing | Refusal) -> None:
        """Apply the answer to the question number ``mine`` about this call."""
        if live.call.state == "ended":
            return
        if not isinstance(standing, Standing):
            self._do(live, Stopped(standing.code))
            return
        # An older question that is answered after a newer one was asked may shut, but not open.
        bound = standing.lanes if mine == live.standing else standing.lanes & live.call.bound
        leaving = dict(standing.must_leave)
        # Somebody's own clock or grown-up, and nobody stays with the other: it is over by itself, and the other was left, no more.
        deserted = len(present) - len(leaving) < 2 and not OWN_REASONS.isdisjoint(leaving.values())
        if not deserted:
            reached = {person for lane in bound for person in lane[:2]}
            for person in present:
                if person not in reached:
                    leaving.setdefault(person, "policy_revoked")  # a place from which nobody may be reached is no place
        if leaving or bound != live.call.bound:  # else nothing would come of it, as nearly always
            self._do(live, Bounded(bound, tuple(leaving.items())))
        if mine == live.standing:
            self._mind_the_clock(live, standing.until)

    def _stale(self, people: Iterable[PersonId], since: int) -> bool:
        """Whether a fact about one of these people changed after the moment ``since``."""
        return self._facts > since and any(self._changed.get(person, self._floor) > since for person in people)

    # -- the clock ----------------------------------------------------------------------------------------------------

    def _mind_the_clock(self, live: _Live, until: Until) -> None:
        """The newest answer about this call says when to ask again, and who will have to leave."""
        if live.call.state != "ended":
            self._call_alarms.set(live.call.id, asked_again_in(until))
            live.warnings.set(until)

    def _warn(self, live: _Live, person: PersonId, code: Code, in_ms: int) -> bool:
        """Tell this person, and nobody else, that they will have to leave soon. Not while it rings: it is told when they are in."""
        leg, session = live.call.leg(person), live.seats.get(person)
        if leg is None or not leg.answered or session is None:
            return False
        self._send(session, protocol.Soon(call=live.call.id, code=code, in_ms=in_ms))
        return True

    def _calls_are_due(self, calls: Sequence[str]) -> None:
        lives = [live for call in calls if (live := self._calls.get(call)) is not None]
        if lives:
            self.spawn(self._recheck_all(lives))

    def _circles_are_due(self, people: Sequence[PersonId]) -> None:
        self.spawn(self._refresh_all(people))

    # -- whom one may see ---------------------------------------------------------------------------------------------

    async def _refresh_all(self, people: Sequence[PersonId]) -> None:
        """Everybody's circle anew, a few at a time: the questions about live calls are not to stand in line behind them."""
        waiting = iter(people)

        async def some() -> None:
            for person in waiting:
                if person in self._people:
                    await self._refresh(person)

        if people:
            await asyncio.wait([self.spawn(some()) for _ in range(min(_REFRESHES, len(people)))])

    async def _refresh(self, person: PersonId) -> None:
        """Ask anew whom this person may see and be seen by, and tell both sides what changed."""
        circle = await self._ask(self._authority.circle, person)
        who = self._people.get(person)
        if who is None:
            return
        self._circle_alarms.set(person, circle.again_ms if isinstance(circle, Circle) else _CIRCLE_LATER_MS)
        old = who.circle
        who.circle = circle if isinstance(circle, Circle) else Circle({}, {})
        who.refs = frozenset(who.circle.sees.values())
        if old.sees != who.circle.sees:
            changes = [
                protocol.PresenceOf(ref, "away") for other, ref in old.sees.items() if other not in who.circle.sees
            ]
            changes += [
                protocol.PresenceOf(ref, self._status_seen(other, person))
                for other, ref in who.circle.sees.items()
                if old.sees.get(other) != ref
            ]
            if changes and any(session.seq > 1 for session in who.sessions.values()):
                for session in who.sessions.values():
                    if session.seq > 1:  # a session that has only its welcome gets the full list next
                        self._send(session, protocol.Presence(people=changes))
        status = self._status(person)
        for watcher, ref in who.circle.seen_by.items():
            if watcher not in old.seen_by:
                other = self._people.get(watcher)
                if other is not None and person not in other.circle.sees:
                    self.spawn(self._refresh(watcher))  # their answer is older: quiet hours were over only just now
                self._bus.publish(watcher, protocol.Presence(people=[protocol.PresenceOf(ref, status)]))
        for watcher, ref in old.seen_by.items():
            if watcher not in who.circle.seen_by:
                self._bus.publish(watcher, protocol.Presence(people=[protocol.PresenceOf(ref, "away")]))
        self._tell_presence(person)

    # -- the step and its effects -------------------------------------------------------------------------------------

    def _do(self, live: _Live, event: Event) -> bool:
        """Take the step and do what it lists. False if the event has no place in this state."""
        before = live.call
        stepped = step(before, event)
        if stepped is None:
            return False
        live.call, effects = stepped
        if not effects:
            return True
        outer, self._performing = self._performing, True
        after: list[Event] = []
        try:
            for effect in effects:
                try:
                    fault = _PERFORM[type(effect)](self, live, effect)
                    if fault is not None:
                        after.append(fault)
                except Exception as failure:
                    # Whatever failed, the answer is to shut: the gate forgets these people, and the call ends.
                    self.counts["faults"] += 1
                    log.error("call %s: %s failed: %s", live.call.id[:6], type(effect).__name__, type(failure).__name__)
                    self._shut_hard(live)
                    after.append(Stopped("internal"))
        finally:
            self._performing = outer
        if live.call.state == "ended":
            self._bury(live)
        elif live.since is None and live.call.state == "connecting":
            live.since = self._clock()
        if before.state != live.call.state or before.legs != live.call.legs:
            for leg in live.call.legs:
                self._tell_presence(leg.person)
        for event in after:
            self._do(live, event)
        self._mind_the_size(live)
        if live.call.state != "ended" and _went(before) != _went(live.call):
            self.spawn(self._recheck(live))  # those who stay may have been allowed only because of the one who went
        return True

    def _mind_the_size(self, live: _Live) -> None:
        """Whoever was told to send their picture in a way that is not this call's any more is offered the other."""
        if live.call.state == "ended":
            return
        now = picture(live.call)
        other = [person for person, told in live.pictures.items() if told != now]
        if not other:
            return
        live.pictures.update(dict.fromkeys(other, now))
        self._tell_state(live, TellState())  # their marks, before the offer by which they need them
        for person in other:
            try:
                offer = self._gate.offer_picture(live.peers[person], now)
            except (KeyError, ValueError, terms.GateUnavailable):
                self._do(live, Went(person, "media_plane_unavailable"))
            else:
                self._send_offer(live, person, offer)

    def _shut_hard(self, live: _Live) -> None:
        for person in tuple(live.placed):
            try:
                self._gate.remove(live.peers[person])
                live.placed.discard(person)
            except Exception as failure:
                log.critical("call %s: the gate would not let go: %s", live.call.id[:6], type(failure).__name__)

    def _bury(self, live: _Live) -> None:
        for handle in live.timers.values():
            handle.cancel()
        live.timers.clear()
        live.warnings.cancel()
        self._call_alarms.cancel(live.call.id)
        self._calls.pop(live.call.id, None)
        for person, peer in live.peers.items():
            self._peers.pop(peer, None)
            mine = self._calls_of.get(person)
            if mine is not None:
                mine.pop(live.call.id, None)
                if not mine:
                    del self._calls_of[person]
        for session in live.seats.values():
            if session.call is live:
                session.call = None
        self.counts["ended"] += 1
        if self._last_call_ended is not None and not self._calls:
            self._last_call_ended.set()

    def _cut(self, live: _Live, effect: Cut) -> None:
        for publisher, viewer, kind in effect.lanes:
            self._gate.cut(publisher=live.peers[publisher], viewer=live.peers[viewer], kind=kind)

    def _open_lanes(self, live: _Live, effect: Open) -> None:
        for publisher, viewer, kind in effect.lanes:
            if publisher in live.placed and viewer in live.placed:
                self._gate.allow(live.peers[publisher], live.peers[viewer], kind)

    def _remove_leg(self, live: _Live, effect: RemoveLeg) -> None:
        peer = live.peers[effect.person]
        self._peers.pop(peer, None)
        live.up.discard(effect.person)
        if effect.person in live.placed:
            self._gate.remove(peer)
            live.placed.discard(effect.person)
        live.pictures.pop(effect.person, None)

    def _make_offer(self, live: _Live, effect: MakeOffer) -> Event | None:
        person, peer = effect.person, live.peers[effect.person]
        slots = [live.peers[leg.person] for leg in live.call.legs if leg.person != person and leg.state != "left"]
        try:
            offer = self._gate.offer(peer, slots=slots, picture=picture(live.call))
        except terms.GateUnavailable:
            return Went(person, "media_plane_unavailable")
        live.placed.add(person)
        live.pictures[person] = offer.picture
        self._peers[peer] = (live, person)
        self._send_offer(live, person, offer)
        return None

    def _send_offer(self, live: _Live, person: PersonId, offer: terms.Offer) -> None:
        live.neg[person] = offer.neg
        session = live.seats.get(person)
        if session is None:
            return
        who = {peer: other for other, peer in live.peers.items()}
        slots = [
            protocol.Slot(live.refs[person, who[slot.publisher]], slot.audio_mid, slot.video_mid)
            for slot in offer.slots
        ]
        self._send(
            session,
            protocol.Offer(
                call=live.call.id,
                neg=offer.neg,
                sdp=offer.sdp,
                slots=slots,
                picture=offer.picture,
                once_mid=offer.once_mid,
            ),
        )

    def _ring(self, live: _Live, effect: Ring) -> None:
        self._bus.publish(effect.person, self._incoming(live, effect.person))

    def _incoming(self, live: _Live, person: PersonId) -> protocol.Incoming:
        call = live.call
        handle = live.timers.get(("ring", ""))
        left = self.limits.ring_seconds if handle is None else handle.when() - asyncio.get_running_loop().time()
        return protocol.Incoming(
            call=call.id,
            nonce="",
            caller=live.refs[person, call.caller],
            others=[
                live.refs[person, leg.person] for leg in call.legs[1:] if leg.person != person and leg.state != "left"
            ],
            media=call.media,
            expires_in_ms=max(0, int(left * 1000)),
        )

    def _stop_ringing(self, live: _Live, effect: StopRinging) -> None:
        call = live.call.id
        if effect.code == "answered_elsewhere":
            self._bus.publish(effect.person, protocol.AnsweredElsewhere(call=call))
            return
        by = live.refs[effect.person, effect.by] if effect.by and effect.by != effect.person else ""
        who = live.named.get(effect.person, "")
        self._bus.publish(effect.person, protocol.Ended(call=call, code=effect.code, by=by, who=who))

    def _start_timer(self, live: _Live, effect: StartTimer) -> None:
        self._stop_timer(live, StopTimer(effect.what, effect.person))
        event: Event = RingOver() if effect.what == "ring" else WaitOver(effect.person)
        seconds = {
            "ring": self.limits.ring_seconds,
            "connect": self.limits.connect_seconds,
            "lost": self.limits.resume_seconds,
        }[effect.what]
        live.timers[effect.what, effect.person] = asyncio.get_running_loop().call_later(seconds, self._do, live, event)

    def _stop_timer(self, live: _Live, effect: StopTimer) -> None:
        handle = live.timers.pop((effect.what, effect.person), None)
        if handle is not None:
            handle.cancel()

    def _tell_left(self, live: _Live, effect: TellLeft) -> None:
        for person in live.call.present():
            session = live.seats.get(person)
            if session is not None and person != effect.who:
                ref = live.refs[person, effect.who]
                self._send(session, protocol.PeerLeft(call=live.call.id, ref=ref, code=effect.code))

    def _tell_ended(self, live: _Live, effect: TellEnded) -> None:
        session = live.seats.pop(effect.person, None)
        if session is None:
            return
        if session.call is live:
            session.call = None
        by = live.refs[effect.person, effect.by] if effect.by and effect.by != effect.person else ""
        who = live.named.get(effect.person, "")
        self._send(session, protocol.Ended(call=live.call.id, code=effect.code, by=by, who=who))

    def _tell_state(self, live: _Live, effect: TellState) -> None:
        sees = self._gate.who_sees_whom(live.peers.values()) if live.placed else frozenset()
        for person in live.call.present():
            session = live.seats.get(person)
            if session is not None:
                self._send(session, self._state_for(live, person, sees))

    def _state_for(self, live: _Live, person: PersonId, sees: Collection[tuple[str, str, Media]]) -> protocol.State:
        call, mine = live.call, live.peers[person]
        assert call.state != "idle" and call.state != "ended"  # noqa: PT018 - one thought: the wire knows live calls only
        seen_by, heard_by, me = [], [], None
        legs = []
        each = live.pictures.get(person) == "each"
        for index, leg in enumerate(call.legs, 1):
            if leg.person == person:
                me = protocol.Leg("", leg.state, leg.audio, leg.video, index, leg.sealed)
                continue
            if leg.state == "left":
                continue
            ref, peer = live.refs[person, leg.person], live.peers[leg.person]
            # What reaches this viewer, not what the other says it sends: a picture that was cut must not stand still on a screen.
            audio, video = (
                said and (peer, mine, kind) in sees for kind, said in (("audio", leg.audio), ("video", leg.video))
            )
            mark = live.marks.get((person, leg.person)) if each else None
            own = None if mark is None else protocol.Mark(f"{mark.id:08x}", mark.quarter)
            legs.append(protocol.Leg(ref, leg.state, audio, video, index, leg.sealed, own))
            if (mine, peer, "video") in sees:
                seen_by.append(ref)
            if (mine, peer, "audio") in sees:
                heard_by.append(ref)
        assert me is not None
        return protocol.State(
            call=call.id,
            state=call.state,
            media=call.media,
            me=me,
            legs=legs,
            seen_by=seen_by,
            heard_by=heard_by,
            may_show=any(lane[0] == person and lane[2] == "video" for lane in call.bound),
            epoch=call.epoch,
        )

    def _note_in(self, live: _Live, effect: NoteIn) -> None:
        if effect.person not in live.noted:
            live.noted.add(effect.person)
            self._write_down(live, self._authority.came_in, live.call.id, effect.person)

    def _note_out(self, live: _Live, effect: NoteOut) -> None:
        self._write_down(live, self._authority.went_out, live.call.id, effect.person, effect.code)

    def _note_ended(self, live: _Live, effect: NoteEnded) -> None:
        self._write_down(live, self._authority.ended, live.call.id, effect.code)

    def _write_down(self, live: _Live, what: Callable[..., Awaitable[None]], *args: Any) -> None:
        """For the record, in order, without making anybody wait."""
        live.notes.append((what, args))
        if not live.writing:
            live.writing = True
            self.spawn(self._write_all(live))

    async def _write_all(self, live: _Live) -> None:
        try:
            while live.notes:
                what, args = live.notes[0]
                await self._record(what, *args)
                live.notes.popleft()
        finally:
            live.writing = False

    async def _record(self, what: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Write it down, again if it could not be: else a call that is over would stand in the records as live. Not for
        ever, and only a few times when the process is about to stop: the next start closes what is still open."""
        tries = 0
        while isinstance(await self._ask(what, *args), Refusal):
            tries += 1
            if tries >= (_LAST_TRIES if self._draining else self.limits.record_tries):
                self.counts["records_lost"] += 1
                log.error("call %s: %s could not be recorded", str(args[0])[:6], getattr(what, "__name__", "?"))
                return
            await asyncio.sleep(self.limits.record_pause_seconds)

    # -- presence -----------------------------------------------------------------------------------------------------

    def _status(self, person: PersonId) -> Status:
        who = self._people.get(person)
        if who is None or not who.sessions:
            return "away"
        return "busy" if self._taken(person) else "here"

    def _status_seen(self, person: PersonId, viewer: PersonId) -> Status:
        """What the viewer may know: both circles must say so."""
        who = self._people.get(person)
        return self._status(person) if who is not None and viewer in who.circle.seen_by else "away"

    def _presence_list(self, person: PersonId, who: _Person) -> protocol.Presence:
        return protocol.Presence(
            people=[
                protocol.PresenceOf(ref, self._status_seen(other, person)) for other, ref in who.circle.sees.items()
            ]
        )

    def _tell_presence(self, person: PersonId) -> None:
        who = self._people.get(person)
        if who is None:
            return
        status = self._status(person)
        if status == who.told:
            return
        who.told = status
        for watcher, ref in who.circle.seen_by.items():
            self._bus.publish(watcher, protocol.Presence(people=[protocol.PresenceOf(ref, status)]))

    # -- sessions -----------------------------------------------------------------------------------------------------

    def _seat(self, session: Session) -> _Person:
        person = session.seat.person
        who = self._people.get(person)
        if who is None:
            who = self._people[person] = _Person()
            self._bus.subscribe(person, self._deliver)
        if len(who.sessions) >= self.limits.sessions_per_person:
            idle = next((one for one in who.sessions.values() if one.call is None), None)
            if idle is not None:
                socket = idle.socket
                self._forget(idle, "taken_over")
                if socket is not None:
                    socket.close("taken_over")
        self._sessions[session.id] = session
        self._signins.setdefault(session.seat.session, set()).add(session)
        self._people.setdefault(person, who).sessions[session.id] = session
        return who

    def _forget(self, session: Session, code: Code) -> None:
        """This session is over: its place in a call, its rings, its resume token."""
        if session.closed:
            return
        session.closed = True
        session.token = b""
        session.socket = None
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        person = session.seat.person
        if session.call is not None:
            self._do(session.call, Went(person, code))
        self._sessions.pop(session.id, None)
        signin = self._signins.get(session.seat.session)
        if signin is not None:
            signin.discard(session)
            if not signin:
                del self._signins[session.seat.session]
        who = self._people.get(person)
        if who is None:
            return
        who.sessions.pop(session.id, None)
        for call in tuple(session.rings):
            live = self._calls.get(call)
            if live is not None and not any(call in other.rings for other in who.sessions.values()):
                self._do(live, Went(person, "unreachable"))
        if not who.sessions:
            self._tell_presence(person)
            self._bus.unsubscribe(person, self._deliver)
            self._circle_alarms.cancel(person)
            del self._people[person]

    def _take_over(self, session: Session, socket: SocketPort) -> None:
        old = session.socket
        session.socket = socket
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        if old is not None and old is not socket:
            old.close("taken_over")

    def _new_token(self, session: Session) -> str:
        token = _secret()
        session.token = hashlib.sha256(token.encode()).digest()
        return token

    def _missed(self, session: Session, last: int) -> list[bytes] | None:
        """The frames after ``last``, or None if they are no longer all there."""
        first = session.seq - len(session.kept) + 1
        if not first - 1 <= last <= session.seq:
            return None
        return list(session.kept)[last - first + 1 :]

    def _deliver(self, person: PersonId, message: protocol.ToPerson) -> None:
        """From the bus, to this person's sessions here."""
        who = self._people.get(person)
        if who is None:
            return
        match message:
            case protocol.Incoming(call=call):
                for session in who.sessions.values():
                    nonce = session.rings[call] = _secret()
                    self._send(session, with_fields(message, nonce=nonce))
            case protocol.Ended(call=call) | protocol.AnsweredElsewhere(call=call):
                for session in who.sessions.values():
                    if session.rings.pop(call, None) is not None:
                        self._send(session, message)
            case protocol.Presence(people=people):
                known = [one for one in people if one.ref in who.refs]
                if known:
                    self._send_all(who, message if len(known) == len(people) else protocol.Presence(people=known))
            case protocol.Changed():
                self._send_all(who, message)

    def _ring_anew(self, session: Session) -> None:
        """A device that has just come hears what rings for its person."""
        person = session.seat.person
        for live in tuple(self._calls_of.get(person, {}).values()):
            leg = live.call.leg(person)
            if leg is not None and leg.state == "invited" and person != live.call.caller:
                nonce = session.rings[live.call.id] = _secret()
                self._send(session, with_fields(self._incoming(live, person), nonce=nonce))

    def _send(self, session: Session, message: Any) -> None:
        self._send_body(session, protocol.encode_body(message))

    def _send_all(self, who: _Person, message: Any) -> None:
        body = protocol.encode_body(message)
        for session in who.sessions.values():
            self._send_body(session, body)

    def _send_body(self, session: Session, body: bytes) -> None:
        if session.closed:
            return
        session.seq += 1
        frame = protocol.numbered(body, session.seq)
        kept = session.kept
        kept.append(frame)
        session.kept_bytes += len(frame)
        while len(kept) > self.limits.replay_frames or session.kept_bytes > self.limits.replay_bytes:
            session.kept_bytes -= len(kept.popleft())
        if session.socket is not None:
            session.socket.send(frame)

    # -- answers ------------------------------------------------------------------------------------------------------

    def _err(self, me: Session, request: str, code: Code, retry_after_ms: int = 0) -> None:
        self._send(me, protocol.Err(re=request, code=code, retry_after_ms=retry_after_ms))

    def _wrong(self, me: Session, request: str) -> None:
        """A message in the wrong state: told, counted, and after too many the socket is closed."""
        self.counts["bad_state"] += 1
        me.strikes += 1
        self._err(me, request, "bad_state")
        if me.strikes >= self.limits.bad_states and me.socket is not None:
            me.socket.close("bad_message")

    def _not_mine(self, me: Session, request: str, live: _Live | None) -> None:
        """A call that is not there and a call that is not theirs are the same; one that is theirs is in the wrong state."""
        if live is not None and live.call.leg(me.seat.person) is not None:
            return self._wrong(me, request)
        return self._err(me, request, "not_found")

    def _turn_down(self, me: Session, request: str, permit: Permit, code: Code) -> None:
        """The authority has opened a call that will not ring: say so, and have it closed on record."""
        self._err(me, request, code)
        self.spawn(self._record(self._authority.ended, permit.call, "cancelled"))

    # -- small questions to ourselves ---------------------------------------------------------------------------------

    def _place(self, me: Session, call: str) -> _Live | None:
        """The live call in which this very session has an answered place."""
        live = me.call
        if live is None or live.call.id != call or live.seats.get(me.seat.person) is not me:
            return None
        leg = live.call.leg(me.seat.person)
        return live if leg is not None and leg.answered else None

    def _taken(self, person: PersonId) -> bool:
        """Whether this person is in a call or is ringing somebody. Being rung is not being taken."""
        for live in self._calls_of.get(person, {}).values():
            leg = live.call.leg(person)
            if leg is not None and (leg.answered or (leg.state == "invited" and person == live.call.caller)):
                return True
        return False

    def _glares(self, caller: PersonId, callees: Sequence[PersonId]) -> bool:
        """Whether one of the callees is in a call that is ringing for the caller already."""
        for live in self._calls_of.get(caller, {}).values():
            mine = live.call.leg(caller)
            if mine is None or mine.state != "invited" or caller == live.call.caller:
                continue
            if any(leg.person in callees and leg.state != "left" for leg in live.call.legs):
                return True
        return False

    def _wire_limits(self) -> protocol.Limits:
        return protocol.Limits(ring_seconds=self.limits.ring_seconds, resume_seconds=self.limits.resume_seconds)


_PERFORM: Final[dict[type[Effect], Callable[[Hub, _Live, Any], Event | None]]] = {
    Cut: Hub._cut,
    RemoveLeg: Hub._remove_leg,
    StopTimer: Hub._stop_timer,
    StopRinging: Hub._stop_ringing,
    MakeOffer: Hub._make_offer,
    Open: Hub._open_lanes,
    Ring: Hub._ring,
    StartTimer: Hub._start_timer,
    TellLeft: Hub._tell_left,
    TellEnded: Hub._tell_ended,
    TellState: Hub._tell_state,
    NoteIn: Hub._note_in,
    NoteOut: Hub._note_out,
    NoteEnded: Hub._note_ended,
}


def _secret() -> str:
    """192 bits, for session ids, nonces and tokens (the wire asks for 16 to 64 characters)."""
    return secrets.token_urlsafe(24)


def _is_asked(call: Call, person: PersonId) -> bool:
    """Whether the call still rings for this person."""
    leg = call.leg(person)
    return call.state != "ended" and leg is not None and leg.state == "invited"


def _sound(permit: Permit, caller: PersonId) -> bool:
    """Whether a permit can be worked with: the caller first, nobody twice, everybody known to everybody by a ref."""
    people = permit.people
    return (
        2 <= len(people) <= protocol.MAX_PEOPLE
        and people[0] == caller
        and len(set(people)) == len(people)
        and all((viewer, other) in permit.refs for viewer in people for other in people if viewer != other)
    )
