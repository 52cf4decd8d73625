"""The call machine: what a call can be, what can happen to it, and what must then be done.

A call is a set of *legs*, one for each person. Nobody's leg can move by anybody else's wish except outwards: one comes in by
one's own answer, and one goes out by leaving, by being lost for too long, or by a rule. The call itself is only the sum of
its legs, so its state is never set: it is read off the legs after each event, along the same table.

The life of a call:

- It is placed, and **rings**. Everybody's leg is ``invited``, the caller's too: the caller has asked, and waits like the rest.
  Nobody has a place in the gate yet, so nobody can learn anybody's address or see a picture (T11, T12).
- The first answer makes it **connecting**: the caller and the answerer get their places in the gate. More may answer later.
- When media is up for two people it is **active**, and stays so while two people are in it or one is in it and another can
  still come.
- It **ends** when fewer than two people are left who are in it or can still come, or when somebody with the right stops it.
  That row of the table is empty, and that is the promise: an ended call is never re-entered (spreed #11737 is the story of
  one that was). A new call needs a new ring.

What may be open in the gate is not a state but a sum, worked out anew after every event by :func:`open_lanes`:

    what the rules bound  ∩  what the rules granted this sender  ∩  what the sender says it sends
                         ∩  both have answered  ∩  both devices have confirmed their keys

:func:`step` compares that sum before and after, and the states before and after, and lists what must be done. The order of
the list is fixed and is the order of every cut: first shut, then stop ringing, then open, then tell, then write down.
So there is no path on which somebody hears of an end before the media has stopped, and none that forgets to shut.

Values here are msgspec structs, like the messages of the wire: frozen, compared by what they hold, and made ten times faster
than a frozen dataclass, which counts because every event makes a new call.

Nothing here waits, looks at a clock, or knows a socket. Time is an event like any other (``RingOver``, ``WaitOver``).
``python -m signalling.call`` prints the diagram of ``docs/reference/call-states.md`` from the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from signalling.authority import Lane, PersonId
from signalling.protocol import Code, LegState, Media, Picture

MOST_OWN_PICTURES: Final = 4
"""People in a call, up to whom each viewer gets a picture made for them: a device encodes its camera at most three times over."""

CallState = Literal["idle", "ringing", "connecting", "active", "ended"]

Happening = Literal["placed", "answered", "met", "deserted", "stopped"]
"""What moves a call: it was placed; somebody answered first; media is up for two; too few are left; somebody stopped it."""

Move = Literal["accepts", "media up", "lost", "back", "goes"]
"""What moves a leg: its person answers; its media is up; its socket or its media is lost; its socket is back; it goes."""

#: The one table. A pair that is not in it cannot happen.
CALL: Final[Mapping[CallState, Mapping[Happening, CallState]]] = {
    "idle":       {"placed": "ringing"},
    "ringing":    {"answered": "connecting", "deserted": "ended", "stopped": "ended"},
    "connecting": {"met": "active",          "deserted": "ended", "stopped": "ended"},
    "active":     {                          "deserted": "ended", "stopped": "ended"},
    "ended":      {},
}  # fmt: skip
LEG: Final[Mapping[LegState, Mapping[Move, LegState]]] = {
    "invited":    {"accepts": "connecting",                                         "goes": "left"},
    "connecting": {"media up": "connected", "lost": "lost",                         "goes": "left"},
    "connected":  {                         "lost": "lost",                         "goes": "left"},
    "lost":       {"media up": "connected",                 "back": "connecting",   "goes": "left"},
    "left":       {},
}  # fmt: skip

ANSWERED: Final[frozenset[LegState]] = frozenset({"connecting", "connected", "lost"})
"""The leg states of somebody who has said yes and has not gone: only they have a place in the gate."""

#: What the others are told when somebody goes. The reason is that person's own and their family's: that a child has quiet
#: hours, a used-up evening or a revoked device is nobody else's business. Codes that are not here are told as they are.
TOLD_TO_OTHERS: Final[Mapping[Code, Code]] = {
    "quiet_hours": "left",
    "time_limit": "left",
    "needs_guardian": "left",
    "policy_revoked": "left",
    "contact_not_approved": "left",
    "ended_by_supervisor": "left",
    "removed": "left",
    "session_revoked": "left",
    "not_authenticated": "left",
    "not_permitted": "left",
    "rate_limited": "left",
    "taken_over": "peer_lost",
    "media_plane_unavailable": "peer_lost",
    "internal": "peer_lost",
}


#: Why somebody may have to leave that is of their own home alone. They are told; whoever is then alone in the call has only been left.
OWN_REASONS: Final[frozenset[Code]] = frozenset({"quiet_hours", "time_limit", "needs_guardian"})


class Leg(Struct, frozen=True):
    """One person's place in a call. ``audio`` and ``video``: what this person says they send. ``sealed``: this person's device
    has confirmed keys with those present. A leg begins without it, so that nothing flows in clear to or from a device that
    cannot seal. ``why``: how they went."""

    person: PersonId
    state: LegState = "invited"
    audio: bool = False
    video: bool = False
    sealed: bool = False
    why: Code | None = None

    @property
    def answered(self) -> bool:
        return self.state in ANSWERED


class Call(Struct, frozen=True):
    """A call at one moment. ``epoch`` counts its changes. ``bound``: the lanes that the rules allow among these people.
    ``granted``: those of them for which a sender has been told yes. Neither opens anything alone, see :func:`open_lanes`;
    and what leaves ``bound`` leaves ``granted``, so that a yes of yesterday never opens anything tomorrow."""

    id: str
    media: Media
    legs: tuple[
        Leg, ...
    ]  # caller first; none is added or taken away, so a place in it names one person for the whole call
    bound: frozenset[Lane] = frozenset()
    granted: frozenset[Lane] = frozenset()
    state: CallState = "idle"
    epoch: int = 0

    @property
    def caller(self) -> PersonId:
        return self.legs[0].person

    def leg(self, person: PersonId) -> Leg | None:
        for leg in self.legs:
            if leg.person == person:
                return leg
        return None

    def index(self, person: PersonId) -> int:
        """The place in the call's list, which this person's frames carry in their key ids. The caller's is 1: with 0 a label would
        be a small number, such as what a device left in clear might begin with."""
        return next(place for place, leg in enumerate(self.legs, 1) if leg.person == person)

    def live(self) -> tuple[PersonId, ...]:
        """Everybody who is in the call or can still come."""
        return tuple(leg.person for leg in self.legs if leg.state != "left")

    def present(self) -> tuple[PersonId, ...]:
        """Everybody who has answered and not gone; while it rings, the caller, who stands behind the question."""
        if self.state == "ringing":
            return (self.caller,) if self.legs[0].state != "left" else ()
        return tuple(leg.person for leg in self.legs if leg.answered)


def placed(call: str, media: Media, people: Iterable[PersonId], bound: frozenset[Lane]) -> Call:
    """A call before anything has happened to it. ``people``: caller first."""
    return Call(call, media, tuple(Leg(person) for person in people), bound)


# -- events: what can happen ------------------------------------------------------------------------------------------


class Placed(Struct, frozen=True):
    """The call rings. ``absent``: callees who cannot be rung now (``busy``, ``unreachable``); they are not disturbed."""

    absent: tuple[tuple[PersonId, Code], ...] = ()


class Accepted(Struct, frozen=True):
    """Somebody answered and may come in. ``bound``: the answer's lanes, fresh, both ways between them and those present.
    What of it is voice is granted with it: the same question decided it a moment ago. A camera is asked for when it opens."""

    person: PersonId
    bound: frozenset[Lane]


class MediaUp(Struct, frozen=True):
    """This person's place in the gate is connected, and so is their socket."""

    person: PersonId


class Lost(Struct, frozen=True):
    """This person's socket or media is gone, perhaps for a moment."""

    person: PersonId


class Back(Struct, frozen=True):
    """A lost person's socket is back, their media not yet."""

    person: PersonId


class Went(Struct, frozen=True):
    """Somebody is out: by own wish, by declining, by cancelling, by being lost too long, by a rule. ``code`` says which."""

    person: PersonId
    code: Code


class RingOver(Struct, frozen=True):
    """It has rung long enough: whoever has not answered is no longer asked."""


class WaitOver(Struct, frozen=True):
    """This person's media did not come up, or did not come back, in time."""

    person: PersonId


class Closes(Struct, frozen=True):
    """This person closes a microphone or a camera. Asks nobody."""

    person: PersonId
    audio: bool  # what is still sent
    video: bool


class Opens(Struct, frozen=True):
    """This person may send: the rules were asked and ``granted`` these lanes, all of which start at this person."""

    person: PersonId
    audio: bool
    video: bool
    granted: frozenset[Lane]


class Sealed(Struct, frozen=True):
    """This person's device has confirmed keys with everybody present. Which keys is none of our business."""

    person: PersonId


class Bounded(Struct, frozen=True):
    """The rules were asked again because a fact changed. Lanes outside ``bound`` shut, and stay shut until their sender
    is granted them anew. ``leaving``: who must go, in the order in which they go."""

    bound: frozenset[Lane]
    leaving: tuple[tuple[PersonId, Code], ...] = ()


class Stopped(Struct, frozen=True):
    """Somebody with the right to do so ended the whole call, or nobody could say that it may go on."""

    code: Code


Event = (
    Placed | Accepted | MediaUp | Lost | Back | Went | RingOver | WaitOver | Closes | Opens | Sealed | Bounded | Stopped
)  # fmt: skip

# -- effects: what must be done, in this order ------------------------------------------------------------------------

TimerKind = Literal["ring", "connect", "lost"]
"""How long it rings; from the answer to media; from the loss of a socket or of media to its return."""


class Cut(Struct, frozen=True):
    """Shut these lanes in the gate, now."""

    lanes: tuple[Lane, ...]


class RemoveLeg(Struct, frozen=True):
    """Take this person's place in the gate away, both ways, with keys and addresses."""

    person: PersonId


class StopTimer(Struct, frozen=True):
    what: TimerKind
    person: PersonId = ""


class StopRinging(Struct, frozen=True):
    """Their devices stop ringing: answered on one of them, or over (``code``)."""

    person: PersonId
    code: Code
    by: PersonId = ""


class MakeOffer(Struct, frozen=True):
    """Give this person a place in the gate and send the offer for it."""

    person: PersonId


class Open(Struct, frozen=True):
    """Open these lanes in the gate. The only effect that lets media through."""

    lanes: tuple[Lane, ...]


class Ring(Struct, frozen=True):
    person: PersonId


class StartTimer(Struct, frozen=True):
    what: TimerKind
    person: PersonId = ""


class TellLeft(Struct, frozen=True):
    """Tell those who are in the call that ``who`` went."""

    who: PersonId
    code: Code


class TellEnded(Struct, frozen=True):
    """Tell this person that the call is over for them."""

    person: PersonId
    code: Code
    by: PersonId = ""


class TellState(Struct, frozen=True):
    """Tell everybody in the call how it is now."""


class NoteIn(Struct, frozen=True):
    """For the record: this person's media is up."""

    person: PersonId


class NoteOut(Struct, frozen=True):
    """For the record: this person went and the call goes on."""

    person: PersonId
    code: Code


class NoteEnded(Struct, frozen=True):
    """For the record: the call is over for everybody."""

    code: Code


Effect = (
    Cut | RemoveLeg | StopTimer | StopRinging | MakeOffer | Open | Ring | StartTimer
    | TellLeft | TellEnded | TellState | NoteIn | NoteOut | NoteEnded
)  # fmt: skip

#: Shut before open, open before tell, tell before write. Tests hold :func:`step` to it for every event.
ORDER: Final[tuple[type[Effect], ...]] = (
    Cut, RemoveLeg, StopTimer, StopRinging, MakeOffer, Open, Ring, StartTimer,
    TellLeft, TellEnded, TellState, NoteIn, NoteOut, NoteEnded,
)  # fmt: skip

_TIMER: Final[Mapping[LegState, TimerKind]] = {"connecting": "connect", "lost": "lost"}

# -- what is read off a call: how pictures are sent, and what may be open -----------------------------------------------------


def picture(call: Call) -> Picture:
    """How everybody in this call is to send their picture, by how many are in it or can still come. Nobody is added to a call, so
    it can only turn from "once" to "each"."""
    return "each" if len(call.live()) <= MOST_OWN_PICTURES else "once"


# -- the step ---------------------------------------------------------------------------------------------------------


def open_lanes(call: Call) -> frozenset[Lane]:
    """What may be open in the gate for this call: nothing else ever is."""
    if call.state == "ended" or not call.granted:
        return frozenset()
    sends = {leg.person: leg for leg in call.legs if leg.answered and leg.sealed}
    return frozenset(
        lane
        for lane in call.granted & call.bound
        if lane[1] in sends
        and (leg := sends.get(lane[0])) is not None
        and (leg.audio if lane[2] == "audio" else leg.video)
    )


def step(call: Call, event: Event) -> tuple[Call, tuple[Effect, ...]] | None:
    """The call after the event, and what must be done. None if this cannot happen to this call now."""
    changed = _apply(call, event)
    if changed is None:
        return None
    code = _code(event)
    state = call.state
    if isinstance(event, Placed | Stopped) or _moved(call, changed):
        for happening in _happenings(call, changed, event):
            state = CALL[state].get(happening, state)
    if state == "idle":
        return None
    after = replace(changed, state=state)
    if after == call:
        return call, ()
    after = replace(after, epoch=call.epoch + 1)
    return after, tuple(_effects(call, after, code))


def _apply(call: Call, event: Event) -> Call | None:
    """The event's own change to legs and lanes; None if it does not fit."""
    if isinstance(event, Placed):
        return _gone(call, event.absent) if call.state == "idle" else None
    if call.state in ("idle", "ended"):
        return None
    match event:
        case Accepted(person, bound):
            return _come_in(call, person, bound)
        case MediaUp(person):
            return _move(call, person, "media up")
        case Lost(person):
            return _move(call, person, "lost")
        case Back(person):
            return _move(call, person, "back")
        case Went(person, code):
            return _move(call, person, "goes", code)
        case WaitOver(person):
            leg = call.leg(person)
            if leg is None or leg.state not in _TIMER:
                return None
            return _move(call, person, "goes", "media_plane_unavailable" if leg.state == "connecting" else "peer_lost")
        case RingOver():
            # While nobody has answered the caller waits too, and is not timed out but deserted.
            return _gone(
                call, ((p.person, "timeout") for p in call.legs if p.state == "invited" and p.person != call.caller)
            )
        case Closes(person, audio, video):
            leg = call.leg(person)
            if leg is None or not leg.answered:
                return None
            return _with(call, replace(leg, audio=leg.audio and audio, video=leg.video and video))
        case Opens(person, audio, video, granted):
            leg = call.leg(person)
            if leg is None or not leg.answered:
                return None
            others = frozenset(lane for lane in call.granted if lane[0] != person)
            own = frozenset(lane for lane in granted & call.bound if lane[0] == person)
            return replace(_with(call, replace(leg, audio=audio, video=video)), granted=others | own)
        case Sealed(person):
            leg = call.leg(person)
            if leg is None or not leg.answered:
                return None
            return _with(call, replace(leg, sealed=True))
        case Bounded(bound, leaving):
            stays = replace(_gone(call, leaving), bound=bound, granted=call.granted & bound)
            return replace(stays, legs=tuple(_unheard(leg, call.granted, stays.granted) for leg in stays.legs))
        case Stopped():
            return call
    return None


def _unheard(leg: Leg, before: frozenset[Lane], after: frozenset[Lane]) -> Leg:
    """This leg, no longer said to send what just lost its last lane. When a yes comes back, opening is a new press of a hand."""

    def still(kind: Media, said: bool) -> bool:
        lost = {lane[2] for lane in before - after if lane[0] == leg.person}
        kept = {lane[2] for lane in after if lane[0] == leg.person}
        return said and (kind in kept or kind not in lost)

    return replace(leg, audio=still("audio", leg.audio), video=still("video", leg.video))


def _come_in(call: Call, person: PersonId, bound: frozenset[Lane]) -> Call | None:
    joined = _move(call, person, "accepts")
    if joined is None or person == call.caller:
        return None
    speaking = {person}
    if call.state == "ringing":
        joined = _move(joined, call.caller, "accepts")
        if joined is None:
            return None
        speaking.add(call.caller)
    # One hears and is heard after answering; the picture is always opened by hand, later (master table, rows 20 and 21).
    legs = tuple(replace(leg, audio=True, video=False) if leg.person in speaking else leg for leg in joined.legs)
    sends = {(leg.person, "audio") for leg in legs if leg.answered and leg.audio}
    sends |= {(leg.person, "video") for leg in legs if leg.answered and leg.video}
    # Those already in keep sending what they send, now to the newcomer too: the answer was asked for both directions.
    fresh = frozenset(lane for lane in bound if person in lane[:2])
    granted = frozenset(lane for lane in fresh if (lane[0], lane[2]) in sends)
    return replace(
        joined,
        legs=legs,
        bound=frozenset(lane for lane in call.bound if person not in lane[:2]) | fresh,
        granted=frozenset(lane for lane in call.granted if person not in lane[:2]) | granted,
    )


def _move(call: Call, person: PersonId, move: Move, why: Code | None = None) -> Call | None:
    leg = call.leg(person)
    if leg is None:
        return None
    to = LEG[leg.state].get(move)
    if to is None:
        return None
    if to == "left":
        return _with(call, Leg(person, "left", why=why))
    return _with(call, replace(leg, state=to))


def _gone(call: Call, people: Iterable[tuple[PersonId, Code]]) -> Call:
    for person, code in people:
        call = _move(call, person, "goes", code) or call
    return call


def _with(call: Call, leg: Leg) -> Call:
    return replace(call, legs=tuple(leg if old.person == leg.person else old for old in call.legs))


def _happenings(before: Call, after: Call, event: Event) -> Iterator[Happening]:
    """What the change of legs means for the call."""
    if isinstance(event, Placed):
        yield "placed"
    if isinstance(event, Stopped):
        yield "stopped"
    if any(leg.answered for leg in after.legs) and not any(leg.answered for leg in before.legs):
        yield "answered"
    if sum(leg.state == "connected" for leg in after.legs) >= 2:
        yield "met"
    live = after.live()
    if before.state in ("idle", "ringing") and not any(leg.answered for leg in after.legs):
        if after.caller not in live or len(live) < 2:
            yield "deserted"
    elif len(live) < 2 or not any(leg.answered for leg in after.legs):
        yield "deserted"


def _code(event: Event) -> Code:
    """The code of an end that no leg explains."""
    return event.code if isinstance(event, Stopped) else "left"


def _effects(before: Call, after: Call, code: Code) -> Iterator[Effect]:
    """What must be done to get from one to the other, in :data:`ORDER`."""
    ended = after.state == "ended"
    moved = list(zip(before.legs, after.legs, strict=True)) if ended else _moved(before, after)
    was, now = open_lanes(before), open_lanes(after)
    if was - now:
        yield Cut(tuple(sorted(was - now)))
    if moved and before.state != "idle":
        yield from _partings(before, moved, ended, code)
    for old, new in moved:
        if new.answered and not old.answered and not ended:
            yield MakeOffer(new.person)
    if now - was:
        yield Open(tuple(sorted(now - was)))
    if before.state == "idle" and not ended:
        for leg in after.legs[1:]:
            if leg.state == "invited":
                yield Ring(leg.person)
    if before.state == "idle" and _rings(after):
        yield StartTimer("ring")
    yield from _words(before, moved, ended, code)


def _partings(before: Call, moved: list[tuple[Leg, Leg]], ended: bool, code: Code) -> Iterator[Effect]:
    """Places at the gate that go, timers that stop, devices that stop ringing."""
    for old, new in moved:
        if old.answered and (ended or not new.answered):
            yield RemoveLeg(new.person)
    for old, new in moved:
        if old.state in _TIMER:
            yield StopTimer(_TIMER[old.state], new.person)
    quiet = sum(
        old.state == "invited" and (ended or new.state != "invited")
        for old, new in moved
        if new.person != before.caller
    )
    if quiet and quiet == sum(leg.state == "invited" for leg in before.legs[1:]):
        yield StopTimer("ring")
    told, by = _public(moved, code)
    for old, new in moved:
        if old.state == "invited" and new.person != before.caller:
            if new.state == "left":
                yield StopRinging(new.person, new.why or code)
            elif ended:
                yield StopRinging(new.person, told, by)
            else:
                yield StopRinging(new.person, "answered_elsewhere")


def _words(before: Call, moved: list[tuple[Leg, Leg]], ended: bool, code: Code) -> Iterator[Effect]:
    """Who is told what, and what is written down."""
    told, by = _public(moved, code)
    went = [new for old, new in moved if old.state != "left" and new.state == "left"]
    if not ended:
        for _, new in moved:
            if new.state in _TIMER:
                yield StartTimer(_TIMER[new.state], new.person)
        for leg in went:
            yield TellLeft(leg.person, TOLD_TO_OTHERS.get(leg.why or code, leg.why or code))
    for old, new in moved:
        if old.answered or (old.state == "invited" and new.person == before.caller):
            if new.state == "left":
                yield TellEnded(new.person, new.why or code, _parted_from(new, went))
            elif ended:
                yield TellEnded(new.person, told, by)
    if ended:
        yield NoteEnded(went[-1].why or code if went else code)
        return
    yield TellState()
    for _, new in moved:
        if new.state == "connected":
            yield NoteIn(new.person)
    for leg in went:
        yield NoteOut(leg.person, leg.why or code)


def _parted_from(leg: Leg, went: list[Leg]) -> PersonId:
    """Two whom a rule parts without a reason being told (one blocked the other) hear each that the other had to go."""
    return next((other.person for other in went if leg.why == "left" == other.why and other.person != leg.person), "")


def _public(moved: list[tuple[Leg, Leg]], code: Code) -> tuple[Code, PersonId]:
    """How an end is told to those who stayed, and who it was: the last who went, if anybody did."""
    for old, new in reversed(moved):
        if old.state != "left" and new.state == "left":
            why = new.why or code
            return TOLD_TO_OTHERS.get(why, why), new.person
    return code, ""


def _moved(before: Call, after: Call) -> list[tuple[Leg, Leg]]:
    """The legs whose state changed, as they were and as they are."""
    return [(old, new) for old, new in zip(before.legs, after.legs, strict=True) if old.state != new.state]


def _rings(call: Call) -> bool:
    """Whether somebody is still asked to come."""
    return call.state not in ("idle", "ended") and any(leg.state == "invited" for leg in call.legs[1:])


# -- the picture ------------------------------------------------------------------------------------------------------


def diagram() -> str:
    """Both rows of the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    state call {", "        [*] --> idle"]
    lines += [f"        {state} --> {to}: {what}" for state, row in CALL.items() for what, to in row.items()]
    lines += [f"        {state} --> [*]" for state, row in CALL.items() if not row]
    lines += ["    }", "    state leg {", "        [*] --> leg_invited"]
    lines += [f"        leg_{state} --> leg_{to}: {what}" for state, row in LEG.items() for what, to in row.items()]
    lines += [f"        leg_{state} --> [*]" for state, row in LEG.items() if not row]
    lines += [f"        leg_{state}: {state}" for state in LEG]
    lines += ["    }"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(diagram())
