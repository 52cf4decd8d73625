"""Calls: what signalling asks of the house, answered from facts by the rules and written down.

``Calls`` is the ``Authority`` of ``signalling``. Every answer is one transaction of one shape: gather the facts, ask the
gatekeeper for every ordered pair of people, write what follows, commit. Facts are read anew each time: a ring was no promise
that an answer will be allowed, an answer none that a camera may open.

**Lanes.** An allowed call comes with all that may be open in it: for each ordered pair, whether X's voice may reach Y and
whether X's picture may. Both are questions of their own to the rules. Nothing else may be opened.

**Who leaves.** When a call may no longer be as it is, the smallest harm leaves first (row 28). First those who may not be in any
call at all; then, while two people in it may not be together, one whose media is not up before those who are there (who only
rings pushes nobody out), a grown-up before a child, the one with the most such pairs before others, the one who came last before
those who were there. Without a child in it no two stay. What remains is a call in which every pair is allowed.

**Marks.** With the lanes of a picture goes its mark (``server/marks.py``), issued in the same transaction: no device is told of one
that is not on record. What the device says that it did with it is written down when it says so; what it never says is not assumed.

**Ended is terminal.** A call row that has ended never lives again, and to every question about it the rules say
``call-is-over``. After a restart no call is alive: the media went with the process.

Two grown-ups in one call have no contact, so no ref; each gets one for the other that is made from this call and good for
nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit, facts, marks
from server.accounts import SignedIn
from server.db.session import Database, goes_first, rows, run_all
from server.facts import Gathering, Known
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Rulebook, Verb
from server.policy.decide import loudest
from server.policy.facts import Call
from signalling.authority import Circle, Lane, Mark, Permit, PersonId, Refusal, Seat, Standing, Until, passing_ref
from signalling.call import OWN_REASONS
from signalling.protocol import Code, Media, WhyUnmarked

TICKET_MS: Final = 30_000  # from the page's request to the socket's hello; a slow phone needs a few seconds
HISTORY_MS: Final = 30 * 24 * 3_600_000  # row 46: who, when and how long, for thirty days
LONGEST_MS: Final = 24 * 3_600_000  # a yes for one call is good for no longer than a day, whatever the call does
_MINUTE: Final = 60_000

_LANE_VERBS: Final[Mapping[Media, Verb]] = {"audio": Verb.BE_HEARD_BY, "video": Verb.BE_SEEN_BY}
_GOING_ON: Final = (Verb.STAY, *_LANE_VERBS.values())
#: The rules' codes in the closed list of the protocol. A sign-in that is no longer good is not told to be that here: its
#: socket is closed by the notice of its end, which is posted when it is revoked and when its time runs out (retention.py).
_CODES: Final[Mapping[str, Code]] = {
    "not_found": "not_found",
    "not_permitted": "not_permitted",
    "not_signed_in": "not_permitted",
    "internal": "internal",
    "needs_guardian": "needs_guardian",
    "quiet_hours": "quiet_hours",
    "time_limit": "time_limit",
}
#: Whose own clock has run out leaves before anybody else: the others may go on.
_OWN_CLOCK: Final = ("quiet_hours", "time_limit")


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A live call as the guardian of a child in it sees it: who and how long, never what. ``video``: rung as a video call. ``minutes``:
    whole ones, as everywhere that a page says how long somebody has talked."""

    call: str
    child: str
    child_name: str
    others: tuple[str, ...]
    video: bool
    minutes: int


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call that was: with whom, when (milliseconds), how many whole minutes."""

    others: tuple[str, ...]
    started_at: int
    minutes: int


class Calls:
    """The answers to signalling's questions, from this database and these rules. ``clock`` gives milliseconds."""

    def __init__(self, db: Database, keeper: Gatekeeper, clock: Callable[[], int]) -> None:
        self._db = db
        self._keeper = keeper
        self._now = clock

    # -- coming to the door -----------------------------------------------------------------------------------------

    async def make_ticket(self, me: SignedIn, now: int) -> str | Decision:
        """A single-use ticket for one WebSocket, bound to this sign-in. 32 random bytes; only the hash is kept."""
        async with self._db.begin() as tx:
            asked = await facts.act(tx, Verb.GET_TICKET, me.person, now=now, by=me.session)
            if not (decision := await self._keeper.ask(tx, asked)):
                return decision
            ticket = secrets.token_urlsafe(32)
            await rows(
                tx,
                "INSERT INTO tickets (hash, session_id, expires_at) VALUES (:hash, :session, :until)",
                hash=_digest(ticket),
                session=me.session,
                until=now + TICKET_MS,
            )
            return ticket

    async def is_ticket(self, ticket: str) -> bool:
        """Whether this ticket was made and not yet spent. Decides nothing: it only tells a guess from a good try, see ``admit``."""
        async with self._db.read() as tx:
            return bool(await rows(tx, "SELECT 1 FROM tickets WHERE hash = :hash", hash=_digest(ticket)))

    async def admit(self, ticket: str) -> Seat | Refusal:
        """Spend a ticket. Unknown, spent, expired and foreign ones take the same way and get the same answer."""
        now = self._now()
        async with self._db.begin() as tx:
            spent = await rows(
                tx, "DELETE FROM tickets WHERE hash = :hash RETURNING session_id, expires_at", hash=_digest(ticket)
            )
            session = spent[0][0] if spent and spent[0][1] > now else ""
            return await self._seat(tx, session, now)

    async def readmit(self, seat: Seat) -> Seat | Refusal:
        """Is this sign-in still good, this device still paired, this account still allowed?"""
        async with self._db.begin() as tx:
            again = await self._seat(tx, seat.session, self._now())
        return again if again == seat else Refusal("not_authenticated")

    async def _seat(self, tx: AsyncConnection, session: str, now: int) -> Seat | Refusal:
        known, device, gathering = await facts.by_session(tx, session, now=now)
        if not await self._keeper.ask(tx, gathering.alone(Verb.CONNECT, known)):
            return Refusal("not_authenticated")
        return Seat(known.id, session, device)

    # -- who is here --------------------------------------------------------------------------------------------------

    async def circle(self, person: PersonId) -> Circle:
        """Whose presence this person may see, and who may see theirs. Written to the chain of their own."""
        async with self._db.begin() as tx:
            gathering = await facts.circle(tx, person, now=self._now())
            if not gathering.people or gathering.people[0].id != person:
                return Circle({}, {})
            me, *others = gathering.people
            # only one's own clock: whoever else has quiet hours is asked about when theirs begin
            again = min(me.changes, default=None)
            again_ms = None if again is None else again - gathering.at
            if not others:
                return Circle({}, {}, again_ms)
            asked = [
                gathering.reach(Verb.SEE_PRESENCE, x, y) for other in others for x, y in ((me, other), (other, me))
            ]
            decisions = await self._keeper.ask_all(tx, asked, Verb.SEE_PRESENCE, chains=(me.own,))
        sees, seen_by = {}, {}
        for number, other in enumerate(others):
            if decisions[2 * number] and (ref := gathering.refs.get((me.id, other.id))):
                sees[other.id] = ref
            if decisions[2 * number + 1] and (ref := gathering.refs.get((other.id, me.id))):
                seen_by[other.id] = ref
        return Circle(sees, seen_by, again_ms)

    # -- a call ---------------------------------------------------------------------------------------------------------

    async def ring(self, caller: Seat, to: Sequence[str], media: Media) -> Permit | Refusal:
        """May this seat ring these refs? An unknown ref and somebody else's ref are the same stranger."""
        now = self._now()
        async with self._db.begin() as tx:
            gathering = await facts.by_refs(tx, caller.person, to, session=caller.session, now=now)
            call = gathering.call_of_all(live=True, media=media)
            refusal, lanes = await self._ask_pairs(tx, Verb.RING, gathering, call, asker=caller.person)
            if refusal is not None:
                return refusal
            name = f"c_{secrets.token_urlsafe(12)}"
            await run_all(
                tx,
                (_NEW_CALL, [{"id": name, "media": media, "now": now}]),
                (_NEW_PEOPLE, [{"call": name, "person": known.id} for known in gathering.people]),
                (_USE_YES, [{"call": name, "child": caller.person, "now": now, "until": now + LONGEST_MS}]),
            )
        return _permit(name, gathering, lanes, media)

    async def answer(self, call: str, answerer: Seat, present: Sequence[PersonId]) -> Permit | Refusal:
        """May this seat come in, to everybody present? The facts of this moment count, not those of the ring."""
        verb = Verb.ANSWER if len(set(present) - {answerer.person}) < 2 else Verb.JOIN
        async with self._db.begin() as tx:
            gathering = await self._in_call(tx, call, present, answerer)
            refusal, lanes = await self._ask_pairs(tx, verb, gathering, _as_it_is(gathering), asker=answerer.person)
            if refusal is None:
                used = {"call": call, "child": answerer.person, "now": gathering.at, "until": gathering.at + LONGEST_MS}
                await run_all(tx, (_USE_YES, [used]))
                issued = await self._issue(
                    tx, call, [lane for lane in lanes if answerer.person in lane[:2]], gathering.at
                )
        if refusal is not None:
            return refusal
        return replace(_permit(call, gathering, lanes, _media(gathering)), marks=issued)

    async def publish(
        self, call: str, seat: Seat, present: Sequence[PersonId], audio: bool, video: bool
    ) -> Permit | Refusal:
        """May this seat be heard and seen now? The lanes that start here. Refused when something is asked for and
        nobody at all may receive it."""
        async with self._db.begin() as tx:
            gathering = await self._in_call(tx, call, present, seat)
            wanted: dict[Media, bool] = {"audio": audio, "video": video}
            kinds = [kind for kind, asked in wanted.items() if asked]
            refusal, lanes = await self._ask_pairs(
                tx, Verb.STAY, gathering, _as_it_is(gathering), only_from=seat.person, asker=seat.person, kinds=kinds
            )
            if refusal is None:
                issued = await self._issue(tx, call, lanes, gathering.at)
        if refusal is not None:
            return refusal
        if len(gathering.people) > 1 and any(all(lane[2] != kind for lane in lanes) for kind in kinds):
            return Refusal("not_permitted")
        return replace(_permit(call, gathering, lanes, _media(gathering)), marks=issued)

    async def _issue(
        self, tx: AsyncConnection, call: str, lanes: Collection[Lane], now: int
    ) -> dict[tuple[PersonId, PersonId], Mark]:
        """The marks of the pictures that these lanes let through; for the same sender and recipient it is always the same one."""
        seen_by: dict[PersonId, list[PersonId]] = {}
        for sender, recipient, kind in sorted(lanes):
            if kind == "video":
                seen_by.setdefault(sender, []).append(recipient)
        return {
            (sender, recipient): Mark(mark.id, mark.quarter)
            for sender, recipients in seen_by.items()
            for recipient, mark in (await marks.issue(tx, call, sender, recipients, now)).items()
        }

    async def go_on(self, call: str, present: Sequence[PersonId]) -> Standing:
        """What of a live call may go on, and who must leave it first, second, ..."""
        return (await self.go_on_many([(call, present)]))[0]

    async def go_on_many(self, calls: Sequence[tuple[str, Sequence[PersonId]]]) -> Sequence[Standing]:
        """:meth:`go_on` for several calls in one transaction: facts of one moment, an audit event for each call, one commit."""
        with goes_first():
            async with self._db.begin() as tx:
                standings = await self._stand(tx, calls)
                return [
                    await self._without(tx, call, present, standing) if standing.must_leave else standing
                    for (call, present), standing in zip(calls, standings, strict=True)
                ]

    async def _stand(self, tx: AsyncConnection, calls: Sequence[tuple[str, Sequence[PersonId]]]) -> Sequence[Standing]:
        gatherings = await facts.around_many(tx, calls, now=self._now())
        decided = await self._keeper.ask_each(
            tx, [one.all_of_a_call(_as_it_is(one), Verb.BE_IN_CALL, _GOING_ON) for one in gatherings]
        )
        book = self._keeper.rulebook
        return [_standing(gathering, yes, book) for gathering, yes in zip(gatherings, decided, strict=True)]

    async def _without(
        self, tx: AsyncConnection, call: str, present: Sequence[PersonId], standing: Standing
    ) -> Standing:
        """Those who stay may have been allowed only because of one who goes: a grown-up who sat in, the one child beside two
        grown-ups. So they are asked about again, without those, until what remains stands by itself."""
        leaving = standing.must_leave
        while standing.must_leave:
            gone = {one for one, _ in standing.must_leave}
            staying = [one for one in present if one not in gone]
            if len(staying) == len(present):  # who leaves is nobody we know any more: without an id, and without a lane
                reached = {person for lane in standing.lanes for person in lane[:2]}
                staying = [one for one in staying if one in reached]
            present = staying
            if len(present) < 2:
                return Standing(frozenset(), leaving, standing.until)
            standing = (await self._stand(tx, [(call, present)]))[0]
            leaving += standing.must_leave
        return Standing(standing.lanes, leaving, standing.until)

    async def _in_call(
        self, tx: AsyncConnection, call: str, present: Sequence[PersonId], seat: Seat | None = None
    ) -> Gathering:
        ids = [*present, *([seat.person] if seat else [])]
        return await facts.around(
            tx,
            ids,
            now=self._now(),
            me=seat.person if seat else "",
            session=seat.session if seat else "",
            call=call,
        )

    async def _ask_pairs(
        self,
        tx: AsyncConnection,
        verb: Verb,
        gathering: Gathering,
        call: Call,
        *,
        only_from: PersonId = "",
        asker: PersonId = "",
        kinds: Sequence[Media] = ("audio", "video"),
    ) -> tuple[Refusal | None, frozenset[Lane]]:
        """Ask ``verb`` for every ordered pair, and for each pair what may be heard and seen; one event.

        Somebody who is in the call and still alone in it may be there, and nothing of theirs goes anywhere."""
        pairs = gathering.pairs()
        if not pairs:
            alone = await self._keeper.ask_all(
                tx, [gathering.alone(Verb.BE_IN_CALL, one) for one in gathering.people], Verb.BE_IN_CALL
            )
            yes = verb is Verb.STAY and call.live and bool(alone) and all(alone)
            return (None if yes else Refusal("not_permitted")), frozenset()
        sending = [pair for pair in pairs if not only_from or pair[0].id == only_from]
        asked = [gathering.reach(verb, x, y, call) for x, y in pairs]
        for kind in kinds:
            asked += [gathering.reach(_LANE_VERBS[kind], x, y, call) for x, y in sending]
        # an opened camera is written down as one
        event = _LANE_VERBS[kinds[-1]] if only_from and kinds else verb
        decisions = await self._keeper.ask_all(tx, asked, event)
        if loudest(decisions[: len(pairs)]) is not None:
            # A no between two others is one no, whatever its reason: a ring must not tell how two of one's contacts stand.
            # And of the two directions only the asker's own is told: the other's quiet hours are the other family's business.
            mine = loudest(yes for (x, _), yes in zip(pairs, decisions, strict=False) if not asker or asker == x.id)
            return Refusal(_CODES[mine.code] if mine is not None else "not_permitted"), frozenset()
        lanes: set[Lane] = set()
        for number, kind in enumerate(kinds):
            first = len(pairs) + number * len(sending)
            lanes |= _lanes(sending, decisions[first : first + len(sending)], kind)
        return None, frozenset(lanes)

    # -- the record -------------------------------------------------------------------------------------------------------

    async def came_in(self, call: str, person: PersonId) -> None:
        """This person's media is up. The first time counts; until it is written down, no guardian can see and end this call."""
        with goes_first():
            async with self._db.begin() as tx:
                await rows(
                    tx,
                    "UPDATE call_people SET came_at = COALESCE(came_at, :now), left_at = NULL"
                    " WHERE call_id = :call AND person_id = :person"
                    " AND EXISTS (SELECT 1 FROM calls WHERE id = :call AND state = 'live')",
                    call=call,
                    person=person,
                    now=self._now(),
                )

    async def went_out(self, call: str, person: PersonId, code: Code) -> None:
        """This person has left, or never came: ``code`` says why to them, and is not kept."""
        async with self._db.begin() as tx:
            await rows(tx, _LEFT + " AND person_id = :person", call=call, person=person, now=self._now())

    async def marked(self, call: str, sender: PersonId, recipient: PersonId) -> None:
        """The sender's device marks this copy. Until it says so, the copy does not count as marked."""
        async with self._db.begin() as tx:
            await marks.marked(tx, call, sender, self._now(), recipient)

    async def unmarked(
        self, call: str, sender: PersonId, recipient: PersonId | None, why: WhyUnmarked | Literal["too_many"]
    ) -> None:
        """These copies go out without a mark: with their rows, for the inspector, and in the chain of the platform."""
        now = self._now()
        async with self._db.begin() as tx:
            if not await marks.unmarked(tx, call, sender, why, recipient):
                return  # known already, or not issued
            names = await marks.pseudonyms(tx, {sender, *([recipient] if recipient else [])})
            who = tuple(names[one] for one in (sender, recipient) if one in names)
            entry = audit.Entry(now, "unmarked", who, "allow", (f"unmarked:{why}",), self._keeper.rulebook.version)
            await audit.append(tx, (), entry)

    async def ended(self, call: str, code: Code) -> None:
        """The call is over for everybody, for good. The first reason stays."""
        told = {"call": call, "code": code, "now": self._now()}
        async with self._db.begin() as tx:
            await run_all(tx, (_LEFT, [told]), (_ENDED, [told]))

    async def clean_up(self) -> int:
        """At start-up: no call survives a restart. Ends what a crash left open; returns how many that were."""
        now = self._now()
        async with self._db.begin() as tx:
            await rows(
                tx,
                "UPDATE call_people SET left_at = :now WHERE left_at IS NULL"
                " AND call_id IN (SELECT id FROM calls WHERE state = 'live')",
                now=now,
            )
            open_ = await rows(
                tx,
                "UPDATE calls SET state = 'ended', ended_at = :now, code = 'internal' WHERE state = 'live' RETURNING id",
                now=now,
            )
            await rows(tx, "DELETE FROM tickets")
        return len(open_)

    # -- for families -----------------------------------------------------------------------------------------------------

    async def look_at_live(self, me: SignedIn, now: int) -> list[LiveCall] | Decision:
        """Live calls of the children whom this guardian looks after (row 46); not those of a teenager who leads (row 47)."""
        async with self._db.begin() as tx:
            asked = await facts.act(tx, Verb.LOOK_AT_LIVE_CALLS, me.person, now=now, by=me.session)
            if not (decision := await self._keeper.ask(tx, asked)):
                return decision
            found = await rows(tx, _LIVE, guardian=me.person)
            led = await facts.leading(
                tx, {child for _, child, *_ in found}, now=now
            )  # theirs to show, as their history is
        calls: dict[tuple[str, str], LiveCall] = {}
        for call, child, name, other, media, came in found:
            if child in led:
                continue
            known = calls.get((call, child))
            others = (*(known.others if known else ()), other or "")
            calls[call, child] = LiveCall(call, child, name, others, media == "video", _minutes(came, now))
        return list(calls.values())

    async def may_end(self, tx: AsyncConnection, me: SignedIn, call: str, now: int) -> Decision:
        """May this person end this live call? Asked inside ``tx``, in which the notice that ends it is to be posted."""
        asked = await facts.act(tx, Verb.END_CALL, me.person, now=now, by=me.session, call=call)
        return await self._keeper.ask(tx, asked)

    async def look_at_history(self, me: SignedIn, child: str, now: int) -> list[PastCall] | Decision:
        """Who a child called and was called by in the last 30 days, newest first; never what was said or shown, and nothing that
        began while they led their own account, after they do not any more either (row 47)."""
        async with self._db.begin() as tx:
            asked = await facts.act(tx, Verb.LOOK_AT_HISTORY, me.person, now=now, by=me.session, child=child)
            if not (decision := await self._keeper.ask(tx, asked)):
                return decision
            led = await facts.led_until(tx, child, now)
            found = await rows(tx, _PAST, child=child, since=now - HISTORY_MS, led=led)
        past: dict[str, PastCall] = {}
        for call, other, came, left in found:
            known = past.get(call)
            past[call] = PastCall((*(known.others if known else ()), other or ""), came, _minutes(came, left or now))
        return list(past.values())


def _standing(gathering: Gathering, decisions: Sequence[Decision], book: Rulebook) -> Standing:
    """What the answers about all of a call mean: who must leave, and what may stay open among the others."""
    pairs, alone = gathering.pairs(), len(gathering.people)
    if all(decisions):  # as nearly always
        lanes = frozenset((x.id, y.id, kind) for x, y in pairs for kind in _LANE_VERBS)
        return Standing(lanes, (), _until(gathering))
    fit = {one.id for one, yes in zip(gathering.people, decisions, strict=False) if yes}
    stay, heard, seen = (decisions[alone + n * len(pairs) :][: len(pairs)] for n in range(3))
    apart = {frozenset((x.id, y.id)) for (x, y), yes in zip(pairs, stay, strict=True) if not yes}
    own = _own_reasons(pairs, stay, book)
    fit -= {person for person, code in own.items() if code in _OWN_CLOCK}
    there = gathering.call.there if gathering.call else frozenset()
    people = [(one.id, one.id in there, one.person.kind == "child") for one in gathering.people]
    leaving = smallest_harm_first(people, fit, apart)
    gone = set(leaving)
    lanes = frozenset(
        lane
        for kind, answers in (("audio", heard), ("video", seen))
        for lane in _lanes(pairs, answers, cast(Media, kind))
        if lane[0] not in gone and lane[1] not in gone
    )
    told = _told([one.id for one in gathering.people], leaving, fit, own)
    return Standing(lanes, told, _until(gathering, gone))


def _told(
    people: Sequence[PersonId], leaving: Sequence[PersonId], fit: Collection[PersonId], own: Mapping[PersonId, Code]
) -> tuple[tuple[PersonId, Code], ...]:
    """Who is told that they must leave, and what. If nobody has anybody left to talk to, the call is over for all of them. Then a
    reason of somebody's own home counts more than who would go first: they are told it, and the other only that they were left."""
    staying = [one for one in people if one not in leaving]
    if own and len(staying) < 2:
        why = [one for one in leaving if one not in fit or one in own] + [one for one in staying if one in own]
        leaving = why if len(people) - len(why) < 2 else [*why, *(one for one in leaving if one not in why)]
    return tuple((one, own.get(one, "policy_revoked")) for one in leaving)


def smallest_harm_first(
    people: Sequence[tuple[PersonId, bool, bool]], fit: Collection[PersonId], apart: Collection[frozenset[PersonId]]
) -> list[PersonId]:
    """Who must leave, in order. ``people``: (id, is there, is a child) in the order in which they came; ``fit``: those who may be
    in a call at all; ``apart``: pairs who may not be in one together."""
    staying = {person: (there, child) for person, there, child in people}
    order = {person: number for number, person in enumerate(staying)}
    leaving = sorted((one for one in staying if one not in fit), key=lambda one: (*staying[one], -order[one]))
    for person in leaving:
        del staying[person]
    while conflicts := [pair for pair in apart if pair <= staying.keys()]:
        among = {person for pair in conflicts for person in pair}
        next_ = min(among, key=lambda one: (*staying[one], -sum(one in pair for pair in conflicts), -order[one]))
        leaving.append(next_)
        del staying[next_]
    return leaving


def _own_reasons(
    pairs: Sequence[tuple[Known, Known]], stay: Sequence[Decision], book: Rulebook
) -> dict[PersonId, Code]:
    """Who is refused for a reason of their own home, and which. The own clock counts whatever else is refused beside it, or
    somebody else would be sent away in its place; of other reasons what hides most is told, as everywhere. Of a block
    nothing is told: it looks as when somebody has to go (row 42; ICU J1)."""
    found: dict[PersonId, Code] = {}
    for person in dict.fromkeys(x.id for x, _ in pairs):
        mine = [no for (x, _), no in zip(pairs, stay, strict=True) if x.id == person and not no]
        codes = {book.rules[rule].code for no in mine for rule in no.rules if rule in book.rules}
        clock = next((code for code in _OWN_CLOCK if code in codes), None)
        no = loudest(mine)
        if clock is not None:
            found[person] = _CODES[clock]
        elif any("blocked" in refused.rules for refused in mine):
            found[person] = "left"
        elif no is not None and no.code in OWN_REASONS:
            found[person] = _CODES[no.code]
    return found


def _until(gathering: Gathering, gone: Collection[PersonId] = ()) -> Until:
    """What the clock alone will change for those who stay, and whom it will take out: not a child who is with nobody but
    their own grown-ups, for whom no hour is quiet."""
    staying = [known for known in gathering.people if known.id not in gone]
    again = gathering.next_change()
    ending: list[tuple[PersonId, Code, int]] = []
    for one in staying:
        if not one.ends or all((other.id, one.id) in gathering.guards for other in staying if other is not one):
            continue
        code, at = min(one.ends, key=lambda end: end[1])
        ending.append((one.id, code, max(0, at - gathering.at)))
    return Until(None if again is None else again - gathering.at, tuple(ending))


def _as_it_is(gathering: Gathering) -> Call:
    """The call with these people in it: live only if the row says so and everybody was rung into this very call."""
    row = gathering.call
    live = row is not None and row.live and all(known.id in row.rung for known in gathering.people)
    return gathering.call_of_all(live=live, media=row.media if row else "audio")


def _media(gathering: Gathering) -> Literal["audio", "video"]:
    return gathering.call.media if gathering.call else "audio"


def _lanes(pairs: Sequence[tuple[Known, Known]], answers: Sequence[Decision], kind: Media) -> set[Lane]:
    return {(x.id, y.id, kind) for (x, y), yes in zip(pairs, answers, strict=True) if yes}


def _permit(call: str, gathering: Gathering, lanes: frozenset[Lane], media: Media) -> Permit:
    refs = {
        (x.id, y.id): gathering.refs.get((x.id, y.id)) or passing_ref(call, x.id, y.id) for x, y in gathering.pairs()
    }
    return Permit(call, tuple(known.id for known in gathering.people), refs, lanes, media, _until(gathering))


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()


def _minutes(since: int, until: int) -> int:
    """Whole ones, as the day's call time counts them: one call must not be "1 minute" here and "0 minutes" there."""
    return max(0, until - since) // _MINUTE


_NEW_CALL: Final = "INSERT INTO calls (id, media, state, started_at) VALUES (:id, :media, 'live', :now)"
_NEW_PEOPLE: Final = "INSERT INTO call_people (call_id, person_id) VALUES (:call, :person)"
#: A yes for one call is used up by the first call that it lets through (row 24), and lasts as long as that call.
_USE_YES: Final = """
UPDATE call_yeses SET call_id = :call, until = :until
 WHERE child_id = :child AND kind = 'ask' AND state = 'given' AND call_id IS NULL AND until > :now
   AND contact_id IN (SELECT k.id FROM contacts k JOIN call_people cp ON cp.call_id = :call AND cp.person_id <> :child
                       WHERE cp.person_id IN (k.a_id, k.b_id) AND :child IN (k.a_id, k.b_id))
"""
_ENDED: Final = "UPDATE calls SET state = 'ended', ended_at = :now, code = :code WHERE id = :call AND state = 'live'"
_LEFT: Final = "UPDATE call_people SET left_at = :now WHERE call_id = :call AND left_at IS NULL"

_LIVE: Final = """
SELECT c.id, p.id, p.name, s.name, c.media, me.came_at
  FROM guardianships g
  JOIN people p ON p.id = g.child_id
  JOIN call_people me ON me.person_id = p.id AND me.came_at IS NOT NULL AND me.left_at IS NULL
  JOIN calls c ON c.id = me.call_id AND c.state = 'live'
  JOIN call_people them ON them.call_id = c.id AND them.person_id <> p.id
   AND them.came_at IS NOT NULL AND them.left_at IS NULL
  LEFT JOIN contacts k ON k.state = 'approved'
   AND ((k.a_id = p.id AND k.b_id = them.person_id) OR (k.b_id = p.id AND k.a_id = them.person_id))
  LEFT JOIN sides s ON s.contact_id = k.id AND s.viewer_id = p.id
 WHERE g.guardian_id = :guardian
 ORDER BY me.came_at, c.id, p.id
"""

# The name is the one that the child's family gave to the contact, also when it has ended since: the newest one counts.
_PAST: Final = """
SELECT c.id,
       (SELECT s.name FROM sides s JOIN contacts k ON k.id = s.contact_id
         WHERE s.viewer_id = :child AND s.other_id = them.person_id ORDER BY k.created_at DESC LIMIT 1),
       me.came_at, me.left_at
  FROM call_people me
  JOIN calls c ON c.id = me.call_id
  JOIN call_people them ON them.call_id = c.id AND them.person_id <> me.person_id AND them.came_at IS NOT NULL
 WHERE me.person_id = :child AND me.came_at >= :since AND c.started_at >= :led
 ORDER BY me.came_at DESC, c.id
"""
