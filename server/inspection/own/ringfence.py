"""The verbs of ``adapter.py`` in Ringfence's own HTTP and wire: families, approvals, looking, posing, reading along, the record."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Final

from server.inspection import carried
from server.inspection.adapter import Answer, CouldNotSee, Device, Family
from server.inspection.families import Families
from server.inspection.findings import AuditRow, Inspected
from server.inspection.own.answers import NOES, said_no, told_no
from server.inspection.own.fresh_server import FreshServer, audit_row
from server.inspection.own.home import GO_ON, DoorsAt, Home, or_not_shown, quietly
from server.inspection.own.line import Line
from server.inspection.own.phone import SENDER_FIELDS, Phone, stands_in
from server.inspection.own.where import Elsewhere, Server, is_this_machine
from server.inspection.patience import Patience

MOST_SIGN_UPS: Final = 20  # within an hour, on a server that is not on this machine
MOST_IN_ALL: Final = 60  # ... in a run that waits
HOUR_SECONDS: Final = 3_600.0

#: Where somebody would look for a person. Most of it does not exist here, which is the point.
LOOKING: Final = (
    "/api/people?name={}", "/api/people", "/api/search?q={}", "/api/users?q={}", "/api/children?name={}", "/api/find?name={}",
    "/api/suggestions", "/api/nearby", "/api/directory", "/api/child/home", "/api/family", "/api/decisions", "/api/contacts?name={}",
)  # fmt: skip


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
    patience: Patience = field(default_factory=Patience)  #: where the server says to come later
    _tag: str = field(default_factory=lambda: secrets.token_hex(4))
    _houses: int = 0
    _signed_up: list[float] = field(default_factory=list)  # when

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
                        await quietly(one, "/api/sign-out", {})
        except TimeoutError:
            pass  # it is bounded; what is left is made up, and signed in nowhere after thirty days
        finally:
            await asyncio.gather(*(one.close() for one in self.lines), return_exceptions=True)
            await self.server.close()

    async def _close_family(self, home: Home) -> None:
        """Consent withdrawn: calls end, devices are un-paired, codes are void, the account stands still."""
        await quietly(home.guardian, f"/api/children/{home.child_id}/consent/withdraw", {})
        await quietly(home.guardian, "/api/sign-out", {})

    # -- people -------------------------------------------------------------------------------------------------------------

    def line(self, home: str | None = None) -> Line:
        """A new device of nobody yet. ``home``: the address that it comes from."""
        made = Line(self.server.base, trust=self.server.trust, home=home, seconds=self.server.patience)
        made.patience = self.patience
        self.lines.append(made)
        return made

    def new_home(self) -> str | None:
        """An address where nobody lives yet; None where all come from one."""
        if not self.server.many_homes:
            return None
        self._houses += 1
        return str(ipaddress.IPv4Address("127.1.0.0") + self._houses)

    async def _families(self) -> Families:
        """One more grown-up may sign up."""
        if isinstance(self.server, Elsewhere) and not is_this_machine(self.server.base):
            why = f"{MOST_SIGN_UPS} made-up grown-ups have signed up, and no more do within an hour on somebody else's server"
            # looked at anew after each wait: several stories may have waited for the same place
            while left := self._full():
                if not await self.patience.wait(left, f"{why}."):
                    raise CouldNotSee(f"{why}. {GO_ON}")
        self._signed_up.append(time.monotonic())
        return Families(DoorsAt(self, self.new_home()), f"-{self._tag}-{len(self.lines)}")

    def _full(self) -> float:
        """In how many seconds the next grown-up may sign up on somebody else's server; 0: now."""
        if len(self._signed_up) >= MOST_IN_ALL:
            raise CouldNotSee(
                f"{MOST_IN_ALL} made-up grown-ups have signed up, and no more do on somebody else's server. {GO_ON}"
            )
        free_at = self._signed_up[-MOST_SIGN_UPS] + HOUR_SECONDS if len(self._signed_up) >= MOST_SIGN_UPS else 0.0
        return max(0.0, free_at - time.monotonic())

    async def home(self, name: str, group: str = "9-12") -> Home:
        """A family with one child of this age."""
        families = await self._families()
        grown_up = f"Adult {name}"[:40]
        guardian = await or_not_shown(families.grown_up(grown_up))
        child, child_id = await or_not_shown(families.child(guardian, name, group))
        assert isinstance(guardian, Line) and isinstance(child, Line)  # noqa: PT018 - families makes what its doors give
        self.homes[name] = made = Home(name, grown_up, guardian, child, child_id, families, families.email)
        return made

    async def family(self, name: str) -> Family:
        home = await self.home(name)
        return Family(home.name, home.guardian_name)

    async def another_child(self, family: Family, name: str) -> Family:
        before = self.homes.pop(family.child)
        await quietly(before.guardian, f"/api/children/{before.child_id}/consent/withdraw", {})
        child, child_id = await or_not_shown(before.families.child(before.guardian, name))
        assert isinstance(child, Line)
        self.homes[name] = replace(before, name=name, child=child, child_id=child_id)
        return Family(name, before.guardian_name)

    async def stranger(self, name: str) -> str:
        made = await or_not_shown((await self._families()).grown_up(name))
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
            await or_not_shown(line.connect())
        return Phone(self, person, line)

    async def approve(self, a: Family, b: Family) -> Answer:
        began = time.monotonic()
        one, two = self.home_of(a), self.home_of(b)
        sees, seen = await or_not_shown(one.families.befriend(one.child, one.guardian, two.child, two.guardian))
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
            and any(stands_in(sign, told) for sign in signs)
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
                {"ticket": (await or_not_shown(alex.post("/api/ws-ticket")))["ticket"], "person": home.child_id},
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
        return tuple(audit_row(one) for one in found if one.get("is") == "row" and one.get("at", 0) >= since)


def _written(key: bytes) -> tuple[bytes, ...]:
    """How a key could be written in a message."""
    return key.hex().encode(), base64.b64encode(key)[:20], base64.urlsafe_b64encode(key)[:20]


def home_is_not(own: Home | None, me: str, person: str, platform: Ringfence) -> bool:
    """Not of one's own family."""
    home = platform.homes.get(person)
    return home is None or (home is not own and home.guardian_name != me)
