"""Floods: what guessing and shouting cost."""

from __future__ import annotations

from server.throttle import Throttle
from signalling.pace import Bucket, Windows
from tests.faults.seeding import fault, put


@fault("throttle-off", "floods-do-not-end-calls", "guessing costs nothing", "flood")
def _() -> None:
    put(Throttle, "check", lambda self, *_, **__: None)


@fault("pace-off", "floods-do-not-end-calls", "any number of messages and rings is taken", "flood")
def _() -> None:
    put(Bucket, "take", lambda self, *_: 0.0)
    put(Windows, "wait", lambda self, *_: 0.0)
