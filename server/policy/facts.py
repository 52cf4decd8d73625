"""What a question to the rules consists of: facts, all of them, and nothing else.

There are two kinds of question. ``Reach``: may X reach Y? Asked for every ordered pair of people in a call, and for
presence. ``Act``: may X do this to that? Asked for everything else that anybody does here. A stage, where one child shows
something to people who only watch, has one of each: ``Host`` (may X be on it?) and ``Watch`` (may X watch Y on it?). ``Handle``:
may X, a helper, do this in that case? A case is a report that a child has made. ``Inspect``: may X, an inspector, look at this?

A question names nobody. It holds what the rules can see and no more (no ids, no names, no time of day), so that the same
situation is the same question, its answer may be remembered, and a vector written in another language means the same. Who
was asked about stays with the asker (``server/facts.py``) and goes into the audit record as a pseudonym.

Absent means strict. Whoever builds a question fills what could not be read with the unsafe value: an unknown age is the
youngest band, an unknown contact is none, an unknown sign-in is not signed in. The defaults below are those values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar

Kind = Literal["child", "guardian", "trusted_adult", "helper", "inspector", "nobody"]
Band = Literal["0-12", "13-15", "16-17", "18+"]
ContactState = Literal["approved", "asked", "refused", "lapsed", "ended", "none"]
Whose = Literal["own", "ward", "stranger", "nobody"]
Supervision = Literal["free", "ask", "present"]  #: per contact: nothing, a yes for each call, a grown-up there
GuardiansReach = Literal["approve", "discuss", "teen_led"]  #: how far a guardian's word goes; bands.toml


class Verb(StrEnum):
    """What people do here, in the family's words. The value is the name of the Cedar action and of the audit row's question.

    To add one: here, and in one group of ``safe_account.cedarschema``. A test compares the two lists.
    """

    # -- Reach: one person to another -------------------------------------------------------------------------------
    SEE_PRESENCE = "see_presence"  #: X may know whether Y is here
    RING = "ring"  #: X and Y may be in a call that is rung now
    ANSWER = "answer"  #: X and Y may be in a call that is answered now
    JOIN = "join"  #: X and Y may be in a call that somebody comes into later
    STAY = "stay"  #: X and Y may go on being in one call
    BE_SEEN_BY = "be_seen_by"  #: X's picture may reach Y
    BE_HEARD_BY = "be_heard_by"  #: X's voice may reach Y
    WATCH_STAGE = "watch_stage"  #: X may watch Y, who is on a stage

    # -- Act: about oneself -----------------------------------------------------------------------------------------
    CONNECT = "connect"  #: open the live connection with a ticket, or take it up again
    BE_IN_CALL = "be_in_call"  #: be in any call at all: what concerns this person alone
    GET_TICKET = "get_ticket"
    SAY_KEY = "say_key"  #: which public key this browser signs with
    LOOK_AT_ROSTERS = "look_at_rosters"  #: which devices may talk: of those one is in a call with, or may sign for
    LOOK_AT_HOME = "look_at_home"  #: a child's own page
    CHANGE_LOOK = "change_look"  #: own picture
    MAKE_FRIEND_CODE = "make_friend_code"
    ENTER_FRIEND_CODE = "enter_friend_code"
    LOOK_AT_FAMILY = "look_at_family"  #: a grown-up's own page
    LOOK_AT_DECISIONS = "look_at_decisions"
    LOOK_AT_PEOPLE = "look_at_people"  #: whom this grown-up may call
    LOOK_AT_DEVICES = "look_at_devices"
    LOOK_AT_SESSIONS = "look_at_sessions"
    LOOK_AT_LIVE_CALLS = "look_at_live_calls"
    LOOK_AT_PAIRING = "look_at_pairing"  #: which device shows these words
    ADD_CHILD = "add_child"
    OPEN_LINK = "open_link"  #: who sent this link
    ACCEPT_LINK = "accept_link"  #: for oneself; for a child: ACCEPT_LINK_FOR_CHILD
    HOST_STAGE = "host_stage"  #: be on a stage
    LOOK_AT_OWN_LIMITS = "look_at_own_limits"  #: a child, what their grown-ups have set
    OBJECT_TO_LIMIT = "object_to_limit"  #: a child finds a limit unfair and says so
    LEAD_MYSELF = "lead_myself"  #: a teenager takes the lead of their own account, or gives it back
    CHANGE_OWN_LIMIT = "change_own_limit"  #: a teenager who leads
    SWITCH_OWN_STAGE = "switch_own_stage"  #: a teenager who leads
    LOOK_AT_CALLS_TO_ALLOW = "look_at_calls_to_allow"  #: a guardian, what own children ask for just now
    CHANGE_HOUSEHOLD = "change_household"  #: country and time zone

    # -- Act: about a child, contact, device, sign-in or call ---------------------------------------------------------
    ANSWER_ASK = "answer_ask"  #: a child's own yes or no
    ASK_GROWN_UP = "ask_grown_up"  #: a child asks a guardian for the yes to one call, or to be there
    DECIDE = "decide"  #: a grown-up's yes or no
    DECLINE = "decline"  #: anybody's no to a contact that is asked for: never refused to those whose it is
    END_CONTACT = "end_contact"
    ALLOW_MEDIA = "allow_media"  #: the voice and video switches of a contact
    SIGN_ROSTER = "sign_roster"  #: a grown-up: which devices of theirs, or of an own child, may talk with this contact
    KNOW_KEY = "know_key"  #: a grown-up: whoever signs for the other side of this contact is the one they mean
    NAME_CONTACT = "name_contact"  #: what the family calls a contact
    VOUCH = "vouch"  #: a guardian's word that a grown-up contact is who they say, given or taken back
    COMPARE_PICTURES = "compare_pictures"  #: the grown-ups of two sides, whether nobody swapped their keys
    SAY_PICTURES_DIFFER = "say_pictures_differ"  #: ... somebody did: never refused to those whose contact it is
    CHANGE_AGE_GROUP = "change_age_group"  #: say anew how old a child is
    LOOK_AT_LIMITS = "look_at_limits"
    CHANGE_LIMIT = "change_limit"  #: quiet hours and minutes a day
    SWITCH_STAGE = "switch_stage"  #: let a child be on a stage
    CHANGE_SUPERVISION = "change_supervision"  #: free, ask each time, a grown-up there; per contact
    ALLOW_THIS_CALL = "allow_this_call"  #: the yes for one call
    BE_PRESENT = "be_present"  #: "I am here with them"
    STOP_BEING_PRESENT = "stop_being_present"
    LOOK_AT_CONTACTS = "look_at_contacts"  #: a guardian, of an own child
    LOOK_AT_HISTORY = "look_at_history"  #: who, when, how long; never content
    MAKE_LINK = "make_link"
    ACCEPT_LINK_FOR_CHILD = "accept_link_for_child"
    PAIR_DEVICE = "pair_device"
    UNPAIR_DEVICE = "unpair_device"
    WITHDRAW_CONSENT = "withdraw_consent"
    REVOKE_SESSION = "revoke_session"
    END_CALL = "end_call"  #: a guardian, a call that an own child is in

    # -- Act: out of anybody's control --------------------------------------------------------------------------------
    HELP = "help"
    REPORT = "report"
    BLOCK = "block"
    UNBLOCK = "unblock"  #: one's own block only
    LOOK_AT_BLOCKS = "look_at_blocks"  #: one's own only
    LEAVE = "leave"
    SIGN_OUT = "sign_out"

    # -- Handle: a helper, in a case ------------------------------------------------------------------------------------
    ASK_FOR_MARK = "ask_for_mark"  #: the first of two helpers: whose copy is this recording?
    RESOLVE_MARK = "resolve_mark"  #: the second: be told two pseudonyms

    # -- Inspect: somebody from outside who checks that promises are kept ------------------------------------------------
    LOOK_AT_EVIDENCE = "look_at_evidence"  #: rules, promises, counts, decisions: nothing that names anybody

    # -- Act: what nobody ever may --------------------------------------------------------------------------------------
    RECORD = "record"
    SEARCH = "search"
    ADD_WITHOUT_ASKING = "add_without_asking"
    COMMENT = "comment"  #: on a stage
    GIVE_GIFT = "give_gift"
    REACT = "react"


REACH_VERBS: Final = frozenset(
    {
        Verb.SEE_PRESENCE,
        Verb.RING,
        Verb.ANSWER,
        Verb.JOIN,
        Verb.STAY,
        Verb.BE_SEEN_BY,
        Verb.BE_HEARD_BY,
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """One person, as far as a rule can see. What a band means is in ``bands.toml``.

    ``consent``: a guardian's consent is in force, or none is needed because this is a grown-up (COPPA 312.5).
    ``signed_in``: on a sign-in that has neither ended nor been revoked. ``paired``: a child's device is still
    paired; true for a grown-up, who needs no paired device. ``acts``: this is one who is (or would be) at the other
    end of a live connection, so a sign-in is needed; somebody who is only being rung need not have one yet.
    ``open_hours``: it is not quiet hours in this child's home now, and ``minutes_left``: today's call time is not used up
    (row 45); both true for a grown-up. ``few_families``: approved for children of no more unrelated families than is
    usual (``families`` in bands.toml), or a helper has looked (row 17); true for a child.
    """

    kind: Kind = "nobody"
    band: Band = "0-12"
    active: bool = False
    consent: bool = False
    signed_in: bool = False
    paired: bool = False
    acts: bool = True
    open_hours: bool = False
    minutes_left: bool = False
    few_families: bool = False


#: nobody we know: what an unknown id gives. Of nobody nothing is quiet or used up, so the refusal speaks of nothing else.
STRANGER: Final = Person(open_hours=True, minutes_left=True, few_families=True)


@dataclass(frozen=True, slots=True)
class Contact:
    """What the two families have agreed. ``in_year``: the yes is not older than it may be (row 16). ``blocked``: one of the
    two has blocked the other (row 42). ``own_guardian``: one looks after the other. ``assurance``: how sure we are that the
    grown-up in this pair is who the child's family approved (row 6): 0 not at all, 1 says so, 2 vouched for by this child's
    guardian, 3 checked; 3 where there is no grown-up. ``assurance_needed``: how sure we must be.

    ``watch_x``: what X's family wants for calls with Y (free, ask each time, a grown-up present), and ``watched_x``:
    whether that is so for this call. ``watch_y``, ``watched_y``: the same for Y's family. Free for grown-ups.
    """

    state: ContactState = "none"
    voice: bool = False
    video: bool = False
    in_year: bool = False
    blocked: bool = True
    own_guardian: bool = False
    assurance: int = 0
    assurance_needed: int = 3
    watch_x: Supervision = "present"
    watched_x: bool = False
    watch_y: Supervision = "present"
    watched_y: bool = False

    def turned(self) -> Contact:
        """The same contact as seen from the other side."""
        return replace(
            self,
            watch_x=self.watch_y,
            watched_x=self.watched_y,
            watch_y=self.watch_x,
            watched_y=self.watched_x,
        )


#: no contact: there is nothing else to say of it, so the refusal speaks of nothing else
NO_CONTACT: Final = Contact(
    blocked=False, assurance=3, assurance_needed=3, watch_x="free", watched_x=True, watch_y="free", watched_y=True
)


@dataclass(frozen=True, slots=True)
class Call:
    """The call that the question is about, as it would be if the answer were yes. ``people``: how many would be in it;
    ``room``: how many may be (``bands.toml``); ``with_child``: a child would be in it; ``live``: it has not ended;
    ``media``: what was rung for."""

    people: int = 0
    room: int = 0
    with_child: bool = False
    live: bool = False
    media: Literal["audio", "video"] = "video"


NO_CALL: Final = Call(people=2, room=2, with_child=False, live=True, media="audio")  #: for presence: there is none


@dataclass(frozen=True, slots=True)
class Reach:
    """May X reach Y with this?"""

    verb: Verb
    x: Person = STRANGER
    y: Person = STRANGER
    contact: Contact = NO_CONTACT
    call: Call = Call()


@dataclass(frozen=True, slots=True)
class Matter:
    """What somebody wants to do something to. ``whose``: one's own, a child's that one looks after (``ward``), a
    stranger's (also: does not exist), or ``nobody``'s (the question is about nothing in particular). ``active`` and
    ``consent`` are those of the child concerned; true when no child is. ``reach``: how far a guardian's word goes for that
    child (row 47), "approve" when no child is concerned. ``may_lead``: the child's age and country allow leading one's own account."""

    whose: Whose = "stranger"
    active: bool = False
    consent: bool = False
    reach: GuardiansReach = "approve"
    may_lead: bool = False


GENERAL: Final = Matter(whose="nobody", active=True, consent=True)
NOT_YOURS: Final = Matter()


@dataclass(frozen=True, slots=True)
class Act:
    """May X do this to that?"""

    verb: Verb
    x: Person = STRANGER
    matter: Matter = NOT_YOURS


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage. ``allowed``: the child's age and country allow it; ``on``: it has been switched on, off being the default;
    ``moderator``: one is on shift; ``live``: it has begun and has not ended (rows 31, 32, 34)."""

    allowed: bool = False
    on: bool = False
    moderator: bool = False
    live: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """May X be on this stage?"""

    verb: Verb
    x: Person = STRANGER
    stage: Stage = Stage()


@dataclass(frozen=True, slots=True)
class Watch:
    """May X watch Y, who is on this stage?"""

    verb: Verb
    x: Person = STRANGER
    y: Person = STRANGER
    contact: Contact = NO_CONTACT
    stage: Stage = Stage()


@dataclass(frozen=True, slots=True)
class Case:
    """A report, and a mark that a recording was read as. ``open``: the report has not been closed. ``evidence``: the mark was
    issued and is held by this very report. ``another``: who asks now is another helper than the one who asked first.
    ``in_time``: it was asked for in the last day, and has not been answered yet (row 37)."""

    open: bool = False
    evidence: bool = False
    another: bool = False
    in_time: bool = False


@dataclass(frozen=True, slots=True)
class Handle:
    """May X, a helper, do this in that case?"""

    verb: Verb
    x: Person = STRANGER
    case: Case = Case()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an inspector is shown. ``nameless``: it holds nobody's name, id or pseudonym and no family's chain (row 60)."""

    nameless: bool = False


@dataclass(frozen=True, slots=True)
class Inspect:
    """May X, an inspector, look at this?"""

    verb: Verb
    x: Person = STRANGER
    evidence: Evidence = Evidence()


Question = Reach | Act | Host | Watch | Handle | Inspect
Shape = Person | Contact | Call | Matter | Stage | Case | Evidence

#: For each kind of question its parts, in order, and what each of them is.
PARTS: Final[Mapping[type[Any], Mapping[str, type[Any]]]] = {
    Reach: {"x": Person, "y": Person, "contact": Contact, "call": Call},
    Act: {"x": Person, "matter": Matter},
    Host: {"x": Person, "stage": Stage},
    Watch: {"x": Person, "y": Person, "contact": Contact, "stage": Stage},
    Handle: {"x": Person, "case": Case},
    Inspect: {"x": Person, "evidence": Evidence},
}


def kind_of(verb: Verb) -> type[Question]:
    """Which kind of question a verb asks."""
    if verb in REACH_VERBS:
        return Reach
    return _KINDS.get(verb, Act)


_KINDS: Final[Mapping[Verb, type[Question]]] = {
    Verb.HOST_STAGE: Host,
    Verb.WATCH_STAGE: Watch,
    Verb.ASK_FOR_MARK: Handle,
    Verb.RESOLVE_MARK: Handle,
    Verb.LOOK_AT_EVIDENCE: Inspect,
}


def question_from(plain: Mapping[str, Any]) -> Question:
    """A question from plain JSON values, as in ``tests/conformance/``: ``{"verb": ..., "x": {...}, ...}``.

    Every fact must be there, with the right type and no other beside it. Raises ``ValueError`` otherwise: nothing is
    filled in for an asker from outside. Values that a rule does not know are left to the rules.
    """
    kind = kind_of(verb := Verb(plain.get("verb", "")))
    _exactly(plain, {"verb", *PARTS[kind]})
    parts = {name: _shape(shape, plain[name]) for name, shape in PARTS[kind].items()}
    return kind(verb, **parts)


def well_formed(question: Question) -> bool:
    """Whether every fact has its type. Nobody in the house builds another one; should it happen, the answer is no."""
    return all(_has_its_types(getattr(question, part)) for part in PARTS[type(question)])


def _has_its_types(facts: Shape) -> bool:
    return all(type(getattr(facts, name)) is kind for name, kind in _TYPES[type(facts)].items())


#: each fact's type is that of its default, the unsafe value
_TYPES: Final = {
    shape: {part.name: type(part.default) for part in fields(shape)}
    for shape in (Person, Contact, Call, Matter, Stage, Case, Evidence)
}

_Shape = TypeVar("_Shape", Person, Contact, Call, Matter, Stage, Case, Evidence)


def _shape(shape: type[_Shape], plain: Any) -> _Shape:
    if not isinstance(plain, Mapping):
        raise ValueError(f"{shape.__name__} must be an object")
    _exactly(plain, set(_TYPES[shape]))
    for name, value in plain.items():
        if type(value) is not _TYPES[shape][name]:
            raise ValueError(f"{shape.__name__}.{name} has the wrong type")
    return shape(**plain)


def _exactly(plain: Mapping[str, Any], names: set[str]) -> None:
    if set(plain) != names:
        raise ValueError(f"facts missing or unknown: {', '.join(sorted(set(plain) ^ names))}")
