"""Two grown-ups compare pictures over HTTP: what the server carries, in which order, for whom, how often, and what is left of it.

The devices' part is ``tests/seal_twin.py``; here it only fills the messages. What the pictures are worth is in test_picture_code.py.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from server import retention
from server.api import keys
from server.db.models import comparisons, picture_doubts, picture_tries
from tests import seal_twin as twin
from tests.house import Families, House
from tests.integration.families import can_ring, ends, grandmother, look, put, rung_up, same
from tests.peers import Answer, Browserless

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def some() -> str:
    return twin.b64(secrets.token_bytes(32))


async def ref_of(guardian: Browserless, child: str, name: str) -> str:
    found = await guardian.get(f"/api/children/{child}/contacts")
    return next(str(one["ref"]) for one in found if one["name"] == name)


@dataclass
class One:
    """A grown-up at a device, and how they know the contact."""

    device: Browserless
    path: str
    key: str
    random: str

    @classmethod
    def at(cls, device: Browserless, ref: str) -> One:
        return cls(device, f"/api/contacts/{ref}/pictures", some(), some())

    @property
    def reveal(self) -> dict[str, str]:
        return {"key": self.key, "random": self.random}

    @property
    def commitment(self) -> str:
        return twin.commit(self.key, self.random)

    async def look(self) -> Any:
        return await self.device.get(self.path)

    async def start(self) -> str:
        return str((await self.device.post(self.path, {"commitment": self.commitment}))["id"])

    async def say(self, exchange: str, what: str, body: Any = None) -> Answer:
        return await self.device.call("POST", f"{self.path}/{exchange}/{what}", {} if body is None else body)


@dataclass
class Pair:
    sam: One
    femi: One
    two: Any

    async def opened(self) -> str:
        """Sam begins, Femi answers, Sam opens."""
        exchange = await self.sam.start()
        assert (await self.femi.say(exchange, "answer", self.femi.reveal)).status == 200
        assert (await self.sam.say(exchange, "open", self.sam.reveal)).status == 200
        return exchange


@pytest.fixture
async def pair(families: Families) -> Pair:
    two = await families.two()
    sam = One.at(two.sam, await ref_of(two.sam, two.maya_id, "Theo"))
    return Pair(sam, One.at(two.femi, await ref_of(two.femi, two.theo_id, "Maya")), two)


async def rows(house: House) -> tuple[int, int, int]:
    async with house.db.read() as tx:
        counts = [
            (await tx.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (comparisons, picture_tries, picture_doubts)
        ]
    return counts[0], counts[1], counts[2]


# -- the order ----------------------------------------------------------------------------------------------------------------


async def test_each_side_gets_what_the_other_said_and_only_when_it_is_said(house: House, pair: Pair) -> None:
    nothing = await pair.sam.look()
    assert (nothing["step"], nothing["id"], nothing["left"]) == ("none", None, 5)
    exchange = await pair.sam.start()
    mine, theirs = await pair.sam.look(), await pair.femi.look()
    assert (mine["part"], theirs["part"]) == ("first", "second")
    assert theirs["commitment"] == pair.sam.commitment
    assert (theirs["key"], theirs["random"]) == (None, None)
    stored = repr(await look(house, "SELECT * FROM comparisons"))
    assert pair.sam.random not in stored  # before its time the server does not have it
    assert pair.sam.key not in stored

    assert (await pair.femi.say(exchange, "answer", pair.femi.reveal)).status == 200
    mine, theirs = await pair.sam.look(), await pair.femi.look()
    assert (mine["step"], mine["key"], mine["random"]) == ("answered", pair.femi.key, pair.femi.random)
    assert (theirs["key"], theirs["random"]) == (None, None)

    assert (await pair.sam.say(exchange, "open", pair.sam.reveal)).status == 200
    theirs = await pair.femi.look()
    assert (theirs["step"], theirs["key"], theirs["random"]) == ("opened", pair.sam.key, pair.sam.random)
    assert twin.commit(theirs["key"], theirs["random"]) == theirs["commitment"]


async def test_a_reveal_before_the_commitment_an_opening_before_the_reveal_and_a_word_before_both_are_refused(
    pair: Pair,
) -> None:
    assert (await pair.femi.say("nothing", "answer", pair.femi.reveal)).code == "conflict"
    exchange = await pair.sam.start()
    assert (await pair.sam.say(exchange, "open", pair.sam.reveal)).code == "conflict"
    assert (await pair.sam.say(exchange, "answer", pair.sam.reveal)).code == "conflict"  # nobody answers themself
    for one in (pair.sam, pair.femi):
        assert (await one.say(exchange, "same")).code == "conflict"
        assert (await one.say(exchange, "differ")).code == "conflict"
    assert (await pair.femi.say(exchange, "answer", pair.femi.reveal)).status == 200
    assert (await pair.femi.say(exchange, "open", pair.femi.reveal)).code == "conflict"
    assert (await pair.femi.say(exchange, "same")).code == "conflict"


async def test_nothing_that_was_said_is_said_again_otherwise(pair: Pair) -> None:
    exchange = await pair.opened()
    assert (await pair.femi.say(exchange, "answer", {"key": some(), "random": some()})).code == "conflict"
    assert (await pair.sam.say(exchange, "open", {"key": some(), "random": some()})).code == "conflict"
    assert (await pair.femi.look())["key"] == pair.sam.key
    assert (await pair.sam.look())["key"] == pair.femi.key


async def test_whoever_finds_the_other_waiting_answers_instead_of_beginning(pair: Pair) -> None:
    exchange = await pair.sam.start()
    again = await pair.femi.device.call("POST", pair.femi.path, {"commitment": pair.femi.commitment})
    assert again.code == "conflict"
    assert (await pair.femi.look())["id"] == exchange


async def test_whoever_begins_again_takes_the_place_of_what_ran_and_what_ran_is_over(pair: Pair) -> None:
    old = await pair.opened()
    new = await pair.sam.start()
    assert new != old
    for one in (pair.sam, pair.femi):
        assert (await one.say(old, "same")).code == "conflict"
    assert (await pair.femi.look())["step"] == "committed"


@pytest.mark.parametrize("wrong", ["", "A" * 42, "A" * 44, "B" * 43, "A" * 42 + "=", "A" * 42 + "\n", 7, None])
async def test_only_thirty_two_bytes_written_the_one_right_way_are_carried(pair: Pair, wrong: Any) -> None:
    assert (await pair.sam.device.call("POST", pair.sam.path, {"commitment": wrong})).code == "bad_request"
    exchange = await pair.sam.start()
    for body in ({"key": wrong, "random": some()}, {"key": some(), "random": wrong}):
        assert (await pair.femi.say(exchange, "answer", body)).code == "bad_request"
    assert (await pair.femi.say(exchange, "answer", pair.femi.reveal)).status == 200


# -- how long and how often ---------------------------------------------------------------------------------------------------


async def test_after_ten_minutes_it_is_over_and_goes_from_the_records(house: House, pair: Pair) -> None:
    exchange = await pair.sam.start()
    house.hand.forward(10 * MINUTE + 1000)
    assert (await pair.femi.look())["step"] == "none"
    assert (await pair.femi.say(exchange, "answer", pair.femi.reveal)).code == "conflict"
    await retention.sweep(house.db, house.app[keys.CLOCK].now())
    assert await rows(house) == (0, 1, 0)
    house.hand.forward(DAY)
    await retention.sweep(house.db, house.app[keys.CLOCK].now())
    assert await rows(house) == (0, 0, 0)


async def test_five_are_begun_a_day_for_one_contact_whoever_begins(house: House, pair: Pair) -> None:
    for n in range(5):
        one = (pair.sam, pair.femi)[n % 2]
        exchange = await one.start()
        assert (await one.look())["left"] == 4 - n
        other = (pair.femi, pair.sam)[n % 2]
        assert (await other.say(exchange, "answer", other.reveal)).status == 200
    for one in (pair.sam, pair.femi):
        answer = await one.device.call("POST", one.path, {"commitment": one.commitment})
        assert (answer.status, answer.code) == (429, "slow_down")
    house.hand.forward(DAY + MINUTE)
    await pair.sam.start()


# -- what is said of it ----------------------------------------------------------------------------------------------------------


async def test_when_both_said_the_same_nothing_is_left_and_calls_are_as_they_were(house: House, pair: Pair) -> None:
    exchange = await pair.opened()
    assert (await pair.sam.say(exchange, "same")).status == 200
    theirs = await pair.femi.look()
    assert (theirs["they_said"], theirs["said"]) == ("same", None)
    assert (await pair.sam.say(exchange, "differ")).code == "conflict"  # a word is a word
    assert (await pair.femi.say(exchange, "same")).status == 200
    assert (await rows(house))[0] == 0
    assert await can_ring(house, "Maya", "Theo")


async def test_not_the_same_ends_it_tells_both_and_switches_calls_off_for_the_side_that_said_so(
    house: House, pair: Pair
) -> None:
    two = pair.two
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    exchange = await pair.opened()
    assert (await pair.femi.say(exchange, "differ")).status == 200
    assert await ends(two.maya, call) == "policy_revoked"
    mine, theirs = await pair.femi.look(), await pair.sam.look()
    assert (mine["said"], mine["doubt"]) == ("differ", "ours")
    assert (theirs["they_said"], theirs["doubt"]) == ("differ", "theirs")
    assert (await pair.sam.say(exchange, "same")).code == "conflict"
    assert not await can_ring(house, "Maya", "Theo")
    (femis,) = await two.femi.get(f"/api/children/{two.theo_id}/contacts")
    (sams,) = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
    assert (femis["voice"], femis["video"], femis["pictures"]["doubt"]) == (False, False, "ours")
    assert (sams["voice"], sams["video"], sams["pictures"]["doubt"]) == (True, True, "theirs")
    # the switches are the family's own, and so is the way back
    await two.femi.post(f"/api/contacts/{femis['ref']}/allow", {"voice": True, "video": True})
    assert await can_ring(house, "Maya", "Theo")


async def test_not_the_same_stands_until_that_side_finds_them_the_same(house: House, pair: Pair) -> None:
    await pair.femi.say(await pair.opened(), "differ")
    house.hand.forward(11 * MINUTE)
    await retention.sweep(house.db, house.app[keys.CLOCK].now())
    assert (await pair.sam.look())["doubt"] == "theirs"
    exchange = await pair.opened()
    await pair.sam.say(exchange, "same")
    assert (await pair.sam.look())["doubt"] == "theirs"
    await pair.femi.say(exchange, "same")
    assert (await pair.sam.look())["doubt"] is None
    assert (await pair.femi.look())["doubt"] is None


async def test_not_the_same_leaves_a_row_in_the_record_of_both_families_without_a_name(
    house: House, pair: Pair
) -> None:
    await pair.femi.say(await pair.opened(), "differ")
    found = await look(house, "SELECT chain, who, verdict FROM audit WHERE question = 'say_pictures_differ'")
    assert len(found) == 2
    assert {row[2] for row in found} == {"allow"}
    for name in ("Femi", "Sam", "Maya", "Theo", pair.sam.key, pair.femi.key):
        assert name not in repr(found)


# -- for whom -----------------------------------------------------------------------------------------------------------------------


async def tried(device: Browserless, ref: str, exchange: str) -> list[Answer]:
    """Everything that somebody can ask of a comparison."""
    path = f"/api/contacts/{ref}/pictures"
    reveal = {"key": some(), "random": some()}
    return [
        await device.call("GET", path),
        await device.call("POST", path, {"commitment": some()}),
        await device.call("POST", f"{path}/{exchange}/answer", reveal),
        await device.call("POST", f"{path}/{exchange}/open", reveal),
        await device.call("POST", f"{path}/{exchange}/same", {}),
        await device.call("POST", f"{path}/{exchange}/differ", {}),
    ]


async def test_another_familys_guardian_a_stranger_and_nobody_get_the_answer_that_nothing_gets(
    house: House, families: Families, pair: Pair
) -> None:
    exchange = await pair.sam.start()
    alex = await families.grown_up("Alex")
    kit = await families.grown_up("Kit", "trusted_adult")
    real = pair.sam.path.split("/")[3]
    for somebody in (alex, kit, pair.two.femi):  # Femi has a ref of her own, and not this one
        found, none = await tried(somebody, real, exchange), await tried(somebody, "g_0123456789abcdef", exchange)
        for one, other in zip(found, none, strict=True):
            assert (one.status, one.code) == (404, "not_found")
            assert same(one, other)
    assert (await pair.femi.look())["step"] == "committed"
    assert {one.status for one in await tried(house.device(), real, exchange)} == {401}


async def test_a_child_compares_nothing(pair: Pair) -> None:
    exchange = await pair.sam.start()
    for ref in (pair.two.maya_sees_theo, pair.sam.path.split("/")[3]):
        assert all(one.status in (403, 404) for one in await tried(pair.two.maya, ref, exchange))
    assert (await pair.femi.look())["step"] == "committed"


async def test_before_the_last_yes_and_after_the_end_there_is_nothing_to_compare(
    families: Families, pair: Pair
) -> None:
    sam = pair.two.sam
    ref = pair.sam.path.split("/")[3]
    await sam.post(f"/api/contacts/{ref}/end", {})
    assert [one.code for one in await tried(sam, ref, "x")] == ["conflict"] * 6
    maya, words = pair.two.maya, (await pair.two.maya.post("/api/child/friend-code"))["words"]
    await pair.two.theo.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
    for ask in (await maya.get("/api/child/home"))["asks"]:
        await maya.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True, "how_known": "class"})
    (waiting,) = await sam.get(f"/api/children/{pair.two.maya_id}/contacts")
    assert (waiting["state"], waiting["pictures"]["can"]) == ("asked", False)
    assert (await sam.call("GET", f"/api/contacts/{waiting['ref']}/pictures")).code == "conflict"


async def test_that_a_child_has_blocked_the_other_is_not_told_by_the_pictures(house: House, pair: Pair) -> None:
    before = await pair.femi.look()
    await pair.two.maya.post(f"/api/child/people/{pair.two.maya_sees_theo}/block", {})
    assert await pair.femi.look() == before
    exchange = await pair.opened()
    for one in (pair.sam, pair.femi):
        assert (await one.say(exchange, "same")).status == 200


async def test_the_second_guardian_of_a_side_sees_that_the_first_is_at_it_and_does_not_speak_for_them(
    house: House, families: Families, pair: Pair
) -> None:
    dana = await families.grown_up("Dana")
    await put(
        house,
        "INSERT INTO guardianships (guardian_id, child_id) SELECT p.id, :child FROM people p WHERE p.name = 'Dana'",
        child=pair.two.maya_id,
    )
    second = One.at(dana, pair.sam.path.split("/")[3])
    exchange = await pair.opened()
    assert (await second.look())["part"] == "other"
    for word in ("same", "differ"):
        assert (await second.say(exchange, word)).code == "conflict"
    assert (await pair.sam.say(exchange, "same")).status == 200


async def test_a_grown_up_contact_compares_for_themself_and_an_own_guardian_has_nobody_to_compare_with(
    families: Families, pair: Pair
) -> None:
    two = pair.two
    gran_device = await grandmother(families, two.maya, two.sam, two.maya_id)
    gran = One.at(gran_device, (await gran_device.get("/api/people"))[0]["ref"])
    sam = One.at(two.sam, await ref_of(two.sam, two.maya_id, "Gran"))
    exchange = await gran.start()
    assert (await sam.say(exchange, "answer", sam.reveal)).status == 200
    assert (await gran.say(exchange, "open", gran.reveal)).status == 200
    assert (await gran.say(exchange, "differ")).status == 200
    found = {one["name"]: one for one in await two.sam.get(f"/api/children/{two.maya_id}/contacts")}
    # she has no switch of her own to turn back, so nothing is switched; Sam is told, and has his
    assert (found["Gran"]["voice"], found["Gran"]["pictures"]["doubt"]) == (True, "theirs")

    link = (await two.sam.post("/api/links", {"child": two.maya_id}))["url"].partition("#invite=")[2]
    await two.sam.post("/api/links/accept", {"token": link, "for": "me", "how_known": "family"})
    for ask in (await two.maya.get("/api/child/home"))["asks"]:
        await two.maya.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True, "how_known": "family"})
    found = {one["name"]: one for one in await two.sam.get(f"/api/children/{two.maya_id}/contacts")}
    assert (found["Sam"]["own"], found["Sam"]["pictures"]["can"]) == (True, False)
    assert {name: one["myself"] for name, one in found.items()} == {"Theo": False, "Gran": False, "Sam": True}
    people = {one["name"]: one for one in (await two.maya.get("/api/child/home"))["people"]}
    assert [yes["who"] for yes in people["Sam"]["yeses"]] == ["me", "them"], "her own grown-up stands there once"
    assert [yes["who"] for yes in people["Gran"]["yeses"]] == ["me", "them", "my_grown_up"]
    assert [one["own"] for one in await two.sam.get("/api/people")] == [True], "whom he looks after"
    assert [one["own"] for one in await gran_device.get("/api/people")] == [False]
    assert (await two.sam.call("GET", f"/api/contacts/{found['Sam']['ref']}/pictures")).code == "conflict"


async def test_the_other_sides_page_is_told_to_look_when_somebody_begins_and_a_child_is_not(pair: Pair) -> None:
    two = pair.two
    for device in (two.femi, two.theo):
        await device.connect()
    marks = len(two.femi.seen), len(two.theo.seen)
    await pair.sam.start()
    await two.femi.until(lambda told: told["t"] == "changed" and "people" in told["what"], since=marks[0])
    (row,) = await two.femi.get(f"/api/children/{two.theo_id}/contacts")
    assert (row["pictures"]["can"], row["pictures"]["waits"]) == (True, True)
    (row,) = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
    assert row["pictures"]["waits"] is False
    assert not [told for told in two.theo.seen[marks[1] :] if told["t"] == "changed"]
