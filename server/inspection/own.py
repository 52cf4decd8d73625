"""Ringfence, seen from outside: the verbs of ``adapter.py`` in its own HTTP and wire, as pages speak them.

Two ways to be somewhere. ``FreshServer`` starts this very code in a process of its own, as in production: https with a certificate
made on the spot, on loopback, an empty database in a temporary folder, every guard at its default; it is always stopped again.
``Elsewhere`` is a server by address; there only a bounded amount is done, and the families that were made are closed again.

No guard is weakened so that it can be inspected. A server lets one address sign up so many families an hour; so on loopback each
family lives at an address of its own (127.1.0.1, 127.1.0.2, …), as real families do, and elsewhere, where all come from one place,
families are used again and what cannot be made any more "could not be shown".

A no counts as one only when it is a clear one: a code from the closed lists of docs/reference/. "Slow down", a fault of the server's,
or an answer that is not one of ours shows nothing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import json
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import ssl
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from server import https
from server.inspection import carried
from server.inspection.adapter import Answer, CouldNotSee, Device, Family, Media, Received, Ring
from server.inspection.device import Answer as HttpAnswer
from server.inspection.device import Browserless, Refused, Tone
from server.inspection.families import Families
from server.inspection.findings import AuditRow, Inspected
from server.promises import digest

ANSWER_SECONDS: Final = 15.0  # for one HTTP answer
OPEN_SECONDS: Final = 60.0  # for a fresh server to open its doors, on a busy machine
STOP_SECONDS: Final = 15.0
DATABASE: Final = "ringfence.sqlite"
MOST_SIGN_UPS: Final = 20  # on a server that is not on this machine
ANOTHER_HOME: Final = "127.1.0.1"
KEPT_BODIES: Final = 500  # of what one device was told, for looking through
KEPT_BYTES: Final = 32 * 1024 * 1024  # ... all of them together

#: Codes of docs/reference/http-api.md and protocol.md that say "no, you may not" or "there is none for you".
NOES: Final = frozenset(
    {
        "bad_request", "cannot_sign_up", "not_signed_in", "wrong_sign_in", "bad_origin", "not_permitted", "not_found", "no_match",
        "bad_method", "conflict", "too_large", "bad_host",
        "bad_message", "not_authenticated", "session_revoked", "unsupported_type", "bad_state", "stale_negotiation",
        "sdp_rejected", "policy_revoked", "contact_not_approved", "needs_guardian", "removed", "quiet_hours", "time_limit",
        "cancelled",
    }
)  # fmt: skip
#: Those that only say "later".
LATER: Final = frozenset({"slow_down", "rate_limited", "busy_try_again"})


def said_no(answer: HttpAnswer) -> str:
    """The code of a clear no, "" of a yes. Raises ``CouldNotSee`` of anything else."""
    if 200 <= answer.status < 300:
        return ""
    if answer.code in NOES and 400 <= answer.status < 500:
        return answer.code
    if answer.code in LATER:
        raise CouldNotSee(f"The server said to come later ({answer.code}).")
    raise CouldNotSee(f"The server gave an answer that is none of its documented ones (status {answer.status}).")


def told_no(message: Mapping[str, Any]) -> str:
    """The same for an answer on the wire."""
    if message.get("t") == "ok":
        return ""
    code = str(message.get("code", ""))
    if message.get("t") == "err" and code in NOES:
        return code
    if code in LATER:
        raise CouldNotSee(f"The server said to come later ({code}).")
    raise CouldNotSee("The server gave an answer that is none of its documented ones.")


class Line(Browserless):
    """One device of somebody, which keeps what it was told. It is not polite: when it is told that a call is over, its media connection
    stays, and goes on sending and listening until another call begins or it is taken out of the story."""

    sound = Tone

    def __init__(
        self, base: str, *, trust: ssl.SSLContext | None, home: str | None, seconds: float = ANSWER_SECONDS
    ) -> None:
        super().__init__(base, trust=trust, home=home, seconds=seconds)
        self.home = home
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


@dataclass(eq=False)
class Home:
    """A family as the inspector holds it: who they are, and their devices in hand."""

    name: str  # the child's
    guardian_name: str
    guardian: Line
    child: Line
    child_id: str
    families: Families
    email: str = ""

    async def contact(self, name: str) -> dict[str, Any]:
        """How this grown-up's page shows the contact with this name."""
        for one in await self.guardian.get(f"/api/children/{self.child_id}/contacts"):
            if one["name"] == name:
                return dict(one)
        raise CouldNotSee("A grown-up's page does not show a contact that was approved.")


class Server(Protocol):
    """Where a Ringfence is."""

    base: str
    trust: ssl.SSLContext | None
    inspected: Inspected
    many_homes: bool  #: each family may come from an address of its own
    key: str  #: an inspector's; "" where there is none
    patience: float  #: seconds for one answer

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def alive(self) -> bool: ...


class FreshServer:
    """This code in a process of its own. ``command``: what starts the command line (tests put a faulty build here). ``environ``: what
    programs find around them here; settings of a server of one's own are left out of it."""

    def __init__(
        self, command: Sequence[str] = (sys.executable, "-m", "server.cli"), environ: Mapping[str, str] | None = None
    ) -> None:
        self._command, self._around = tuple(command), environ or {}
        self._folder: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self._environ: Mapping[str, str] = {}
        self.key = ""  # of an inspector, made with the server
        self.patience = ANSWER_SECONDS
        self.base, self.trust, self.many_homes = "", None, _loopback_has_many()  # type: str, ssl.SSLContext | None, bool
        self.inspected = Inspected("Ringfence", version("ringfence"), "")

    @property
    def data(self) -> Path:
        """The folder with its database."""
        assert self._folder is not None
        return self._folder / "data"

    async def open(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ringfence-inspection-"))
        for _ in range(3):  # a free port may be taken before the server takes it
            if await self._start():
                return
        raise CouldNotSee("A server of our own could not be started: no port stayed free.")

    async def _start(self) -> bool:
        assert self._folder is not None
        port = _free_port()
        chain, key = https.certificate(self._folder / "certificate", [])
        self.base = f"https://localhost:{port}"
        self.trust = ssl.create_default_context(cafile=str(chain))
        settings = {
            "RINGFENCE_HOST": "127.0.0.1",
            "RINGFENCE_PORT": str(port),
            "RINGFENCE_ORIGIN": self.base,
            "RINGFENCE_CERTIFICATE": str(chain),
            "RINGFENCE_CERTIFICATE_KEY": str(key),
            "RINGFENCE_DATA": str(self.data),
            "RINGFENCE_ACCOUNTABLE_PERSON": "Nobody real: an inspection",
            "RINGFENCE_ACCOUNTABLE_CONTACT": "inspection@example.org",
        }
        told = {name: value for name, value in settings.items() if str(self._folder) not in value}
        told |= {
            "RINGFENCE_CERTIFICATE": "made for this run",
            "RINGFENCE_DATA": "a new folder, SQLite, removed afterwards",
            "code": f"sha256 {digest()} over server/, signalling/, client_web/ and migrations/, as in proofs.json",
        }
        self.inspected = Inspected("Ringfence", version("ringfence"), self.base, told)
        environ = {name: value for name, value in self._around.items() if not name.startswith("RINGFENCE_")} | settings
        self.data.mkdir(exist_ok=True)
        migrated = await self._run(environ, "migrate")
        if await asyncio.wait_for(migrated.wait(), OPEN_SECONDS):
            raise CouldNotSee("A server of our own could not be started: its database could not be made.")
        self._environ = environ
        await self._add_inspector(environ)
        process = self._process = await self._run(environ, "serve")
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), OPEN_SECONDS)
        except TimeoutError:
            await self._stop()
            raise CouldNotSee("A server of our own did not open its doors in time.") from None
        if not line:
            if await asyncio.wait_for(process.wait(), STOP_SECONDS) == 2 and "in use" in self.errors():
                return False
            raise CouldNotSee(f"A server of our own did not start: {self.errors()[-300:] or 'it did not say why'}")
        self._drain = asyncio.create_task(_read_on(process.stdout))
        return True

    async def _add_inspector(self, environ: Mapping[str, str]) -> None:
        """As whoever runs a server lets somebody look. Without it the evidence could not be shown, and the rest could."""
        assert self._folder is not None
        file = self._folder / "inspector"
        file.unlink(missing_ok=True)
        adding = await self._run(environ, "inspectors", "add", "Inspection", "--key", str(file))
        if await asyncio.wait_for(adding.wait(), OPEN_SECONDS) == 0:
            self.key = file.read_text().strip()

    async def _run(self, environ: Mapping[str, str], *what: str) -> asyncio.subprocess.Process:
        assert self._folder is not None
        with open(self._folder / "errors", "ab") as errors:  # noqa: ASYNC230 - an empty local file
            return await asyncio.create_subprocess_exec(
                *self._command, *what, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )  # fmt: skip

    def errors(self) -> str:
        """What it said about what went wrong."""
        if self._folder is None:
            return ""
        return (self._folder / "errors").read_text(errors="replace").strip()

    async def checkpoint(self) -> None:
        """Have the record signed now, as whoever runs a server can, and not only at the next hour."""
        taking = await self._run(self._environ, "audit", "checkpoint")
        if await asyncio.wait_for(taking.wait(), OPEN_SECONDS):
            raise CouldNotSee("The record could not be signed.")

    # What only who runs a server may see: its disk. Opened for reading, as the server goes on.

    def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.data / DATABASE}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(sql, values).fetchall()

    def rows(self) -> list[str]:
        """Every row of the record, as text."""
        return [json.dumps(one, default=str) for one in self._read("SELECT * FROM audit")]

    def length(self, name: str) -> int:
        """How many rows the chain of this person's household has."""
        sql = "SELECT count(*) FROM audit WHERE chain = (SELECT 'h_' || household_id FROM people WHERE name = ?)"
        return int(self._read(sql, name)[0][0])

    def rows_about(self, name: str, since: int) -> tuple[AuditRow, ...]:
        """Of the household of the person with this (made-up) name: its own chain, and what the platform's chain has of its people."""
        found = self._read("SELECT household_id, pseudonym FROM people WHERE name = ?", name)
        if not found:
            return ()
        household = found[0][0]
        people = [one for (one,) in self._read("SELECT pseudonym FROM people WHERE household_id = ?", household)]
        columns = "SELECT seq, at, question, verdict, rules, rulebook, who FROM audit"
        rows = self._read(f"{columns} WHERE chain = ? AND at >= ? ORDER BY seq LIMIT 200", f"h_{household}", since)
        rows += [
            one
            for one in self._read(f"{columns} WHERE chain = 'platform' AND at >= ? ORDER BY seq LIMIT 2000", since)
            if any(person in str(one[6]) for person in people)
        ]
        names = ("seq", "at", "question", "verdict", "rules", "rulebook")
        return tuple(_row(dict(zip(names, one, strict=False))) for one in rows)

    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._drain is not None:
            self._drain.cancel()

    async def close(self) -> None:
        try:
            await self._stop()
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)


class Elsewhere:
    """A server by address, which somebody else started."""

    def __init__(
        self, base: str, trust: ssl.SSLContext | None = None, key: str = "", *, patience: float = ANSWER_SECONDS
    ) -> None:
        self.base, self.trust, self.key, self.patience = base.rstrip("/"), trust, key, patience
        self.many_homes = False
        self.inspected = Inspected("Ringfence", "", self.base)

    async def open(self) -> None:
        """See that something is there that says of itself that it is well, and what it says it is."""
        one = Line(self.base, trust=self.trust, home=None, seconds=self.patience)
        try:
            answer = await one.call("GET", "/healthz")
            told = answer.json if answer.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, Refused) as fault:
            raise CouldNotSee(f"There is no Ringfence at this address that answers ({type(fault).__name__}).") from None
        finally:
            await one.close()
        if not (isinstance(told, dict) and isinstance(told.get("guards"), dict)):
            raise CouldNotSee("What answers at this address is no Ringfence that is well.")
        guards = {
            str(name)[:40]: "effective" if works is True else "not effective" for name, works in told["guards"].items()
        }
        self.inspected = Inspected(
            "Ringfence", "not told", self.base, {f"guard {name}": one for name, one in sorted(guards.items())}
        )

        self.many_homes = is_this_machine(self.base) and _loopback_has_many() and await self._answers_from(ANOTHER_HOME)

    async def _answers_from(self, home: str) -> bool:
        one = Line(self.base, trust=self.trust, home=home, seconds=self.patience)
        try:
            return (await one.call("GET", "/healthz")).status == 200
        except (aiohttp.ClientError, OSError, TimeoutError, Refused):
            return False  # it listens on ::1 alone, or behind something
        finally:
            await one.close()

    async def close(self) -> None:
        """It is not ours to stop."""

    def alive(self) -> bool:
        return True


@dataclass(eq=False)
class Ringfence:
    """The platform of ``adapter.py``."""

    server: Server
    homes: dict[str, Home] = field(default_factory=dict)  #: by the child's name
    grown_ups: dict[str, Line] = field(default_factory=dict)  #: strangers, by name
    refs: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  #: (viewer, other): the ref under which the one knows the other
    lines: list[Line] = field(default_factory=list)
    _tag: str = field(default_factory=lambda: secrets.token_hex(4))
    _houses: int = 0
    _signed_up: int = 0

    @property
    def inspected(self) -> Inspected:
        return self.server.inspected

    @property
    def key(self) -> str:
        """An inspector's, for what they may look at."""
        return self.server.key

    async def open(self) -> None:
        await self.server.open()

    async def close(self) -> None:
        """Close the made-up families, as far as the API allows, then every device, then the server if it is ours."""
        try:
            if isinstance(self.server, Elsewhere):
                async with asyncio.timeout(60):
                    for home in self.homes.values():
                        await self._close_family(home)
                    for one in self.grown_ups.values():
                        await _quietly(one, "/api/sign-out", {})
        except TimeoutError:
            pass  # it is bounded; what is left is made up, and signed in nowhere after thirty days
        finally:
            await asyncio.gather(*(one.close() for one in self.lines), return_exceptions=True)
            await self.server.close()

    async def _close_family(self, home: Home) -> None:
        """Consent withdrawn: calls end, devices are un-paired, codes are void, the account stands still."""
        await _quietly(home.guardian, f"/api/children/{home.child_id}/consent/withdraw", {})
        await _quietly(home.guardian, "/api/sign-out", {})

    # -- people -------------------------------------------------------------------------------------------------------------

    def line(self, home: str | None = None) -> Line:
        """A new device of nobody yet. ``home``: the address that it comes from."""
        made = Line(self.server.base, trust=self.server.trust, home=home, seconds=self.server.patience)
        self.lines.append(made)
        return made

    def new_home(self) -> str | None:
        """An address where nobody lives yet; None where all come from one."""
        if not self.server.many_homes:
            return None
        self._houses += 1
        return str(ipaddress.IPv4Address("127.1.0.0") + self._houses)

    def _families(self) -> Families:
        self._signed_up += 1
        if (
            isinstance(self.server, Elsewhere)
            and not is_this_machine(self.server.base)
            and self._signed_up > MOST_SIGN_UPS
        ):
            raise CouldNotSee(
                f"{MOST_SIGN_UPS} made-up grown-ups have signed up, and no more do on somebody else's server; play this one with --only."
            )
        return Families(_At(self, self.new_home()), f"-{self._tag}-{len(self.lines)}")

    async def home(self, name: str, group: str = "9-12") -> Home:
        """A family with one child of this age."""
        families = self._families()
        grown_up = f"Adult {name}"[:40]
        guardian = await _made(families.grown_up(grown_up))
        child, child_id = await _made(families.child(guardian, name, group))
        assert isinstance(guardian, Line) and isinstance(child, Line)  # noqa: PT018 - families makes what its doors give
        self.homes[name] = made = Home(name, grown_up, guardian, child, child_id, families)
        return made

    async def family(self, name: str) -> Family:
        home = await self.home(name)
        return Family(home.name, home.guardian_name)

    async def stranger(self, name: str) -> str:
        made = await _made(self._families().grown_up(name))
        assert isinstance(made, Line)
        self.grown_ups[name] = made
        return name

    def home_of(self, family: Family) -> Home:
        return self.homes[family.child]

    def line_of(self, person: str) -> Line:
        if person in self.homes:
            return self.homes[person].child
        if person in self.grown_ups:
            return self.grown_ups[person]
        return next(home.guardian for home in self.homes.values() if home.guardian_name == person)

    async def device(self, person: str) -> Phone:
        line = self.line_of(person)
        if line.ws is None or line.ws.closed:
            await _made(line.connect())
        return Phone(self, person, line)

    async def approve(self, a: Family, b: Family) -> Answer:
        began = time.monotonic()
        one, two = self.home_of(a), self.home_of(b)
        sees, seen = await _made(one.families.befriend(one.child, one.guardian, two.child, two.guardian))
        self.refs[a.child, b.child], self.refs[b.child, a.child] = sees, seen
        return Answer(True, seconds=time.monotonic() - began)

    async def revoke(self, family: Family, other: Family) -> Answer:
        home = self.home_of(family)
        ref = (await home.contact(other.child))["ref"]
        began = time.monotonic()
        code = said_no(await home.guardian.call("POST", f"/api/contacts/{ref}/end", {}))
        return Answer(not code, code, seconds=time.monotonic() - began)

    async def find(self, by: Device, name: str) -> tuple[str, ...]:
        """Every way to look that a client could think of; then everybody whose name or id stands in what this device was told
        and whom it does not know by an approved contact."""
        assert isinstance(by, Phone)
        before = len(by.line.bodies), len(by.line.seen)
        for path in LOOKING:
            answer = await by.line.call("GET", path.replace("{}", name.replace(" ", "%20")))
            said_no(answer)  # a yes is looked through below; what is neither shows nothing
        for message in ({"t": "find", "name": name}, {"t": "people.list"}, {"t": "presence.of", "name": name}):
            told_no(await by.line.ask(**message))
        told = json.dumps(by.line.seen[before[1] :]) + b"\n".join(by.line.bodies[before[0] :]).decode(errors="replace")
        mine = {by.person, *(other for viewer, other in self.refs if viewer == by.person)}
        others: list[tuple[str, tuple[str, ...]]] = [
            (home.name, (home.name, home.child_id, home.guardian_name)) for home in self.homes.values()
        ]
        others += [(person, (person,)) for person in self.grown_ups]
        own = self.homes.get(by.person)
        return tuple(
            person
            for person, signs in others
            if person not in mine
            and home_is_not(own, by.person, person, self)
            and any(_stands_in(sign, told) for sign in signs)
        )

    async def claim(self, person: str) -> tuple[Answer, Device | None]:
        """A ticket that was made up, one's own ticket with another's name beside it, and another's id as if it were a sign-in."""
        home = self.homes[person]
        alex = self.line_of(stranger := await self.stranger(f"Alex who is not {person}"[:40]))
        nobody = self.line(self.new_home())
        for what, hello in (
            ("a made-up ticket", {"ticket": secrets.token_urlsafe(24)}),
            (
                "one's own ticket",
                {"ticket": (await _made(alex.post("/api/ws-ticket")))["ticket"], "person": home.child_id},
            ),
        ):
            await nobody.open_socket()
            mark = len(nobody.seen)
            await nobody.send(t="hello", client="headless", **hello)
            said = await nobody.expect("welcome", "bye", "err", "closed", since=mark)
            if said["t"] == "welcome":
                return Answer(True, what), Phone(self, person, nobody)
            if said["t"] == "bye" and said.get("code") not in NOES:
                raise CouldNotSee("The server gave an answer that is none of its documented ones.")
            await nobody.hang_up()
        for name in SENDER_FIELDS:
            phone = await self.device(stranger)
            rung = await phone.speak_as(
                name, home.name, [ref for (viewer, _), ref in self.refs.items() if viewer == person]
            )
            if rung is not None:
                return rung, phone
        for cookie in ("__Host-ringfence", "ringfence"):
            answer = await nobody.call("GET", "/api/child/home", Cookie=f"{cookie}={home.child_id}")
            if not said_no(answer):
                return Answer(True, "a cookie that was made up"), None
        return Answer(False, "not_authenticated, not_signed_in"), None

    async def carrier_reads(self, receiver: Device) -> tuple[bool, str]:
        """The gate ends DTLS-SRTP, so it has what our receiver has before it opens anything."""
        assert isinstance(receiver, Phone)
        packets = receiver.line.carried
        seen = carried.pictures(packets["video"])
        heard = carried.hum(packets["audio"])
        keys = [base for line in self.lines for worn in line._worn for base in worn.bases]
        said = "\n".join(line.said for line in self.lines).encode()
        told = sum(any(form in said for form in _written(key)) for key in keys)
        how = (
            f"With {len(packets['video'])} packets of pictures and {len(packets['audio'])} of sound as the server has them, ordinary "
            f"decoders made {seen} pictures, and {heard:.0%} of the sound was the hum that was sent; {told} of the {len(keys)} keys "
            "of these devices stood in what they told the server."
        )
        if not packets["video"] or not packets["audio"] or not keys:
            raise CouldNotSee("No media came in that could be looked at.")
        return bool(seen or heard >= carried.HEARD or told), how

    async def record(self, by: Device, call: str) -> Answer:
        """By every address and every message that a recording could have."""
        assert isinstance(by, Phone)
        codes = [
            said_no(await by.line.call("POST", path.replace("{}", call), {}))
            for path in (
                "/api/calls/{}/record",
                "/api/calls/{}/recording",
                "/api/calls/{}/recordings",
                "/api/recordings",
            )
        ]
        codes += [
            told_no(await by.line.ask(t=kind, call=call))
            for kind in ("call.record", "record.start", "recording", "stream.start")
        ]
        return Answer("" in codes, "" if "" in codes else " and ".join(sorted(set(codes))), call)

    async def audit(self, family: Family, since: int) -> tuple[AuditRow, ...]:
        """What the record says of this family (or stranger) since then. On a server of our own: all rows, read from its disk, for there
        we may see them. Elsewhere: what the family itself is shown."""
        if isinstance(self.server, FreshServer):
            return await asyncio.to_thread(self.server.rows_about, family.child or family.guardian, since)
        home = self.homes.get(family.child)
        if home is None:
            return ()
        answer = await home.guardian.call("GET", "/api/record")
        if answer.status != 200:
            return ()
        found = [json.loads(line) for line in answer.body.decode().splitlines()]
        return tuple(_row(one) for one in found if one.get("is") == "row" and one.get("at", 0) >= since)


def _row(one: Mapping[str, Any]) -> AuditRow:
    """Without who it was about."""
    rules = tuple(str(rule) for rule in json.loads(one["rules"]))
    return AuditRow(
        int(one["seq"]), int(one["at"]), str(one["question"]), str(one["verdict"]), rules, str(one["rulebook"])
    )


def _written(key: bytes) -> tuple[bytes, ...]:
    """How a key could be written in a message."""
    return key.hex().encode(), base64.b64encode(key)[:20], base64.urlsafe_b64encode(key)[:20]


def home_is_not(own: Home | None, me: str, person: str, platform: Ringfence) -> bool:
    """Not of one's own family."""
    home = platform.homes.get(person)
    return home is None or (home is not own and home.guardian_name != me)


def _stands_in(sign: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(sign)}(?![\w-])", text) is not None


#: Where somebody would look for a person. Most of it does not exist here, which is the point.
LOOKING: Final = (
    "/api/people?name={}", "/api/people", "/api/search?q={}", "/api/users?q={}", "/api/children?name={}", "/api/find?name={}",
    "/api/suggestions", "/api/nearby", "/api/directory", "/api/child/home", "/api/family", "/api/decisions", "/api/contacts?name={}",
)  # fmt: skip


@dataclass(eq=False)
class Phone:
    """The device of ``adapter.py``: a connected ``Line``."""

    platform: Ringfence
    person: str
    line: Line
    _rung: int = -1
    _media: dict[str, Media] = field(default_factory=dict)
    _helpers: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rung = len(self.line.seen)
        self._before = {kind: (self.line.packets[kind], self.line.lit[kind]) for kind in ("audio", "video")}

    async def ring(self, *others: str, media: Media = "video") -> Answer:
        began = time.monotonic()
        code = ""
        for to in self._tries(others):
            said = await self.line.ask(t="call.invite", to=to, media=media)
            code = told_no(said)
            if not code:
                call = str(said["call"])
                self._open_camera(call, media)
                return Answer(True, "", call, time.monotonic() - began)
        return Answer(False, code, "", time.monotonic() - began)

    def _tries(self, others: Sequence[str]) -> list[list[str]]:
        """By what this device knows; for whom it does not know, by what others know them, and by their id."""
        known = [self.platform.refs.get((self.person, other)) for other in others]
        if None not in known:
            return [[ref for ref in known if ref]]
        stolen = [ref or self._somebodys(other) for ref, other in zip(known, others, strict=True)]
        by_id = [ref or f"k_{self._id(other)}"[:40] for ref, other in zip(known, others, strict=True)]
        return [by_id] if "" in stolen else [stolen, by_id]

    def _somebodys(self, other: str) -> str:
        """The ref under which somebody else knows this person; "" if nobody does."""
        return next((ref for (_, whom), ref in self.platform.refs.items() if whom == other), "")

    def _id(self, other: str) -> str:
        home = self.platform.homes.get(other)
        return home.child_id if home else "0123456789abcdef"

    async def speak_as(self, field: str, name: str, to: Sequence[str]) -> Answer | None:
        """Ring somebody's friends with a message that says that it is from them. None: it was refused."""
        mark = len(self.line.seen)
        await self.line.send(t="call.invite", id="claims", to=list(to[:1]), media="audio", **{field: name})
        said = await self.line.expect("ok", "err", "bye", "closed", since=mark)
        if said["t"] == "ok":  # and goes on ringing
            return Answer(True, f"a message with {field!r} in it", str(said.get("call", "")))
        await self.line.hang_up()
        if said["t"] != "closed" and said.get("code") not in NOES:
            raise CouldNotSee("The server gave an answer that is none of its documented ones.")
        return None

    async def wait_for_ring(self, seconds: float) -> Ring | None:
        def wanted(message: Mapping[str, Any]) -> bool:
            return message["t"] in ("call.incoming", "closed")

        try:
            heard = await self.line.until(wanted, since=self._rung, seconds=seconds)
        except TimeoutError:
            return None
        if heard["t"] == "closed":
            raise CouldNotSee("The connection was lost, so whether anybody rang cannot be told.")
        self._rung = len(self.line.seen)
        self._media[str(heard["call"])] = "video" if heard.get("media") == "video" else "audio"
        caller = next(
            (
                whom
                for (viewer, whom), ref in self.platform.refs.items()
                if viewer == self.person and ref == heard["caller"]
            ),
            "",
        )
        return Ring(str(heard["call"]), caller, str(heard["nonce"]))

    async def answer(self, ring: Ring) -> Answer:
        began = time.monotonic()
        code = told_no(
            await self.line.ask(t="call.accept", call=ring.call, nonce=ring.secret or secrets.token_urlsafe(24))
        )
        if not code:
            self._open_camera(ring.call, self._media.get(ring.call, "video"))
        return Answer(not code, code, ring.call, time.monotonic() - began)

    async def join(self, call: str) -> Answer:
        """Each message that could bring somebody into a call, with what can be made up."""
        began = time.monotonic()
        codes = [
            told_no(await self.line.ask(**message))
            for message in (
                {"t": "call.accept", "call": call, "nonce": secrets.token_urlsafe(24)},
                {"t": "call.media", "call": call, "audio": True, "video": True},
                {"t": "ice.restart", "call": call},
                {"t": "sdp.answer", "call": call, "neg": 1, "sdp": "v=0\r\n"},
                {"t": "seal.ready", "call": call, "kids": [48, 49]},
            )
        ]
        rosters, found = await self.line.try_get(f"/api/calls/{call}/rosters")
        ok = "" in codes or bool(not rosters and found)
        return Answer(ok, "" if ok else codes[0], call, time.monotonic() - began)

    async def leave(self, call: str) -> Answer:
        code = told_no(await self.line.ask(t="call.leave", call=call))
        return Answer(not code, code, call)

    def _open_camera(self, call: str, media: Media) -> None:
        """As soon as the call is there, as somebody presses the button."""
        if media == "video":
            self._helpers.append(asyncio.create_task(self._press_camera(call)))

    async def _press_camera(self, call: str) -> None:
        def there(message: Mapping[str, Any]) -> bool:
            active = message["t"] == "call.state" and message["state"] == "active"
            return (active or message["t"] == "call.ended") and bool(message["call"] == call)

        with contextlib.suppress(TimeoutError):
            told = await self.line.until(there, seconds=30)
            if told["t"] == "call.state":
                await self.line.ask(t="call.media", call=call, audio=True, video=True)

    def received(self, media: Media | None = None) -> Received:
        """Since it was taken in hand: the same line may have been in an earlier story."""
        kinds = [media] if media else ["audio", "video"]
        return Received(
            sum(self.line.packets[kind] - self._before[kind][0] for kind in kinds),
            sum(self.line.lit[kind] - self._before[kind][1] for kind in kinds),
            max(self.line.last_packet[kind] for kind in kinds),
        )

    def addresses(self) -> tuple[str, ...]:
        """Where other people's devices are, if anything that this one was told says so: the address that a family has here, or
        an address and port at which a device listens for media."""
        told = self.line.was_told()
        found = set()
        for other in self.platform.lines:
            if other is self.line or other.home == self.line.home is not None:
                continue
            if other.home and other.home != self.line.home and _stands_in(other.home, told):
                found.add(other.home)
            for host, port in _listens_at(other):
                if re.search(rf"(?<![\d.]){re.escape(host)}\D{{1,3}}{port}(?!\d)", told):
                    found.add(f"{host}:{port}")
        return tuple(sorted(found))

    async def close(self) -> None:
        for task in self._helpers:
            task.cancel()
        await self.line.hang_up()


def _listens_at(line: Line) -> list[tuple[str, int]]:
    """Where this device's own media socket is."""
    if line.pc is None or line.pc.localDescription is None:
        return []
    return [
        (host, int(port))
        for host, port in re.findall(r"candidate:\S+ \d \S+ \d+ (\S+) (\d+) typ", line.pc.localDescription.sdp)
    ]


#: Names under which a message could say who sends it.
SENDER_FIELDS: Final = ("from", "sender", "caller", "user", "as", "me")


@dataclass
class _At:
    """The doors of one home."""

    platform: Ringfence
    address: str | None

    def device(self, host: str = "localhost") -> Browserless:
        return self.platform.line(self.address)


async def _made(work: Any) -> Any:
    """What makes a family goes right, or nothing can be shown."""
    try:
        return await work
    except Refused as no:
        code = no.answer.code
        if code in LATER:
            raise CouldNotSee(
                f"The server lets only so many families in from one address and said to come later ({no.path})."
            ) from None
        raise CouldNotSee(
            f"A family could not be made: {no.path} was answered {no.answer.status} {code}".rstrip() + "."
        ) from None
    except (KeyError, TypeError, IndexError, ValueError, AssertionError) as fault:
        raise CouldNotSee(
            f"A family could not be made: an answer was not of its documented shape ({type(fault).__name__})."
        ) from None


async def _quietly(line: Line, path: str, body: Mapping[str, Any]) -> None:
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, Refused):
        await line.call("POST", path, body)


async def _read_on(stream: asyncio.StreamReader) -> None:
    while await stream.read(65_536):
        pass


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _loopback_has_many() -> bool:
    """All of 127.0.0.0/8 is this machine on Linux; elsewhere only what was set up."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((ANOTHER_HOME, 0))
    except OSError:
        return False
    return True


def is_this_machine(base: str) -> bool:
    """Whether an address is loopback: then nobody else's server is meant."""
    host = urlsplit(base).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
