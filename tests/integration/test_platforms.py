"""PeerServer and Janus, really run: what docs/reference/comparison.md says of them is so today. ``make platforms``.

Slow: four whole inspections, and it needs npm and Debian's Janus. Without those it fails and says what to install.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import psutil
import pytest

from server.inspection.adapter import CouldNotSee, NoSuchThing, Platform
from server.inspection.janus import Janus
from server.inspection.peerserver import ID_TAKEN, PeerServer
from tests import comparison

One = TypeVar("One", bound=Platform)

pytestmark = pytest.mark.slow


@asynccontextmanager
async def opened(platform: One) -> AsyncIterator[One]:
    await platform.open()
    try:
        yield platform
    finally:
        await platform.close()


def started_by(parent: int) -> list[psutil.Process]:
    return [one for one in psutil.Process(parent).children(recursive=True) if one.name() in ("janus", "node")]


@pytest.mark.parametrize("name", comparison.COLUMNS)
async def test_what_the_page_says_of_these_platforms_is_what_is_found(name: str) -> None:
    found = await comparison.inspect(name)
    assert comparison.cells(found) == comparison.told_in(comparison.PAGE.read_text())[name]


# -- PeerServer -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", [False, True])
async def test_ids_are_listed_when_discovery_is_on_and_not_by_default(on: bool) -> None:
    async with opened(PeerServer(allow_discovery=on)) as platform:
        family = await platform.family("Maya")
        await platform.device(family.child)
        stranger = await platform.device(await platform.stranger("Alex"))
        assert await platform.find(stranger, "") == ((family.child,) if on else ())


async def test_an_id_can_be_taken_when_nobody_is_connected_with_it_and_not_before() -> None:
    async with opened(PeerServer()) as platform:
        family = await platform.family("Maya")
        device = await platform.device(family.child)
        refused, nothing = await platform.claim(family.child)
        assert (refused.ok, refused.reason, nothing) == (False, ID_TAKEN, None)
        await device.close()
        for _ in range(50):  # the server hears of it a moment later
            taken, impostor = await platform.claim(family.child)
            if taken.ok:
                break
            await asyncio.sleep(0.1)
        assert impostor is not None


# -- Janus --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_room_lets_its_two_in_and_a_stranger_by_its_number_only_where_there_is_no_guard(guarded: bool) -> None:
    async with opened(Janus(guarded=guarded)) as platform:
        maya, theo = await platform.family("Maya"), await platform.family("Theo")
        assert (await platform.approve(maya, theo)).ok
        caller, callee = await platform.device(maya.child), await platform.device(theo.child)
        rung = await caller.ring(theo.child)
        assert rung.ok
        ring = await callee.wait_for_ring(10)
        assert ring is not None
        assert ring.caller == maya.child
        assert (await callee.answer(ring)).ok
        stranger = await platform.device(await platform.stranger("Alex"))
        said = await stranger.join(rung.call)
        assert (said.ok, said.reason) == ((False, "433 Unauthorized (wrong pin)") if guarded else (True, ""))


async def test_a_stranger_may_make_a_room_as_it_comes_and_rings_nobody_with_it() -> None:
    async with opened(Janus()) as platform:
        stranger = await platform.device(await platform.stranger("Alex"))
        with pytest.raises(NoSuchThing, match="no ring"):
            await stranger.ring((await platform.family("Maya")).child)


async def test_a_stranger_may_not_even_make_a_room_with_the_guards_on() -> None:
    async with opened(Janus(guarded=True)) as platform:
        stranger = await platform.device(await platform.stranger("Alex"))
        said = await stranger.ring((await platform.family("Maya")).child)
        assert (said.ok, said.reason) == (False, "433 Unauthorized (wrong admin_key)")


@pytest.mark.parametrize("guarded", [False, True])
async def test_who_was_kicked_comes_back_unless_their_token_was_taken_away(guarded: bool) -> None:
    async with opened(Janus(guarded=guarded)) as platform:
        maya, theo = await platform.family("Maya"), await platform.family("Theo")
        await platform.approve(maya, theo)
        device = await platform.device(theo.child)
        rung = await device.ring(maya.child)
        assert rung.ok
        assert (await platform.revoke(maya, theo)).ok
        back = await device.join(rung.call)
        assert (back.ok, back.reason) == (
            (False, "433 Unauthorized (not in the allowed list)") if guarded else (True, "")
        )


# -- what dies says nothing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [PeerServer, Janus])
async def test_a_platform_that_died_is_not_taken_for_one_that_refuses(made: type[PeerServer | Janus]) -> None:
    async with opened(made()) as platform:
        maya, theo = await platform.family("Maya"), await platform.family("Theo")
        if isinstance(platform, Janus):
            await platform.approve(maya, theo)
        child = await platform.device(maya.child)
        assert await child.wait_for_ring(0.1) is None
        for one in started_by(os.getpid()):
            one.kill()
        with pytest.raises(CouldNotSee):
            await child.wait_for_ring(1)
        with pytest.raises(CouldNotSee):
            await child.ring(theo.child)
        with pytest.raises(CouldNotSee):
            await platform.find(child, "Theo")
        with pytest.raises(CouldNotSee):
            await platform.device(theo.child)


# -- nothing is left running ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [PeerServer, Janus])
async def test_a_platform_that_was_closed_has_left_no_program_running(made: type[PeerServer | Janus]) -> None:
    async with opened(made()):
        running = started_by(os.getpid())
        assert running
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in running)


@pytest.mark.parametrize("made", ["peerserver.PeerServer", "janus.Janus"])
async def test_the_programs_of_platforms_die_with_an_inspection_that_is_killed(made: str) -> None:
    module, name = made.split(".")
    code = f"""
import asyncio
from server.inspection.{module} import {name}
async def main():
    await {name}().open()
    print("open", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    inspection = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert inspection.stdout is not None
    assert await asyncio.wait_for(inspection.stdout.readline(), 60) == b"open\n"
    running = started_by(inspection.pid)
    assert running
    inspection.send_signal(signal.SIGKILL)
    await inspection.wait()
    _, alive = psutil.wait_procs(running, timeout=15)
    assert not alive
