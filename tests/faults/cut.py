"""The cut: what has to end a call, or somebody's place in it, at once."""

from __future__ import annotations

from typing import Any

from server import accounts, calls, notices
from server.policy import Verb
from signalling.gate import Gate
from signalling.hub import Hub
from tests.faults.seeding import fault, put


@fault("notices-not-followed", "cut-at-once", "live calls do not hear of a change of fact", "revoke")
def _() -> None:
    act = notices.Follower._act

    async def deaf(self: Any, row: int, kind: str, people: Any, detail: Any) -> bool:
        return True if kind == "facts_changed" else await act(self, row, kind, people, detail)

    put(notices.Follower, "_act", deaf)


@fault("gate-cut-does-nothing", "cut-at-once", "the gate is told to cut and goes on forwarding", "revoke")
def _() -> None:
    put(Gate, "cut", lambda self, **_: 0)
    put(Gate, "remove", lambda self, peer: None)


@fault(
    "withdrawal-keeps-calls",
    "consent-withdrawn-ends",
    "a withdrawn consent is written down and nothing is told of it",
    "withdraw-consent",
)
def _() -> None:
    from sqlalchemy import select, update

    from server.db.models import children, consents

    async def withdraw(db: Any, keeper: Any, me: Any, child: str, *, now: int) -> Any:
        async with db.begin() as tx:
            if decision := await accounts.ask(tx, keeper, me, Verb.WITHDRAW_CONSENT, now, child=child):
                mine = select(children.c.consent_id).where(children.c.person_id == child).scalar_subquery()
                await tx.execute(update(consents).where(consents.c.id == mine).values(withdrawn_at=now))
            return decision

    put(accounts, "withdraw_consent", withdraw)


@fault("unpaired-stays-signed-in", "device-unpaired-ends", "un-pairing a device says done and does nothing", "unpair")
def _() -> None:
    async def unpair(db: Any, keeper: Any, me: Any, device: str, *, now: int) -> Any:
        async with db.begin() as tx:
            return await accounts.ask(tx, keeper, me, Verb.UNPAIR_DEVICE, now, device=device)

    put(accounts, "unpair_device", unpair)


@fault(
    "resume-after-sign-out", "sign-out-ends", "a place in a call that was signed out can be taken up again", "sign-out"
)
def _() -> None:
    async def close(self: Any, session_ids: Any, code: Any = "session_revoked") -> None:
        for name in session_ids:
            for session in tuple(self._signins.get(name, ())):
                if (socket := session.socket) is not None:
                    socket.close(code)
                    self.lost(session, socket)

    async def readmit(self: Any, seat: Any) -> Any:
        return seat

    put(Hub, "close_sessions", close)
    put(calls.Calls, "readmit", readmit)
