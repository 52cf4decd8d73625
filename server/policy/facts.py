"""What a question to the rules consists of: facts, all of them, and nothing else.

There are two kinds of question. ``Reach``: may X reach Y? Asked for every ordered pair of people in a call, and for
presence. ``Act``: may X do this to that? Asked for everything else that anybody does here.

A question names nobody. It holds what the rules can see and no more (no ids, no names, no time of day), so that the same
situation is the same question, its answer may be remembered, and a vector written in another language means the same. Who
was asked about stays with the asker (``server/facts.py``) and goes into the audit record as a pseudonym.

Absent means strict. Whoever builds a question fills what could not be read with the unsafe value: an unknown age is the
youngest band, an unknown contact is none, an unknown sign-in is not signed in. The defaults below are those values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar

Kind = Literal["child", "guardian", "trusted_adult", "nobody"]
Band = Literal["0-12", "13-15", "16-17", "18+"]
ContactState = Literal["approved", "asked", "refused", "lapsed", "ended", "none"]
Whose = Literal["own", "ward", "stranger", "nobody"]


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

    # -- Act: about oneself -----------------------------------------------------------------------------------------
    CONNECT = "connect"  #: open the live connection with a ticket, or take it up again
    BE_IN_CALL = "be_in_call"  #: be in any call at all: what concerns this person alone
    GET_TICKET = "get_ticket"
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

    # -- Act: about a child, contact, device, sign-in or call ---------------------------------------------------------
    ANSWER_ASK = "answer_ask"  #: a child's own yes or no
    DECIDE = "decide"  #: a grown-up's yes or no
    END_CONTACT = "end_contact"
    ALLOW_MEDIA = "allow_media"  #: the voice and video switches of a contact
    NAME_CONTACT = "name_contact"  #: what the family calls a contact
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
    LEAVE = "leave"
    SIGN_OUT = "sign_out"

    # -- Act: what nobody ever may --------------------------------------------------------------------------------------
    RECORD = "record"
    SEARCH = "search"
    ADD_WITHOUT_ASKING = "add_without_asking"


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
    """

    kind: Kind = "nobody"
    band: Band = "0-12"
    active: bool = False
    consent: bool = False
    signed_in: bool = False
    paired: bool = False
    acts: bool = True


STRANGER: Final = Person()  #: nobody we know: what an unknown id gives


@dataclass(frozen=True, slots=True)
class Contact:
    """What the two families have agreed. ``in_year``: the yes is not older than it may be (row 16)."""

    state: ContactState = "none"
    voice: bool = False
    video: bool = False
    in_year: bool = False


NO_CONTACT: Final = Contact()


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
    ``consent`` are those of the child concerned; true when no child is."""

    whose: Whose = "stranger"
    active: bool = False
    consent: bool = False


GENERAL: Final = Matter(whose="nobody", active=True, consent=True)
NOT_YOURS: Final = Matter()


@dataclass(frozen=True, slots=True)
class Act:
    """May X do this to that?"""

    verb: Verb
    x: Person = STRANGER
    matter: Matter = NOT_YOURS


Question = Reach | Act


def question_from(plain: Mapping[str, Any]) -> Question:
    """A question from plain JSON values, as in ``tests/conformance/``: ``{"verb": ..., "x": {...}, ...}``.

    Every fact must be there, with the right type and no other beside it. Raises ``ValueError`` otherwise: nothing is
    filled in for an asker from outside. Values that a rule does not know are left to the rules.
    """
    verb = Verb(plain.get("verb", ""))
    if verb in REACH_VERBS:
        _exactly(plain, {"verb", "x", "y", "contact", "call"})
        return Reach(
            verb,
            _shape(Person, plain["x"]),
            _shape(Person, plain["y"]),
            _shape(Contact, plain["contact"]),
            _shape(Call, plain["call"]),
        )
    _exactly(plain, {"verb", "x", "matter"})
    return Act(verb, _shape(Person, plain["x"]), _shape(Matter, plain["matter"]))


def well_formed(question: Question) -> bool:
    """Whether every fact has its type. Nobody in the house builds another one; should it happen, the answer is no."""
    if isinstance(question, Reach):
        parts: tuple[Person | Contact | Call, ...] = (question.x, question.y, question.contact, question.call)
        return all(_has_its_types(part) for part in parts)
    return _has_its_types(question.x) and _has_its_types(question.matter)


def _has_its_types(facts: Person | Contact | Call | Matter) -> bool:
    return all(type(getattr(facts, name)) is kind for name, kind in _TYPES[type(facts)].items())


#: each fact's type is that of its default, the unsafe value
_TYPES: Final = {
    shape: {part.name: type(part.default) for part in fields(shape)} for shape in (Person, Contact, Call, Matter)
}

_Shape = TypeVar("_Shape", Person, Contact, Call, Matter)


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
