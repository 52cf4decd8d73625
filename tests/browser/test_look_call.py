"""What the call screens promise, kept to their word in real Chromium: nothing opens before a press, shutting is at once, a cut blanks at the message."""

# ruff: noqa: E501 -- scripts for the page and calls with many plain facts read better on one line
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from look_stage import LIMITS, PEOPLE, PORTRAIT, SEVEN, Stage, chromium, files, until
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

#: Counts what the page asks the browser for, and keeps every track it was given.
WATCH = """
window.asked = {peers: 0, audio: 0, video: 0}; window.given = [];
const Own = RTCPeerConnection;
window.RTCPeerConnection = class extends Own { constructor(...a) { super(...a); asked.peers += 1; } };
const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (want) => { if (want.audio) asked.audio += 1; if (want.video) asked.video += 1;
  const stream = await get(want); given.push(...stream.getTracks()); return stream; };
"""
GRAN = "k_gran0000"


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with files() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def stage(browser: Browser, origin: str) -> Iterator[Stage]:
    made = Stage(browser, origin, viewport={"width": 390, "height": 844})
    made.context.add_init_script(WATCH)
    made.open(ready=".chip")
    yield made
    assert made.faults == []
    made.close()


def asked(page: Page) -> Any:
    return page.evaluate("asked")


def sent(stage: Stage, kind: str) -> list[dict[str, Any]]:
    return [message for message in stage.heard if message["t"] == kind]


def comes(stage: Stage, kind: str, **wanted: Any) -> list[dict[str, Any]]:
    """What the page has sent of this kind, once the newest of it is as wanted."""
    for _ in range(600):
        if (told := sent(stage, kind)) and wanted.items() <= told[-1].items():
            return told
        stage.page.wait_for_timeout(50)
    raise AssertionError(f"never sent: {kind} {wanted}")


def answered(stage: Stage) -> Page:
    """A call that was answered by hand, with Gran's picture showing."""
    page = stage.page
    stage.ring()
    page.click("[data-do=answer]")
    stage.state("active", GRAN, heard=True, video=True)
    page.wait_for_selector("text=Only Gran can hear you.")
    page.evaluate(PORTRAIT, GRAN)
    until(page, "document.querySelector('rf-picture video').videoWidth > 0")
    return page


def test_somebody_who_is_newer_than_what_the_page_knows_rings_under_their_own_name(stage: Stage) -> None:
    stage.home = {**stage.home, "people": PEOPLE[1:]}
    page = stage.open(ready=".chip")
    assert page.get_by_role("link", name="Call Gran").count() == 0
    stage.home = {**stage.home, "people": PEOPLE}  # and whoever tells of it did not get through
    stage.ring()
    page.wait_for_selector("rf-ringing h1 >> text=Gran is calling")


def test_a_ring_opens_nothing_and_builds_no_connection(stage: Stage) -> None:
    stage.ring()
    stage.page.wait_for_selector("rf-ringing")
    # even an offer that comes before the press is not read
    stage.say(t="sdp.offer", call="c_00000001", neg=0, sdp="v=0\r\n", slots=[])
    stage.page.wait_for_timeout(300)
    assert asked(stage.page) == {"peers": 0, "audio": 0, "video": 0}
    assert sent(stage, "sdp.answer") == []


def test_answering_opens_the_microphone_and_not_the_camera(stage: Stage) -> None:
    page = stage.page
    stage.ring()
    page.wait_for_selector("rf-ringing")
    assert page.locator("#answer-means").inner_text() == "Answer: your voice is on. Your camera is off."
    page.click("[data-do=answer]")
    stage.state("active", GRAN, heard=True)
    page.wait_for_selector(".dock .on >> text=Mic on")
    assert asked(page)["audio"] == 1
    assert asked(page)["video"] == 0
    comes(stage, "call.accept", nonce="n" * 20)
    assert page.locator(".dock >> text=Camera off").count() == 1
    assert page.locator("rf-self rf-curtain:not([open])").count() == 1


def test_nothing_the_server_says_opens_the_camera(stage: Stage) -> None:
    page = answered(stage)
    stage.state("active", GRAN, heard=True, seen=True, video=True)
    page.wait_for_timeout(200)
    assert asked(page)["video"] == 0
    assert page.locator("rf-seen-by >> text=Your curtain is shut.").count() == 1


def test_the_other_persons_picture_is_whole_and_stays_so_when_the_page_is_drawn_again(stage: Stage) -> None:
    page = answered(stage)
    fit = "getComputedStyle(document.querySelector('rf-picture video')).objectFit"
    until(page, f"{fit} === 'contain'")
    stage.state("active", GRAN, heard=False, seen=False, video=True)
    page.wait_for_selector("text=Nobody can hear you yet.")
    page.evaluate("document.querySelector('rf-picture').update()")
    assert page.evaluate(fit) == "contain"


def test_who_sees_me_is_what_the_gate_says_and_nothing_else(stage: Stage) -> None:
    page = answered(stage)
    page.click(".dock [data-do=camera]")
    page.wait_for_selector("rf-seen-by >> text=Nobody can see you yet.")
    comes(stage, "call.media", video=True)
    stage.state("active", GRAN, heard=True, seen=True, video=True)
    page.wait_for_selector("rf-seen-by >> text=Only Gran can see and hear you.")
    stage.state("active", GRAN, heard=False, seen=True, video=True)
    page.wait_for_selector("rf-seen-by >> text=Only Gran can see you.")
    page.wait_for_selector("rf-seen-by >> text=Nobody can hear you yet.")


def test_shutting_the_curtain_stops_the_camera_before_the_server_is_told(stage: Stage) -> None:
    page = answered(stage)
    page.click(".dock [data-do=camera]")
    page.wait_for_selector("rf-self rf-curtain[open]", state="attached")
    assert page.evaluate("given.filter(t => t.kind === 'video').map(t => t.readyState)") == ["live"]
    state = page.evaluate(
        "() => { document.querySelector('.dock [data-do=camera]').click(); return given.find(t => t.kind === 'video').readyState }"
    )
    assert state == "ended"
    page.wait_for_timeout(100)
    assert page.locator("rf-self video").evaluate("v => v.srcObject") is None


def test_a_cut_takes_the_picture_down_in_the_message_itself(stage: Stage) -> None:
    page = answered(stage)
    # the very next thing after the socket's handler has run: no frame, no timer, no promise in between
    page.evaluate("""() => {
      const video = document.querySelector('rf-picture video'), audio = document.querySelector('rf-picture audio');
      window.order = [];
      const own = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
      for (const e of [video, audio]) Object.defineProperty(e, 'srcObject', {set(v) { order.push(v === null ? 'blank' : 'show'); own.set.call(this, v); }, get() { return own.get.call(this); }});
      new MutationObserver(() => order.push('drawn')).observe(document.querySelector('rf-call'), {childList: true});
      window.kept = [video, audio];
    }""")
    stage.say(t="call.ended", call="c_00000001", code="policy_revoked")
    page.wait_for_selector("rf-ended")
    order = page.evaluate("order")
    assert order[:2] == ["blank", "blank"]
    assert "show" not in order
    assert page.evaluate("kept.map(e => e.srcObject)") == [None, None]
    assert page.evaluate("given.map(t => t.readyState)") == ["ended"] * len(page.evaluate("given.map(t => t.kind)"))
    assert page.locator("h1").inner_text() == "This call had to stop."
    assert page.locator("text=You did nothing wrong.").count() == 1


@pytest.mark.parametrize(
    ("ending", "heading"),
    [
        ({"code": "left", "by": GRAN}, "Gran had to go."),
        ({"code": "ended_by_supervisor", "who": "Dad"}, "Dad ended this call."),
        ({"code": "peer_lost"}, "The internet let go."),
        ({"code": "internal"}, "We need to fix something."),
    ],
)
def test_every_ending_has_its_own_kind_sentence(stage: Stage, ending: dict[str, str], heading: str) -> None:
    answered(stage)
    stage.say(t="call.ended", call="c_00000001", **ending)
    stage.page.wait_for_selector("rf-ended h1")
    assert stage.page.locator("h1").inner_text() == heading
    assert stage.page.locator("text=Did something feel wrong?").count() == 1


@pytest.mark.parametrize(
    ("code", "heading"),
    [("quiet_hours", "It’s quiet time."), ("time_limit", "That’s all the call time for today.")],
)
def test_the_clock_is_a_note_before_it_is_an_end(stage: Stage, code: str, heading: str) -> None:
    page = answered(stage)
    stage.say(t="call.soon", call="c_00000002", code=code, in_ms=120_000)
    stage.say(t="call.soon", call="c_00000001", code=code, in_ms=120_000)
    page.wait_for_selector('.sign:has-text("2 minutes left. Time to say bye.")')
    # after another sentence of the same moment, where there was one
    until(page, "document.querySelector('#say').textContent.endsWith('2 minutes left. Time to say bye.')")
    assert "left" not in page.locator("#now").inner_text(), "it does not interrupt"
    assert page.locator("rf-picture").first.evaluate("e => e.querySelector('video').srcObject !== null")
    stage.say(t="call.soon", call="c_00000001", code=code, in_ms=50_000)
    page.wait_for_selector('.sign:has-text("1 minute left. Time to say bye.")')
    stage.say(t="call.ended", call="c_00000001", code=code)
    page.wait_for_selector("rf-ended h1")
    assert page.locator("h1").inner_text() == heading
    assert page.locator(".sign").count() == 0


def test_when_the_clock_ended_a_call_the_goodbye_says_when_calls_open_again(stage: Stage) -> None:
    page = answered(stage)
    morning = SEVEN + 24 * 3_600_000  # the day after "now"
    page.evaluate("at => { Date.now = () => at }", SEVEN + 13 * 3_600_000)
    stage.home = {**stage.home, "limits": {**LIMITS, "quiet_now": True, "opens_at": morning}}
    stage.say(t="call.ended", call="c_00000001", code="quiet_hours")
    page.wait_for_selector("rf-ended >> text=Calls open tomorrow, 7 o’clock in the morning.")
    until(page, "document.querySelector('#say').textContent.includes('Calls open tomorrow, 7 o’clock in the morning.')")
    page.click("[data-do=ok]")
    page.wait_for_selector("rf-quiet-time")
    stage.home = {**stage.home, "limits": {**LIMITS, "used_today": 60, "opens_at": SEVEN + 17 * 3_600_000}}
    stage.say(t="changed", what=["family"])
    page.wait_for_selector("rf-child-home")
    stage.ring()
    page.click("[data-do=answer]")
    stage.say(t="call.ended", call="c_00000001", code="time_limit")
    page.wait_for_selector("text=Calls open again tomorrow.")


def test_when_a_grown_up_is_needed_the_goodbye_leads_to_asking_and_only_where_it_is_ones_own_who_is_needed(
    stage: Stage,
) -> None:
    page = answered(stage)
    stage.home = {**stage.home, "people": [{**one, "watch": "present"} for one in PEOPLE]}
    stage.say(t="call.ended", call="c_00000001", code="needs_guardian")
    page.click("rf-ended [data-key=ask]")
    page.wait_for_selector("text=A grown-up wants to be with you for calls with Gran.")
    with page.expect_request("**/api/child/people/k_gran0000/ask"):
        page.click("text=Ask now")
    stage.home = {**stage.home, "people": PEOPLE}
    stage.say(t="changed", what=["people"])
    stage.go("#/")
    stage.ring()
    page.click("[data-do=answer]")
    stage.say(t="call.ended", call="c_00000001", code="needs_guardian")
    page.wait_for_selector("rf-ended [data-do=ok]")
    page.wait_for_timeout(300)
    assert page.locator("rf-ended [data-key=ask]").count() == 0, "the other family's grown-up is nobody to ask here"


def test_a_note_about_the_time_goes_when_there_is_more_time_after_all(stage: Stage) -> None:
    page = answered(stage)
    page.clock.install()
    stage.say(t="call.soon", call="c_00000001", code="time_limit", in_ms=60_000)
    page.wait_for_selector('.sign:has-text("1 minute left.")')
    page.clock.fast_forward(75_000)
    page.wait_for_selector(".sign", state="detached")
    assert page.locator("rf-in-call").count() == 1


def test_busy_declined_and_not_there_are_one_sentence(stage: Stage) -> None:
    page = stage.page
    said = set()
    for n, code in enumerate(("declined", "busy", "timeout", "unreachable")):
        stage.go(f"#/call/{GRAN}")
        page.click("[data-do=call][data-media=audio]")
        page.wait_for_selector("rf-in-call")
        page.wait_for_timeout(100)
        stage.say(t="call.ended", call="c_00000001", code=code)
        page.wait_for_selector("rf-ended h1")
        said.add(page.locator("rf-ended main").inner_text())
        page.wait_for_timeout(450 if n else 0)
        page.click("[data-do=ok]")
        page.wait_for_selector("rf-child-home")
    assert len(said) == 1


def test_help_stops_everything_of_ours_first_and_asks_afterwards(stage: Stage) -> None:
    page = answered(stage)
    page.click(".dock [data-do=camera]")
    page.wait_for_selector("rf-self rf-curtain[open]", state="attached")
    now = page.evaluate(
        "() => { document.querySelector('.dock .help').click(); return [...given.map(t => t.readyState), !!document.querySelector('rf-help'), !!document.querySelector('rf-picture')] }"
    )
    assert now == ["ended", "ended", True, False]
    assert page.locator("h1").inner_text() == "We shut your curtain"
    assert page.locator("text=They can’t see or hear you now.").count() >= 1
    comes(stage, "call.media", audio=False, video=False)
    page.wait_for_timeout(450)
    page.click("text=I’m OK. Go back.")
    page.wait_for_selector("rf-in-call")
    assert page.locator(".dock >> text=Mic off").count() == 1
    assert page.locator(".dock >> text=Camera off").count() == 1
    until(page, "document.querySelector('rf-picture video').srcObject !== null")


def test_stop_this_person_blocks_them_and_says_so(stage: Stage) -> None:
    page = answered(stage)
    page.click(".dock .help")
    page.click("text=Stop this person calling me")
    page.wait_for_selector("h1 >> text=Stopped")
    assert (f"/api/child/people/{GRAN}/block", {}) in stage.posted


def test_hide_this_leaves_the_call_and_nothing_to_see(stage: Stage) -> None:
    page = answered(stage)
    page.click(".dock .help")
    page.click("text=Hide this")
    page.wait_for_selector("rf-quiet-field")
    assert page.locator("text=Help is here").count() == 0
    comes(stage, "call.leave")


def test_leaving_is_one_tap_and_over_before_the_server_answers(stage: Stage) -> None:
    page = answered(stage)
    over = page.evaluate(
        "() => { document.querySelector('.dock .leave').click(); return [!!document.querySelector('rf-ended'), ...given.map(t => t.readyState)] }"
    )
    assert over == [True, "ended"]
    comes(stage, "call.leave", call="c_00000001")


def test_the_back_button_cannot_hide_a_call(stage: Stage) -> None:
    stage.go("#/me")
    page = answered(stage)
    page.go_back()
    page.wait_for_timeout(200)
    assert page.locator("rf-in-call").count() == 1
    assert page.locator(".dock .leave").is_visible()


def test_going_away_from_the_page_says_bye(stage: Stage) -> None:
    page = answered(stage)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    comes(stage, "bye")


def test_looking_at_myself_asks_for_the_camera_only_on_the_first_tap(stage: Stage) -> None:
    page = stage.page
    stage.go(f"#/call/{GRAN}")
    assert asked(page) == {"peers": 0, "audio": 0, "video": 0}
    page.click("[data-do=look]")
    until(page, "document.querySelector('.mirror video').srcObject !== null")
    assert sent(stage, "call.media") == []
    page.click("[data-do=call][data-media=video]")
    page.wait_for_selector("rf-in-call")
    # the call itself begins behind the curtain, whatever was open before
    assert page.evaluate("given.filter(t => t.kind === 'video').map(t => t.readyState)") == ["ended"]
    comes(stage, "call.invite", to=[GRAN])


def test_a_ring_during_the_look_at_oneself_shuts_the_camera(stage: Stage) -> None:
    page = stage.page
    stage.go(f"#/call/{GRAN}")
    page.click("[data-do=look]")
    until(page, "document.querySelector('.mirror video').srcObject !== null")
    stage.ring()
    page.wait_for_selector("rf-ringing")
    assert page.evaluate("given.map(t => t.readyState)") == ["ended"]
    page.click("[data-do=answer]")
    stage.state("active", GRAN, heard=True)
    page.wait_for_selector(".dock >> text=Camera off")
    assert [message for message in sent(stage, "call.media") if message["video"]] == []


def test_a_double_tap_on_a_risky_control_counts_once(stage: Stage) -> None:
    page = stage.page
    stage.go(f"#/call/{GRAN}")
    page.evaluate(
        "() => { const b = document.querySelector('[data-do=call][data-media=audio]'); b.click(); b.click(); }"
    )
    page.wait_for_selector("rf-in-call")
    comes(stage, "call.invite")
    page.wait_for_timeout(100)
    assert len(sent(stage, "call.invite")) == 1


def test_their_ring_wins_over_our_own_and_still_waits_for_a_press(stage: Stage) -> None:
    page = stage.page
    stage.go(f"#/call/{GRAN}")
    page.click("[data-do=call][data-media=audio]")
    page.wait_for_selector("rf-in-call")
    stage.say(
        t="call.incoming", call="c_00000002", nonce="m" * 20, caller=GRAN, others=[], media="audio", expires_in_ms=45000
    )
    page.wait_for_selector("rf-ringing")
    assert sent(stage, "call.accept") == []


def test_a_lost_wire_is_taken_up_again_and_nothing_is_read_twice(stage: Stage) -> None:
    page = answered(stage)
    stage.drop()
    page.wait_for_selector('.sign:has-text("We lost Gran. Looking …")')
    until(page, "document.querySelectorAll('.sign').length === 0")
    resumed = sent(stage, "resume")
    assert len(resumed) == 1
    assert resumed[0]["token"] == "r" * 20
    assert resumed[0]["last_seq"] > 2
    # a replayed frame that was read before does not count again
    stage.repeat(2, t="call.ended", call="c_00000001", code="left", by=GRAN)
    page.wait_for_timeout(200)
    assert page.locator("rf-in-call").count() == 1
    # what we missed does
    stage.say(t="call.ended", call="c_00000001", code="left", by=GRAN)
    page.wait_for_selector("h1 >> text=Gran had to go.")


def test_call_again_leads_to_the_look_at_oneself_before_that_person_is_called(stage: Stage) -> None:
    page = answered(stage)
    stage.say(t="call.ended", call="c_00000001", code="left", by=GRAN)
    page.click("rf-ended [data-do=again]")
    page.wait_for_selector("rf-look-at-myself [data-do=look]")
    assert page.evaluate("location.hash") == f"#/call/{GRAN}"
    assert page.evaluate("document.activeElement.textContent") == "Here you are"
    assert sent(stage, "call.invite") == []
    page.click("[data-do=call][data-media=audio]")
    page.wait_for_selector("rf-in-call h1 >> text=Calling Gran …")
    comes(stage, "call.invite", to=[GRAN])


def test_the_title_and_heading_follow_a_call_from_calling_to_the_name(stage: Stage) -> None:
    page = stage.page
    stage.go(f"#/call/{GRAN}")
    page.click("[data-do=call][data-media=audio]")
    page.wait_for_selector("h1 >> text=Calling Gran …")
    assert page.title() == "Calling Gran … – Ringfence"
    page.wait_for_timeout(100)
    stage.state("active", GRAN, heard=True)
    until(page, "document.title === 'Gran – Ringfence'")
    assert page.locator(".sign").count() == 0


def test_an_old_sentence_does_not_stay_in_the_page(stage: Stage) -> None:
    page = stage.page
    stage.ring()
    until(page, "document.querySelector('#now').textContent.startsWith('Gran is calling. Only Gran.')")
    page.wait_for_timeout(5200)
    assert page.locator("#now").evaluate("e => e.textContent") == ""


def test_a_device_that_is_unpaired_in_a_call_shows_nothing_of_the_child(stage: Stage) -> None:
    page = answered(stage)
    stage.signed_in = False
    stage.drop(4403)
    page.wait_for_selector("rf-ended")
    page.click("[data-do=ok]")
    page.wait_for_selector("rf-pairing .qr")
    assert page.locator("text=Maya").count() == 0
    assert page.evaluate("given.map(t => t.readyState)") == ["ended"]


def test_a_place_that_is_gone_ends_the_call_here_too(stage: Stage) -> None:
    page = answered(stage)
    stage.repeat(9_999, t="welcome", session="s" * 20, resume_token="r" * 20)
    page.wait_for_selector("h1 >> text=The internet let go.")


def test_a_contact_that_was_just_ended_keeps_their_face_on_the_last_page(stage: Stage) -> None:
    page = answered(stage)
    stage.home = {**stage.home, "people": stage.home["people"][1:]}
    stage.say(t="changed", what=["people"])
    stage.say(t="call.ended", call="c_00000001", code="policy_revoked")
    page.wait_for_selector("rf-ended")
    page.wait_for_timeout(300)
    assert page.locator("rf-ended .post.g2 use").get_attribute("href", timeout=1000) == "/shared/look/sprite.svg#av16"
    page.click("[data-do=ok]")
    page.wait_for_selector("rf-child-home")
    assert page.get_by_role("link", name="Call Gran").count() == 0


#: Of each tile in its order: the name, and whether a picture is shown; then the sizes of all, mine included.
TILES = """() => {
  const tiles = [...document.querySelectorAll('.stage .tile')];
  const sizes = [...tiles, document.querySelector('.stage .self')].map(one => one.getBoundingClientRect());
  return {
    names: tiles.map(one => one.querySelector('.nameplate').textContent.trim()),
    pictures: tiles.filter(one => !one.querySelector('rf-picture').hidden).map(one => one.getAttribute('aria-label')),
    sizes: sizes.map(one => [Math.round(one.width), Math.round(one.height)]),
    fits: sizes.every(one => one.left >= 0 && one.right <= innerWidth && one.bottom <= document.querySelector('.dock').getBoundingClientRect().top),
    heading: document.querySelector('main h1').textContent,
  };
}"""
ALL = (GRAN, "k_theo0000", "k_bea00000", "k_dad00000", "k_ines0000", "k_samk0000", "k_new00000")


@pytest.mark.parametrize(
    "others", [2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow), 7]
)
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_with_several_everybody_has_a_tile_of_one_size_under_their_own_name(
    browser: Browser, origin: str, others: int, width: int, height: int
) -> None:
    stage = Stage(browser, origin, viewport={"width": width, "height": height})
    page = stage.open(ready=".chip")
    stage.ring()
    page.click("[data-do=answer]")
    here = ALL[:others]
    stage.group(*here, video=(GRAN, "k_theo0000"))
    page.wait_for_selector(f"text={others} people can hear you.")
    page.evaluate(PORTRAIT, "k_theo0000")
    until(page, "document.querySelectorAll('rf-picture:not([hidden]) video').length === 1")
    seen = page.evaluate(TILES)
    assert seen["names"] == ["Gran", "Theo", "Auntie Bea", "Dad", "Cousin Ines", "Sam K", "Someone"][:others]
    assert seen["pictures"] == ["Theo"], "what the server says is no picture until a frame of it has opened"
    widths, heights = zip(*seen["sizes"], strict=True)
    assert max(widths) - min(widths) <= 1
    assert max(heights) - min(heights) <= 1
    assert min(widths) >= 150
    assert min(heights) >= 120
    assert seen["fits"]
    stage.group(*here[1:], video=("k_theo0000",))
    until(page, f"document.querySelectorAll('.stage .tile').length === {others - 1}")
    after = page.evaluate(TILES)
    assert after["names"][0].startswith("Theo"), "the first who goes is gone too"
    assert after["pictures"] == ["Theo"]
    assert "Gran" not in after["heading"]
    assert stage.faults == []
    stage.close()


#: Words that are cut off or lie under something else, in every tile and on the plate above them.
HIDDEN = """() => [...document.querySelectorAll('.stage .nameplate h2, .stage .sign, .group-plate h1, .group-plate .note')].filter(one => {
  one.scrollIntoView({block: 'nearest'});
  const box = one.getBoundingClientRect(), tile = (one.closest('.tile') ?? one.closest('.group-plate')).getBoundingClientRect();
  const inside = box.left >= tile.left && box.right <= tile.right && box.top >= tile.top && box.bottom <= tile.bottom;
  const above = (x, y) => one.contains(document.elementFromPoint(x, y));
  return !inside || one.scrollWidth > one.clientWidth + 1 || !above(box.left + 2, box.top + 4) || !above(box.left + 2, box.bottom - 4);
}).map(one => one.textContent)"""


#: How low the lowest tile is; whether one's own comes into view by scrolling the stage with a key; and whether all else stays.
ROOM = """() => {
  const box = what => document.querySelector(what).getBoundingClientRect();
  const stage = document.querySelector('.stage');
  const inside = () => box('.stage .self').bottom <= box('.stage').bottom + 1 && box('.stage .self').top >= box('.stage').top - 1;
  stage.scrollTo(0, 0);
  const own = [inside() ? 'before: in view' : 'before: not all of it'];
  stage.scrollTo(0, stage.scrollHeight);
  own.push(inside() ? 'after: in view' : 'after: not all of it');
  const shown = what => box(what).top >= 0 && box(what).bottom <= innerHeight;
  return [Math.min(...[...stage.querySelectorAll('.tile, .self')].map(one => one.getBoundingClientRect().height)), own, [
    shown('.group-plate') ? 'plate in view' : 'no plate', shown('.dock [data-do=leave]') ? 'leave in view' : 'no leave',
    document.documentElement.scrollHeight <= innerHeight && stage.tabIndex === 0 ? 'page does not scroll' : 'page scrolls']];
}"""


@pytest.mark.parametrize("others", [3, 7])
@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844)])
def test_with_several_who_cannot_be_shown_is_said_under_their_name_and_what_to_do_above_and_nothing_is_covered(
    browser: Browser, origin: str, others: int, width: int, height: int
) -> None:
    stage = Stage(browser, origin, viewport={"width": width, "height": height})
    page = stage.open(ready=".chip")
    stage.ring()
    page.click("[data-do=answer]")
    here = ALL[:others]
    stage.group(*here)
    page.wait_for_selector(f"text={others} people can hear you.")
    page.evaluate(
        """([one, other]) => { const { telephone } = document.querySelector('rf-in-call');
        telephone.unsigned.set(one, 'none'); telephone.shut.set(other, new Set(['video'])); telephone.onchange() }""",
        list(here[1:3]),
    )
    page.wait_for_selector(".group-plate .note")
    assert page.locator(".tile .sign").all_inner_texts() == ["Not signed yet", "Stays shut"]
    assert page.locator(".group-plate .note").all_inner_texts() == [
        "Theo’s device is not signed yet. Ask your grown-up to look."
    ]
    assert page.evaluate(HIDDEN) == []
    if (others, width) == (7, 320):  # the smallest screen with the most people: the tiles scroll, and nothing else does
        size, own, dock = page.evaluate(ROOM)
        assert size >= 104, "a face is known by it"
        assert own == ["before: not all of it", "after: in view"]
        assert dock == ["plate in view", "leave in view", "page does not scroll"]
    said = "document.querySelector('#say').textContent"
    until(page, f"{said}.includes('Theo’s device is not signed yet.')")
    until(page, f"{said}.includes('We can’t open what comes from Auntie Bea.')")
    stage.close()
