"""What the house shows, and what it must not have: pages that call somebody else, helplines that are wrong, likes and streaks."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from server.inspection import foreign
from server.inspection.adapter import CouldNotSee
from server.inspection.device import Answer
from server.inspection.own import Line, said_no, told_no
from server.inspection.scenarios.household import Two, ringfence, talk, two
from server.inspection.stage import Scenario, Stage

# -- what a page could load or call --------------------------------------------------------------------------------------------

PAGES: Final = ("/", "/child/", "/grown-up/", "/inspector/", "/promises/")
#: Named by the pages only when they know the language.
WORDS: Final = (
    "/shared/words/en.json", "/grown-up/words.en.json", "/inspector/words.en.json", "/promises/words.en.json",
)  # fmt: skip
ANSWERS: Final = (
    ("GET", "/healthz"), ("GET", "/api/promises"), ("GET", "/api/words"), ("GET", "/.well-known/child-safety"), ("GET", "/api/me"),
    ("GET", "/no-such-page"), ("GET", "/api/no-such-thing"), ("GET", "/ws"), ("POST", "/api/pairings"), ("POST", "/api/sign-in"),
)  # fmt: skip
_KINDS: Final = {"html": "pages", "js": "scripts", "css": "styles", "svg": "pictures", "json": "lists of words"}
AT_ONCE, MOST_FILES = 6, 400
ADVERTISER: Final = "ads.example"


async def calls_elsewhere(stage: Stage) -> None:
    """Every file that the pages name is fetched and read, and the headers of every answer."""
    platform = ringfence(stage)
    found, of = foreign.finds_what_was_planted()
    stage.control(
        "Advertisements, trackers, beacons, open policies and careless cookies are put before the reader, one after the other.",
        f"It found {found} of {of}.",
        found == of,
    )
    line = platform.line(platform.new_home())
    files = await _crawl(line)
    for kind, called in _KINDS.items():
        of_kind = {address: one for address, one in files.items() if _kind(one) == kind}
        if not of_kind:
            raise CouldNotSee(f"There are no {called} to be read.")
        leads = [
            (address, one)
            for address, answer in of_kind.items()
            for one in foreign.in_text(kind, answer.body.decode(errors="replace"), address)
        ]
        stage.attack(
            f"All {called} are searched for what they load from others or send to anybody.",
            _seen(leads, f"Nothing in {len(of_kind)} {called}."),
            not leads,
        )
    answers = {
        f"{method} {path}": await line.call(method, path, {} if method == "POST" else None) for method, path in ANSWERS
    }
    answers |= files
    open_to = [
        (name, one) for name, answer in answers.items() for one in foreign.in_headers(_headers(answer), line.base)
    ]
    stage.attack(
        "The headers of every answer are searched for what lets a page load from, call or tell anybody else.",
        _seen(open_to, f"Nothing in {len(answers)} answers."),
        not open_to,
    )
    posing = {"X-Forwarded-Host": ADVERTISER, "Forwarded": f"host={ADVERTISER}", "Referer": f"https://{ADVERTISER}/"}
    posed = await line.call("GET", "/child/", None, Origin=f"https://{ADVERTISER}", **posing)
    named = ADVERTISER in str(posed.headers) or ADVERTISER.encode() in posed.body
    worse = foreign.in_headers(_headers(posed), line.base)
    stage.attack(
        "A page is asked for as if the server were an advertiser's.",
        f"Status {posed.status}; {'it' if named else 'the advertiser is'} {'is' if named else 'not'} named.",
        (not named and not worse) if said_no(posed) or posed.status == 200 else None,
    )
    cookies = [one.items() for one in platform.line_of(await stage.stranger()).http.cookie_jar]
    if not cookies:
        raise CouldNotSee("Somebody who is signed in holds no cookie.")
    loose = [
        one for one in map(dict, cookies) if str(one.get("samesite", "")).lower() != "strict" or not one.get("httponly")
    ]
    seen = f"{len(loose)} of {len(cookies)} go along." if loose else f"Neither is so of {len(cookies)}."
    stage.attack(
        "The cookie of a sign-in goes along with other sites' requests, or a script reads it.", seen, not loose
    )


async def _crawl(line: Line) -> dict[str, Answer]:
    """All files of the five pages, by their address."""
    found: dict[str, Answer] = {}
    first = waiting = [line.base + one for one in (*PAGES, *WORDS)]
    known = set(waiting)
    while waiting:
        some, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        answers = await asyncio.gather(*(line.call("GET", one.removeprefix(line.base)) for one in some))
        for address, answer in zip(some, answers, strict=True):
            if answer.status != 200:
                if address in first:
                    raise CouldNotSee(f"A page did not open (status {answer.status}).")
                continue  # a script names files that only it knows where to find
            found[address] = answer
            more = foreign.leads_to(_kind(answer), answer.body.decode(errors="replace"), address) - known
            known |= more
            waiting += sorted(more)
        if len(known) > MOST_FILES:
            raise CouldNotSee("The pages name more files than can be read.")
    return found


def _kind(answer: Answer) -> str:
    """How a file is read. Whatever a browser might run is a script: it runs what says that it is plain text, too. "": it is not read."""
    told = str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
    known = {"text/html": "html", "text/css": "css", "image/svg+xml": "svg", "application/json": "json"}
    if told in known:
        return known[told]
    if told.endswith(("/xml", "+xml")):
        return "html"
    return "" if told.startswith(("image/", "font/", "audio/", "video/")) else "js"


def _headers(answer: Answer) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in answer.headers.items()]


def _seen(found: Sequence[tuple[str, foreign.Foreign]], nothing: str) -> str:
    """What was found first, and how much more there is."""
    if not found:
        return nothing
    where, what = found[0]
    return f"{len(found)} times, first in {where.rpartition('/')[2] or 'a page'}: {what}."


# -- who helps ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Country:
    """``name`` of one service that must be there, ``at`` its number or page, and the ``emergency`` number."""

    code: str
    zone: str
    name: str
    at: str
    emergency: str = ""


#: What anybody there would look for first; known here by itself, not read from the list that is inspected.
COUNTRIES: Final = (
    _Country("US", "America/New_York", "Childhelp", "1-800-422-4453", "911"),
    _Country("AU", "Australia/Sydney", "Kids Helpline", "1800 55 1800", "000"),
    _Country("DE", "Europe/Berlin", "116 111", "116 111", "112"),
    _Country("NZ", "Pacific/Auckland", "Take It Down", "https://takeitdown.ncmec.org/"),
    _Country("GB", "Europe/London", "Childline", "0800 1111", "999"),  # the last: there the family stays
)
GOOD_FOR: Final = timedelta(days=90)


async def helplines(stage: Stage) -> None:
    """A family moves from country to country, and each time the child's page is read."""
    home = ringfence(stage).home_of(await stage.family("Lea", back=True))
    numbers = {one.code: {one.at, one.emergency} - {""} for one in COUNTRIES}
    everywhere = numbers["NZ"]
    for one in COUNTRIES:
        await home.guardian.post("/api/household", {"country": one.code, "time_zone": one.zone})
        told = await home.child.get("/api/child/reports")
        shown, day = told["support"], date.fromisoformat(told["support_looked_at"])
        reached = {reach for entry in shown for reach in (entry["tel"], entry["url"]) if reach}
        own = any(entry["name"] == one.name and one.at in (entry["tel"], entry["url"]) for entry in shown)
        own = own and (not one.emergency or any(entry["tel"] == one.emergency for entry in shown))
        stage.control(f"In {one.code} a child's page says who helps.", f"It names {len(shown)} services.", bool(shown))
        stage.attack(
            f"The list in {one.code} lacks what anybody there would look for: {one.name}{one.emergency and ' and ' + one.emergency}.",
            "It is there, as it is known." if own else "It is not there, or is reached in another way.",
            own,
        )
        others = {number for code, some in numbers.items() if code != one.code for number in some}
        wrong = sorted((others - numbers[one.code] - everywhere) & reached)
        stage.attack(
            f"The list in {one.code} is searched for the numbers of other countries.",
            f"{wrong[0]} is on it." if wrong else "None is on it.",
            not wrong,
        )
        bare = [entry["name"] for entry in shown if not entry["source"] or not (entry["tel"] or entry["url"])]
        stage.attack(
            f"The list in {one.code} is searched for a service that has no source, or that nobody can reach.",
            f"{bare[0]} is one." if bare else f"Each of {len(shown)} has both.",
            not bare,
        )
        age = datetime.now(UTC).date() - day
        stage.attack(
            f"The list in {one.code} is one at which nobody has looked for {GOOD_FOR.days} days.",
            f"It was looked at on {day}, {age.days} days ago.",
            timedelta(days=-1) <= age <= GOOD_FOR,
        )
    before = (await home.child.get("/api/child/reports"))["support"]
    for what, path, header in (
        ("in its address", "?country=US", {}),
        ("by its language", "", {"Accept-Language": "en-US"}),
        ("in a header", "", {"CF-IPCountry": "US", "X-Country": "US"}),
    ):
        answer = await home.child.call("GET", f"/api/child/reports{path}", None, **header)
        if answer.status != 200:
            raise CouldNotSee(f"The page that says who helps did not open (status {answer.status}).")
        same = answer.json["support"] == before
        stage.attack(
            f"A device says {what} that the child is in another country.",
            "The list stays that of the home." if same else "Another list is shown.",
            same,
        )


# -- what there is not --------------------------------------------------------------------------------------------------------------

#: What one looks for: the messages that it could be, and the addresses. ``{}`` is the call, ``{ref}`` the other child.
THERE_IS_NOT: Final = {
    "a comment": (
        ("comment", "call.comment", "chat", "message", "text"),
        ("/api/calls/{}/comments", "/api/calls/{}/messages", "/api/child/people/{ref}/message"),
    ),
    "a gift": (
        ("gift", "call.gift", "gift.send", "coins.send", "tip"),
        ("/api/calls/{}/gifts", "/api/child/people/{ref}/gift", "/api/gifts"),
    ),
    "a reaction": (
        ("reaction", "call.react", "like", "heart", "emoji"),
        ("/api/calls/{}/reactions", "/api/child/people/{ref}/like", "/api/likes"),
    ),
    "a count": (
        ("count", "viewers", "views", "followers", "score"),
        ("/api/calls/{}/viewers", "/api/child/score", "/api/child/followers"),
    ),
    "a streak": (
        ("streak", "streaks", "streak.keep", "badge", "nudge"),
        ("/api/child/streaks", "/api/child/people/{ref}/streak", "/api/badges"),
    ),
}
#: As a part of a name of anything that a page is told.
COUNTING: Final = (
    "streak",
    "like",
    "follower",
    "viewer",
    "score",
    "badge",
    "gift",
    "coin",
    "comment",
    "reaction",
    "heart",
    "popular",
)
#: Of what comes to somebody in a call by itself.
OF_A_CALL: Final = frozenset({"call.state", "presence", "seal.from", "changed", "call.soon", "sdp.offer"})


async def gifts(stage: Stage) -> None:
    """By every name that it could have, on the wire and over HTTP, in a call of two friends."""
    there = await two(stage, back=True)
    call = await talk(stage, there, "audio")
    line, ref = there.one.line, there.maya_sees_theo
    hidden = f"for you {secrets.token_hex(6)}"
    mark = len(there.two.line.seen)
    for what, (messages, paths) in THERE_IS_NOT.items():
        codes = [
            told_no(await line.ask(t=kind, call=call, to=ref, text=hidden, body=hidden, value=hidden, count=1))
            for kind in messages
        ]
        stage.attack(
            f"A child sends {what} in a call, by {len(messages)} names.",
            _codes(codes),
            all(codes) and (set(codes) == {"unsupported_type"} or None),
        )
        codes = []
        for path in paths:
            address = path.replace("{ref}", ref).replace("{}", call)
            codes += [
                said_no(await line.call("POST", address, {"text": hidden, "to": ref})),
                said_no(await line.call("GET", address)),
            ]
        stage.attack(
            f"The server is asked for {what}, and to take one, at {len(paths)} addresses.",
            _codes(codes),
            all(codes) and (set(codes) <= {"not_found", "bad_method"} or None),
        )
    told = told_no(await line.ask(t="call.media", call=call, audio=False, video=False))
    heard = await stage.true(lambda: _others_microphone(there) is False, 5)
    stage.control(
        "The child sends a message that there is, and closes the microphone.",
        "It was taken, and the friend's device is told." if not told and heard else f"It was not ({told}).",
        not told and heard,
    )
    came = there.two.line.seen[mark:]
    other = sorted({str(one["t"]) for one in came} - OF_A_CALL)
    reached = hidden in json.dumps(came)
    seen = f"{', '.join(other)} came." if other else "What was sent came." if reached else "Nothing of it came."
    stage.attack("The friend's device is looked at for what was sent.", seen, not other and not reached)
    pages = {
        path: await who.get(path)
        for who, path in (
            (there.theo.child, "/api/child/home"),
            (there.maya.child, "/api/child/home"),
            (there.sam, "/api/family"),
            (there.sam, "/api/people"),
            (there.sam, f"/api/history?child={there.maya.child_id}"),
            (there.sam, f"/api/children/{there.maya.child_id}/contacts"),
        )
    }
    names = {name for page in (*pages.values(), came) for name in _names(page)}
    counts = sorted(name for name in names if any(part in name.lower() for part in COUNTING))
    stage.attack(
        "All that the pages are told is searched for likes, followers, scores and streaks.",
        f"{', '.join(counts)} is told." if counts else f"None among {len(names)} kinds of things.",
        not counts,
    )
    await there.one.leave(call)


def _codes(codes: Collection[str]) -> str:
    return "It was taken." if "" in codes else f"Refused {len(codes)} times ({', '.join(sorted(set(codes)))})."


def _others_microphone(there: Two) -> bool | None:
    """What Theo's device was told last of Maya's microphone."""
    legs = there.two.line.state().get("legs", [])
    return next((bool(one.get("audio")) for one in legs if one["ref"] == there.theo_sees_maya), None)


def _names(told: Any) -> Iterable[str]:
    """The names of everything in an answer, however deep."""
    if isinstance(told, dict):
        for name, value in told.items():
            yield str(name)
            yield from _names(value)
    elif isinstance(told, list):
        for one in told:
            yield from _names(one)


SCENARIOS: Final = (
    Scenario("calls-elsewhere", "Looking for what a page loads from others", ("no-ads-no-sale",), calls_elsewhere),
    Scenario("helplines", "Looking for a helpline that is wrong or old", ("right-numbers",), helplines),
    Scenario("gifts", "Comments, gifts, reactions, counts and streaks", ("no-gifts-no-comments",), gifts),
)
