"""The gate: what it forwards, tells and keeps, and the mark in each copy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import signalling.call
from server import calls
from signalling import protocol
from signalling.gate.forward import Forwarder
from signalling.hub import Hub
from tests.faults.seeding import fault, put


@fault(
    "gate-forwards-unsealed",
    "gate-cannot-see",
    "what is not sealed is forwarded, before any key was confirmed",
    "unsealed",
)
def _() -> None:
    put(Forwarder, "_labelled", lambda self, *_: True)

    def lanes(call: Any) -> frozenset[Any]:
        sends = {leg.person: leg for leg in call.legs if leg.answered}
        return frozenset(
            lane
            for lane in (call.granted & call.bound if call.state != "ended" else ())
            if lane[1] in sends
            and (leg := sends.get(lane[0])) is not None
            and (leg.audio if lane[2] == "audio" else leg.video)
        )

    put(signalling.call, "open_lanes", lanes)


@fault("addresses-told", "no-address", "devices are told where the others are", "addresses")
def _() -> None:
    send = Hub._send

    def telling(self: Any, session: Any, message: Any) -> None:
        if not isinstance(message, protocol.State) or session.call is None:
            return send(self, session, message)
        mine = session.call.peers.get(session.seat.person)
        others = [self._gate._peers.get(peer) for peer in session.call.peers.values() if peer != mine]
        told = json.loads(protocol.encode_body(message))
        told["addresses"] = [f"{one.address[0]}:{one.address[1]}" for one in others if one is not None and one.address]
        return self._send_body(session, json.dumps(told).encode())

    put(Hub, "_send", telling)


@fault("house-records", "we-do-not-record", "what the gate forwards is kept in a file", "nothing-kept")
def _() -> None:
    media, folder = Forwarder.media, Path(os.environ.get("RINGFENCE_DATA", "."))

    def keeping(self: Any, peer: Any, size: int, now: float) -> None:
        media(self, peer, size, now)
        with (folder / "calls.rtp").open("ab") as kept:
            kept.write(bytes(self._in.view[:size]))

    put(Forwarder, "media", keeping)


@fault("marks-not-issued", "copies-are-traced", "every copy of a picture is alike", "marks")
def _() -> None:
    async def none(*_: Any) -> dict[Any, Any]:
        return {}

    put(calls.Calls, "_issue", none)
