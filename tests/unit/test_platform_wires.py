"""The adapters of other platforms (server/inspection): their wires are read strictly, and what is not there is said plainly.

Nothing here needs npm or Janus; with them they are played against in tests/integration/test_platforms.py (``make platforms``).
"""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from server.errors import CannotStart
from server.inspection import janus, peerserver, platforms
from server.inspection.adapter import Platform
from server.inspection.device import Tone
from server.inspection.plain_peer import Bars, Heard, is_something, places_in, split_candidates
from server.inspection.programs import DidNotStart, Program, free_port, output_of
from tests.toy_platform import Toy

SDP = "\r\n".join(
    (
        "v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0",
        "a=candidate:1 1 udp 2130706431 192.0.2.7 50001 typ host", "a=end-of-candidates",
        "m=video 9 UDP/TLS/RTP/SAVPF 97", "a=mid:1",
        "a=candidate:2 1 udp 2130706431 2001:db8::7 50002 typ host generation 0", "",
    )
)  # fmt: skip


def test_each_platform_has_every_verb() -> None:
    for one in (peerserver.PeerServer(), janus.Janus(), janus.Janus(guarded=True)):
        assert isinstance(one, Platform)


def test_a_platform_is_named_or_is_ones_own_adapter() -> None:
    assert isinstance(platforms.named("peerserver"), peerserver.PeerServer)
    assert platforms.named("janus-guarded").inspected.name != platforms.named("janus").inspected.name
    assert isinstance(platforms.named("tests.toy_platform:Toy"), Toy)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nobody", "There is no platform nobody"),
        ("tests.nowhere:Toy", "ModuleNotFoundError"),
        ("tests.toy_platform:Tree", "AttributeError"),
        ("tests.toy_platform:Telephone", "TypeError"),
        ("tests.toy_platform:Call", "TypeError"),
        ("fractions:Fraction", "lacks a verb"),
        (":", "ValueError"),
    ],
)
def test_what_is_no_adapter_is_said_before_anything_is_played(name: str, why: str) -> None:
    with pytest.raises(CannotStart, match=why):
        platforms.named(name)


# -- SDP --------------------------------------------------------------------------------------------------------------------


def test_candidates_are_told_one_by_one_with_their_section_and_the_rest_has_none() -> None:
    bare, candidates = split_candidates(SDP)
    assert candidates == (
        ("0", 0, "candidate:1 1 udp 2130706431 192.0.2.7 50001 typ host"),
        ("1", 1, "candidate:2 1 udp 2130706431 2001:db8::7 50002 typ host generation 0"),
    )
    assert "candidate" not in bare
    assert [line for line in SDP.split("\r\n") if "candidate" not in line] == bare.split("\r\n")


def test_places_are_read_from_a_description_and_from_a_single_candidate() -> None:
    assert places_in(SDP) == {("192.0.2.7", 50001), ("2001:db8::7", 50002)}
    assert places_in("candidate:1 1 udp 2130706431 192.0.2.7 50001 typ host") == {("192.0.2.7", 50001)}
    assert places_in("m=audio 9 RTP 0\r\nc=IN IP4 192.0.2.7") == frozenset()


# -- PeerServer's wire ----------------------------------------------------------------------------------------------------------


def test_an_offer_that_we_write_is_read_as_it_was_meant() -> None:
    said = peerserver.say_sdp("OFFER", "to-id", "mc_1", SDP, "audio")
    told = peerserver.read(json.dumps({**said, "src": "from-id"}))
    assert told == peerserver.Told("OFFER", "from-id", "mc_1", "audio", SDP)


def test_a_candidate_that_we_write_is_read_as_it_was_meant() -> None:
    said = peerserver.say_candidate("to-id", "mc_1", "1", 1, "candidate:2 …")
    told = peerserver.read(json.dumps({**said, "src": "from-id"}))
    assert told is not None
    assert (told.kind, told.src, told.connection) == ("CANDIDATE", "from-id", "mc_1")
    assert (told.candidate, told.mid, told.section) == ("candidate:2 …", "1", 1)


def test_what_the_server_itself_says_is_read() -> None:
    assert peerserver.read('{"type":"OPEN"}') == peerserver.Told("OPEN")
    taken = peerserver.read('{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}')
    assert taken == peerserver.Told("ID-TAKEN", words="ID is taken")
    assert peerserver.read('{"type":"EXPIRE","src":"gone","dst":"me"}') == peerserver.Told("EXPIRE", "gone")


#: Another peer writes the payload: anything may be in it.
ODD: list[Any] = [None, 1, "x", [], {}, {"sdp": 1}, {"sdp": {"sdp": []}}, {"candidate": "x"}, {"candidate": {"sdpMLineIndex": "0"}},
                  {"metadata": []}, {"connectionId": 7}]  # fmt: skip


@pytest.mark.parametrize("payload", ODD)
def test_a_payload_of_any_shape_is_read_without_harm(payload: Any) -> None:
    told = peerserver.read(json.dumps({"type": "OFFER", "src": "x", "payload": payload}))
    assert told == peerserver.Told("OFFER", "x")


@pytest.mark.parametrize("frame", ["", "{", "[]", "1", "null", "{}", '{"type":1}', '{"janus":[]}'])
def test_what_is_no_message_is_none(frame: str) -> None:
    assert peerserver.read(frame) is None
    assert janus.read(frame) is None


# -- Janus's wire -------------------------------------------------------------------------------------------------------------


def test_an_event_of_the_plugin_is_read_with_its_description() -> None:
    told = janus.read(
        json.dumps(
            {
                "janus": "event", "sender": 7, "transaction": "t",
                "plugindata": {"plugin": janus.PLUGIN, "data": {"videoroom": "joined", "publishers": [{"id": 3, "display": "Maya"}]}},
                "jsep": {"type": "answer", "sdp": SDP},
            }
        )
    )  # fmt: skip
    assert told is not None
    assert (told.kind, told.sender, told.transaction, told.error) == ("event", 7, "t", "")
    assert (told.sdp_type, told.sdp) == ("answer", SDP)
    assert janus.people_in(told.data, "publishers") == ((3, "Maya"),)


def test_a_refusal_of_the_plugin_and_one_of_the_core_are_both_errors() -> None:
    plugin = janus.read('{"janus":"event","plugindata":{"data":{"error_code":433,"error":"Unauthorized (wrong pin)"}}}')
    core = janus.read('{"janus":"error","error":{"code":458,"reason":"No such session"}}')
    assert plugin is not None
    assert plugin.error == "433 Unauthorized (wrong pin)"
    assert core is not None
    assert core.error == "458 No such session"


@pytest.mark.parametrize("listed", [None, 1, "x", {}, [1, None, [], {}, {"id": None}, {"id": []}]])
def test_a_list_of_people_of_any_shape_is_read_without_harm(listed: Any) -> None:
    assert janus.people_in({"participants": listed}, "participants") == ()


def test_a_room_gives_a_key_to_its_two_and_to_nobody_else() -> None:
    room = janus.Room("r", ("maya", "theo"), "secret", "pin", {"maya": "m", "theo": "t"})
    assert room.key_of("maya") == {"pin": "pin", "token": "m"}
    assert room.key_of("alex") == {}
    assert janus.Room(1, ("maya", "theo")).key_of("maya") == {}


def test_janus_runs_from_its_own_folder_on_loopback_and_with_two_modules_only(tmp_path: Path) -> None:
    plugin, transport = tmp_path / "libjanus_videoroom.so.1.1.2", tmp_path / "libjanus_websockets.so.1.1.2"
    for one in (plugin, transport):
        one.touch()
    folder = tmp_path / "own"
    folder.mkdir()
    janus.lay_out(folder, 40_001, plugin, transport, "the key")
    modules = sorted(one.name for one in folder.glob("*/*"))
    assert modules == ["libjanus_videoroom.so", "libjanus_websockets.so"]
    web = (folder / "janus.transport.websockets.jcfg").read_text()
    assert 'ws_ip = "127.0.0.1"' in web
    assert "ws_port = 40001" in web
    assert 'admin_key = "the key"' in (folder / "janus.plugin.videoroom.jcfg").read_text()


# -- what is not installed, and what does not start -------------------------------------------------------------------------------


async def test_a_program_that_is_not_installed_is_said_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(DidNotStart, match="apt-get install janus"):
        janus.programs(str(tmp_path))
    with pytest.raises(DidNotStart, match="apt-get install nodejs npm"):
        await peerserver.installed(str(tmp_path))


async def never() -> bool:
    return False


async def test_a_program_that_ends_at_once_is_not_waited_for_and_what_it_said_is_told(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(DidNotStart, match="no such setting"):
        await Program((sys.executable, "-c", "print('no such setting')"), tmp_path).start(never, seconds=30)
    assert time.monotonic() - begun < 15


async def test_a_program_that_never_answers_is_stopped(tmp_path: Path) -> None:
    run = Program((sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"), tmp_path)
    with pytest.raises(DidNotStart, match="did not answer"):
        await run.start(never, seconds=0.2)
    assert run.stopped
    await run.stop()  # a second time does nothing


async def test_a_program_that_came_up_is_stopped(tmp_path: Path) -> None:
    run = Program((sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"), tmp_path)

    async def is_up() -> bool:
        return run.said() == "here"

    await run.start(is_up, seconds=30)
    assert not run.stopped
    await run.stop()
    assert run.stopped


async def test_a_free_port_is_free_and_a_command_is_run_to_its_end() -> None:
    port = free_port()
    listen = f"import socket; s = socket.socket(); s.bind(('127.0.0.1', {port})); print('bound'); raise SystemExit(3)"
    assert await output_of(sys.executable, "-c", listen, seconds=30) == (3, "bound\n")


# -- what counts as media ----------------------------------------------------------------------------------------------------------


async def test_our_picture_and_tone_are_something_and_black_and_silence_are_not() -> None:
    bars, tone = Bars(), Tone()
    assert is_something(await bars.recv())
    assert is_something(await tone.recv())
    black = av.VideoFrame(width=64, height=48, format="yuv420p")
    for plane, shade in zip(black.planes, (16, 128, 128), strict=True):
        plane.update(bytes([shade]) * plane.buffer_size)
    assert not is_something(black)
    silence = av.AudioFrame(format="s16", layout="stereo", samples=960)
    silence.planes[0].update(bytes(silence.planes[0].buffer_size))
    silence.sample_rate, silence.time_base = 48_000, Fraction(1, 48_000)
    assert not is_something(silence)


def test_what_was_received_is_counted_by_kind_and_together() -> None:
    heard = Heard()
    assert heard.received() == heard.received("audio") == heard.received("video")
    assert heard.received().last == 0.0
    heard.packet("audio")
    heard.packet("video")
    heard.packet("video")
    heard.frame("video")
    assert (heard.received("audio").packets, heard.received("video").packets, heard.received().packets) == (1, 2, 3)
    assert (heard.received("audio").frames, heard.received().frames) == (0, 1)
    assert heard.received().last == heard.received("video").last >= heard.received("audio").last > 0
