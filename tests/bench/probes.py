"""Can a stranger tell by the clock whether a child exists? Nobody should be able to tell "not yours" from "not there".

A signed-in stranger asks the same thing about a real child and about none, in random order, many times. Reported is how often the
answer about the real one took longer: 0.5 is a coin, and nothing can be learned from a coin. Yardstick: the same
figure for two that both do not exist, asked in the same run, which is a coin by construction; what it deviates from 0.5 is the
noise of this machine. The answers' bytes are compared as well, and a difference is an error, not a figure.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from server.api import keys
from signalling.authority import Refusal, Seat
from tests.house import Families, House, open_house
from tests.peers import Browserless

Probe = Callable[[str], Awaitable[bytes]]


async def rows(quick: bool) -> list[dict[str, Any]]:
    """One row for each way in."""
    rounds = 60 if quick else 1_000
    found = []
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder)) as house:
            families = Families(house)
            two = await families.two()
            alex = await families.grown_up("Alex")
            kit, _ = await families.child(alex, "Kit")
            handle = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]
            for name, probe, real in (
                ("ring by ref", await _ring(house, kit), two.maya_sees_theo),
                ("end a contact by ref", _post(kit, "/api/child/people/{}/end"), two.maya_sees_theo),
                ("a child's contacts", _get(alex, "/api/children/{}/contacts"), two.maya_id),
                ("a child's history", _get(alex, "/api/history?child={}"), two.maya_id),
                ("end a contact as a guardian", _post(alex, "/api/contacts/{}/end"), handle),
            ):
                found.append(await _row(name, probe, real, rounds))
    return found


async def _row(name: str, probe: Probe, real: str, rounds: int) -> dict[str, Any]:
    one, other = _like(real), _like(real)
    assert await probe(real) == await probe(one) == await probe(other), f"{name}: the bytes differ"
    took: dict[str, list[float]] = {real: [], one: [], other: []}
    for _ in range(rounds):
        for asked in random.sample(list(took), 3):
            began = time.perf_counter()
            await probe(asked)
            took[asked].append(time.perf_counter() - began)
    value, yardstick = longer(took[real], took[one]), longer(took[other], took[one])
    return {
        "name": f"stranger's probe, {name}: real took longer than none",
        "value": value,
        "unit": "share of pairs",
        "yardstick": f"none against none: {yardstick:.3f}",
        "ratio": value / yardstick,
    }


def longer(some: list[float], others: list[float]) -> float:
    """How often one of ``some`` is larger than one of ``others``: Mann and Whitney's U over all pairs."""
    ranked = sorted([(value, True) for value in some] + [(value, False) for value in others])
    below, wins = 0, 0
    for _, mine in ranked:
        if mine:
            wins += below
        else:
            below += 1
    return wins / (len(some) * len(others))


def _like(real: str) -> str:
    """Nobody's id, of the same length and start."""
    return real[:2] + "".join(random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=len(real) - 2))


async def _ring(house: House, stranger: Browserless) -> Probe:
    # past the socket's own pace limits, which would hide what is to be measured
    seat = await house.app[keys.CALLS].admit((await stranger.post("/api/ws-ticket"))["ticket"])
    assert isinstance(seat, Seat)

    async def probe(ref: str) -> bytes:
        refused = await house.app[keys.CALLS].ring(seat, [ref], "video")
        assert isinstance(refused, Refusal)
        return repr(refused).encode()

    return probe


def _post(stranger: Browserless, path: str) -> Probe:
    async def probe(about: str) -> bytes:
        return (await stranger.call("POST", path.format(about), {})).body

    return probe


def _get(stranger: Browserless, path: str) -> Probe:
    async def probe(about: str) -> bytes:
        return (await stranger.call("GET", path.format(about))).body

    return probe
