"""One device of somebody: its sign-in, its HTTP and its wire, and everything that it was told."""

from __future__ import annotations

import contextlib
import json
import ssl
from typing import Any, Final

from server.inspection.device import Answer as HttpAnswer
from server.inspection.device import Browserless, Refused, Tone
from server.inspection.own.answers import comes_later, said_no
from server.inspection.patience import Patience

ANSWER_SECONDS: Final = 15.0  # for one HTTP answer
KEPT_BODIES: Final = 500  # of what one device was told, for looking through
KEPT_BYTES: Final = 32 * 1024 * 1024  # ... all of them together
#: What makes a family, and is counted where it comes from.
COMING_IN: Final = frozenset(
    {"/api/sign-up", "/api/sign-in", "/api/pairings", "/api/child/friend-code", "/api/child/friend-code/enter"}
)
LETS_IN_LATER: Final = "The server lets only so many families in from one address, and said when the next may come."


class Line(Browserless):
    """One device of somebody, which keeps what it was told. It is not polite: when it is told that a call is over, its media connection
    stays, and goes on sending and listening until another call begins or it is taken out of the story."""

    sound = Tone

    def __init__(
        self, base: str, *, trust: ssl.SSLContext | None, home: str | None, seconds: float = ANSWER_SECONDS
    ) -> None:
        super().__init__(base, trust=trust, home=home, seconds=seconds)
        self.home = home
        self.patience = Patience()  # none
        self.close_on_end = False
        self.bodies: list[bytes] = []
        self._kept = 0
        self.said = ""  # on the wire, all of it
        self.lit = {"audio": 0, "video": 0}  # decoded frames that are not silence and not black
        self.on_frame = self._look

    def _look(self, kind: str, frame: Any) -> None:
        plane = bytes(frame.planes[0])
        self.lit[kind] += any(plane[:4096]) if kind == "audio" else max(plane[:4096], default=0) > 32

    async def send(self, **message: Any) -> None:
        self.said += json.dumps(message) + "\n"
        await super().send(**message)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpAnswer:
        answer = await super().call(method, path, body, **headers)
        if len(self.bodies) < KEPT_BODIES and self._kept + len(answer.body) <= KEPT_BYTES:
            self._kept += len(answer.body)
            self.bodies.append(answer.body)
        return answer

    async def post(self, path: str, body: Any = None) -> Any:
        """A step that a well-behaved page takes; where the server says when the next one may come in, it waits until then. Each time it
        has waited in vain it waits at least twice as long: a server that says "in a second" for ever is not asked every second."""
        least = 1
        while True:
            try:
                return await super().post(path, body)
            except Refused as no:
                seconds = comes_later(no.answer) if path in COMING_IN else 0
                if not seconds or not await self.patience.wait(max(seconds, least), LETS_IN_LATER):
                    raise
                least *= 2

    def was_told(self) -> str:
        """Everything that this device was told, as one text."""
        return json.dumps(self.seen) + b"\n".join(self.bodies).decode(errors="replace")

    async def try_get(self, path: str) -> tuple[str, Any]:
        """The code of a clear no, or what is there."""
        answer = await self.call("GET", path)
        code = said_no(answer)
        return code, None if code else answer.json

    def state(self) -> dict[str, Any]:
        """The newest state of the call that this device was told, {} before the first."""
        return next((one for one in reversed(self.seen) if one["t"] == "call.state"), {})

    def present(self) -> set[str]:
        """Refs of those whom this device shows in the call."""
        return {one["ref"] for one in self.state().get("legs", []) if one["state"] not in ("invited", "left")}

    def cookie(self) -> str:
        """The sign-in that this device holds, as somebody who copied it would send it."""
        return "; ".join(f"{one.key}={one.value}" for one in self.http.cookie_jar)

    async def hang_up(self) -> None:
        """Lose the wire, keep the sign-in."""
        if self.pc is not None:
            pc, self.pc = self.pc, None
            await pc.close()
        if self.ws is not None and not self.ws.closed:
            with contextlib.suppress(ConnectionError):
                await self.send(t="bye")
            await self.ws.close()
        self.ws = None
