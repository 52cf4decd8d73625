"""Is what we promise families true in every situation that there can be? Here it is checked, not sampled.

Two exact steps. ``situations.py`` turns the rulebook into sets of situations; here each promise is a set too, *the situations in
which the answer must be no* (or yes), written in a family's terms and apart from the rules; a promise holds when the two sets
have nothing in common. :func:`promises` finds every situation that breaks one, counts them, and shows one as a question.
Second, :func:`hold_against_engine` asks the real engine: each rule alone in every combination of the facts that it sees, the small
verbs in every combination, and a large seeded sample of the rest, with the reasons compared and not only the verdict. So a slip in
the translation cannot hide a hole in the rules.

``ringfence policy check`` runs both and prints the counts. Nothing of this is needed to decide a question.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import cedarpy

from server.policy.facts import Verb
from server.policy.situations import (
    OTHER,
    Answers,
    Asked,
    Clause,
    Dice,
    Set,
    Situation,
    Situations,
    Space,
    Value,
    at_random,
    count_of,
    question,
)

ADULTS: Final = ("guardian", "trusted_adult")

# -- the verbs, listed here once more in a family's terms, so that a verb in the wrong group of the schema is noticed -------

TALK: Final = frozenset({Verb.RING, Verb.ANSWER, Verb.JOIN, Verb.STAY, Verb.BE_SEEN_BY, Verb.BE_HEARD_BY})
REACH: Final = TALK | {Verb.SEE_PRESENCE, Verb.WATCH_STAGE}
OPEN_TO_ALL: Final = frozenset(
    {Verb.HELP, Verb.REPORT, Verb.BLOCK, Verb.UNBLOCK, Verb.LOOK_AT_BLOCKS, Verb.LEAVE, Verb.SIGN_OUT}
)
FOR_NOBODY: Final = frozenset(
    {Verb.RECORD, Verb.SEARCH, Verb.ADD_WITHOUT_ASKING, Verb.COMMENT, Verb.GIVE_GIFT, Verb.REACT}
)
CLOSING: Final = frozenset(
    {
        Verb.END_CONTACT, Verb.DECLINE, Verb.REVOKE_SESSION, Verb.UNPAIR_DEVICE, Verb.WITHDRAW_CONSENT, Verb.STOP_BEING_PRESENT,
        Verb.END_CALL, Verb.SAY_PICTURES_DIFFER,
    }
)  # fmt: skip
FOR_HELPERS: Final = frozenset({Verb.ASK_FOR_MARK, Verb.RESOLVE_MARK})
FOR_INSPECTORS: Final = frozenset({Verb.LOOK_AT_EVIDENCE})
ACTS: Final = frozenset(Verb) - REACH - {Verb.HOST_STAGE} - OPEN_TO_ALL - FOR_NOBODY - FOR_HELPERS - FOR_INSPECTORS
GATED: Final = frozenset(Verb) - OPEN_TO_ALL - FOR_NOBODY
#: only a guardian, and only of an own child
OF_ONES_WARD: Final = frozenset(
    {
        Verb.LOOK_AT_CONTACTS, Verb.LOOK_AT_HISTORY, Verb.LOOK_AT_LIMITS, Verb.CHANGE_LIMIT, Verb.SWITCH_STAGE, Verb.VOUCH,
        Verb.CHANGE_AGE_GROUP, Verb.ALLOW_MEDIA, Verb.NAME_CONTACT, Verb.CHANGE_SUPERVISION, Verb.ALLOW_THIS_CALL, Verb.BE_PRESENT,
        Verb.STOP_BEING_PRESENT, Verb.MAKE_LINK, Verb.ACCEPT_LINK_FOR_CHILD, Verb.PAIR_DEVICE, Verb.UNPAIR_DEVICE,
        Verb.WITHDRAW_CONSENT, Verb.END_CALL,
    }
)  # fmt: skip
#: only a child, who speaks for nobody else
CHILDS_OWN: Final = frozenset(
    {
        Verb.LOOK_AT_HOME, Verb.CHANGE_LOOK, Verb.MAKE_FRIEND_CODE, Verb.ENTER_FRIEND_CODE, Verb.LOOK_AT_OWN_LIMITS,
        Verb.OBJECT_TO_LIMIT, Verb.LEAD_MYSELF, Verb.CHANGE_OWN_LIMIT, Verb.SWITCH_OWN_STAGE, Verb.ANSWER_ASK, Verb.ASK_GROWN_UP,
    }
)  # fmt: skip
#: a teenager who leads does this alone, or decides it alone
LEFT_TO_TEENAGERS: Final = frozenset(
    {
        Verb.LOOK_AT_HISTORY, Verb.LOOK_AT_LIMITS, Verb.CHANGE_LIMIT, Verb.SWITCH_STAGE, Verb.ALLOW_MEDIA, Verb.NAME_CONTACT,
        Verb.CHANGE_SUPERVISION, Verb.ALLOW_THIS_CALL, Verb.BE_PRESENT, Verb.END_CALL, Verb.DECIDE, Verb.CHANGE_AGE_GROUP,
    }
)  # fmt: skip
#: ... and from 13 on already
LEFT_FROM_13: Final = frozenset({Verb.CHANGE_SUPERVISION, Verb.ALLOW_THIS_CALL, Verb.BE_PRESENT})

# -- promises -------------------------------------------------------------------------------------------------------------


class When:
    """Says sets of situations of one verb in words: ``when("x.kind", "child")``."""

    def __init__(self, space: Space, asked: Asked) -> None:
        self._space, self._asked = space, asked
        self.always: Set = space.all

    def __call__(self, fact: str, *values: Value) -> Set:
        return self._space.where(fact, *(values or (True,)))

    def not_(self, fact: str, *values: Value) -> Set:
        return ~self(fact, *values)

    def more(self, fact: str, than: str) -> Set:
        """One number is larger than another."""
        found = self._space.none
        for a, those in self._space.cases(fact).items():
            found |= those & self(than, *(b for b in self._asked.facts[than] if int(b) < int(a)))
        return found

    def any(self, sets: Iterable[Set]) -> Set:
        found = self._space.none
        for one in sets:
            found |= one
        return found

    @property
    def ends(self) -> tuple[str, ...]:
        return ("x", "y") if "y.kind" in self._asked.facts else ("x",)

    @property
    def with_child(self) -> Set:
        return self.any(self(f"{end}.kind", "child") for end in self.ends)

    @property
    def facts(self) -> Iterable[str]:
        return self._asked.facts

    def strange(self) -> Set:
        """Some text is none of the known ones, or a number is none of the possible ones."""
        texts = (self(fact, OTHER) for fact, values in self._asked.facts.items() if OTHER in values)
        numbers = (
            self(fact, -1, 4) for fact in ("contact.assurance", "contact.assurance_needed") if fact in self._asked.facts
        )
        nobody_in_it = (self(fact, 0) for fact in ("call.people",) if fact in self._asked.facts)
        return self.any((*texts, *numbers, *nobody_in_it))


@dataclass(frozen=True, slots=True)
class Promise:
    """What must be so for these verbs: the answer is ``answer`` in all of ``those`` situations."""

    id: str
    sentence: str
    verbs: frozenset[Verb]
    those: Callable[[When], Set]
    answer: bool = False


def _in_order(when: When) -> Set:
    """Two people with whom everything is as it should be."""
    fine = when.always
    for end in when.ends:
        for fact in ("active", "consent", "signed_in", "paired", "open_hours", "minutes_left", "few_families"):
            fine &= when(f"{end}.{fact}")
        fine &= when(f"{end}.band", "0-12", "13-15", "16-17", "18+") & when(f"{end}.kind", "child", *ADULTS)
    fine &= when("contact.state", "approved") & when("contact.blocked", False)
    for fact in ("voice", "video", "in_year"):
        fine &= when(f"contact.{fact}")
    fine &= when("contact.watch_x", "free") & when("contact.watch_y", "free")
    return fine & when("contact.assurance", 3) & when("contact.assurance_needed", 1, 2, 3)


def _adult_and_child(when: When) -> Iterator[tuple[str, str, Set]]:
    for adult, child in (("x", "y"), ("y", "x")):
        yield adult, child, when(f"{adult}.kind", *ADULTS) & when(f"{child}.kind", "child")


PROMISES: Final = (
    # -- people
    Promise(
        "no-stranger-reaches-a-child",
        "There is no path from an unapproved person to a child, or from a child to one.",
        REACH,
        lambda when: when.with_child & when.not_("contact.state", "approved"),
    ),
    Promise(
        "grown-ups-meet-only-beside-a-child",
        "Two grown-ups are in a call only when a child is in it, and have nothing else to do with each other.",
        REACH,
        lambda when: ~when.with_child & (when.not_("call.with_child") if "call.with_child" in when.facts else when.always),
    ),
    Promise(
        "nobody-unknown-does-anything",
        "Somebody whom the service does not know gets no yes, and nobody gets one about them.",
        GATED,
        lambda when: when.any(when(f"{end}.kind", "nobody", OTHER) for end in when.ends),
    ),
    Promise(
        "blocked-is-blocked",
        "When one of two has blocked the other, neither sees, rings, hears or watches the other.",
        REACH,
        lambda when: when("contact.blocked"),
    ),
    Promise(
        "a-yes-is-not-older-than-a-year",
        "A contact past its year reaches no child.",
        REACH,
        lambda when: when.with_child & when.not_("contact.in_year"),
    ),
    Promise(
        "no-call-without-voice",
        "Without a yes to voice there is no call with a child, and no presence.",
        REACH,
        lambda when: when.with_child & when.not_("contact.voice"),
    ),
    Promise(
        "no-picture-without-video",
        "A child's picture reaches nobody, and nobody's reaches a child, without a yes to video: in a call or on a stage.",
        frozenset({Verb.BE_SEEN_BY, Verb.WATCH_STAGE}),
        lambda when: when.with_child & when.not_("contact.video"),
    ),
    Promise(
        "no-video-ring-without-video",
        "A video call is not rung without a yes to video.",
        frozenset({Verb.RING}),
        lambda when: when.with_child & when("call.media", "video") & when.not_("contact.video"),
    ),
    Promise(
        "an-unsure-adult-reaches-no-child",
        "An adult of whom we are less sure than we must be never reaches somebody else's child.",
        REACH,
        lambda when: when.any(
            both & when.not_("contact.own_guardian") & when.more("contact.assurance_needed", "contact.assurance")
            for _, _, both in _adult_and_child(when)
        ),
    ),
    Promise(
        "an-adult-of-many-families-waits",
        "An adult approved for children of unusually many families reaches none of them until a helper has looked.",
        REACH,
        lambda when: when.any(
            both & when.not_("contact.own_guardian") & when.not_(f"{adult}.few_families")
            for adult, _, both in _adult_and_child(when)
        ),
    ),
    # -- hours, minutes, supervision
    Promise(
        "a-quiet-child-is-reached-only-by-their-own",
        "In quiet hours a child is reached, and reaches, only their own grown-ups.",
        REACH,
        lambda when: when.any(
            when(f"{end}.kind", "child") & when.not_(f"{end}.open_hours") & when.not_("contact.own_guardian")
            for end in when.ends
        ),
    ),
    Promise(
        "minutes-are-minutes",
        "When a child's minutes are used up, only their own grown-ups are in a call with them.",
        TALK,
        lambda when: when.any(
            when(f"{end}.kind", "child") & when.not_(f"{end}.minutes_left") & when.not_("contact.own_guardian")
            for end in when.ends
        ),
    ),
    Promise(
        "supervision-is-kept",
        "Where a family wants to be asked, or to be there, nobody of it is in a call without that; only with an own grown-up.",
        TALK,
        lambda when: when.any(
            when(f"{end}.acts") & when(f"contact.watch_{end}", "ask", "present") & when.not_(f"contact.watched_{end}")
            & when.not_("contact.own_guardian")
            for end in when.ends
        ),
    ),
    # -- accounts and devices
    Promise(
        "no-call-without-consent-or-account",
        "Without consent, or with an account that stands still, on either side, there is no call, presence, stage or new thing.",
        GATED - CLOSING,
        lambda when: when.any(when.not_(f"{end}.{fact}") for end in when.ends for fact in ("consent", "active")),
    ),
    Promise(
        "no-call-without-sign-in-and-device",
        "Whoever acts does so signed in and, a child, on a paired device.",
        GATED,
        lambda when: when.any(
            when(f"{end}.acts") & when.not_(f"{end}.{fact}") for end in when.ends for fact in ("signed_in", "paired")
        ),
    ),
    # -- calls
    Promise(
        "a-full-call-is-full",
        "Nobody comes into a call, or stays in one, that holds more people than it may.",
        TALK,
        lambda when: when.more("call.people", "call.room"),
    ),
    Promise(
        "an-ended-call-is-over", "Nothing happens in a call that has ended.", TALK, lambda when: when.not_("call.live")
    ),
    # -- stages
    Promise(
        "a-stage-has-a-moderator-and-is-allowed-and-on",
        "A stage is never without a moderator on shift, never where age or country forbid it, and never until switched on.",
        frozenset({Verb.HOST_STAGE, Verb.WATCH_STAGE}),
        lambda when: when.any(when.not_(f"stage.{fact}") for fact in ("allowed", "on", "moderator")),
    ),
    Promise(
        "no-stage-in-quiet-hours-or-without-minutes",
        "A child is not on a stage in quiet hours, or when the day's minutes are used up.",
        frozenset({Verb.HOST_STAGE}),
        lambda when: when.not_("x.open_hours") | when.not_("x.minutes_left"),
    ),
    Promise(
        "only-children-are-on-stage",
        "Only a child is on a stage.",
        frozenset({Verb.HOST_STAGE, Verb.WATCH_STAGE}),
        lambda when: when.not_(f"{when.ends[-1]}.kind", "child"),
    ),
    Promise(
        "an-ended-stage-is-over",
        "Nobody watches a stage that has not begun or has ended.",
        frozenset({Verb.WATCH_STAGE}),
        lambda when: when.not_("stage.live"),
    ),
    # -- managing
    Promise(
        "a-strangers-matter-is-never-touched",
        "What is a stranger's, or does not exist, is neither shown nor changed.",
        ACTS,
        lambda when: when("matter.whose", "stranger", OTHER),
    ),
    Promise(
        "only-a-guardian-and-only-for-an-own-child",
        "A child's contacts, limits, devices and consent are a guardian's business, and of no other child than their own.",
        OF_ONES_WARD,
        lambda when: when.not_("x.kind", "guardian") | when.not_("matter.whose", "ward"),
    ),
    Promise(
        "nobody-speaks-for-a-child",
        "A child's own yes, page and codes are the child's alone.",
        CHILDS_OWN,
        lambda when: when.not_("x.kind", "child"),
    ),
    Promise(
        "no-child-signs-for-devices",
        "A child signs for no device, and says yes to nobody who does: that takes a grown-up whose contact it is, or whose child's.",
        frozenset({Verb.SIGN_ROSTER, Verb.KNOW_KEY}),
        lambda when: when.not_("x.kind", *ADULTS),
    ),
    Promise(
        "pictures-are-for-the-grown-ups-of-the-contact",
        "Nobody compares pictures, or says that they differ, but a grown-up whose contact it is, or whose child's.",
        frozenset({Verb.COMPARE_PICTURES, Verb.SAY_PICTURES_DIFFER}),
        lambda when: when.not_("x.kind", *ADULTS) | when.not_("matter.whose", "own", "ward"),
    ),
    Promise(
        "a-guardian-does-not-look-over-a-leading-teenager",
        "The guardian of a teenager who leads sees no history and changes no limit, contact, call or stage of theirs.",
        LEFT_TO_TEENAGERS,
        lambda when: when("matter.whose", "ward") & when("matter.reach", "teen_led"),
    ),
    Promise(
        "single-calls-are-a-teenagers-from-13",
        "From 13 on single calls are not a guardian's to allow or to sit in on.",
        LEFT_FROM_13,
        lambda when: when("matter.whose", "ward") & when.not_("matter.reach", "approve"),
    ),
    Promise(
        "only-a-leading-teenager-changes-own-limits",
        "A child who does not lead changes neither own limits nor the own stage.",
        frozenset({Verb.CHANGE_OWN_LIMIT, Verb.SWITCH_OWN_STAGE}),
        lambda when: when.not_("matter.reach", "teen_led"),
    ),
    Promise(
        "nobody-leads-too-young",
        "Nobody leads their own account where age and country do not allow it.",
        frozenset({Verb.LEAD_MYSELF}),
        lambda when: when.not_("matter.may_lead"),
    ),
    Promise(
        "nothing-new-without-consent",
        "Nothing new is opened for a child whose consent is missing or whose account stands still.",
        frozenset({Verb.MAKE_LINK, Verb.ACCEPT_LINK_FOR_CHILD, Verb.PAIR_DEVICE}),
        lambda when: when.not_("matter.consent") | when.not_("matter.active"),
    ),
    Promise(
        "an-adult-of-many-families-becomes-nobodys-contact",
        "An adult approved for children of unusually many families becomes no other child's contact.",
        frozenset({Verb.ACCEPT_LINK, Verb.DECIDE}),
        lambda when: when("matter.whose", "own", "nobody") & when.not_("x.few_families"),
    ),
    # -- helpers
    Promise(
        "one-helper-alone-learns-nothing",
        "No mark is resolved unless a second helper agrees, in time, in an open case that holds it as evidence.",
        frozenset({Verb.RESOLVE_MARK}),
        lambda when: when.any(when.not_(f"case.{fact}") for fact in ("open", "evidence", "another", "in_time")),
    ),
    Promise(
        "no-mark-is-asked-for-without-a-case",
        "No mark is asked for outside an open case.",
        FOR_HELPERS,
        lambda when: when.not_("case.open"),
    ),
    Promise(
        "marks-are-for-helpers",
        "Nobody but a helper asks for a mark or is told what one stands for.",
        FOR_HELPERS,
        lambda when: when.not_("x.kind", "helper"),
    ),
    Promise(
        "a-helper-is-nobody-to-a-family",
        "A helper reaches nobody, is reached by nobody, and manages nothing: helpers have cases and nothing else.",
        GATED - FOR_HELPERS,
        lambda when: when.any(when(f"{end}.kind", "helper") for end in when.ends),
    ),
    # -- inspectors
    Promise(
        "evidence-is-for-inspectors",
        "Nobody but an inspector looks at what is kept for inspectors.",
        FOR_INSPECTORS,
        lambda when: when.not_("x.kind", "inspector"),
    ),
    Promise(
        "an-inspector-is-told-of-nobody",
        "No inspector is shown anything that names somebody.",
        FOR_INSPECTORS,
        lambda when: when.not_("evidence.nameless"),
    ),
    Promise(
        "an-inspector-reaches-no-family-and-changes-nothing",
        "An inspector reaches nobody, is reached by nobody, manages nothing and has no case: inspectors only look at evidence.",
        GATED - FOR_INSPECTORS,
        lambda when: when.any(when(f"{end}.kind", "inspector") for end in when.ends),
    ),
    Promise(
        "what-is-not-known-is-a-no",
        "A fact with a value that nobody knows is a no, whatever else is true.",
        GATED,
        lambda when: when.strange(),
    ),
    # -- never and always
    Promise(
        "nobody-ever",
        "Nobody records, searches, adds somebody unasked, comments, gives gifts or reacts.",
        FOR_NOBODY,
        lambda when: when.always,
    ),
    Promise(
        "help-is-always-open",
        "Help, report, block, unblock, leave and sign-out are open to everybody in every situation.",
        OPEN_TO_ALL,
        lambda when: when.always,
        answer=True,
    ),
    Promise(
        "what-closes-is-never-refused-to-a-guardian",
        "A signed-in guardian can always un-pair, withdraw consent, refuse or end a contact and stop being present for an own child.",
        CLOSING - {Verb.END_CALL, Verb.REVOKE_SESSION},
        lambda when: (
            when("x.kind", "guardian") & when("matter.whose", "ward") & when("x.signed_in") & when("x.paired") & ~when.strange()
        ),
        answer=True,
    ),
    Promise(
        "anybody-can-end-their-own",
        "Whoever is signed in can refuse or end an own contact and end an own sign-in, also without consent and with a resting account.",
        frozenset({Verb.END_CONTACT, Verb.DECLINE, Verb.REVOKE_SESSION}),
        lambda when: (
            when("x.kind", "child", *ADULTS) & when("matter.whose", "own") & when("x.signed_in") & when("x.paired") & ~when.strange()
        ),
        answer=True,
    ),
    Promise(
        "friends-are-not-kept-apart",
        "Two people, one of them a child, with every yes, in open hours and in a call with room, are not refused.",
        REACH - {Verb.WATCH_STAGE},
        lambda when: (
            _in_order(when) & when.with_child & when("call.live") & ~when.more("call.people", "call.room") & ~when.strange()
        ),
        answer=True,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that does not hold: in how many situations, and one of them."""

    promise: str
    sentence: str
    verb: str
    situations: int
    example: Mapping[str, Any]
    answer: bool  #: what the rules answer there


def broken_promises(book: Situations) -> list[Broken]:
    """Every promise that some situation breaks."""
    found = []
    for promise in PROMISES:
        for verb in sorted(promise.verbs):
            answers = book.answers[verb]
            those = promise.those(When(book.space, answers.asked))
            wrong = those & (~answers.allowed if promise.answer else answers.allowed)
            found += _broken(book.space, answers.asked, wrong, promise.id, promise.sentence, not promise.answer)
    return found


def _broken(space: Space, asked: Asked, wrong: Set, name: str, sentence: str, answer: bool) -> list[Broken]:
    situation = space.pick(wrong, asked.facts)
    if situation is None:
        return []
    return [
        Broken(name, sentence, asked.verb, space.count(wrong, asked.facts), question(asked.verb, situation), answer)
    ]


# -- a fact that is less safe opens nothing -------------------------------------------------------------------------------

#: For each fact which values are less safe than which. A yes or no that is not here: False is less safe than True.
#: ``matter.reach`` has no order: it moves a say from the guardian to the teenager, and is a promise above.
LESS_SAFE: Final[Mapping[str, tuple[tuple[Value, Value], ...]]] = {
    "kind": tuple(
        (worse, better) for worse in ("nobody", OTHER) for better in ("child", *ADULTS, "helper", "inspector")
    ),
    "band": tuple((OTHER, better) for better in ("0-12", "13-15", "16-17", "18+")),
    "acts": ((True, False),),  # who acts needs a sign-in and a device
    "blocked": ((True, False),),
    "state": tuple((worse, "approved") for worse in ("asked", "refused", "lapsed", "ended", "none", OTHER)),
    "watch_x": ((OTHER, "present"), (OTHER, "ask"), ("present", "free"), ("ask", "free")),
    "watch_y": ((OTHER, "present"), (OTHER, "ask"), ("present", "free"), ("ask", "free")),
    "media": ((OTHER, "video"), ("video", "audio")),
    "whose": tuple((worse, better) for worse in ("stranger", OTHER) for better in ("own", "ward", "nobody")),
    "reach": tuple((OTHER, better) for better in ("approve", "discuss", "teen_led")),
    "people": ((0, 1), *((more, more - 1) for more in range(2, 10))),
    "room": tuple((less, less + 1) for less in range(8)),
    "assurance": ((4, 3), (-1, 0), (0, 1), (1, 2), (2, 3)),
    "assurance_needed": ((4, 3), (-1, 0), (1, 0), (2, 1), (3, 2)),
}


def turned_by_less_safety(book: Situations) -> list[Broken]:
    """Every fact that, made less safe, turns a no into a yes in some situation."""
    found = []
    worked: dict[Set, list[tuple[str, Set]]] = {}
    for answers in book.answers.values():
        if answers.allowed not in worked:  # verbs of the same groups have the same answers
            worked[answers.allowed] = list(_opened_by_less_safety(book.space, answers))
        for sentence, wrong in worked[answers.allowed]:
            found += _broken(book.space, answers.asked, wrong, "less-safe-opens-nothing", sentence, True)
    return found


def _opened_by_less_safety(space: Space, answers: Answers) -> Iterator[tuple[str, Set]]:
    for fact, values in answers.asked.facts.items():
        for worse, better in LESS_SAFE.get(fact.partition(".")[2], ((False, True),)):
            if worse in values and better in values:
                opened = space.fix(answers.allowed, fact, worse) & ~space.fix(answers.allowed, fact, better)
                if opened != space.none:
                    yield (
                        f"Making {fact} less safe ({better} to {worse}) turns no no into a yes.",
                        opened & space.where(fact, worse),
                    )


def one_sided(book: Situations) -> list[Broken]:
    """Situations in which X may talk with Y and Y may not talk with X: a call is mutual."""
    found = []
    for verb in sorted(TALK | {Verb.SEE_PRESENCE}):
        asked, allowed = book.verbs[verb], book.answers[verb].allowed
        other = {fact: _other_side(fact) for fact in asked.facts if _other_side(fact) != fact}
        wrong = allowed & ~book.space.turned(allowed, other)
        found += _broken(book.space, asked, wrong, "a-call-is-mutual", "If X may talk with Y, Y may talk with X.", True)
    return found


def _other_side(fact: str) -> str:
    part, _, name = fact.partition(".")
    part = {"x": "y", "y": "x"}.get(part, part)
    return f"{part}.{name[:-1]}{'y' if name[-1] == 'x' else 'x'}" if name[-2:] in ("_x", "_y") else f"{part}.{name}"


def never_answered_yes(book: Situations) -> list[str]:
    """Verbs that somebody should have in some situation and nobody has: a rulebook of noes would keep every other promise."""
    return sorted(
        verb for verb, answers in book.answers.items() if verb not in FOR_NOBODY and answers.allowed == book.space.none
    )


@dataclass(frozen=True, slots=True)
class Count:
    """How one verb is answered over all its situations."""

    verb: str
    facts: int
    situations: int
    allowed: int

    @property
    def refused(self) -> int:
        return self.situations - self.allowed


def counts(book: Situations) -> list[Count]:
    """For each verb, exactly."""
    return [
        Count(verb, len(one.asked.facts), one.asked.size(), book.space.count(one.allowed, one.asked.facts))
        for verb, one in book.answers.items()
    ]


def prove(book: Situations) -> list[Broken]:
    """Everything above: what is found is a hole in the rules (or in a promise)."""
    return [*broken_promises(book), *turned_by_less_safety(book), *one_sided(book)]


# -- held against the engine ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Asking:
    """What the engine was asked and where it answered otherwise than the translation."""

    decisions: int = 0
    rules: int = 0
    complete: list[str] = field(default_factory=list)  #: verbs asked in every combination
    otherwise: list[str] = field(default_factory=list)


Progress = Callable[[str], None]
_BATCH: Final = 2_000
_MOST_PER_RULE: Final = 20_000
_DRAWN_PER_RULE: Final = 50  # times the sample of a verb, for a rule that sees more


def hold_against_engine(
    cedar: str,
    schema: str,
    book: Situations,
    *,
    sample: int,
    complete: int,
    dice: Dice,
    progress: Progress = lambda _: None,
) -> Asking:
    """Ask Cedar itself. ``sample``: how many situations of each verb, drawn with ``dice``; ``complete``: verbs with no more
    combinations of the facts that their rules see than this are asked in every one."""
    asking = Asking()
    engine = _Engine(cedar, schema, book)
    for clause in book.clauses:
        progress(f"the rule {clause.id}")
        _ask_rule(engine, clause, dice, sample * _DRAWN_PER_RULE, asking)
        asking.rules += 1
    done: set[tuple[Any, ...]] = set()
    for verb, answers in book.answers.items():
        progress(f"the verb {verb}")
        whole = engine.rules_of(verb)
        drawn = _good_ones(book, verb, dice)
        situations = (at_random(answers.asked, dice, drawn() if number % 4 else None) for number in range(sample))
        _compare(engine, whole, verb, situations, asking)
        seen = sorted(frozenset().union(*(book.space.seen(those) for _, those in answers.rules.values())))
        alike = (*answers.rules, answers.asked.resource)
        if count_of(answers.asked.facts[fact] for fact in seen) <= complete:
            if alike not in done:  # the same rules with the same facts: what is asked of one is asked of all
                _compare(engine, whole, verb, _every(answers.asked, seen), asking)
            done.add(alike)
            asking.complete.append(verb)
    return asking


def _good_ones(book: Situations, verb: str, dice: Dice) -> Callable[[], Situation | None]:
    """Situations that are answered with a yes, to start from."""
    asked, allowed = book.verbs[verb], book.answers[verb].allowed
    starts = []
    for kinds in itertools.product(("child", *ADULTS, "helper", "inspector"), repeat=2):
        those = allowed & book.space.where("x.kind", kinds[0])
        if "y.kind" in asked.facts:
            those &= book.space.where("y.kind", kinds[1])
        if (start := book.space.pick(those, asked.facts)) is not None:
            starts.append(start)
    return lambda: dice.choice(starts) if starts else None


def _every(asked: Asked, seen: Sequence[str]) -> Iterator[Situation]:
    rest = {fact: values[0] for fact, values in asked.facts.items()}
    for values in itertools.product(*(asked.facts[fact] for fact in seen)):
        yield {**rest, **dict(zip(seen, values, strict=True))}


class _Engine:
    """Cedar, asked about many situations at a time."""

    def __init__(self, cedar: str, schema: str, book: Situations) -> None:
        self.book = book
        self._parsed = json.loads(cedarpy.policies_to_json_str(cedar))
        self._by_id = {one["annotations"]["id"]: (key, one) for key, one in self._parsed["staticPolicies"].items()}
        self._actions = cedarpy.Entities.from_json_str("[]", cedarpy.Schema.from_str(schema))
        self._whole = cedarpy.PolicySet.from_str(cedar)

    def rules_of(self, verb: str) -> tuple[cedarpy.PolicySet, Mapping[str, tuple[str, Callable[..., bool]]]]:
        """The whole book, with what the translation says of each rule of a verb."""
        rules = self.book.answers[verb].rules
        return self._whole, {name: (effect, self.book.space.table(those)) for name, (effect, those) in rules.items()}

    def alone(
        self, name: str, condition: Any, asked: Asked
    ) -> tuple[cedarpy.PolicySet, Mapping[str, tuple[str, Callable[..., bool]]], Set]:
        """One rule, or one part of its condition, and nothing else."""
        key, one = self._by_id[name]
        conditions = [] if condition is None else [{"kind": "when", "body": condition}]
        alone = {**self._parsed, "staticPolicies": {key: {**one, "conditions": conditions}}}
        policies = cedarpy.PolicySet.from_str(cedarpy.policies_from_json_str(json.dumps(alone)))
        scope = {part: one[part] for part in ("principal", "action", "resource")}
        those = self.book.space.holds(Clause(name, one["effect"], scope, condition), asked)
        return policies, {name: (one["effect"], self.book.space.table(those))}, those

    def reasons(
        self, policies: cedarpy.PolicySet, asked: Asked, situations: Sequence[Situation]
    ) -> list[tuple[bool, frozenset[str]]]:
        """What Cedar answers: the verdict, and the rules it gives for it. An error is an answer that nothing equals."""
        entities: dict[str, dict[str, Any]] = {}
        requests = []
        for situation in situations:
            plain = question(asked.verb, situation)
            ends = {}
            for end, part, kind in (
                ("principal", "x", asked.principal),
                ("resource", "y" if asked.resource == "Person" else asked.resource.lower(), asked.resource),
            ):
                name = json.dumps([kind, plain[part]])
                entity = entities.setdefault(
                    name, {"uid": {"type": kind, "id": f"e{len(entities)}"}, "attrs": plain[part], "parents": []}
                )
                ends[end] = entity["uid"]
            requests.append(
                {
                    **ends,
                    "action": {"type": "Action", "id": asked.verb},
                    "context": json.dumps({part: plain[part] for part in asked.context}),
                }
            )
        known = self._actions.with_added_json_str(json.dumps(list(entities.values())))
        answers = cedarpy.is_authorized_batch(requests, policies, known)
        return [
            (one.allowed, frozenset(one.diagnostics.id_annotations_by_reason.values()))
            if not one.diagnostics.errors
            else (one.allowed, frozenset({"an error"}))
            for one in answers
        ]


def _ask_rule(engine: _Engine, clause: Clause, dice: Dice, drawn_of_many: int, asking: Asking) -> None:
    """One rule alone, in every combination of the facts it sees: once for each kind of question that it concerns."""
    kinds: set[tuple[Any, ...]] = set()
    for verb, asked in engine.book.verbs.items():
        kind = (asked.principal, asked.resource, *asked.context)
        if kind in kinds or not clause.concerns(asked):
            continue
        kinds.add(kind)
        policies, rules, those = engine.alone(clause.id, clause.condition, asked)
        seen = sorted(engine.book.space.seen(those))
        if count_of(asked.facts[fact] for fact in seen) <= _MOST_PER_RULE:
            _compare(engine, (policies, rules), verb, _every(asked, seen), asking)
            continue
        for part in _alternatives(clause.condition):
            policies_of_part, rules_of_part, those = engine.alone(clause.id, part, asked)
            seen = sorted(engine.book.space.seen(those))
            if count_of(asked.facts[fact] for fact in seen) > _MOST_PER_RULE:
                asking.otherwise.append(f"{clause.id}: a part of its condition sees too many facts to be asked in full")
                continue
            _compare(engine, (policies_of_part, rules_of_part), verb, _every(asked, seen), asking)
        drawn = (at_random(asked, dice) for _ in range(drawn_of_many))
        _compare(engine, (policies, rules), verb, drawn, asking)


def _alternatives(condition: Any) -> list[Any]:
    """A condition as parts of which one must hold: ``a || b`` and ``guard && (a || b)`` taken apart."""
    if isinstance(condition, Mapping) and "||" in condition:
        return [*_alternatives(condition["||"]["left"]), *_alternatives(condition["||"]["right"])]
    if isinstance(condition, Mapping) and "&&" in condition:
        left = condition["&&"]["left"]
        return [{"&&": {"left": left, "right": part}} for part in _alternatives(condition["&&"]["right"])]
    return [condition]


def _compare(
    engine: _Engine,
    policies: tuple[cedarpy.PolicySet, Mapping[str, tuple[str, Callable[..., bool]]]],
    verb: str,
    situations: Iterable[Situation],
    asking: Asking,
) -> None:
    asked = engine.book.verbs[verb]
    todo = iter(situations)
    while batch := list(itertools.islice(todo, _BATCH)):
        for situation, answer in zip(batch, engine.reasons(policies[0], asked, batch), strict=True):
            bits = engine.book.space.bits(situation)
            holding = [(name, effect) for name, (effect, look_up) in policies[1].items() if look_up(bits)]
            forbids = frozenset(name for name, effect in holding if effect == "forbid")
            permits = frozenset(name for name, effect in holding if effect == "permit")
            if answer != (bool(permits) and not forbids, forbids or permits):
                told = json.dumps(question(verb, situation))
                asking.otherwise.append(
                    f"the engine says {answer}, the translation {sorted(forbids or permits)}: {told}"
                )
        asking.decisions += len(batch)
