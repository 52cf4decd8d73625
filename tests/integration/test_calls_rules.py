"""May they ring, answer, be seen, go on? Allowed and refused from the same village, one fact changed at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server import audit, limits
from server.db.session import SHUTTING
from server.facts import act
from server.home_time import local
from server.policy import Verb
from signalling.authority import Permit, Refusal
from signalling.protocol import Code
from tests.village import YEAR, Village, own, village


@pytest.fixture
async def v(tmp_path: Path) -> AsyncIterator[Village]:
    async with village(tmp_path) as there:
        yield there
        assert await audit.verify(there.db) == []


async def ring(v: Village, who: str, *whom: str, media: str = "video") -> Permit | Refusal:
    refs = [await v.ref(who, one) for one in whom]
    return await v.calls.ring(v.seat(who), refs, "video" if media == "video" else "audio")


async def live_call(v: Village, who: str, *whom: str, media: str = "video") -> str:
    permit = await ring(v, who, *whom, media=media)
    assert isinstance(permit, Permit), permit
    return permit.call


async def reasons(v: Village, who: str) -> tuple[str, list[str]]:
    row = await v.last_audit(own(who))
    return row[2], json.loads(row[3])


async def test_friends_whom_both_families_approved_may_ring_with_every_lane_between_them(v: Village) -> None:
    permit = await ring(v, "maya", "theo")
    assert isinstance(permit, Permit)
    assert permit.people == ("maya", "theo")
    assert permit.lanes == {
        (x, y, kind) for x, y in (("maya", "theo"), ("theo", "maya")) for kind in ("audio", "video")
    }
    assert permit.refs["maya", "theo"] == await v.ref("maya", "theo")
    assert permit.refs["theo", "maya"] == await v.ref("theo", "maya")
    assert await reasons(v, "maya") == ("allow", ["approved-contacts-may-meet"])
    assert await reasons(v, "theo") == ("allow", ["approved-contacts-may-meet"])


Change = Callable[[Village], Awaitable[object]]

#: what changes, which rule then says no, and what is told
CHANGES: dict[str, tuple[Change, str, str]] = {
    "contact ended": (lambda v: v.end_contact("maya", "theo"), "not-approved-contact", "not_found"),
    "contact refused": (lambda v: v.end_contact("maya", "theo", "refused"), "not-approved-contact", "not_found"),
    "contact asked": (lambda v: v.end_contact("maya", "theo", "asked"), "not-approved-contact", "not_found"),
    "one yes gone": (
        lambda v: v.do(
            "DELETE FROM yeses WHERE slot = 'guardian_b' AND contact_id = :c",
            c=v.contact_of[frozenset(("maya", "theo"))],
        ),
        "not-approved-contact",
        "not_found",
    ),
    "a year over": (
        lambda v: v.do("UPDATE contacts SET until = :now", now=v.now),
        "contact-past-its-year",
        "not_permitted",
    ),
    "own consent gone": (lambda v: v.withdraw("maya"), "consent-not-valid", "not_permitted"),
    "their consent gone": (lambda v: v.withdraw("theo"), "consent-not-valid", "not_permitted"),
    "own account still": (
        lambda v: v.do("UPDATE people SET state = 'standing_still' WHERE id = 'maya'"),
        "account-standing-still",
        "not_permitted",
    ),
    "their account still": (
        lambda v: v.do("UPDATE people SET state = 'standing_still' WHERE id = 'theo'"),
        "account-standing-still",
        "not_permitted",
    ),
    "signed out": (
        lambda v: v.do("UPDATE sessions SET revoked_at = 1 WHERE person_id = 'maya'"),
        "not-signed-in",
        "not_permitted",
    ),
    "sign-in expired": (
        lambda v: v.do("UPDATE sessions SET expires_at = :now WHERE person_id = 'maya'", now=v.now),
        "not-signed-in",
        "not_permitted",
    ),
    "device un-paired": (
        lambda v: v.do("UPDATE devices SET unpaired_at = 1 WHERE person_id = 'maya'"),
        "device-unpaired",
        "not_permitted",
    ),
    "voice off": (
        lambda v: v.do("UPDATE yeses SET voice = :no, video = :no WHERE slot = 'guardian_a'", no=False),
        "voice-not-approved",
        "not_permitted",
    ),
    "video off": (
        lambda v: v.do("UPDATE yeses SET video = :no WHERE slot = 'guardian_b'", no=False),
        "video-ring-not-approved",
        "not_permitted",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_ring_is_refused_for_the_one_reason_that_changed(v: Village, what: str) -> None:
    change, rule, code = CHANGES[what]
    before = await ring(v, "maya", "theo")
    await change(v)
    after = await ring(v, "maya", "theo")
    assert isinstance(before, Permit)
    assert isinstance(after, Refusal)
    assert after.code == code
    verdict, rules = await reasons(v, "maya")
    assert verdict == "deny"
    assert rule in rules


async def test_an_own_sign_in_on_another_device_does_not_stand_in_for_a_revoked_one(v: Village) -> None:
    await v.put(
        "sessions", id="second", person_id="maya", device_id=v.device_of["maya"], token_hash=b"2" * 32, label="x",
        created_at=1, last_used_on="2026-11-22", expires_at=v.now + YEAR,
    )  # fmt: skip
    await v.do("UPDATE sessions SET revoked_at = 1 WHERE id = 'session-maya'")
    ref = await v.ref("maya", "theo")
    assert isinstance(await v.calls.ring(v.seat("maya"), [ref], "audio"), Refusal)
    second = v.seat("maya").__class__("maya", "second", v.device_of["maya"])
    assert isinstance(await v.calls.ring(second, [ref], "audio"), Permit)


async def test_somebody_elses_session_is_no_sign_in(v: Village) -> None:
    ref = await v.ref("maya", "theo")
    forged = v.seat("maya").__class__("maya", v.session_of["kit"], "")
    assert isinstance(await v.calls.ring(forged, [ref], "audio"), Refusal)


async def test_with_voice_only_a_voice_ring_is_fine_and_no_picture_has_a_lane(v: Village) -> None:
    await v.do("UPDATE yeses SET video = :no WHERE slot = 'b'", no=False)
    assert isinstance(await ring(v, "maya", "theo", media="video"), Refusal)
    permit = await ring(v, "maya", "theo", media="audio")
    assert isinstance(permit, Permit)
    assert permit.lanes == {("maya", "theo", "audio"), ("theo", "maya", "audio")}


async def test_a_friend_of_a_friend_cannot_be_brought_in_by_the_friend(v: Village) -> None:
    """The group-call failure of 2018-19: only the inviter's pairs had been looked at (FTC 2023)."""
    assert isinstance(await ring(v, "theo", "maya"), Permit)
    assert isinstance(await ring(v, "theo", "ada"), Permit)
    together = await ring(v, "theo", "maya", "ada")
    assert together == Refusal("not_permitted")
    await v.contact("maya", "ada")
    assert isinstance(await ring(v, "theo", "maya", "ada"), Permit)


async def test_two_grown_ups_share_a_call_only_beside_their_child(v: Village) -> None:
    permit = await ring(v, "maya", "gran", "sam")
    assert isinstance(permit, Permit)
    assert ("gran", "sam", "audio") in permit.lanes
    assert permit.refs["gran", "sam"].startswith("k_")
    call = permit.call
    with_maya = await v.calls.answer(call, v.seat("sam"), ("maya", "gran"))
    assert isinstance(with_maya, Permit)
    without = await v.calls.answer(call, v.seat("sam"), ("gran",))
    assert without == Refusal("not_found")
    standing = await v.calls.go_on(call, ("gran", "sam"))
    assert [person for person, _ in standing.must_leave] == ["sam"]
    assert standing.lanes == frozenset()


async def test_an_answer_is_asked_anew_and_a_ring_was_no_promise(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    first = await v.calls.answer(call, v.seat("theo"), ("maya",))
    assert isinstance(first, Permit)
    assert first.people == ("maya", "theo")
    await v.end_contact("maya", "theo")
    assert await v.calls.answer(call, v.seat("theo"), ("maya",)) == Refusal("not_found")


async def test_nobody_comes_into_a_call_that_they_were_not_rung_for(v: Village) -> None:
    call = await live_call(v, "theo", "maya")
    await v.contact("maya", "ada")
    assert await v.calls.answer(call, v.seat("ada"), ("theo", "maya")) == Refusal("not_found")
    assert await v.calls.answer(call, v.seat("kit"), ("theo",)) == Refusal("not_found")
    assert await v.calls.answer("c_never-was-one", v.seat("maya"), ("theo",)) == Refusal("not_found")


async def test_an_ended_call_never_gets_a_yes_again(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    assert isinstance(await v.calls.answer(call, v.seat("theo"), ("maya",)), Permit)
    await v.calls.ended(call, "left")
    assert await v.calls.answer(call, v.seat("theo"), ("maya",)) == Refusal("not_found")
    assert await v.calls.publish(call, v.seat("theo"), ("maya",), True, True) == Refusal("not_found")
    assert (await v.calls.go_on(call, ("maya", "theo"))).lanes == frozenset()
    await v.calls.ended(call, "cancelled")
    await v.calls.came_in(call, "theo")
    row = (await v.do("SELECT state, code FROM calls WHERE id = :c", c=call))[0]
    assert tuple(row) == ("ended", "left")
    assert (await v.do("SELECT came_at FROM call_people WHERE person_id = 'theo'"))[0][0] is None


async def test_an_opened_camera_gets_the_lanes_that_start_at_it_and_no_others(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    sound = await v.calls.publish(call, v.seat("maya"), ("theo",), True, False)
    assert isinstance(sound, Permit)
    assert sound.lanes == {("maya", "theo", "audio")}
    both = await v.calls.publish(call, v.seat("maya"), ("maya", "theo"), True, True)
    assert isinstance(both, Permit)
    assert both.lanes == {("maya", "theo", "audio"), ("maya", "theo", "video")}
    await v.do("UPDATE yeses SET video = :no WHERE slot = 'guardian_a'", no=False)
    assert await v.calls.publish(call, v.seat("maya"), ("theo",), True, True) == Refusal("not_permitted")
    assert isinstance(await v.calls.publish(call, v.seat("maya"), ("theo",), True, False), Permit)


async def test_a_caller_who_is_still_alone_may_be_there_and_reaches_nobody(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    alone = await v.calls.publish(call, v.seat("maya"), (), True, True)
    assert isinstance(alone, Permit)
    assert alone.lanes == frozenset()
    await v.withdraw("maya")
    assert await v.calls.publish(call, v.seat("maya"), (), True, True) == Refusal("not_permitted")


async def test_losing_video_mid_call_shuts_the_pictures_and_nobody_has_to_leave(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    assert len((await v.calls.go_on(call, ("maya", "theo"))).lanes) == 4
    await v.do("UPDATE yeses SET video = :no WHERE slot = 'guardian_a'", no=False)
    standing = await v.calls.go_on(call, ("maya", "theo"))
    assert standing.must_leave == ()
    assert standing.lanes == {("maya", "theo", "audio"), ("theo", "maya", "audio")}


@pytest.mark.parametrize("what", [what for what in CHANGES if what != "video off"])
async def test_a_lost_fact_mid_call_leaves_no_lane_between_the_two(v: Village, what: str) -> None:
    call = await live_call(v, "maya", "theo")
    await CHANGES[what][0](v)
    standing = await v.calls.go_on(call, ("maya", "theo"))
    assert standing.lanes == frozenset()
    assert standing.must_leave


async def test_a_grown_up_leaves_before_a_child(v: Village) -> None:
    call = await live_call(v, "maya", "gran", "sam")
    assert (await v.calls.go_on(call, ("maya", "gran", "sam"))).must_leave == ()
    await v.end_contact("maya", "gran")
    standing = await v.calls.go_on(call, ("maya", "gran", "sam"))
    assert standing.must_leave == (("gran", "policy_revoked"),)
    assert standing.lanes == {
        (x, y, kind) for x, y in (("maya", "sam"), ("sam", "maya")) for kind in ("audio", "video")
    }


async def test_who_only_rings_pushes_nobody_out(v: Village) -> None:
    """Maya and Gran talk, Theo's phone rings, and Theo and Gran are no contacts any more. Once he is there he counts as they do."""
    await v.contact("theo", "gran")
    call = await live_call(v, "maya", "gran", "theo")
    for one in ("maya", "gran"):
        await v.calls.came_in(call, one)
    await v.end_contact("theo", "gran")
    standing = await v.calls.go_on(call, ("maya", "gran", "theo"))
    assert standing.must_leave == (("theo", "policy_revoked"),)
    assert {lane[:2] for lane in standing.lanes} == {("maya", "gran"), ("gran", "maya")}
    await v.calls.came_in(call, "theo")
    assert (await v.calls.go_on(call, ("maya", "gran", "theo"))).must_leave == (("gran", "policy_revoked"),)
    await v.calls.went_out(call, "gran", "left")
    assert (await v.calls.go_on(call, ("maya", "theo", "gran"))).must_leave == (("gran", "policy_revoked"),)


async def test_while_nobody_is_there_yet_everybody_counts_alike(v: Village) -> None:
    await v.contact("theo", "gran")
    call = await live_call(v, "maya", "gran", "theo")
    await v.end_contact("theo", "gran")
    assert (await v.calls.go_on(call, ("maya", "gran", "theo"))).must_leave == (("gran", "policy_revoked"),)


async def test_the_own_clock_goes_before_who_is_there(v: Village) -> None:
    """A child whose own quiet hours begin in the call leaves it, and who is rung keeps ringing."""
    await v.contact("theo", "gran")
    call = await live_call(v, "maya", "gran", "theo")
    for one in ("maya", "gran"):
        await v.calls.came_in(call, one)
    wall = local(v.now, "Europe/London")
    await v.limit("maya", quiet=(60 * wall.hour + wall.minute, (60 * wall.hour + wall.minute + 60) % 1440))
    standing = await v.calls.go_on(call, ("maya", "gran", "theo"))
    assert standing.must_leave == (("maya", "quiet_hours"),)
    assert {lane[:2] for lane in standing.lanes} == {("theo", "gran"), ("gran", "theo")}


async def test_whose_consent_is_gone_leaves_and_the_others_go_on(v: Village) -> None:
    await v.contact("theo", "gran")
    call = await live_call(v, "maya", "theo", "gran")
    await v.withdraw("maya")
    standing = await v.calls.go_on(call, ("maya", "theo", "gran"))
    assert standing.must_leave == (("maya", "policy_revoked"),)
    assert SHUTTING.get() is False, "the caller may be a socket's task, which lives on"
    assert {lane[:2] for lane in standing.lanes} == {("theo", "gran"), ("gran", "theo")}


async def test_presence_is_for_approved_contacts_and_both_ways(v: Village) -> None:
    circle = await v.calls.circle("maya")
    assert set(circle.sees) == set(circle.seen_by) == {"theo", "gran", "sam"}
    assert circle.sees["theo"] == await v.ref("maya", "theo")
    assert circle.seen_by["theo"] == await v.ref("theo", "maya")
    await v.withdraw("theo")
    assert set((await v.calls.circle("maya")).sees) == {"gran", "sam"}
    assert (await v.calls.circle("theo")).sees == {}
    assert (await v.calls.circle("kit")).sees == {}
    assert (await v.calls.circle("nobody-at-all")).sees == {}


async def test_with_voice_switched_off_neither_sees_whether_the_other_is_here(v: Village) -> None:
    assert "theo" in (await v.calls.circle("maya")).sees
    await v.do("UPDATE yeses SET voice = false, video = false WHERE contact_id = :c AND slot = 'guardian_b'",
               c=v.contact_of[frozenset(("maya", "theo"))])  # fmt: skip
    assert "theo" not in (await v.calls.circle("maya")).sees
    assert "theo" not in (await v.calls.circle("maya")).seen_by
    assert "maya" not in (await v.calls.circle("theo")).sees


async def test_before_the_last_yes_nobody_sees_presence(v: Village) -> None:
    await v.contact("kit", "theo", yeses=3)
    assert "theo" not in (await v.calls.circle("kit")).sees
    assert "kit" not in (await v.calls.circle("theo")).seen_by
    assert isinstance(await ring(v, "kit", "theo"), Refusal)


async def test_no_more_people_than_a_call_has_room_for_may_be_rung(v: Village) -> None:
    for number in range(8):
        await v.family(f"aunt{number}", kind="trusted_adult")
        await v.contact("maya", f"aunt{number}")
    seven = [f"aunt{number}" for number in range(7)]
    assert isinstance(await ring(v, "maya", *seven), Permit)
    assert isinstance(await ring(v, "maya", *seven, "aunt7"), Refusal)
    assert "too-many-people" in (await reasons(v, "maya"))[1]


async def test_the_alarm_for_quiet_hours_is_right_on_the_night_when_clocks_go_back(v: Village) -> None:
    """London, 31 October 2027: 01:00 to 01:59 come twice. Quiet from 01:30, a ring in the second 01:05."""
    v.now = int(datetime(2027, 10, 31, 1, 5, tzinfo=UTC).timestamp() * 1000)
    await v.limit("maya", quiet=(90, 420))
    permit = await ring(v, "maya", "theo")
    assert isinstance(permit, Permit)
    assert permit.until.again_ms == 25 * 60_000
    assert permit.until.ending == (("maya", "quiet_hours", 25 * 60_000),)
    v.now += 25 * 60_000
    assert (await v.calls.go_on(permit.call, ("maya", "theo"))).must_leave == (("maya", "quiet_hours"),)
    v.now -= 35 * 60_000  # the first 01:55
    assert await ring(v, "maya", "theo") == Refusal("quiet_hours")
    shown = await limits.look_at_own(v.db, v.keeper, v.signed_in("maya"), now=v.now)
    assert isinstance(shown, limits.Limits)
    assert shown.opens_at == v.now + 5 * 60_000, "the clock goes back to 01:00, which is open"


# -- tickets ------------------------------------------------------------------------------------------------------------


async def ticket(v: Village, who: str) -> str:
    made = await v.calls.make_ticket(v.signed_in(who), v.now)
    assert isinstance(made, str)
    return made


async def test_a_ticket_opens_one_connection_for_its_own_sign_in(v: Village) -> None:
    made = await ticket(v, "maya")
    assert await v.calls.admit(made) == v.seat("maya")
    assert await v.calls.admit(made) == Refusal("not_authenticated")


async def test_spent_expired_unknown_and_revoked_tickets_get_the_same_answer(v: Village) -> None:
    made = [await ticket(v, who) for who in ("maya", "theo", "gran", "kit")]
    await v.calls.admit(made[0])
    await v.do("UPDATE sessions SET revoked_at = 1 WHERE person_id = 'gran'")
    await v.do("UPDATE devices SET unpaired_at = 1 WHERE person_id = 'kit'")
    spent, revoked, unpaired = [await v.calls.admit(made[one]) for one in (0, 2, 3)]
    unknown = await v.calls.admit("A" * 43)
    v.now += 30_000
    expired = await v.calls.admit(made[1])
    assert {spent, revoked, unpaired, unknown, expired} == {Refusal("not_authenticated")}


async def test_who_is_signed_out_gets_no_ticket(v: Village) -> None:
    await ticket(v, "maya")
    await v.do("UPDATE sessions SET revoked_at = 1 WHERE person_id = 'maya'")
    refused = await v.calls.make_ticket(v.signed_in("maya"), v.now)
    assert not isinstance(refused, str)
    assert refused.code == "not_signed_in"


async def test_a_lost_connection_is_taken_up_only_while_the_sign_in_is_good(v: Village) -> None:
    seat = v.seat("maya")
    assert await v.calls.readmit(seat) == seat
    assert await v.calls.readmit(seat.__class__("maya", seat.session, "another")) == Refusal("not_authenticated")
    await v.do("UPDATE devices SET unpaired_at = 1 WHERE person_id = 'maya'")
    assert await v.calls.readmit(seat) == Refusal("not_authenticated")


# -- the record -----------------------------------------------------------------------------------------------------------


async def test_a_guardian_sees_live_calls_and_history_of_own_children_only(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    for who in ("maya", "theo"):
        await v.calls.came_in(call, who)
    v.now += 90_000
    mine = await v.calls.look_at_live(v.signed_in("sam"), v.now)
    assert isinstance(mine, list)
    assert [(one.call, one.child, one.others, one.minutes) for one in mine] == [(call, "maya", ("Theo for Maya",), 1)]
    assert await v.calls.look_at_live(v.signed_in("alex"), v.now) == []
    refused = await v.calls.look_at_live(v.signed_in("maya"), v.now)
    assert not isinstance(refused, list)
    assert refused.rules == ("guardians-only",)
    code: Code = "left"
    for who in ("maya", "theo"):
        await v.calls.went_out(call, who, code)
    await v.calls.ended(call, code)
    assert await v.calls.look_at_live(v.signed_in("sam"), v.now) == []
    past = await v.calls.look_at_history(v.signed_in("sam"), "maya", v.now)
    assert isinstance(past, list)
    assert [(one.others, one.minutes) for one in past] == [(("Theo for Maya",), 1)]
    theirs = await v.calls.look_at_history(v.signed_in("sam"), "theo", v.now)
    assert not isinstance(theirs, list)
    assert theirs.rules == ("not-yours", "only-who-looks-after")


async def siblings(v: Village) -> None:
    """Two children of one guardian who are each other's contact: Tim is 5 to 8, Nell is 16 and leads."""
    await v.child("sam", "tim", "5-8")
    await v.child("sam", "nell", "16-17")
    await v.contact("tim", "nell")
    await v.lead("nell")


@pytest.mark.parametrize(
    "verb",
    [Verb.CHANGE_SUPERVISION, Verb.BE_PRESENT, Verb.ALLOW_THIS_CALL, Verb.ALLOW_MEDIA, Verb.NAME_CONTACT],
)
async def test_a_leading_sibling_takes_nothing_from_the_guardian_of_the_younger(v: Village, verb: Verb) -> None:
    await siblings(v)
    contact = v.contact_of[frozenset(("tim", "nell"))]
    async with v.db.begin() as tx:
        for_tim = await v.keeper.ask(tx, await act(tx, verb, "sam", now=v.now, contact=contact, child="tim"))
        for_nell = await v.keeper.ask(tx, await act(tx, verb, "sam", now=v.now, contact=contact, child="nell"))
    assert for_tim, for_tim.rules
    assert not for_nell
    assert "teen-led" in for_nell.rules


async def test_a_guardian_decides_for_the_younger_of_two_and_for_none_who_leads(v: Village) -> None:
    await siblings(v)
    await v.contact("nell", "gran", state="asked")
    both = v.contact_of[frozenset(("tim", "nell"))]
    async with v.db.begin() as tx:
        for contact, rules in ((both, None), (v.contact_of[frozenset(("nell", "gran"))], ("teen-led",))):
            decided = await v.keeper.ask(tx, await act(tx, Verb.DECIDE, "sam", now=v.now, contact=contact))
            assert bool(decided) is (rules is None), decided.rules
            assert rules is None or decided.rules == rules


async def test_only_the_guardian_of_a_child_in_it_may_end_a_call(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    for who in ("maya", "theo"):
        await v.calls.came_in(call, who)
    async with v.db.begin() as tx:
        for who, may in (("sam", True), ("femi", True), ("alex", False), ("gran", False), ("maya", False)):
            assert bool(await v.calls.may_end(tx, v.signed_in(who), call, v.now)) is may
    await v.calls.ended(call, "left")
    async with v.db.begin() as tx:
        assert not await v.calls.may_end(tx, v.signed_in("sam"), call, v.now)


async def test_no_call_survives_a_restart(v: Village) -> None:
    call = await live_call(v, "maya", "theo")
    made = await ticket(v, "maya")
    assert await v.calls.clean_up() == 1
    assert tuple((await v.do("SELECT state, code FROM calls WHERE id = :c", c=call))[0]) == ("ended", "internal")
    assert await v.calls.answer(call, v.seat("theo"), ("maya",)) == Refusal("not_found")
    assert await v.calls.admit(made) == Refusal("not_authenticated")
    assert await v.calls.clean_up() == 0


async def test_the_record_holds_pseudonyms_and_neither_ids_nor_names(v: Village) -> None:
    await ring(v, "maya", "theo")
    row = await v.last_audit(own("maya"))
    assert json.loads(row[1]) == ["p-maya", "p-theo"]
    everything = str(await v.do("SELECT * FROM audit"))
    assert "Maya" not in everything
    assert "k_" not in everything


async def test_an_act_on_a_strangers_child_and_on_nobody_are_one_question(v: Village) -> None:
    async with v.db.begin() as tx:
        real = await act(tx, Verb.LOOK_AT_HISTORY, "alex", now=v.now, child="maya")
        none = await act(tx, Verb.LOOK_AT_HISTORY, "alex", now=v.now, child="never-was")
        ours = await act(tx, Verb.LOOK_AT_HISTORY, "alex", now=v.now, child="kit")
    assert real == none
    assert ours != none
    assert ours.chains == (own("alex"), own("kit"))
