"""What leaves a device, who receives it, who is told of it, and what is kept: looked at from the devices, and on our own disk."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.inspection import agreement, sealing
from server.inspection.adapter import CouldNotSee
from server.inspection.own import FreshServer, Phone, said_no, told_no
from server.inspection.scenarios.household import reads_no_reason, ringfence, stops, talk, two
from server.inspection.stage import Scenario, Stage


async def camera(stage: Stage) -> None:
    there = await two(stage, back=True)
    call = await talk(stage, there, "audio")
    got = await asyncio.gather(*(stage.silent(one, 1.5, "video") for one in (there.one, there.two)))
    stage.attack(
        "After the answer pictures are waited for, before anybody has pressed a button.",
        f"{sum(got)} packets came.",
        not sum(got),
    )
    seen_by = there.one.line.state().get("seen_by", [])
    stage.attack("The screen says who sees the child.", f"It names {len(seen_by)} people.", not seen_by)
    code = told_no(await there.one.line.ask(t="call.media", call=call, audio=True, video=True))
    flows = not code and await stage.flows(there.two, "video")
    named = await stage.true(lambda: there.one.line.state().get("seen_by") == [there.maya_sees_theo], 3)
    stage.control(
        "The child presses the camera button.",
        f"Pictures {'reach' if flows else 'do not reach'} the friend, and the screen {'names' if named else 'does not name'} them.",
        flows and named,
    )
    told_no(await there.one.line.ask(t="call.media", call=call, audio=True, video=False))
    await asyncio.sleep(0.3)
    late = await stage.silent(there.two, 1.0, "video")
    seen_by = there.one.line.state().get("seen_by", [])
    stage.attack(
        "The child closes the camera; pictures are waited for, and the screen is read.",
        f"{late} packets came, and it names {len(seen_by)} people.",
        not late and not seen_by,
    )
    await there.one.leave(call)


async def leave(stage: Stage) -> None:
    there = await two(stage, back=True)
    call = await talk(stage, there)
    clicked = time.monotonic()
    code = told_no(await there.one.line.ask(t="call.leave", call=call))
    took = time.monotonic() - clicked
    stage.attack(
        "The server is asked whether a child may leave, and says no or lets them wait.",
        f"Refused ({code})." if code else f"The child was out after {took * 1000:.0f} ms.",
        not code and took < 1,
    )
    if code:
        return
    await reads_no_reason(stage, "The other one reads why.", there.two, call)
    got = await stage.silent(there.two, 1.0)
    stage.attack("Media is waited for at the other one.", f"{got} packets came.", not got)


class Unsealed(sealing.Device):
    """A device that agrees on keys and then sends in the clear."""

    def seal(self, kind: str, whole: bool, plain: bytes, to: int | None = sealing.EVERYBODY) -> bytes:
        super().seal(kind, whole, plain, to)
        return plain


async def unsealed(stage: Stage) -> None:
    there = await two(stage, rings=2, back=True)
    await there.one.leave(await talk(stage, there, "audio"))
    await asyncio.sleep(0.5)
    line = there.one.line
    line.sealing = Unsealed
    try:
        rung = await there.one.ring(there.theo.name, media="audio")
        ring = await there.two.wait_for_ring(10)
        if not rung.ok or ring is None:
            raise CouldNotSee("The second ring did not come.")
        before = there.two.received().packets
        await there.two.answer(ring)
        flows = await stage.flows(there.one, "audio")
        stage.control("What is sealed passes.", "The friend's sound came." if flows else "Nothing came.", flows)
        await asyncio.sleep(1.5)
        got = there.two.received().packets - before
        seen = f"{got} packets of it were handed on."
        stage.attack("A device sends sound that is not sealed, so that the server could hear it.", seen, not got)
        await there.one.leave(ring.call)
    finally:
        del line.sealing


async def signed_devices(stage: Stage) -> None:
    there = await two(stage, rings=3)
    stage.ruined(there.pair)
    platform = ringfence(stage)
    await there.one.leave(await talk(stage, there, "audio"))
    shown = next(one for one in (await there.sam.get("/api/rosters"))["people"] if one["child"] == there.maya.child_id)
    (contact,) = shown["contacts"]
    stranger, mine = Ed25519PrivateKey.generate(), agreement.key_of(there.maya.child.identity)
    serial = time.time_ns() // 1_000_000 + 1_000
    for who, line, key in (
        ("with a key that is not this browser's", there.sam, stranger),
        ("by the other family", there.femi, there.femi.identity),
    ):
        body = agreement.roster(key, contact["contact"], contact["side"], [mine, agreement.key_of(stranger)], serial)
        code = said_no(await line.call("POST", "/api/rosters", {"body": body}))
        tried = f"A list of the child's devices is signed {who}, with one more device in it."
        stage.attack(tried, f"Refused ({code})." if code else "It was kept.", bool(code))
    families = there.theo.families
    families.sign = False
    second = await families.pair(there.femi, there.theo.child_id)
    await there.two.line.hang_up()
    await second.connect()
    rung = await there.one.ring(there.theo.name, media="audio")
    ring = await second.expect("call.incoming")
    accepted = await second.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"])
    if told_no(accepted) or not rung.ok:
        raise CouldNotSee("The second device could not answer.")
    await asyncio.sleep(4.0)
    got = second.packets["audio"] + second.packets["video"]
    stage.attack(
        "A second device of the friend, which no grown-up has signed for, answers a ring.",
        f"{got} packets of the child's media reached it.",
        not got,
    )
    await there.one.leave(ring["call"])
    await there.femi.sign()
    await asyncio.sleep(0.5)
    mark = len(second.seen)
    rung = await there.one.ring(there.theo.name, media="audio")
    ring = await second.expect("call.incoming", since=mark)
    accepted = await second.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"])
    heard = not told_no(accepted) and await stage.true(lambda: second.packets["audio"] > got + 10, 15)
    stage.control(
        "The friend's grown-up signs for the device, and it answers the next ring.",
        "They talk." if heard else "Nothing came.",
        heard,
    )
    await there.one.leave(ring["call"])
    assert platform.home_of(there.pair.a) is there.maya


async def late_joiner(stage: Stage) -> None:
    """Three children who all know each other; the third answers later."""
    pair = await stage.friends(rings=1, back=True)
    kit_family = await stage.family("Kit")
    for family in (pair.a, pair.b):
        await stage.approve(family, kit_family)
    platform = ringfence(stage)
    phones = []
    for name in (pair.a.child, pair.b.child, kit_family.child):
        phone = await stage.device(name)
        assert isinstance(phone, Phone)
        phones.append(phone)
    maya, theo, kit = phones
    rung = await maya.ring(pair.b.child, kit_family.child, media="audio")
    rings = await asyncio.gather(theo.wait_for_ring(10), kit.wait_for_ring(10))
    if not rung.ok or rings[0] is None or rings[1] is None:
        stage.control(
            "A child rings two friends who know each other.", f"It did not ring both ({rung.reason or 'taken'}).", False
        )
        return
    await theo.answer(rings[0])
    flows = await stage.flows(maya, "audio") and await stage.flows(theo, "audio")
    stage.control(
        "A child rings two friends, and the first answers.", "They talk." if flows else "Nothing came.", flows
    )
    knows = {
        one: (platform.refs[one.person, kit_family.child], platform.refs[kit.person, one.person])
        for one in (maya, theo)
    }
    early = [one for one in (maya, theo) if kit.received().packets]
    stage.attack(
        "Before the third has answered, sound reaches them.", f"{kit.received().packets} packets came.", not early
    )
    answered = await kit.answer(rings[1])
    if not answered.ok:
        raise CouldNotSee(f"The third could not answer ({answered.reason}).")
    for who, one in (("The child who rang", maya), ("The one who answered first", theo)):
        ref = knows[one][0]
        shown = await stage.true(lambda one=one, ref=ref: ref in one.line.present(), 5)  # type: ignore[misc]
        named = await stage.true(lambda one=one, ref=ref: ref in one.line.state().get("heard_by", []), 5)  # type: ignore[misc]
        seen = f"They {'are' if shown else 'are not'} on the screen, and {'are' if named else 'are not'} named among those who hear."
        stage.attack(f"{who} looks for the third, who came in later.", seen, shown and named)
    heard = await stage.flows(kit, "audio")
    stage.control("The third is in the call.", "They hear the others." if heard else "They hear nobody.", heard)
    await maya.leave(rung.call)


async def nothing_kept(stage: Stage) -> None:
    platform = ringfence(stage)
    if not isinstance(platform.server, FreshServer):
        raise CouldNotSee(
            "What a server keeps on its disk cannot be seen from outside; it is looked at on a server of our own."
        )
    there = await two(stage, back=True)
    before = await asyncio.to_thread(_files, platform.server.data)
    call = await talk(stage, there)
    await asyncio.sleep(3.0)
    frames = [
        p.payload for one in (there.one, there.two) for kind in ("audio", "video") for p in one.line.carried[kind]
    ]
    runs = {payload[off : off + 24] for payload in frames for off in (16,) if len(payload) >= 48}
    if len(runs) < 20:
        raise CouldNotSee("Too little media came in to look for.")
    await there.one.leave(call)
    after = await asyncio.to_thread(_files, platform.server.data)
    more = sorted(set(after) - set(before))
    found = await asyncio.to_thread(_holds, platform.server.data, runs)
    stage.attack(
        f"The server's folder is searched for {len(runs)} pieces of media that it has just handed on.",
        f"{found} of them are in its {len(after)} files; {len(more)} files are new.",
        not found and not [one for one in more if not one.endswith(("-wal", "-shm", "-journal"))],
    )


def _files(folder: Path) -> dict[str, int]:
    return {str(one.relative_to(folder)): one.stat().st_size for one in folder.rglob("*") if one.is_file()}


def _holds(folder: Path, runs: set[bytes]) -> int:
    found: set[bytes] = set()
    for one in folder.rglob("*"):
        if one.is_file():
            kept = one.read_bytes()
            found |= {run for run in runs if run in kept}
    return len(found)


async def marks(stage: Stage) -> None:
    there = await two(stage, rings=2, back=True)
    seen = []
    for _ in range(2):
        call = await talk(stage, there)
        for phone in (there.one, there.two):
            legs = phone.line.state().get("legs", [])
            seen.append(str((legs[0].get("mark") or {}).get("id", "")) if legs else "")
        await there.one.leave(call)
        await asyncio.sleep(0.5)
    issued = [one for one in seen if one]
    stage.attack(
        "The codes that are to go into the pictures are compared: two people, two calls.",
        f"{len(issued)} of 4 were issued, {len(set(issued))} of them different.",
        len(set(issued)) == 4,
    )


async def parents_see_little(stage: Stage) -> None:
    """A grown-up who is not in the call, with everything that their pages and their live connection have."""
    there = await two(stage, back=True)
    sam = await stage.device(there.maya.guardian_name)
    assert isinstance(sam, Phone)
    call = await talk(stage, there)
    live = await there.sam.get("/api/calls/live")
    known = [one for one in live if one["child"]["id"] == there.maya.child_id]
    stage.control("The grown-up sees that there is a call.", f"{len(known)} live call.", len(known) == 1)
    said = await sam.join(call)
    got = await stage.silent(sam, 1.5)
    stage.attack(
        "The grown-up joins the child's call unseen.",
        f"{'Taken' if said.ok else f'Refused ({said.reason})'}; {got} packets came.",
        not said.ok and not got,
    )
    shown = {key for one in known for key in one} - {"call", "child", "with", "video", "minutes"}
    stage.attack(
        "The page is read for more than who, when and for how long.",
        f"It shows {sorted(shown) or 'nothing more'}.",
        not shown,
    )
    await there.one.leave(call)


async def stays_out(stage: Stage) -> None:
    """A camera yes that is taken back again and again in one call: the many cuts that make a curve."""
    there = await two(stage, back=True)
    ref = await there.ref()
    call = await talk(stage, there)
    cuts = []
    for _ in range(5 if stage.cast.bounded else 15):
        if not await stage.flows(there.two, "video", packets=5):
            raise CouldNotSee("Pictures did not come back after a yes.")
        mark = len(there.one.line.seen)
        clicked = time.monotonic()
        await there.sam.post(f"/api/contacts/{ref}/allow", {"voice": True, "video": False})
        await asyncio.sleep(0.5)
        late = await stage.silent(there.two, 0.2, "video")
        took = max(0.0, there.two.received("video").last - clicked) * 1000
        if late:
            stage.attack(
                "A grown-up takes the yes to pictures back.", f"{late} packets still came half a second later.", False
            )
            return
        cuts.append(took)
        await there.sam.post(f"/api/contacts/{ref}/allow", {"voice": True, "video": True})
        await there.one.line.until(lambda m: bool(m["t"] == "call.state" and m["may_show"]), since=mark)
        for _ in range(20):  # the yes may not have arrived yet
            if not told_no(await there.one.line.ask(t="call.media", call=call, audio=True, video=True)):
                break
            await asyncio.sleep(0.1)
    stage.attack(
        "A grown-up takes the yes to pictures back, many times.",
        f"The last packet came at most {max(cuts):.0f} ms after that.",
        max(cuts) <= 1_000,
    )
    stage.measure("from a grown-up's no to pictures to the last packet of a picture", "ms", cuts, 100.0)
    flows = await stage.flows(there.two, "audio")
    stage.control("Voices go on.", "Sound came." if flows else "None came.", flows)
    await stops_after_leave(stage, there.one, there.two, call)


async def stops_after_leave(stage: Stage, one: Phone, other: Phone, call: str) -> None:
    clicked = time.monotonic()
    await one.leave(call)
    await stops(stage, "The other one stays after the child has left.", clicked, one, other)


SCENARIOS: Final = (
    Scenario("cuts", "Pictures that are taken back", ("cut-at-once", "video-is-separate"), stays_out, 120, alone=True),
    Scenario("camera", "A camera before it is opened", ("camera-starts-off", "seen-by-is-true"), camera),
    Scenario("leave", "Being kept in a call", ("leave-is-one-tap",), leave),
    Scenario("unsealed", "Media that the server could hear", ("gate-cannot-see",), unsealed),
    Scenario("signed-devices", "A device that nobody signed for", ("signed-devices",), signed_devices, uses_up=True),
    Scenario(
        "late-joiner", "Coming in unseen", ("no-late-invisible-joiner", "seen-by-is-true", "asked-first"), late_joiner
    ),
    Scenario("nothing-kept", "Looking for what was kept", ("we-do-not-record",), nothing_kept),
    Scenario("marks", "Telling copies apart", ("copies-are-traced",), marks),
    Scenario("parent-listens", "A grown-up who listens in", ("parents-see-little",), parents_see_little),
)
