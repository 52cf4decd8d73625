"""Who a grown-up is, and who leads: approved and not known, approved by very many, and looking over a teenager who leads.

Each has its control in the same story: what is refused afterwards, or was refused before, works.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from server.inspection.adapter import CouldNotSee
from server.inspection.own import FreshServer, Home, Phone, Ringfence
from server.inspection.scenarios.household import (
    NOTHING,
    how_it_ended,
    not_permitted,
    phone,
    refused,
    ringfence,
    sees_call,
    stops,
    talk,
    two,
)
from server.inspection.stage import Scenario, Stage

# -- who a grown-up is ------------------------------------------------------------------------------------------------------


async def unsure_grown_up(stage: Stage) -> None:
    """Approved by everybody, and the child's grown-up says that they are not sure who it is."""
    home = ringfence(stage).home_of(await stage.family("Maya", back=True))
    name = await stage.stranger("Robin")
    robin = ringfence(stage).line_of(name)
    await _approves(stage, home, name, how_known="unsure")
    maya, theirs = await phone(stage, home.name), await phone(stage, name)
    ref = (await home.contact(name))["ref"]
    await _waits(stage, "A grown-up for whom nobody gave their word rings the child.", theirs, maya, home, "assurance")
    await refused(
        stage,
        "They give their word for themselves.",
        await robin.call("POST", f"/api/contacts/{ref}/vouch", {"vouched": True}),
    )
    await home.guardian.post(f"/api/contacts/{ref}/vouch", {"vouched": True})
    await _talks(stage, "The child's grown-up gives their word, and the child rings.", maya, theirs)
    clicked = time.monotonic()
    await home.guardian.post(f"/api/contacts/{ref}/vouch", {"vouched": False})
    await stops(stage, "They talk on when the word was taken back.", clicked, maya, theirs)
    await _waits(stage, "The grown-up rings again.", theirs, maya, home, "assurance")
    await _waits(stage, "The child rings them.", maya, theirs, home, "assurance")
    await home.guardian.post(f"/api/contacts/{ref}/end")
    _forget(ringfence(stage), home.name, name)


FAMILIES: Final = 5  # one grown-up may be approved by, before a helper looks; as bands.toml says


async def many_families(stage: Stage) -> None:
    """As many families as may be, then one more, while they talk."""
    platform = ringfence(stage)
    server = platform.server
    if not isinstance(server, FreshServer):
        raise CouldNotSee(
            "It takes eight families and a helper who looks, so it is shown on a server of our own and not on somebody else's."
        )
    name = await stage.stranger("Robin", back=False)
    robin = platform.line_of(name)
    homes = [platform.home_of(await stage.family("Kit")) for _ in range(FAMILIES + 2)]
    for home in homes[:FAMILIES]:
        await _approves(stage, home, name)
    child, theirs = await phone(stage, homes[0].name), await phone(stage, name)
    await _talks(stage, f"A grown-up whom {FAMILIES} families approved rings a child of the first.", theirs, child)
    await _invites(stage, homes[FAMILIES], name)
    clicked = time.monotonic()
    await _says_yes(homes[FAMILIES])
    await stops(stage, "They talk on when one family more has approved them.", clicked, child, theirs)
    await _know_each_other(stage, homes[FAMILIES], name)
    sixth = await phone(stage, homes[FAMILIES].name)
    await _waits(stage, "They ring the child again.", theirs, child, homes[0], "families")
    await _waits(stage, "They ring the child of the newest family.", theirs, sixth, homes[FAMILIES], "families")
    ref = (await homes[0].contact(name))["ref"]
    await homes[0].guardian.post(f"/api/contacts/{ref}/vouch", {"vouched": True})
    await _waits(stage, "A family gives its word anew, and the child rings.", child, theirs, homes[0], "families")
    await refused(
        stage,
        "They accept the link of one more family.",
        await robin.call("POST", "/api/links/accept", await _link(homes[-1])),
        then="They stay nobody to this family.",
    )
    for home in homes[3:FAMILIES]:
        await home.guardian.post(f"/api/contacts/{(await home.contact(name))['ref']}/end")
    other = await phone(stage, homes[1].name)
    await _waits(stage, "Two families have ended it; a child of another rings.", other, theirs, homes[1], "families")
    ((pseudonym,),) = await asyncio.to_thread(server.read, "SELECT pseudonym FROM people WHERE name = ?", name)
    status, _ = await server.types("review", str(pseudonym), "--families", "9")
    stage.control("A helper looks at the account.", "Done." if not status else f"Exit status {status}.", not status)
    paused = (await homes[0].contact(name))["paused"]
    stage.control("A grown-up's page is read.", f"It says {paused!r}.", paused is None)
    await _talks(stage, "The child rings.", child, theirs)


async def _approves(stage: Stage, home: Home, name: str, *, how_known: str = "met") -> None:
    """This family approves a grown-up for its child."""
    await _invites(stage, home, name)
    await _says_yes(home, how_known)
    await _know_each_other(stage, home, name)


async def _link(home: Home) -> dict[str, str]:
    """What a grown-up sends who accepts this family's link for themselves."""
    url = str((await home.guardian.post("/api/links", {"child": home.child_id}))["url"])
    return {"token": url.partition("#invite=")[2], "for": "me", "how_known": "club"}


async def _invites(stage: Stage, home: Home, name: str) -> None:
    """Link, their yes, and the child's; the guardian's is still to be said."""
    await ringfence(stage).line_of(name).post("/api/links/accept", await _link(home))
    for ask in (await home.child.get("/api/child/home"))["asks"]:
        await home.child.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True})


async def _says_yes(home: Home, how_known: str = "met") -> None:
    for decision in await home.guardian.get("/api/decisions"):
        await home.guardian.post(f"/api/decisions/{decision['id']}", {"answer": "camera", "how_known": how_known})


async def _know_each_other(stage: Stage, home: Home, name: str) -> None:
    """Both sign for their devices, and each has the other on their page."""
    platform = ringfence(stage)
    grown_up = platform.line_of(name)
    for one in (home.guardian, grown_up):
        await one.sign()
    theirs = [one["ref"] for one in await grown_up.get("/api/people") if one["name"] == home.name]
    own = [one["ref"] for one in (await home.child.get("/api/child/home"))["people"] if one["name"] == name]
    if not theirs or not own:
        raise CouldNotSee("A family that said every yes to a grown-up does not see them among its contacts.")
    platform.refs[name, home.name], platform.refs[home.name, name] = str(theirs[-1]), str(own[-1])


def _forget(platform: Ringfence, one: str, other: str) -> None:
    for names in ((one, other), (other, one)):
        platform.refs.pop(names, None)


async def _talks(stage: Stage, tried: str, caller: Phone, callee: Phone) -> str:
    """The control: it rings, is answered, and sound comes both ways."""
    rung = await caller.ring(callee.person, media="audio")
    ring = await callee.wait_for_ring(15) if rung.ok else None
    said = await callee.answer(ring) if ring is not None else None
    flows = said is not None and said.ok
    flows = flows and all(await asyncio.gather(*(stage.flows(one, "audio") for one in (caller, callee))))
    seen = f"It did not ring ({rung.reason or 'nothing came'})." if ring is None else "No sound came."
    stage.control(tried, "It rang, and they talk." if flows else seen, flows)
    return rung.call


async def _waits(stage: Stage, tried: str, by: Phone, at: Phone, home: Home, why: str) -> None:
    """An attack: it must be refused, nothing may ring, and the page of the child's grown-up must say that it is for this reason."""
    said = await by.ring(at.person, media="audio")
    ring = await at.wait_for_ring(5 if said.ok else 0.7)
    if said.ok or ring is not None:
        stage.attack(tried, "It rang." if ring is not None else "It was taken.", False)
        return
    paused = (await home.contact(by.person if at.person == home.name else at.person))["paused"]
    seen = f"Refused ({said.reason}). Nothing rang; the page of the child's grown-up says {paused!r}."
    stage.attack(tried, seen, True if (said.reason, paused) == ("not_permitted", why) else None)


# -- a teenager who leads ------------------------------------------------------------------------------------------------------


async def teen_leads(stage: Stage) -> None:
    """The same five things before and after; before, a guardian may do each."""
    there = await two(stage, rings=2, back=True)
    child, sam = there.maya.child, there.sam
    about = f"/api/children/{there.maya.child_id}"
    lead = {"lead": True, "read": True}
    await refused(stage, "A child of 9 to 12 takes the lead.", await child.call("POST", "/api/child/lead", lead))
    await sam.post(f"{about}/age-group", {"group": "16-17"})
    await refused(
        stage,
        "A teenager of 16 takes the lead without having read what it means.",
        await child.call("POST", "/api/child/lead", {"lead": True, "read": False}),
    )
    call = await talk(stage, there, "audio")
    seen = await sees_call(sam, call)
    stage.control(
        "Before that, the grown-up looks at live calls.", "It is there." if seen else "It is not there.", seen
    )
    ends = await sam.call("POST", f"/api/calls/{call}/end", {})
    stage.control("The grown-up ends the call.", f"Status {ends.status}.", ends.status == 200)
    await how_it_ended(there.one, call, 5)
    past = await sam.get(f"/api/history?child={there.maya.child_id}")
    stage.control("The grown-up reads when there were calls.", f"{len(past)} in the list.", bool(past))
    limits = await sam.call("POST", f"{about}/limits", {**NOTHING, "minutes": 600})
    stage.control("The grown-up sets minutes.", f"Status {limits.status}.", limits.status == 200)

    await child.post("/api/child/lead", lead)
    since = (await child.get("/api/child/limits"))["leads_since"]
    call = await talk(stage, there, "audio")
    seen = await sees_call(sam, call, 1.5)
    stage.attack(
        "The teenager leads, and the grown-up looks at live calls.",
        "It is there." if seen else "There is none.",
        not seen,
    )
    ref = await there.ref()
    for what, method, path, body in (
        ("reads when there were calls", "GET", f"/api/history?child={there.maya.child_id}", None),
        ("sets minutes", "POST", f"{about}/limits", {**NOTHING, "minutes": 1}),
        ("looks at the limits", "GET", f"{about}/limits", None),
        ("ends the call", "POST", f"/api/calls/{call}/end", {}),
        ("switches pictures off", "POST", f"/api/contacts/{ref}/allow", {"voice": True, "video": False}),
        ("wants to be asked before each call", "POST", f"/api/contacts/{ref}/supervision", {"mode": "ask"}),
        ("says that the teenager is 9 to 12", "POST", f"{about}/age-group", {"group": "9-12"}),
    ):
        await not_permitted(stage, f"The grown-up {what}.", await sam.call(method, path, body))
    flows = all(await asyncio.gather(*(stage.flows(one, "audio", packets=25) for one in (there.one, there.two))))
    stage.control("The call goes on all the while.", "Sound came both ways." if flows else "It stopped.", flows)
    await there.one.leave(call)
    kept = await sam.get(f"{about}/contacts")
    stage.control("The grown-up still sees whom the teenager may call.", f"{len(kept)} people.", bool(kept))

    await child.post("/api/child/lead", {"lead": False, "read": False})
    past = await sam.get(f"/api/history?child={there.maya.child_id}")
    led = sum(one["started_at"] >= since for one in past)
    stage.attack(
        "The lead is given back, and the grown-up reads what was led.",
        f"{led or 'None'} of that time in the list.",
        not led,
    )
    await sam.post(f"{about}/age-group", {"group": "9-12"})
    await sam.post(f"{about}/limits", NOTHING)


SCENARIOS: Final = (
    Scenario(
        "unsure-grown-up", "A grown-up for whom nobody gives their word", ("sure-who-a-grown-up-is",), unsure_grown_up
    ),
    Scenario("many-families", "One grown-up and very many families", ("many-families-wait",), many_families),
    Scenario("teen-leads", "Looking over a teenager who leads", ("teenagers-lead",), teen_leads),
)
