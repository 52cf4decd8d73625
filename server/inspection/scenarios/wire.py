"""What somebody who knows the wire could send: made-up, copied, repeated, timed, from another page, or far too much of it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any, Final

import aiohttp

from server.inspection.adapter import CouldNotSee
from server.inspection.device import SUBPROTOCOL
from server.inspection.families import PASSWORD
from server.inspection.own import LATER, NOES, Line, Phone, said_no, told_no
from server.inspection.scenarios.household import Two, refused, ringfence, talk, two
from server.inspection.stage import Scenario, Stage

NONE: Final = "AAAAAAAAAAAAAAAAAAAAAA"  # looks like an id, and is nobody's
PAIRS, FEW_PAIRS = 150, 50
LOUDER_MS: Final = 2.0  # a difference that could be heard over a network
DEVIATIONS: Final = 3.5  # from half of the pairs, in standard deviations: chance goes so far once in two thousand times
ROUNDS: Final = 3
WARM: Final = 10  # requests before the first pair
GUESSES, MESSAGES, RINGS = 12, 120, 8


async def same_answer(stage: Stage) -> None:
    """Routes about somebody else's child, contact, device or sign-in, asked about a real one and about none."""
    there = await two(stage, back=True)
    platform = ringfence(stage)
    alex = platform.line_of(await stage.stranger(back=False))
    ref, child = there.maya_sees_theo, there.maya.child_id
    device = (await there.sam.get("/api/devices"))[0]["id"]
    session = (await there.sam.get("/api/sessions"))[0]["id"]
    contact = f"g_{ref[2:]}"
    asked: tuple[tuple[str, str, str, Any, str, str], ...] = (
        ("a child's contacts", "GET", "/api/children/{}/contacts", None, child, NONE),
        ("a child's limits", "GET", "/api/children/{}/limits", None, child, NONE),
        ("a child's calls", "GET", "/api/history?child={}", None, child, NONE),
        ("a child's consent", "POST", "/api/children/{}/consent/withdraw", {}, child, NONE),
        ("a link to a child", "POST", "/api/links", {"child": "{}"}, child, NONE),
        ("a device for a child", "POST", "/api/pairings/approve", {"words": ["zebra"] * 4, "child": "{}"}, child, NONE),
        (
            "a family's switches",
            "POST",
            "/api/contacts/{}/allow",
            {"voice": True, "video": True},
            contact,
            "g_0123456789abcdef",
        ),
        ("the end of a contact", "POST", "/api/contacts/{}/end", {}, contact, "g_0123456789abcdef"),
        ("the end of a contact of one's own", "POST", "/api/people/{}/end", {}, ref, "k_0123456789abcdef"),
        ("a device", "POST", "/api/devices/{}/unpair", {}, device, NONE),
        ("a sign-in", "POST", "/api/sessions/{}/revoke", {}, session, NONE),
    )
    for what, method, path, body, real, none in asked:
        answers = []
        for about in (real, none):
            filled = {k: about if v == "{}" else v for k, v in body.items()} if body is not None else None
            answers.append(await alex.call(method, path.replace("{}", about), filled))
        for answer in answers:
            said_no(answer)
        same = (answers[0].status, answers[0].body) == (answers[1].status, answers[1].body)
        denied = all(answer.status >= 400 for answer in answers)
        seen = f"The same {len(answers[0].body)} bytes ({answers[0].status})." if same else "The two answers differ."
        stage.attack(
            f"A stranger asks for {what}, of a real one and of none.",
            seen if denied else "It was done.",
            same and denied,
        )
    phone = await stage.device(await stage.stranger())
    assert isinstance(phone, Phone)
    rung = [await phone.line.ask(t="call.invite", to=[to], media="audio") for to in (ref, "k_0123456789abcdef")]
    codes = [told_no(one) for one in rung]
    shapes = [{k: v for k, v in one.items() if k not in ("re", "seq")} for one in rung]
    seen = f"The same answer ({codes[0]})." if shapes[0] == shapes[1] else f"{codes[0]!r} and {codes[1]!r}."
    stage.attack("A stranger rings a real child and none.", seen, shapes[0] == shapes[1] and bool(codes[0]))
    own = await there.sam.call("GET", f"/api/children/{child}/contacts")
    stage.control("The child's own grown-up asks for the contacts.", f"Status {own.status}.", own.status == 200)
    await there.one.leave(await talk(stage, there, "audio"))


async def same_time(stage: Stage) -> None:
    """The same questions with a stopwatch, in pairs and in a random order, so that what the machine does meanwhile falls on both."""
    platform = ringfence(stage)
    home = platform.home_of(await stage.family("Maya", back=True))
    alex = platform.line_of(await stage.stranger())
    pairs = FEW_PAIRS if stage.cast.bounded else PAIRS

    async def asks(child: str) -> float:
        began = time.perf_counter()
        answer = await alex.call("GET", f"/api/children/{child}/contacts")
        took = (time.perf_counter() - began) * 1000
        if not said_no(answer):
            raise CouldNotSee("A stranger was shown a child's contacts.")
        return took

    for _ in range(WARM):
        await asks(NONE)  # the first few are slower for everybody
    every: list[float] = []
    sides: list[int] = []
    for _ in range(ROUNDS):  # what is heard must be heard each time: a busy machine makes a difference once
        apart = []
        for _ in range(pairs):
            first = secrets.randbelow(2) == 0
            times = {one: await asks(home.child_id if one else NONE) for one in (first, not first)}
            apart.append(times[True] - times[False])
        every += apart
        sides.append(heard(apart))
        if not sides[-1]:
            break
    share, middle = sum(one > 0 for one in every) / len(every), median(every)
    seen = f"In {share:.0%} of {len(every)} pairs the real one took longer; the difference in the middle is {middle:.2f} ms."
    told = len(sides) == ROUNDS and abs(sum(sides)) == ROUNDS
    stage.attack("A stranger stops the time of answers about a real child and about none.", seen, not told)
    stage.measure("of pairs, those in which the real child's answer took longer (chance is 0.5)", "share", [share])
    stage.measure("how much longer the real child's answer took than none's", "ms", every)
    own = await home.guardian.call("GET", f"/api/children/{home.child_id}/contacts")
    stage.control("The child's own grown-up is answered.", f"Status {own.status}.", own.status == 200)


def heard(apart: Sequence[float]) -> int:
    """1: real ones take longer, so that a stranger hears it; -1: shorter; 0: it cannot be told from chance, or is too small."""
    chance = DEVIATIONS * 0.5 / len(apart) ** 0.5
    more = sum(one > 0 for one in apart) / len(apart) - 0.5
    if abs(more) <= chance or abs(median(apart)) < LOUDER_MS:
        return 0
    return 1 if more > 0 else -1


async def replay(stage: Stage) -> None:
    there = await two(stage, back=True)
    platform, maya = ringfence(stage), there.maya.child
    await maya.hang_up()
    ticket = (await maya.post("/api/ws-ticket"))["ticket"]
    first, second = platform.line(maya.home), platform.line(maya.home)
    welcomed = await _hello(first, ticket)
    stage.control("A ticket is used.", f"Told {welcomed!r}.", welcomed == "welcome")
    again = await _hello(second, ticket)
    stage.attack("The same ticket is used again.", f"Told {again!r}.", again != "welcome")
    await first.hang_up()

    await maya.connect()
    session, token = maya.session, maya.resume_token
    await maya.drop_socket()
    back = (await maya.resume())["t"]
    stage.control("A place is taken up after the network was lost.", f"Told {back!r}.", back == "resumed")
    third = platform.line(maya.home)
    await third.open_socket()
    await third.send(t="resume", session=session, token=token, last_seq=0)
    told = (await third.expect("resumed", "resume_failed", "closed"))["t"]
    stage.attack("The spent token is used again.", f"Told {told!r}.", told != "resumed")

    kit = platform.home_of(await stage.family("Kit"))
    words = (await kit.child.post("/api/child/friend-code"))["words"]
    entered = {"words": words, "how_known": "class"}
    once = await there.theo.child.call("POST", "/api/child/friend-code/enter", entered)
    stage.control("A friend code is typed.", f"Status {once.status}.", once.status == 200)
    await refused(
        stage,
        "Another child types the same friend code.",
        await maya.call("POST", "/api/child/friend-code/enter", entered),
    )
    link = (await kit.guardian.post("/api/links", {"child": kit.child_id}))["url"].partition("#invite=")[2]
    accepts = {"token": link, "for": "me", "how_known": "family"}
    taken = await there.sam.call("POST", "/api/links/accept", accepts)
    stage.control("A link is accepted.", f"Status {taken.status}.", taken.status == 200)
    await refused(
        stage, "Another grown-up accepts it again.", await there.femi.call("POST", "/api/links/accept", accepts)
    )
    await maya.hang_up()


async def _hello(line: Line, ticket: str) -> str:
    await line.open_socket()
    mark = len(line.seen)
    await line.send(t="hello", ticket=ticket, client="headless")
    told = await line.expect("welcome", "bye", "err", "closed", since=mark)
    return str(told["t"] if told["t"] != "bye" else told.get("code", "bye"))


async def forge(stage: Stage) -> None:
    """Answers, keys and frames that were made up, in a call and before it."""
    there = await two(stage, rings=1, back=True)
    rung = await there.one.ring(there.theo.name, media="audio")
    ring = await there.two.wait_for_ring(10)
    stage.control("A child rings a friend.", "It rang." if ring else "It did not ring.", rung.ok and ring is not None)
    assert ring is not None
    for what, nonce in (
        ("a made-up secret", secrets.token_urlsafe(24)),
        ("an old one with a sign changed", _other(ring.secret)),
    ):
        code = told_no(await there.two.line.ask(t="call.accept", call=ring.call, nonce=nonce))
        stage.attack(
            f"The ring is answered with {what}.", f"Refused ({code})." if code else "It was taken.", bool(code)
        )
        if not code:
            return
    said = await there.two.answer(ring)
    flows = said.ok and await stage.flows(there.one, "audio") and await stage.flows(there.two, "audio")
    stage.control(
        "The friend answers with the secret of the ring.", "They talk." if flows else f"{said.reason}.", flows
    )
    for what, message in (
        ("says that its frames carry the other's key ids", {"t": "seal.ready", "kids": [0x70, 0x71]}),
        (
            "sends a word for keys to somebody who is not in the call",
            {"t": "seal.to", "to": "k_0123456789abcdef", "body": "{}"},
        ),
        ("answers an offer that was never made", {"t": "sdp.answer", "neg": 999, "sdp": "v=0\r\n"}),
    ):
        code = told_no(await there.one.line.ask(call=ring.call, **message))
        stage.attack(f"A device in the call {what}.", f"Refused ({code})." if code else "It was taken.", bool(code))
    await there.one.leave(ring.call)


def _other(secret: str) -> str:
    return secret[:-1] + ("A" if secret[-1] != "A" else "B")


async def foreign_page(stage: Stage) -> None:
    """Any page on the web, in a browser that is signed in here: the cookie goes along, the Origin is the page's."""
    there = await two(stage, back=True)
    sam, ref = there.sam, await there.ref()
    for what, origin in (
        ("another site", "https://elsewhere.example"),
        ("a site whose name begins like this one", f"{sam.base}.elsewhere.example"),
        ("nowhere", "null"),
    ):
        answer = await sam.call("POST", f"/api/contacts/{ref}/end", {}, Origin=origin)
        await refused(stage, f"A page of {what} ends a contact with a signed-in grown-up's cookie.", answer)
        status = await _knocks(sam, origin)
        stage.attack(f"A page of {what} opens the live connection.", f"Status {status}.", 400 <= status < 500)
    async with sam.http.post(f"{sam.base}/api/contacts/{ref}/end", json={}) as bare:
        status = bare.status
    stage.attack("A request without an Origin ends a contact.", f"Status {status}.", 400 <= status < 500)
    await there.one.leave(await talk(stage, there, "audio"))


async def _knocks(line: Line, origin: str) -> int:
    """The status with which the WebSocket is answered; 101 when it opened."""
    try:
        socket = await line.http.ws_connect(
            line.base.replace("http", "ws", 1) + "/ws", protocols=[SUBPROTOCOL], headers={"Origin": origin}
        )
    except aiohttp.WSServerHandshakeError as no:
        return no.status
    await socket.close()
    return 101


async def no_switch(stage: Stage) -> None:
    """A header, a field, a parameter or a message that switches protection off, tried as a stranger and as a grown-up."""
    there = await two(stage, back=True)
    alex = ringfence(stage).line_of(await stage.stranger())
    path = f"/api/children/{there.maya.child_id}/contacts"
    for header in ("X-Admin", "X-Debug", "X-Internal", "X-Forwarded-User"):
        await refused(
            stage,
            f"A stranger asks for a child's contacts with {header}.",
            await alex.call("GET", path, None, **{header: "1"}),
        )
    for query in ("safe=0", "admin=1", "override=true"):
        await refused(stage, f"A stranger asks with ?{query}.", await alex.call("GET", f"{path}?{query}"))
    for field in ("safe", "safe_account", "override"):
        body = {"quiet": None, "minutes": None, field: False}
        answer = await there.sam.call("POST", f"/api/children/{there.maya.child_id}/limits", body)
        await refused(stage, f"A grown-up sends {field!r} with a child's limits.", answer)
    phone = await stage.device(await stage.stranger())
    assert isinstance(phone, Phone)
    said = await phone.speak_as("override", "true", [there.theo_sees_maya])
    stage.attack("A ring says that it overrides.", "Refused." if said is None else "It was taken.", said is None)
    await there.one.leave(await talk(stage, there, "audio"))


async def flood(stage: Stage) -> None:
    """Bounded: a dozen guesses, a hundred messages. Other people's call goes on meanwhile."""
    there = await two(stage, back=True)
    call = await talk(stage, there, "audio")
    platform = ringfence(stage)
    thief = platform.line(platform.new_home())
    email = f"nobody-{secrets.token_hex(4)}@example.org"
    await _told_to_wait(
        stage, "Passwords are guessed, one after the other.", GUESSES,
        lambda: thief.call("POST", "/api/sign-in", {"email": email, "password": f"{PASSWORD}{secrets.token_hex(2)}"}),
    )  # fmt: skip
    kit = platform.home_of(await stage.family("Kit"))
    await _told_to_wait(
        stage, "Friend codes are guessed, one after the other.", GUESSES,
        lambda: kit.child.call("POST", "/api/child/friend-code/enter", {"words": ["zebra"] * 4, "how_known": "class"}),
    )  # fmt: skip
    phone = await stage.device(await stage.stranger(back=False))
    assert isinstance(phone, Phone)
    code = await _rings(phone, there)
    stage.attack(f"A stranger rings {RINGS} times in a row.", f"Told {code!r}.", code in LATER)
    mark = len(phone.line.seen)
    for number in range(MESSAGES):
        await phone.line.send(t="call.media", id=f"f{number}", call="c_0123456789", audio=True, video=False)
    answers = await _answers(phone.line, mark)
    later = sum(one in LATER for one in answers) + sum(one == "closed" for one in answers)
    stage.attack(
        f"A device sends {MESSAGES} messages as fast as it can.",
        f"{later} of {len(answers)} answers say to wait, or that it is disconnected.",
        later > 0,
    )
    flows = all(await asyncio.gather(*(stage.flows(one, "audio", packets=50) for one in (there.one, there.two))))
    stage.control("Other people's call goes on.", "Sound came both ways." if flows else "It stopped.", flows)
    clicked = time.monotonic()
    ended = await there.one.leave(call)
    took = time.monotonic() - clicked
    stage.control("It can be left at once.", f"It took {took * 1000:.0f} ms.", ended.ok and took < 2)


async def _told_to_wait(stage: Stage, tried: str, times: int, guess: Callable[[], Awaitable[Any]]) -> None:
    for number in range(1, times + 1):
        answer = await guess()
        if answer.code in LATER:
            stage.attack(tried, f"After {number - 1} wrong ones they were told to wait.", True)
            return
        if answer.code not in NOES:
            raise CouldNotSee(f"A guess was answered with status {answer.status}.")
    stage.attack(tried, f"{times} in a row were looked at.", False)


async def _rings(phone: Phone, there: Two) -> str:
    """The last answer to so many rings; they are known to nobody."""
    code = ""
    for _ in range(RINGS):
        said = await phone.line.ask(t="call.invite", to=[there.theo_sees_maya], media="audio")
        code = str(said.get("code", said["t"]))
        if code in LATER:
            break
    return code


async def _answers(line: Line, mark: int) -> list[str]:
    """Codes of what came back, until nothing more does."""
    count = -1
    while count != len(line.seen):
        count = len(line.seen)
        await asyncio.sleep(0.7)
    return [str(one.get("code", one["t"])) for one in line.seen[mark:]]


SCENARIOS: Final = (
    Scenario("same-time", "The time of an answer", ("same-answer",), same_time, alone=True),
    Scenario("same-answer", "A real child and none", ("same-answer", "not-found"), same_answer),
    Scenario("replay", "What was sent once, sent again", ("no-replay",), replay),
    Scenario("forge", "Answers that were made up", ("asked-first", "only-you"), forge),
    Scenario("foreign-page", "A page of another site", ("only-you",), foreign_page),
    Scenario("no-switch", "Switching protection off", ("staff-cannot-switch-off",), no_switch),
    Scenario("flood", "Far too much", ("floods-do-not-end-calls",), flood, last=True),
)
