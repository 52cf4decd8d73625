"""Whose picture goes out from which track: nobody's before they are here, nobody's unmarked without a word, and none from a shut camera.

In Node, with a marker that does what the test says. ``ontrack`` is what the connection sends from, ``onmarked`` what the server is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.seal_node import Node

Said = list[list[Any]]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    one = Node(tmp_path_factory.mktemp("node"), "mark")
    try:
        yield one
    finally:
        one.close()


def leg(ref: str, state: str = "connected", mark: int | None = 0xABC) -> dict[str, Any]:
    told = None if mark is None else {"id": f"{mark:08x}", "quarter": 2}
    return {"ref": ref, "state": state, "audio": True, "video": False, "index": 2, "sealed": True, "mark": told}


def walk(node: Node, *steps: Any, key: bool = True) -> list[Said]:
    return list(node("copies", steps=steps, key=key))


def test_who_is_here_gets_a_marked_track_and_the_server_is_told_after_it_is_there(node: Node) -> None:
    people, camera, dressed = walk(node, ("people", [leg("k_theo")]), ("camera", "cam"), ("dressed", "k_theo"))
    assert people == []
    assert camera == [["dress", "k_theo", "cam", 0xABC, 2]], "nothing is sent while it is being made"
    assert dressed == [["track", "k_theo", "cam for k_theo"], ["marked", "k_theo", None]]


def test_nobody_gets_a_picture_before_they_answered_or_after_they_went(node: Node) -> None:
    there = [leg("k_theo"), leg("k_lea", "invited"), leg("k_gran", "left")]
    _, camera, came, went = walk(
        node,
        ("people", there),
        ("camera", "cam"),
        ("people", [leg("k_theo"), leg("k_lea", "connecting")]),
        ("people", [leg("k_lea", "lost")]),
    )
    assert [one[1] for one in camera] == ["k_theo"]
    assert came == [["dress", "k_lea", "cam", 0xABC, 2]]
    assert went == [["track", "k_theo", None], ["undress", "k_theo"]]


def test_a_state_that_says_the_same_changes_nothing(node: Node) -> None:
    here = [leg("k_theo")]
    *_, again = walk(node, ("people", here), ("camera", "cam"), ("dressed", "k_theo"), ("people", here))
    assert again == []


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("slow", "too_slow"),
        ("none", "cannot"),
        ("canvas", "cannot"),
        ("key", "cannot"),
        ("worker", "broken"),
        ("frame", "broken"),
    ],
)
def test_where_a_copy_cannot_be_marked_the_server_is_told_and_the_call_goes_on_plain(
    node: Node, why: str, told: str
) -> None:
    here = [leg("k_theo"), leg("k_lea")]
    *_, fell, again = walk(
        node,
        ("people", here), ("camera", "cam"), ("dressed", "k_theo"), ("dressed", "k_lea"), ("unmarked", "k_theo", why),
        ("people", here),
    )  # fmt: skip
    assert fell == [["marked", "k_theo", told], ["track", "k_theo", "cam"], ["undress", "k_theo"]]
    assert again == [], "it stays so"


def test_when_the_camera_is_shut_everybodys_picture_is_gone_and_a_late_mark_brings_none_back(node: Node) -> None:
    here = [leg("k_theo"), leg("k_lea")]
    _, _, _, shut, late = walk(
        node,
        ("people", here), ("camera", "cam"), ("dressed", "k_theo"), ("camera", None), ("unmarked", "k_lea", "ended"),
    )  # fmt: skip
    assert [one for one in shut if one[0] == "track"] == [["track", "k_theo", None], ["track", "k_lea", None]]
    assert not [one for one in shut if one[0] == "marked"]
    assert late == []


def test_a_mark_that_is_done_in_the_very_moment_in_which_the_camera_is_shut_sends_nothing(node: Node) -> None:
    *_, late = walk(node, ("people", [leg("k_theo")]), ("camera", "cam"), ("dressed too late", "k_theo"))
    assert late == [["track", "k_theo", None], ["undress", "k_theo"]]


def test_a_camera_that_is_opened_anew_is_tried_again(node: Node) -> None:
    *_, fell, shut, again, dressed = walk(
        node,
        ("people", [leg("k_theo")]), ("camera", "cam"), ("unmarked", "k_theo", "slow"), ("camera", None), ("camera", "cam 2"),
        ("dressed", "k_theo"),
    )  # fmt: skip
    assert fell[1] == ["track", "k_theo", "cam"]
    assert shut == [["track", "k_theo", None], ["undress", "k_theo"]]
    assert again == [["dress", "k_theo", "cam 2", 0xABC, 2]]
    assert dressed[0] == ["track", "k_theo", "cam 2 for k_theo"]


def test_another_mark_is_another_copy(node: Node) -> None:
    *_, other = walk(
        node, ("people", [leg("k_theo")]), ("camera", "cam"), ("dressed", "k_theo"), ("people", [leg("k_theo", mark=7)])
    )
    assert other == [["track", "k_theo", None], ["undress", "k_theo"], ["dress", "k_theo", "cam", 7, 2]]


def test_without_a_mark_nothing_is_said_and_without_a_key_it_is_said_that_there_is_none(node: Node) -> None:
    _, plain = walk(node, ("people", [leg("k_theo", mark=None)]), ("camera", "cam"))
    assert plain == [["track", "k_theo", "cam"]]
    _, keyless = walk(node, ("people", [leg("k_theo")]), ("camera", "cam"), key=False)
    assert keyless == [["track", "k_theo", "cam"], ["marked", "k_theo", "cannot"]]


def test_when_it_is_over_all_tracks_go_and_the_marker_stops(node: Node) -> None:
    *_, over = walk(node, ("people", [leg("k_theo")]), ("camera", "cam"), ("dressed", "k_theo"), ("stop",))
    assert over == [["track", "k_theo", None], ["undress", "k_theo"], ["stop"]]
