"""The marking in the browser makes the bytes that the reading expects, and the page is told when there is no mark. In Node."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from server.trace import pattern
from tests.seal_node import Fault, Node

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "mark_vectors.json").read_text("utf-8"))
KEY = bytes.fromhex(VECTORS["key"])
TEXT = base64.urlsafe_b64encode(KEY).decode().rstrip("=")
TILE = pattern.tile(KEY)
ID = 0xDEADBEEF
Bytes = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    one = Node(tmp_path_factory.mktemp("node"), "mark")
    try:
        yield one
    finally:
        one.close()


# -- the same numbers --------------------------------------------------------------------------------------------------------


def test_ids_become_the_signs_of_the_vectors(node: Node) -> None:
    for one in VECTORS["ids"]:
        assert node("encode", id=int(one["id"], 16)) == one["code"]
        assert node("signs", key=VECTORS["key"], id=int(one["id"], 16)) == one["tile"]


@pytest.mark.parametrize("wrong", [-1, 1 << 32, 0.5, None])
def test_what_is_not_an_id_has_no_signs(node: Node, wrong: object) -> None:
    with pytest.raises(Fault, match="32 bits"):
        node("encode", id=wrong)


def test_the_key_puts_the_signs_where_the_vectors_have_them(node: Node) -> None:
    told = node("tile", key=VECTORS["key"])
    assert told["cells"][64:] == VECTORS["payload_cells"]
    assert told["signs"][64:] == VECTORS["payload_signs"]
    assert dict(zip(told["cells"][:64], told["signs"][:64], strict=True)) == {
        cell: sign for cell, sign in enumerate(VECTORS["pilots"]) if sign != "."
    }
    assert told["dither"] == VECTORS["dither_begins"]


def test_a_key_is_read_as_the_server_sends_it_and_a_short_one_is_none(node: Node) -> None:
    key = bytes(range(224, 256))  # has both signs that base64url has and base64 has not
    assert node("key", text=base64.urlsafe_b64encode(key).decode().rstrip("=")) == key.hex()
    for wrong in ("", TEXT[:-3], TEXT + "AAAA", "*" * 43):
        with pytest.raises(Fault):
            node("key", text=wrong)


def test_the_level_of_every_timestamp_is_that_of_the_vectors(node: Node) -> None:
    for seconds, quarter, wanted in VECTORS["levels"]:
        assert node("level", seconds=seconds, quarter=quarter) == wanted
    rng = np.random.default_rng(1)
    for seconds in rng.uniform(0, 1e6, 200).round(6).tolist():
        assert node("level", seconds=seconds, quarter=2) == pattern.level(seconds, 2)


def test_recipients_of_one_sender_swing_ninety_degrees_apart(node: Node) -> None:
    for seconds in np.linspace(5, 6, 41).tolist():
        levels = [node("level", seconds=seconds, quarter=quarter) for quarter in range(4)]
        assert levels[0] == pytest.approx(-levels[2], abs=1)  # half a level rounds up on both sides
        assert levels[1] == pytest.approx(-levels[3], abs=1)
        assert levels[0] ** 2 + levels[1] ** 2 == pytest.approx(144, abs=18)
        assert (
            abs(node("level", seconds=seconds + 0.25, quarter=0) - levels[1]) <= 1
        )  # a quarter of a turn is a quarter of a second


@pytest.mark.parametrize("one", VECTORS["pictures"], ids=lambda one: f"{one['width']}x{one['height']}")
def test_the_pictures_that_are_added_are_those_of_the_vectors_to_the_byte(node: Node, one: dict[str, Any]) -> None:
    for ahead in (False, True):
        size = {"width": one["width"], "height": one["height"]}
        told = node("pictures", key=VECTORS["key"], id=int(one["id"], 16), ahead=ahead, **size)
        assert told == {"sha256": one["sha256"], "top": one["top_row_of_12"]}


# -- frames ------------------------------------------------------------------------------------------------------------------


def marked(node: Node, folder: Path, frames: Bytes, times: list[float], quarter: int = 0, **layout: Any) -> Bytes:
    """Each row of ``frames`` is one frame's bytes."""
    (folder / "before").write_bytes(frames.tobytes())
    node(
        "mark", key=VECTORS["key"], id=ID, quarter=quarter, times=times, size=frames.shape[1], **layout,
        **{"from": str(folder / "before"), "to": str(folder / "after")},
    )  # fmt: skip
    return np.frombuffer((folder / "after").read_bytes(), np.uint8).reshape(frames.shape)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (319, 241), (81, 33), (1, 1)])
@pytest.mark.parametrize("layout", ["I420", "NV12"])
def test_luma_is_marked_to_the_byte_and_colour_is_left_alone(
    node: Node, tmp_path: Path, width: int, height: int, layout: str
) -> None:
    rng = np.random.default_rng(width)
    colour = 2 * ((width + 1) // 2) * ((height + 1) // 2)
    times = [0.0, 0.033, 0.1, 0.7, 77.5]
    frames = rng.integers(0, 256, (len(times), width * height + colour), np.uint8)
    frames[0, : width * height // 2] = 0  # what is black or white already is clamped, and does not go round
    frames[0, width * height // 2 : width * height] = 255
    size = {"width": width, "height": height, "offset": 0, "stride": width}
    after = marked(node, tmp_path, frames, times, 1, format=layout, **size)
    made = pattern.patterns(TILE, ID, width, height)
    for n, seconds in enumerate(times):
        luma = frames[n, : width * height].reshape(height, width)
        assert (after[n, : width * height].reshape(height, width) == pattern.add(luma, made, seconds, 1)).all()
    assert (after[:, width * height :] == frames[:, width * height :]).all()
    assert (after != frames).any() or width == 1


def test_rows_that_are_longer_than_the_picture_keep_what_lies_between_them(node: Node, tmp_path: Path) -> None:
    width, height, stride, offset = 100, 50, 128, 16
    frames = np.random.default_rng(2).integers(0, 256, (1, offset + stride * height), np.uint8)
    size = {"width": width, "height": height, "offset": offset, "stride": stride}
    after = marked(node, tmp_path, frames, [0.0], format="I420", **size)
    before_rows, after_rows = (one[0, offset:].reshape(height, stride) for one in (frames, after))
    assert (
        after_rows[:, :width] == pattern.add(before_rows[:, :width], pattern.patterns(TILE, ID, width, height), 0)
    ).all()
    assert (after_rows[:, width:] == before_rows[:, width:]).all()
    assert (after[0, :offset] == frames[0, :offset]).all()


def test_red_green_and_blue_are_moved_alike_so_that_the_shade_moves_as_luma_does(node: Node, tmp_path: Path) -> None:
    width, height = 640, 480
    frames = np.random.default_rng(3).integers(20, 230, (2, 4 * width * height), np.uint8)
    times = [0.0, 0.5]
    size = {"width": width, "height": height, "offset": 0, "stride": 4 * width}
    after = marked(node, tmp_path, frames, times, format="RGBA", **size)
    moved = (after.astype(int) - frames).reshape(2, height, width, 4)
    assert (moved[..., 3] == 0).all()
    assert (moved[..., 0] == moved[..., 1]).all()
    assert (moved[..., 0] == moved[..., 2]).all()
    made = pattern.patterns(TILE, ID, width, height)
    for n, seconds in enumerate(times):
        luma = made[pattern.level(seconds) + pattern.LEVELS].astype(float)
        shade = moved[n, ..., 0] * 219 / 255
        assert abs(shade - luma).max() < 1.3  # both are rounded, by the same dither
        assert shade.std() == pytest.approx(luma.std(), rel=0.01)


@pytest.mark.parametrize(
    ("layout", "size"), [({"stride": 63}, 9600), ({"offset": 9000}, 9600), ({"format": "I420P10"}, 9600), ({}, 3000)]
)
def test_bytes_that_are_not_such_a_picture_are_refused(
    node: Node, tmp_path: Path, layout: dict[str, Any], size: int
) -> None:
    frames = np.zeros((1, size), np.uint8)
    right = {"format": "I420", "width": 64, "height": 48, "offset": 0, "stride": 64}
    with pytest.raises(Fault):
        marked(node, tmp_path, frames, [0.0], **right | layout)


# -- keeping up --------------------------------------------------------------------------------------------------------------


def pictures(took: list[float], gap: float = 1 / 30, seconds: float = 12) -> list[list[float]]:
    """So long each picture takes, in turns."""
    return [[took[n % len(took)], n * gap, 1000 * n * gap] for n in range(round(seconds / gap))]


@pytest.mark.parametrize(
    ("took", "gap", "slow"),
    [
        ([2.0], 1 / 30, False),
        ([2.0, 15.0, 15.0], 1 / 30, False),
        ([15.0, 17.0, 17.0], 1 / 30, True),  # half of them over the budget
        ([2.0, 2.0, 40.0], 1 / 30, True),  # one in three takes longer than until the next
        ([2.0, 2.0, 2.0, 2.0, 40.0], 1 / 30, False),
        ([2.0, 2.0, 40.0], 1 / 10, False),  # a dark room: the camera itself is slow
        ([2.0], 1 / 5, False),
    ],
)
def test_a_device_is_slow_when_it_takes_too_long_and_not_when_its_camera_is(
    node: Node, took: list[float], gap: float, slow: bool
) -> None:
    told = node("pace", pictures=pictures(took, gap))
    assert len(told) >= 2
    assert [one["slow"] for one in told] == [False] + [slow] * (len(told) - 1)  # never at once
    assert told[0]["p50"] == sorted(took)[len(took) // 2]
    assert told[0]["p99"] == max(took)
    assert told[0]["fps"] == pytest.approx(1 / gap, rel=0.05)


def test_the_first_second_does_not_count_as_slow(node: Node) -> None:
    begins = [[200.0, n / 30, 1000 * n / 30] for n in range(30)]
    goes_on = [[2.0, 1 + n / 30, 1000 + 1000 * n / 30] for n in range(240)]
    assert not any(one["slow"] for one in node("pace", pictures=begins + goes_on))


def test_a_device_that_was_busy_for_a_moment_is_not_slow(node: Node) -> None:
    took = [40.0 if 150 <= n < 270 else 2.0 for n in range(900)]  # from the 5th to the 9th second
    told = node("pace", pictures=[[one, n / 30, 1000 * n / 30] for n, one in enumerate(took)])
    assert max(one["p50"] for one in told) == 40
    assert not any(one["slow"] for one in told)


# -- what the page is told ---------------------------------------------------------------------------------------------------


def whose(ref: str, camera: str = "camera", **more: Any) -> dict[str, Any]:
    return {"ref": ref, "camera": camera, "id": 7, "quarter": 0} | more


def words(node: Node) -> list[list[Any]]:
    told: list[list[Any]] = node("page")["workers"][-1]["words"]
    return told


SLOW = {"p50": 20, "p99": 40, "fps": 30, "slow": True}


def test_one_camera_is_read_once_for_all_who_receive_it(node: Node) -> None:
    assert node("begin", key=TEXT) == "processor"
    assert node("dress", who=[whose("theo"), whose("lea"), whose("sam")]) == ["live"] * 3
    page = node("page")
    assert page["told"] == []
    assert len(page["workers"]) == 1
    assert page["workers"][0]["address"].endswith("/mark/worker.js")
    adds = [["add", 0, ref] for ref in ("theo", "lea", "sam")]
    assert words(node) == [["key", None, None], ["source", 0, None], *adds]


def test_another_camera_for_the_same_recipient_ends_the_track_before(node: Node) -> None:
    node("begin", key=TEXT)
    node("dress", who=[whose("theo"), whose("lea")])
    assert node("dress", who=[whose("theo", camera="back")]) == ["live"]
    assert words(node)[-3:] == [["remove", 0, "theo"], ["source", 1, None], ["add", 1, "theo"]]
    node("undress", ref="lea")
    assert words(node)[-1] == ["close", 0, None]  # nobody is left who receives it
    states = node("page")["states"]
    assert (states["theo"], states["lea"]) == ("live", "ended")
    assert (states["camera"], states["back"]) == ("live", "live")  # a camera is never stopped by its marks


def test_tracks_end_with_their_camera_and_with_the_marks(node: Node) -> None:
    node("begin", key=TEXT)
    node("dress", who=[whose("theo"), whose("lea", camera="back")])
    node("say", said={"k": "ended", "n": 0})
    states = node("page")["states"]
    assert (states["theo"], states["lea"]) == ("ended", "live")
    node("stop")
    page = node("page")
    assert page["states"]["lea"] == "ended"
    assert page["workers"][0]["gone"]
    assert page["told"] == []


@pytest.mark.parametrize(("then", "why"), [("undress", "stopped"), ("stop", "stopped"), ("shut", "ended")])
def test_where_nothing_leaves_any_more_there_is_no_track_and_nothing_to_tell(node: Node, then: str, why: str) -> None:
    node("begin", key=TEXT)
    assert node("dress", who=[whose("theo", then=then)]) == [why]
    assert not [one for one in words(node) if one[0] == "add"]
    assert node("page")["told"] == []


def test_who_is_dressed_twice_at_once_gets_one_track(node: Node) -> None:
    node("begin", key=TEXT)
    assert node("dress", who=[whose("theo"), whose("theo"), whose("lea")]) == ["stopped", "live", "live"]
    assert [one for one in words(node) if one[0] == "add"] == [["add", 0, "theo"], ["add", 0, "lea"]]
    assert node("page")["told"] == []


@pytest.mark.parametrize(
    ("browser", "who", "why"),
    [
        ({"can": False}, {}, "none"),
        ({"comes": False}, {}, "worker"),
        ({"key": "short"}, {}, "key"),
        ({}, {"id": 1 << 32}, "id"),
        ({}, {"id": -1}, "id"),
        ({}, {"quarter": 4}, "id"),
    ],
)
def test_what_cannot_be_marked_is_told_with_its_reason(
    node: Node, browser: dict[str, Any], who: dict[str, Any], why: str
) -> None:
    node("begin", **{"key": TEXT} | browser)
    assert node("dress", who=[whose("theo", **who)]) == [why]
    assert node("page")["told"] == [["theo", why]]


def test_a_slow_device_gives_up_one_recipient_at_a_time_and_says_each_once(node: Node) -> None:
    node("begin", key=TEXT)
    node("dress", who=[whose("theo"), whose("lea")])
    node("say", said={"k": "paced", "n": 0, "numbers": SLOW | {"slow": False}})
    assert node("page")["told"] == []
    for wanted in ([["lea", "slow"]], [["theo", "slow"]], []):
        node("say", said={"k": "paced", "n": 0, "numbers": SLOW})
        page = node("page")
        assert page["told"] == wanted
        assert (
            page["states"]["theo"] == page["states"]["lea"] == "live"
        )  # marked still; what leaves is for others to decide


def test_a_worker_that_breaks_is_told_of_for_everybody_and_the_next_track_gets_another(node: Node) -> None:
    node("begin", key=TEXT)
    node("dress", who=[whose("theo"), whose("lea")])
    node("breaks")
    page = node("page")
    assert page["told"] == [["theo", "worker"], ["lea", "worker"]]
    assert page["states"]["theo"] == page["states"]["lea"] == "ended"
    assert node("dress", who=[whose("theo")]) == ["live"]
    workers = node("page")["workers"]
    assert [one["gone"] for one in workers] == [True, False]
    assert workers[1]["words"][-1] == ["add", 0, "theo"]


def test_frames_that_cannot_be_read_are_told_of(node: Node) -> None:
    node("begin", key=TEXT)
    node("dress", who=[whose("theo"), whose("lea", camera="back")])
    node("say", said={"k": "failed", "n": 1, "why": "frame"})
    page = node("page")
    assert page["told"] == [["lea", "frame"]]
    assert (page["states"]["theo"], page["states"]["lea"]) == ("live", "ended")
