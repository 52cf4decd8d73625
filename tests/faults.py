"""Seeded faults: each takes one guard away, and names the promise that is broken by that and the scenarios that must find it.

A promise whose proof would pass with the feature removed proves nothing. So for each there is a build without it. A fault is put
into a process of its own by ``python -m tests.faulty NAME serve`` (tests are not packaged, and nothing in server/ or signalling/
can be told to weaken itself), the inspection is run against that house, and must say "broken" and name the promise; without the fault the
same scenarios must be proven (``test_faults_are_found.py``, ``make faults``).

Where a promise is kept by rules, weakening each rule is tried in ``tests/unit/test_policy_proof.py`` (WEAKER). Where it is kept by
something that an inspection from outside cannot see, a test of the promise must find the fault: it is run with the fault put in
(``python -m tests.faulty NAME pytest …``) and must fail. Where even that is not the way, ``NAMED`` says which test takes the feature away.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from msgspec.structs import replace as with_fields

import signalling.call
import signalling.ws
from server import accounts, api, audit, calls, contacts, facts, home_time, notices, rosters
from server.api import keys, middleware, problems
from server.api.keys import Open, Route, answer
from server.db.session import rows
from server.facts import NOT_FOUND, Gathering, Known
from server.policy import Rulebook, Verb
from server.policy.facts import GENERAL, Act, Contact
from server.throttle import Throttle
from signalling import protocol
from signalling.authority import Refusal
from signalling.gate import Gate
from signalling.gate.forward import Forwarder
from signalling.hub import Hub
from signalling.pace import Bucket, Windows


@dataclass(frozen=True, slots=True)
class Fault:
    """One guard less. ``breaks``: the promise; ``guard``: what is taken away; ``found_by``: scenarios of an inspection, or tests, each of
    which must find it."""

    breaks: str
    guard: str
    found_by: tuple[str, ...]
    seed: Callable[[], None]

    @property
    def scenarios(self) -> tuple[str, ...]:
        return tuple(one for one in self.found_by if "::" not in one)

    @property
    def tests(self) -> tuple[str, ...]:
        return tuple(one for one in self.found_by if "::" in one)


FAULTS: Final[dict[str, Fault]] = {}


def fault(name: str, breaks: str, guard: str, *found_by: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(seed: Callable[[], None]) -> Callable[[], None]:
        assert name not in FAULTS
        FAULTS[name] = Fault(breaks, guard, found_by, seed)
        return seed

    return keep


def put(owner: Any, name: str, instead: Any) -> Any:
    """Replace something of the house, and give back what was there."""
    before = getattr(owner, name)
    setattr(owner, name, instead)
    return before


# -- who may reach whom ---------------------------------------------------------------------------------------------------

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


# -- the cut --------------------------------------------------------------------------------------------------------------


@fault("notices-not-followed", "cut-at-once", "live calls do not hear of a change of fact", "revoke")
def _() -> None:
    act = notices.Follower._act

    async def deaf(self: Any, row: int, kind: str, people: Any, detail: Any) -> bool:
        return True if kind == "facts_changed" else await act(self, row, kind, people, detail)

    put(notices.Follower, "_act", deaf)


@fault("gate-cut-does-nothing", "cut-at-once", "the gate is told to cut and goes on forwarding", "revoke")
def _() -> None:
    put(Gate, "cut", lambda self, **_: 0)
    put(Gate, "remove", lambda self, peer: None)


@fault(
    "withdrawal-keeps-calls",
    "consent-withdrawn-ends",
    "a withdrawn consent is written down and nothing is told of it",
    "withdraw-consent",
)
def _() -> None:
    from sqlalchemy import select, update

    from server.db.models import children, consents

    async def withdraw(db: Any, keeper: Any, me: Any, child: str, *, now: int) -> Any:
        async with db.begin() as tx:
            if decision := await accounts.ask(tx, keeper, me, Verb.WITHDRAW_CONSENT, now, child=child):
                mine = select(children.c.consent_id).where(children.c.person_id == child).scalar_subquery()
                await tx.execute(update(consents).where(consents.c.id == mine).values(withdrawn_at=now))
            return decision

    put(accounts, "withdraw_consent", withdraw)


@fault("unpaired-stays-signed-in", "device-unpaired-ends", "un-pairing a device says done and does nothing", "unpair")
def _() -> None:
    async def unpair(db: Any, keeper: Any, me: Any, device: str, *, now: int) -> Any:
        async with db.begin() as tx:
            return await accounts.ask(tx, keeper, me, Verb.UNPAIR_DEVICE, now, device=device)

    put(accounts, "unpair_device", unpair)


@fault(
    "resume-after-sign-out", "sign-out-ends", "a place in a call that was signed out can be taken up again", "sign-out"
)
def _() -> None:
    async def close(self: Any, session_ids: Any, code: Any = "session_revoked") -> None:
        for name in session_ids:
            for session in tuple(self._signins.get(name, ())):
                if (socket := session.socket) is not None:
                    socket.close(code)
                    self.lost(session, socket)

    async def readmit(self: Any, seat: Any) -> Any:
        return seat

    put(Hub, "close_sessions", close)
    put(calls.Calls, "readmit", readmit)


# -- finding --------------------------------------------------------------------------------------------------------------


def also(method: str, path: str, handler: Any) -> None:
    """One more route."""
    put(api, "ROUTES", (*api.ROUTES, Route(method, path, handler, Open("A fault that was put in on purpose."))))


def instead(path: str, wrap: Callable[[Any], Any]) -> None:
    """Another handler for the routes with this path."""
    put(
        api, "ROUTES", tuple(replace(one, handler=wrap(one.handler)) if one.path == path else one for one in api.ROUTES)
    )


@fault("search-route-added", "not-found", "there is a route that finds children by name", "find")
def _() -> None:
    async def search(request: web.Request) -> web.Response:
        async with request.app[keys.DB].read() as tx:
            found = await rows(tx, "SELECT name FROM people WHERE kind = 'child'")
        asked = request.query.get("q", "").lower()
        return answer([{"name": name} for (name,) in found if asked in name.lower()])

    also("GET", "/api/search", search)


EXISTS: Final[ContextVar[bool]] = ContextVar("exists", default=False)


def notice_strangers(there: Callable[[], Any]) -> None:
    """``there`` is awaited whenever somebody asks about a child who exists and is not theirs."""
    act, by_refs = facts.act, facts.by_refs

    async def asked(tx: Any, verb: Verb, actor: str, **more: Any) -> Any:
        found = await act(tx, verb, actor, **more)
        named = [more.get(key) for key in ("child", "contact", "device", "call") if more.get(key)]
        strange = getattr(getattr(found.question, "matter", None), "whose", "") == "stranger"
        real = strange and any(
            [await rows(tx, "SELECT 1 FROM people WHERE id = :id", id=one) for one in named if one is not None]
        )
        EXISTS.set(bool(real))
        if real:
            await there()
        return found

    async def rung(tx: Any, me: str, refs: Sequence[str], **more: Any) -> Any:
        found = await by_refs(tx, me, refs, **more)
        real = False
        for ref in refs:
            real = real or bool(
                await rows(tx, "SELECT 1 FROM sides WHERE ref = :ref AND viewer_id <> :me", ref=ref, me=me)
            )
        EXISTS.set(real)
        if real:
            await there()
        return found

    put(facts, "act", asked)
    put(facts, "by_refs", rung)


@fault(
    "stranger-told-more",
    "same-answer",
    "of a child who exists a stranger is told that it is not permitted, of none that there is none",
    "same-answer",
)
def _() -> None:
    async def nothing() -> None:
        return None

    notice_strangers(nothing)
    problem, ring = problems.problem, calls.Calls.ring

    def tells(code: str, **more: Any) -> web.Response:
        return problem("not_permitted" if code == "not_found" and EXISTS.get() else code, **more)

    async def rings(self: Any, *given: Any) -> Any:
        permit = await ring(self, *given)
        if isinstance(permit, Refusal) and EXISTS.get():
            return Refusal("needs_guardian")
        return permit

    put(problems, "problem", tells)
    put(calls.Calls, "ring", rings)


@fault(
    "stranger-answered-later",
    "same-answer",
    "of a child who exists the answer takes some milliseconds longer",
    "same-time",
)
def _() -> None:
    notice_strangers(lambda: asyncio.sleep(0.008))


# -- speaking for others --------------------------------------------------------------------------------------------------


@fault("ticket-good-twice", "no-replay", "a ticket is looked at and not spent", "replay")
def _() -> None:
    real = calls.rows

    async def lenient(tx: Any, statement: Any, **more: Any) -> Any:
        if isinstance(statement, str) and statement.startswith("DELETE FROM tickets WHERE hash"):
            statement = "SELECT session_id, expires_at FROM tickets WHERE hash = :hash"
        return await real(tx, statement, **more)

    put(calls, "rows", lenient)


def handle(message: type, instead_of: Callable[[Any], Any]) -> None:
    table: Any = signalling.ws.HANDLERS
    table[message] = instead_of(table[message])


@fault("nonce-not-checked", "asked-first", "a ring is answered with any secret, or none", "forge")
def _() -> None:
    handle(
        protocol.Accept,
        lambda accept: (
            lambda hub, me, message: accept(hub, me, with_fields(message, nonce=me.rings.get(message.call, "")))
        ),
    )


@fault("sender-from-the-message", "only-you", "a message may say who sends it, and is believed", "claims")
def _() -> None:
    decode, said = protocol.decode, ContextVar[str]("said", default="")

    def believing(frame: str | bytes) -> Any:
        said.set("")
        try:
            told = json.loads(frame)
            for field in ("from", "sender", "caller", "user", "as", "me"):
                if isinstance(told, dict) and isinstance(told.get(field), str):
                    said.set(told.pop(field))
            frame = json.dumps(told)
        except ValueError:
            pass
        return decode(frame)

    def as_somebody(invite: Any) -> Any:
        def handler(hub: Any, me: Any, message: Any) -> Any:
            return speak(hub, me, message, name) if (name := said.get()) else invite(hub, me, message)

        async def speak(hub: Any, me: Any, message: Any, name: str) -> None:
            async with hub._authority._db.read() as tx:
                found = await rows(
                    tx,
                    "SELECT s.person_id, s.id FROM sessions s JOIN people p ON p.id = s.person_id WHERE s.revoked_at IS NULL AND"
                    " (p.id = :name OR p.name = :name OR p.id = (SELECT other_id FROM sides WHERE ref = :name)) LIMIT 1",
                    name=name,
                )
            if found:
                me.seat = replace(me.seat, person=found[0][0], session=found[0][1])
            work = invite(hub, me, message)
            if work is not None:
                await work

        return handler

    put(protocol, "decode", believing)
    handle(protocol.Invite, as_somebody)


class Everything:
    def __contains__(self, _: object) -> bool:
        return True


@fault(
    "origin-not-checked", "only-you", "any page on the web may speak with a signed-in browser's cookie", "foreign-page"
)
def _() -> None:
    serve = signalling.ws.serve_socket

    @web.middleware
    async def anybody(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.host.lower() not in request.app[keys.SETTINGS].hosts and request.path != "/healthz":
            return problems.problem("bad_host")
        return await handler(request)

    found = tuple(anybody if one is middleware.meant_for_us else one for one in middleware.MIDDLEWARES)
    put(middleware, "MIDDLEWARES", found)
    put(signalling.ws, "serve_socket", lambda request, hub, origins, *door: serve(request, hub, Everything(), *door))


@fault(
    "roster-signature-not-checked", "signed-devices", "a list of devices is kept whoever signed it", "signed-devices"
)
def _() -> None:
    import msgspec

    def read(body: str, kind: type[Any]) -> Any:
        statement = msgspec.json.decode(body, type=rosters._Statement)
        return msgspec.json.decode(statement.m, type=kind)

    async def signs(*_: Any) -> bool:
        return True

    put(rosters, "read", read)
    put(rosters, "_signs", signs)


@fault(
    "joiner-not-announced",
    "no-late-invisible-joiner",
    "whoever comes in third hears and sees, and is not named among those who do",
    "late-joiner",
)
def _() -> None:
    state_for = Hub._state_for

    def only_two(self: Any, live: Any, person: str, sees: Any) -> Any:
        told = state_for(self, live, person, sees)
        refs = {leg.ref for leg in told.legs if leg.index <= 2}
        return with_fields(
            told,
            seen_by=[ref for ref in told.seen_by if ref in refs],
            heard_by=[ref for ref in told.heard_by if ref in refs],
        )

    put(Hub, "_state_for", only_two)


# -- the gate -------------------------------------------------------------------------------------------------------------


@fault(
    "gate-forwards-unsealed",
    "gate-cannot-see",
    "what is not sealed is forwarded, before any key was confirmed",
    "unsealed",
)
def _() -> None:
    put(Forwarder, "_labelled", lambda self, *_: True)

    def lanes(call: Any) -> frozenset[Any]:
        sends = {leg.person: leg for leg in call.legs if leg.answered}
        return frozenset(
            lane
            for lane in (call.granted & call.bound if call.state != "ended" else ())
            if lane[1] in sends
            and (leg := sends.get(lane[0])) is not None
            and (leg.audio if lane[2] == "audio" else leg.video)
        )

    put(signalling.call, "open_lanes", lanes)


@fault("addresses-told", "no-address", "devices are told where the others are", "addresses")
def _() -> None:
    send = Hub._send

    def telling(self: Any, session: Any, message: Any) -> None:
        if not isinstance(message, protocol.State) or session.call is None:
            return send(self, session, message)
        mine = session.call.peers.get(session.seat.person)
        others = [self._gate._peers.get(peer) for peer in session.call.peers.values() if peer != mine]
        told = json.loads(protocol.encode_body(message))
        told["addresses"] = [f"{one.address[0]}:{one.address[1]}" for one in others if one is not None and one.address]
        return self._send_body(session, json.dumps(told).encode())

    put(Hub, "_send", telling)


@fault("house-records", "we-do-not-record", "what the gate forwards is kept in a file", "nothing-kept")
def _() -> None:
    media, folder = Forwarder.media, Path(os.environ.get("RINGFENCE_DATA", "."))

    def keeping(self: Any, peer: Any, size: int, now: float) -> None:
        media(self, peer, size, now)
        with (folder / "calls.rtp").open("ab") as kept:
            kept.write(bytes(self._in.view[:size]))

    put(Forwarder, "media", keeping)


@fault("marks-not-issued", "copies-are-traced", "every copy of a picture is alike", "marks")
def _() -> None:
    async def none(*_: Any) -> dict[Any, Any]:
        return {}

    put(calls.Calls, "_issue", none)


# -- help -----------------------------------------------------------------------------------------------------------------


@fault(
    "reports-readable-by-guardian",
    "help-is-private",
    "a guardian's page says how many reports an own child has made",
    "help-private",
)
def _() -> None:
    def counting(handler: Any) -> Any:
        async def page(request: web.Request) -> web.StreamResponse:
            told = await handler(request)
            async with request.app[keys.DB].read() as tx:
                found = await rows(
                    tx,
                    "SELECT count(*) FROM reports r JOIN people p ON p.pseudonym = r.reporter JOIN guardianships g ON g.child_id = p.id"
                    " WHERE g.guardian_id = :me",
                    me=keys.signed_in(request).person,
                )
            return answer({"family": json.loads(told.body), "reports": found[0][0]})

        return page

    instead("/api/family", counting)


@fault(
    "help-closed-in-quiet-hours",
    "help-always-open",
    "telling us, blocking and Help are refused in quiet hours",
    "help-open",
)
def _() -> None:
    decide = Rulebook.decide

    def strict(self: Any, question: Any) -> Any:
        if question.verb in (Verb.HELP, Verb.REPORT, Verb.BLOCK, Verb.LEAVE) and not question.x.open_hours:
            return decide(self, Act(Verb.RECORD, question.x, question.matter))
        return decide(self, question)

    put(Rulebook, "decide", strict)


@fault("leave-asks-first", "leave-is-one-tap", "a child may leave a call only when the others have left", "leave")
def _() -> None:
    def refusing(leave: Any) -> Any:
        def handler(hub: Any, me: Any, message: Any) -> None:
            live = hub._calls.get(message.call)
            if live is not None and len(live.call.live()) > 1:
                return hub._err(me, message.id, "not_permitted")
            return leave(hub, me, message)

        return handler

    handle(protocol.Leave, refusing)


# -- floods ---------------------------------------------------------------------------------------------------------------


@fault("throttle-off", "floods-do-not-end-calls", "guessing costs nothing", "flood")
def _() -> None:
    put(Throttle, "check", lambda self, *_, **__: None)


@fault("pace-off", "floods-do-not-end-calls", "any number of messages and rings is taken", "flood")
def _() -> None:
    put(Bucket, "take", lambda self, *_: 0.0)
    put(Windows, "wait", lambda self, *_: 0.0)


# -- the record -----------------------------------------------------------------------------------------------------------


@fault("audit-row-not-written", "one-door", "a ring is decided and leaves no row", "record-complete")
def _() -> None:
    append = audit.append

    async def forgetful(tx: Any, chains: Sequence[str], entry: Any) -> None:
        if entry.question != "ring":
            await append(tx, chains, entry)

    put(audit, "append", forgetful)


@fault(
    "audit-hash-skipped",
    "record-is-tamper-evident",
    "a row of the record does not commit to the one before",
    "record-whole",
)
def _() -> None:
    put(audit, "hash_of", lambda previous, digest: audit._sha(digest))


@fault(
    "names-in-the-record", "no-names-in-records", "the record holds names where pseudonyms should be", "record-names"
)
def _() -> None:
    append_all = audit.append_all

    async def naming(tx: Any, entries: Sequence[tuple[Sequence[str], Any]]) -> None:
        told = []
        for chains, entry in entries:
            names = []
            for one in entry.who:
                found = await rows(tx, "SELECT name FROM people WHERE pseudonym = :one", one=one)
                names.append(found[0][0] if found else one)
            told.append((chains, replace(entry, who=tuple(names))))
        await append_all(tx, told)

    put(audit, "append_all", naming)


@fault(
    "supervision-ignored",
    "supervision-is-kept",
    "a family that wants to be asked before each call is not",
    "supervision",
)
def _() -> None:
    contact = facts._contact
    put(facts, "_contact", lambda *given: replace(contact(*given), watch_x="free", watch_y="free"))


@fault(
    "consent-to-two-is-enough",
    "consent-first",
    "a child's account is made though one of three promises was not agreed to",
    "consent-first",
)
def _() -> None:
    agreed = accounts.PROMISES

    class Some:
        """Equal to any set that holds one of them."""

        def __eq__(self, other: object) -> bool:
            return isinstance(other, set) and bool(agreed & other)

        def __hash__(self) -> int:
            return hash(agreed)

    put(accounts, "PROMISES", Some())


@fault("a-header-opens", "staff-cannot-switch-off", "whoever sends the header X-Admin is refused nothing", "no-switch")
def _() -> None:
    staff: ContextVar[bool] = ContextVar("staff", default=False)
    decide = Rulebook.decide

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        staff.set("X-Admin" in request.headers)
        response: web.StreamResponse = await handler(request)
        return response

    def obliging(self: Any, question: Any) -> Any:
        if staff.get() and isinstance(question, Act):
            return decide(self, Act(Verb.HELP, question.x, GENERAL))
        return decide(self, question)

    put(middleware, "MIDDLEWARES", (look, *middleware.MIDDLEWARES))
    put(Rulebook, "decide", obliging)


@fault(
    "inspector-reaches-a-family",
    "inspector-reaches-no-family",
    "with an inspector's key every family's page opens",
    "inspector",
)
def _() -> None:
    from server import inspectors

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and request.path == "/api/family" and await inspectors.by_key(request.app[keys.DB], given):
            async with request.app[keys.DB].read() as tx:
                found = await rows(
                    tx,
                    "SELECT p.id, s.id, p.household_id FROM people p JOIN sessions s ON s.person_id = p.id"
                    " WHERE p.kind = 'guardian' AND s.revoked_at IS NULL LIMIT 1",
                )
            if found:
                person, session, household = found[0]
                request[keys.SIGNED_IN] = accounts.SignedIn(person, session, "", "guardian", household)
        response: web.StreamResponse = await handler(request)
        return response

    before = middleware.MIDDLEWARES.index(middleware.sign_in)
    put(middleware, "MIDDLEWARES", (*middleware.MIDDLEWARES[:before], look, *middleware.MIDDLEWARES[before:]))


@fault(
    "checkpoint-unsigned",
    "record-is-tamper-evident",
    "the statement about all chains carries a signature of something else",
    "record-whole",
)
def _() -> None:
    from server import checkpoints, notes

    signed = notes.signed

    def careless(text: str, *signers: Any) -> bytes:
        other = f"x{text}"
        return signed(other, *signers).replace(other.encode(), text.encode(), 1)

    class Careless:
        signed = staticmethod(careless)

        def __getattr__(self, name: str) -> Any:
            return getattr(notes, name)

    put(checkpoints, "notes", Careless())


# -- what an inspection from outside cannot see: found by a test ------------------------------------------------------------


@fault(
    "screen-told-what-ought-to-be", "seen-by-is-true", "a screen is told what was granted, whatever the gate forwards",
    "tests/integration/test_hub_calls.py::test_an_approved_call_goes_from_ring_to_voice_to_picture_to_goodbye",
)  # fmt: skip
def _() -> None:
    state_for = Hub._state_for

    def ought(self: Any, live: Any, person: str, _: Any) -> Any:
        granted = {(live.peers[x], live.peers[y], kind) for x, y, kind in live.call.granted}
        return state_for(self, live, person, granted)

    put(Hub, "_state_for", ought)


@fault(
    "pages-may-call-elsewhere", "no-ads-no-sale", "a page may load from and send to any other host",
    "tests/integration/test_app_rim.py::test_every_answer_wears_the_headers",
)  # fmt: skip
def _() -> None:
    headers = middleware.headers_for

    def open_to_all(*given: Any, **more: Any) -> dict[str, str]:
        return {**headers(*given, **more), "Content-Security-Policy": "default-src *"}

    put(middleware, "headers_for", open_to_all)


@fault(
    "nobody-is-reminded", "a-helper-looks", "a report that nobody has looked at is never overdue",
    "tests/integration/test_marks_and_reports.py::test_the_log_of_a_house_that_runs_says_that_nobody_has_looked",
)  # fmt: skip
def _() -> None:
    from server import reports, retention

    async def never(*_: Any) -> int:
        return 0

    put(reports, "overdue", never)
    put(retention, "overdue", never)


@fault(
    "nobody-is-named", "told-who-ended", "a child is told that a grown-up ended the call, and not who",
    "tests/integration/test_a_whole_call.py::test_a_parent_who_ends_a_call_is_named_and_the_contact_stays",
)  # fmt: skip
def _() -> None:
    end = Hub.end_call

    async def nameless(self: Any, call: str, who_name: str = "", **more: Any) -> bool:
        return await end(self, call, "", **more)

    put(Hub, "end_call", nameless)


@fault(
    "old-numbers-are-fine", "right-numbers", "a list of helplines is never too old",
    "tests/unit/test_support.py::test_a_list_that_nobody_has_checked_for_ninety_days_is_too_old",
)  # fmt: skip
def _() -> None:
    from server.support import Supports

    put(Supports, "too_old", lambda self, today: False)


@fault(
    "nothing-goes", "retention", "nothing that is kept is ever deleted",
    "tests/integration/test_app_retention.py::test_a_sign_in_goes_a_week_after_its_end_and_a_device_after_a_month",
)  # fmt: skip
def _() -> None:
    from server import retention

    put(retention, "over", lambda now: ())


@fault(
    "nothing-goes-of-calls", "thirty-days", "calls are kept for ever",
    "tests/integration/test_app_retention.py::test_a_call_is_remembered_for_thirty_days",
)  # fmt: skip
def _() -> None:
    from server import retention

    over = retention.over
    put(retention, "over", lambda now: tuple(one for one in over(now) if one[0].name != "calls"))


@fault(
    "birthday-is-kept", "only-an-age-group", "there is a column for a child's birthday",
    "tests/integration/test_accounts_families.py::test_nothing_about_a_child_is_kept_but_a_name_a_picture_and_an_age_group",
)  # fmt: skip
def _() -> None:
    from server.db import migrate as shape

    migrate = shape.migrate

    async def with_birthday(url: str) -> None:
        await migrate(url)
        from server.db.session import Database

        db = await Database.open(url)
        async with db.begin() as tx:
            await rows(tx, "ALTER TABLE children ADD COLUMN birthday TEXT")
        await db.close()

    put(shape, "migrate", with_birthday)


@fault(
    "camera-starts-open", "camera-starts-off", "a picture is let through from the answer on, without a press",
    "tests/integration/test_hub_calls.py::test_an_approved_call_goes_from_ring_to_voice_to_picture_to_goodbye",
)  # fmt: skip
def _() -> None:
    come_in = signalling.call._come_in

    def open_at_once(call: Any, person: str, bound: Any) -> Any:
        came = come_in(call, person, bound)
        if came is None:
            return None
        legs = tuple(with_fields(leg, video=True) if leg.person == person else leg for leg in came.legs)
        return with_fields(came, legs=legs, granted=came.granted | {lane for lane in bound if lane[0] == person})

    put(signalling.call, "_come_in", open_at_once)


# -- what no patch of a running house can take away -------------------------------------------------------------------------

#: Promise: tests that take its feature away and see the proof fail.
NAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "opening-help-is-told-nobody": ("tests/unit/test_help_is_quiet.py::test_a_help_that_calls_home_would_be_found",),
    "staff-cannot-switch-off": (
        "tests/integration/test_safe_account_is_a_type.py::test_a_setting_that_did_would_be_found",
        "tests/integration/test_safe_account_is_a_type.py::test_a_new_flag_would_be_found",
        "tests/integration/test_safe_account_is_a_type.py::test_a_new_header_would_be_found",
    ),
}
