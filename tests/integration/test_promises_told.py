"""GET /api/promises: everybody is told what is promised to whom, in the ledger's words, and nothing is said to be proven that is not."""

from __future__ import annotations

import pytest

from server import api, promises
from server.api import promises as pages
from server.promises import Promise, Proof, Proofs, Run, ledger
from tests.house import House


async def test_everybody_is_told_every_promise_in_the_words_of_the_ledger_and_how_it_stands(house: House) -> None:
    told = await house.device().get("/api/promises")
    book, standing = ledger(), promises.statuses()
    assert [one["id"] for one in told["promises"]] == list(book.ids)
    for one in told["promises"]:
        promise, proof = book[one["id"]], standing[one["id"]]
        assert (one["sentence"], one["child"], one["not_shown"]) == (promise.sentence, promise.child, promise.not_shown)
        assert (one["status"] == "proven", one["why"]) == (proof.proven, proof.why)
        assert [source["code"] for source in one["sources"]] == list(promise.sources)
        assert all(source["status"] == book.standing(source["code"]).status for source in one["sources"])


async def test_each_of_three_is_told_what_is_promised_to_them_and_no_fourth(house: House) -> None:
    stranger = house.device()
    for whom in ("child", "parent", "regulator"):
        told = (await stranger.get(f"/api/promises?for={whom}"))["promises"]
        assert told
        assert all(whom in one["to"] for one in told)
        assert (whom == "child") <= all(one["child"] and one["teen"] for one in told)
    answer = await stranger.call("GET", "/api/promises?for=neighbour")
    assert (answer.status, answer.code) == (422, "bad_request")


@pytest.mark.parametrize(
    ("proof", "status"),
    [
        (Proof(True, "2 tests and 1 attack passed.", 7), "proven"),
        (Proof(False, promises.CHANGED, 7), "not_proven"),
        (promises.NEVER, "not_proven"),
        (Proof(False, "Its proof failed: s.", 7, failed=True), "broken"),
    ],
)
def test_what_is_not_proven_is_said_not_to_be(proof: Proof, status: str) -> None:
    promise: Promise = ledger().promises[0]
    told = pages.told(promise, proof)
    assert (told["status"], told["why"], told["proved_at"]) == (status, proof.why, proof.at)


def test_code_that_was_replaced_under_a_running_process_is_not_proven_by_the_proofs_of_the_new_one() -> None:
    everything = {
        one.id: Run(1, dict.fromkeys(one.all_tests(), "passed"), dict.fromkeys(one.scenarios, "proven"))
        for one in ledger().promises
    }
    found = Proofs("new", "2", everything)
    assert all(one.proven for one in pages.standing("new", "new", found).values())
    for began, there in (("old", "new"), ("new", "newer"), ("old", "old")):
        assert {(one.proven, one.why) for one in pages.standing(began, there, found).values()} == {
            (False, promises.CHANGED)
        }


def test_promises_are_told_without_anybodys_leave_and_say_why() -> None:
    route = next(one for one in api.ROUTES if one.path == "/api/promises")
    assert isinstance(route.asks, pages.Open)
    assert "nothing about anybody" in route.asks.reason
