"""What a stranger, a friend who was removed, or a curious server could try on any platform for calls.

Only the verbs of ``adapter.py`` are used, so the same stories are told of every platform. Each begins with what must work (a call
between two children whose families said yes) and most end with it too: a server that refuses everything keeps no promise.
Where a platform has no such thing as a yes, the story goes on without it, because that is what a stranger would do.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from server.inspection.adapter import (
    Answer,
    CanBeAskedToRecord,
    CanBeClaimed,
    CarriesMedia,
    CouldNotSee,
    Device,
    NoSuchThing,
    Ring,
)
from server.inspection.stage import Play, Scenario, Stage, refusal

CUT_AIM_MS: Final = 100.0  # p99, at the receiver
CUT_BOUND_MS: Final = 1_000.0  # what is promised
CUTS, FEW_CUTS = 10, 3  # on a server of our own, on somebody else's


async def must_not_ring(stage: Stage, tried: str, by: Device, at: Device, *names: str) -> None:
    """An attack: ring, and see that nothing rings there."""
    said = await by.ring(*names)
    ring = await at.wait_for_ring(1.5 if not said.ok else 5)
    if ring is not None:
        stage.attack(tried, "It rang.", False)
    else:
        stage.attack(tried, f"{refusal(said)} Nothing rang." if not said.ok else "Taken, but nothing rang.", True)


async def find(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    call = await stage.call(maya, theo, pair.b.child)
    kit = await stage.family("Kit", back=True)
    for who, device in (
        ("A grown-up whom no family knows", await stage.device(await stage.stranger())),
        ("Another child", await stage.device(kit.child)),
    ):
        for looked, name in (("looks for a child by name", pair.a.child), ("asks who is there", "")):
            told = set(await stage.platform.find(device, name))
            seen = told & {pair.a.child, pair.a.guardian, pair.b.child, pair.b.guardian}
            stage.attack(
                f"{who} {looked}.",
                f"They were told of {len(seen)} people whom they do not know." if seen else "They were told of nobody.",
                not seen,
            )
    await maya.leave(call)


async def stranger_rings(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    alex = await stage.device(await stage.stranger())
    await must_not_ring(stage, "A grown-up whom no family knows rings a child.", alex, maya, pair.a.child)
    kit = await stage.device((await stage.family("Kit", back=True)).child)
    await must_not_ring(stage, "A child whom nobody has approved rings a child.", kit, maya, pair.a.child)
    call = await stage.call(theo, maya, pair.a.child)
    await theo.leave(call)


async def stranger_joins(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    alex = await stage.device(await stage.stranger())
    call = await stage.call(maya, theo, pair.b.child)
    said = await alex.join(call)
    got = await stage.silent(alex, 2.0)
    tried = "A grown-up whom no family knows joins two children's call by its name."
    if got:
        stage.attack(tried, f"{got} packets of the children's media reached them within two seconds.", False)
    else:
        stage.attack(tried, "Taken, without any media." if said.ok else f"{refusal(said)} No media.", not said.ok)
    stage.control("The children's call goes on.", "Media came both ways.", await _both(stage, maya, theo))
    await maya.leave(call)


async def _both(stage: Stage, *devices: Device) -> bool:
    return all(await asyncio.gather(*(stage.flows(one) for one in devices)))


async def out_wait(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    kit = await stage.device((await stage.family("Kit")).child)
    call = await stage.call(maya, theo, pair.b.child)
    for turn, when in enumerate(("once", "a second time", "a third time")):
        await asyncio.sleep(2.0 if turn else 0.0)
        await must_not_ring(
            stage, f"A child who is not approved rings {when}, while they stay at the line.", kit, maya, pair.a.child
        )
    await maya.leave(call)
    await asyncio.sleep(1.0)
    got = kit.received().packets
    ring = await maya.wait_for_ring(2.0)
    stage.attack(
        "They wait until the line is free.",
        f"{got} packets reached them, and it {'rang' if ring else 'did not ring'}.",
        not got and ring is None,
    )


async def group(stage: Stage) -> None:
    pair = await stage.friends(rings=2, back=True)
    kit_family = await stage.family("Kit")
    approved = await stage.approve(pair.a, kit_family)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    kit = await stage.device(kit_family.child)
    for friend, name in ((theo, pair.b.child), (kit, kit_family.child)):
        await maya.leave(await stage.call(maya, friend, name))
        await asyncio.sleep(0.5)
    tried = "A child rings two friends at once who do not know each other."
    said = await maya.ring(pair.b.child, kit_family.child)
    rang = await asyncio.gather(theo.wait_for_ring(2.0), kit.wait_for_ring(2.0))
    if not any(rang):
        stage.attack(tried, f"{refusal(said)} Nothing rang." if not said.ok else "Taken, but nothing rang.", True)
        return
    answers = [await device.answer(ring) for device, ring in zip((theo, kit), rang, strict=True) if ring is not None]
    met = len(answers) == 2 and all(one.ok for one in answers)
    unknown = "" if approved else " (nobody had to approve anybody)"
    stage.attack(tried, f"It rang, and {'both' if met else 'one'} came in{unknown}.", False)


async def revoke(stage: Stage) -> None:
    """Media is at its fullest, a grown-up takes the yes back, the receiver notes when the last packet came. Devices stay: they do
    not hang up by themselves."""
    cuts: list[float] = []
    pair = None
    for turn in range(FEW_CUTS if stage.cast.bounded else CUTS):
        if pair is None or not stage.cast.bounded:
            pair = await stage.friends(rings=1)
        else:  # where people are few, the same two make friends again
            await stage.approve(pair.a, pair.b)
        maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
        await stage.call(maya, theo, pair.b.child)
        grown_ups = (pair.a, pair.b) if turn % 2 else (pair.b, pair.a)
        said = await stage.platform.revoke(*grown_ups)
        clicked = time.monotonic() - said.seconds
        if not said.ok:
            raise CouldNotSee(f"A grown-up could not take the yes back {said.reason}.".replace(" .", "."))
        late = [device for device, got in zip((maya, theo), await _still(stage, maya, theo), strict=True) if got]
        last = max(device.received().last for device in (maya, theo))
        took = max(0.0, last - clicked) * 1000
        tried = "A grown-up takes the yes back while the children talk."
        if late:
            stage.attack(tried, f"Media still came {CUT_BOUND_MS / 1000:.0f} second and more after that.", False)
            return
        stage.attack(tried, f"The last packet came {took:.0f} ms after that.", took <= CUT_BOUND_MS)
        cuts.append(took)
        await maya.close()
        await theo.close()
    stage.measure("from a grown-up's click to the last packet at a child's device", "ms", cuts, CUT_AIM_MS)


async def _still(stage: Stage, *devices: Device) -> list[int]:
    """Packets that come in the second after the bound."""
    await asyncio.sleep(CUT_BOUND_MS / 1000)
    return list(await asyncio.gather(*(stage.silent(one, 0.5) for one in devices)))


async def returns(stage: Stage) -> None:
    pair = await stage.friends(rings=2)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    call = await stage.call(theo, maya, pair.a.child)
    said = await stage.platform.revoke(pair.a, pair.b)
    stage.control("A grown-up takes the yes back.", "Done." if said.ok else refusal(said), said.ok)
    await asyncio.sleep(1.0)
    back = await theo.join(call)
    got = await stage.silent(theo, 1.5)
    stage.attack(
        "The one who was removed comes back into the call.",
        f"{got} packets reached them." if got else ("Taken." if back.ok else f"{refusal(back)} No media."),
        not got and not back.ok,
    )
    await must_not_ring(stage, "The one who was removed rings again.", theo, maya, pair.a.child)


async def claims(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    platform = stage.platform
    if not isinstance(platform, CanBeClaimed):
        raise NoSuchThing("Nobody could try to be somebody else on this platform.")
    said, device = await platform.claim(pair.b.child)
    tried = "A stranger's program says that it is a child's friend."
    if device is None or not said.ok:
        stage.attack(tried, refusal(said), True)
    else:
        rung = await device.ring(pair.a.child)
        ring = await maya.wait_for_ring(3.0)
        stage.attack(
            tried,
            f"It was believed, and {'the child was rung' if ring else 'rang nobody'} ({rung.reason or 'taken'}).",
            False,
        )
        await device.close()
    call = await stage.call(theo, maya, pair.a.child)
    await theo.leave(call)


async def counts_through(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    alex = await stage.device(await stage.stranger())
    call = await stage.call(maya, theo, pair.b.child)
    hits = [name for name in neighbours(call) if (await alex.join(name)).ok]
    got = await stage.silent(alex, 1.0)
    stage.attack(
        f"A stranger tries the {len(neighbours(call))} names nearest to that of a call.",
        f"{len(hits)} let them in, {got} packets came." if hits or got else "None let them in.",
        not hits and not got,
    )
    stage.control("The children's call goes on.", "Media came both ways.", await _both(stage, maya, theo))
    await maya.leave(call)


def neighbours(name: str) -> tuple[str, ...]:
    """Names that are one off: the number before and after, or the last sign changed."""
    if name.isdecimal():
        return tuple(str(int(name) + off) for off in (-2, -1, 1, 2) if int(name) + off >= 0)
    return tuple(name[:-1] + sign for sign in "aZ09" if sign != name[-1:])


async def addresses(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    call = await stage.call(maya, theo, pair.b.child)
    for who, device in (("who rang", maya), ("who was rung", theo)):
        told = device.addresses()
        stage.attack(
            f"The device of the child {who} looks through all that it was told for where the other one is.",
            f"It was told {len(told)} network addresses of others." if told else "It was told no address of anybody.",
            not told,
        )
    await maya.leave(call)


async def carrier(stage: Stage) -> None:
    platform = stage.platform
    if not isinstance(platform, CarriesMedia):
        raise NoSuchThing("What is in the hands of who carries the media could not be looked at on this platform.")
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    call = await stage.call(maya, theo, pair.b.child)
    frames = theo.received("video").frames
    seen = await stage.true(lambda: theo.received("video").frames >= frames + 5, 15)
    stage.control("The friend's device makes pictures of what it receives.", "It saw moving pictures.", seen)
    reads, how = await platform.carrier_reads(theo)
    stage.attack("Who carries the media makes a picture or a sound of it.", how, not reads)
    await maya.leave(call)


async def records(stage: Stage) -> None:
    platform = stage.platform
    if not isinstance(platform, CanBeAskedToRecord):
        raise NoSuchThing("There is no server on this platform that could be asked to record.")
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    call = await stage.call(maya, theo, pair.b.child)
    said = await platform.record(theo, call)
    stage.attack(
        "Somebody in the call asks the server to record it.", "It records." if said.ok else refusal(said), not said.ok
    )
    stage.control("The call goes on.", "Media came both ways.", await _both(stage, maya, theo))
    await maya.leave(call)


async def answers_again(stage: Stage) -> None:
    pair = await stage.friends(back=True)
    maya, theo = await stage.device(pair.a.child), await stage.device(pair.b.child)
    rung = await maya.ring(pair.b.child)
    ring = await theo.wait_for_ring(10) if rung.ok else None
    if ring is None:
        stage.control("A child rings a friend.", "It did not ring.", False)
        return
    first = await theo.answer(ring)
    flows = first.ok and await _both(stage, maya, theo)
    stage.control("The friend answers.", "Media came both ways.", flows)
    await theo.leave(ring.call)
    await maya.leave(ring.call)
    await asyncio.sleep(1.0)
    await _again(stage, theo, ring, "The friend's device answers the same ring once more, after the call.")


async def _again(stage: Stage, device: Device, ring: Ring, tried: str) -> None:
    said: Answer = await device.answer(ring)
    got = await stage.silent(device, 1.5)
    stage.attack(
        tried, f"{got} packets came." if got else "Taken." if said.ok else refusal(said), not said.ok and not got
    )


def _portable(
    id: str, title: str, promises: tuple[str, ...], play: Play, seconds: float = 60, alone: bool = False
) -> Scenario:
    return Scenario(id, title, promises, play, seconds, alone, portable=True)


SCENARIOS: Final = (
    _portable("find", "Finding a child", ("not-found",), find),
    _portable("stranger-rings", "A stranger rings", ("contacts-only",), stranger_rings),
    _portable("stranger-joins", "A stranger joins a call by its name", ("no-late-invisible-joiner", "contacts-only"), stranger_joins),
    _portable("out-wait", "Waiting until the door is open", ("contacts-only", "no-return"), out_wait),
    _portable("group", "A friend's friend in a group", ("pairwise-groups",), group),
    _portable("revoke", "A yes that is taken back", ("cut-at-once",), revoke, 150, True),
    _portable("returns", "Coming back after being removed", ("no-return",), returns),
    _portable("claims", "Saying that one is somebody else", ("only-you",), claims),
    _portable("counts-through", "Counting through names of calls", ("not-found", "no-late-invisible-joiner"), counts_through),
    _portable("addresses", "Where a child is on the network", ("no-address",), addresses),
    _portable("carrier", "What the server sees of a call", ("gate-cannot-see",), carrier),
    _portable("records", "Asking the server to record", ("we-do-not-record",), records),
    _portable("answers-again", "Answering the same ring twice", ("no-replay",), answers_again),
)  # fmt: skip
