"""The packet path and its feedback, packet by packet: default deny, the cut, repeats, pictures, rates, caps."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiortc import rtp

from signalling.gate import Fact, GateConfig, Lost
from signalling.gate.forward import Allowance
from tests.gate_peers import Scene, scene
from tests.gate_wire import KIDS, Wire, sealed_payload

PLI = (rtp.RtcpPsfbPacket, rtp.RTCP_PSFB_PLI)
REMB = (rtp.RtcpPsfbPacket, rtp.RTCP_PSFB_APP)
NACK = (rtp.RtcpRtpfbPacket, rtp.RTCP_RTPFB_NACK)


def nack(viewer: Wire, *sequences: int) -> rtp.RtcpRtpfbPacket:
    return rtp.RtcpRtpfbPacket(fmt=rtp.RTCP_RTPFB_NACK, ssrc=1, media_ssrc=viewer.gate_ssrcs[1], lost=list(sequences))


def pli(viewer: Wire) -> rtp.RtcpPsfbPacket:
    return rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_PLI, ssrc=1, media_ssrc=viewer.gate_ssrcs[1])


def remb(bits_per_second: int) -> rtp.RtcpPsfbPacket:
    fci = rtp.pack_remb_fci(bits_per_second, [7])
    return rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)


async def seen(wire: Wire, count: int) -> None:
    await wire.until(lambda: len(wire.media) >= count)


async def test_media_goes_nowhere_until_it_is_allowed() -> None:
    async with scene() as at:
        alice, bob = at.wire("alice", ["bob"]), at.wire("bob", ["alice"])
        await alice.connect()
        await bob.connect()
        alice.send(alice.packet("video"))
        await at.counted("media_before_open", 1)
        assert at.count("forwarded") == 0
        at.confirm("alice")
        at.gate.allow("alice", "bob", "audio")
        alice.send(alice.packet("video"))
        alice.send(alice.packet("audio"))
        await seen(bob, 1)
        await at.counted("media_before_open", 2)
        assert [each.payload_type for each in bob.media] == [96]
        assert alice.media == []


async def test_a_packet_keeps_its_payload_and_gets_the_viewers_source() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        payload = sealed_payload("video", KIDS["video"], b"a picture")
        alice.send(alice.packet("video", payload=payload))
        await seen(bob, 1)
        assert bob.media[0].payload == payload
        assert bob.media[0].ssrc == bob.gate_ssrcs[1]
        assert bob.media[0].payload_type == 97


async def test_allowing_somebody_who_is_not_here_is_an_error() -> None:
    async with scene() as at:
        await at.pair()
        with pytest.raises(KeyError):
            at.gate.allow("nobody", "bob", "video")
        with pytest.raises(KeyError):
            at.gate.allow("alice", "nobody", "video")
        cleo = at.wire("cleo", ["alice"])
        assert cleo.offer.slots[0].publisher == "alice"
        with pytest.raises(KeyError):
            at.gate.allow("bob", "cleo", "video")  # cleo was offered no place for bob
        with pytest.raises(ValueError, match="names a publisher, a viewer, or both"):
            at.gate.cut()


async def test_nothing_leaves_after_a_cut_not_even_a_repeat() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(alice.packet("video"))
        await seen(bob, 1)
        sequence = bob.media[0].sequence
        bob.say(nack(bob, sequence))
        await at.counted("repeated", 1)
        assert at.gate.cut(publisher="alice", viewer="bob") == 2
        bob.say(nack(bob, sequence))
        alice.send(alice.packet("video"))
        alice.say(rtp.RtcpSrPacket(ssrc=alice.ssrcs[1], sender_info=rtp.RtcpSenderInfo(1, 2, 3, 4)))  # type: ignore[index]  # set above
        await at.counted("media_before_open", 1)
        await at.settled()
        assert at.count("repeated") == 1
        assert len(bob.media) == 2
        assert bob.feedback_of(rtp.RtcpSrPacket) == []
        opening = at.gate._peers["bob"].openings["alice", "video"]
        assert not opening.ring
        assert opening.source is None
        assert [event.what for event in at.events if isinstance(event, Fact)] == ["allow", "allow", "cut", "cut"]


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({"publisher": "alice"}, {("bob", "alice"), ("bob", "cleo"), ("cleo", "alice"), ("cleo", "bob")}),
        ({"viewer": "alice"}, {("alice", "bob"), ("alice", "cleo"), ("bob", "cleo"), ("cleo", "bob")}),
        (
            {"publisher": "alice", "viewer": "bob"},
            {("alice", "cleo"), ("bob", "alice"), ("bob", "cleo"), ("cleo", "alice"), ("cleo", "bob")},
        ),
    ],
)
async def test_a_cut_shuts_what_it_names_and_nothing_else(how: dict[str, str], left: set[tuple[str, str]]) -> None:
    names = ["alice", "bob", "cleo"]
    async with scene() as at:
        for name in names:
            at.wire(name, [other for other in names if other != name])
        for publisher in names:
            for viewer in names:
                if publisher != viewer:
                    at.gate.allow(publisher, viewer, "audio")
        assert at.gate.cut(kind="video", **how) == 0
        assert at.gate.cut(**how) == 6 - len(left)  # type: ignore[arg-type]  # the table holds names only
        assert {(p, v) for p, v, _ in at.gate.who_sees_whom()} == left
        two = {(p, v) for p, v in left if p in ("alice", "bob")}
        assert {(p, v) for p, v, _ in at.gate.who_sees_whom(["alice", "bob", "stranger"])} == two


async def test_after_a_cut_and_a_new_allow_the_viewer_sees_one_unbroken_stream_and_a_picture_is_asked() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        for _ in range(3):
            alice.send(alice.packet("video"))
        await seen(bob, 3)
        asked = len(alice.feedback_of(*PLI))
        at.gate.cut(publisher="alice")
        for _ in range(200):
            alice.packet("video")
        alice.send(alice.packet("video"))
        await at.counted("media_before_open", 1)
        at.now[0] += 2
        at.gate.allow("alice", "bob", "video")
        await alice.until(lambda: len(alice.feedback_of(*PLI)) > asked)
        alice.send(alice.packet("video"))
        await seen(bob, 4)
        sequences = [each.sequence for each in bob.media]
        assert sequences == [sequences[0] + n for n in range(4)]
        assert bob.media[3].timestamp - bob.media[2].timestamp == 2 * 90000


async def test_a_publisher_who_comes_back_is_seen_in_the_same_place() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(alice.packet("video"))
        await seen(bob, 1)
        at.gate.remove("alice")
        again = at.wire("alice", ["bob"], ssrcs=(5, 6))
        again.sequences["1"] = 60000
        await again.connect()
        at.confirm("alice")
        at.gate.allow("alice", "bob", "video")
        again.send(again.packet("video"))
        await seen(bob, 2)
        assert bob.media[1].sequence == bob.media[0].sequence + 1
        assert bob.media[1].ssrc == bob.media[0].ssrc


async def test_a_replayed_packet_is_dropped() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        packet = alice.packet("video")
        alice.send(packet)
        await seen(bob, 1)
        alice.send(packet)
        await at.counted("dropped_replayed", 1)
        assert len(bob.media) == 1


async def test_a_packet_from_somewhere_else_is_dropped() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        packet = alice.packet("video")
        elsewhere.sendto(packet, alice.gate)
        elsewhere.close()
        await at.counted("dropped_foreign", 1)
        alice.send(packet)
        await seen(bob, 1)


async def test_a_packet_sealed_with_another_key_is_dropped() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        forged = alice.packet("video")
        alice.send(forged[:-1] + bytes([forged[-1] ^ 1]))
        bob.ssrcs = alice.ssrcs
        alice.send(bob.packet("video"))
        await at.counted("dropped_unauthentic", 2)
        assert at.count("forwarded") == 0


async def test_forged_packets_from_a_device_s_own_address_use_up_nothing_that_it_may_send() -> None:
    async with scene(max_packets_per_second=20) as at:
        alice, bob = await at.pair()
        for _ in range(60):
            forged = alice.packet("video")
            alice.send(forged[:-1] + bytes([forged[-1] ^ 1]))
        await at.counted("dropped_unauthentic", 60)
        alice.send(alice.packet("video"))
        await seen(bob, 1)
        assert at.count("dropped_over_rate") == 0


async def test_only_announced_sources_and_their_own_codec_pass() -> None:
    async with scene() as at:
        alice, _bob = await at.pair()
        alice.send(alice.packet("video", ssrc=0x33333333))
        alice.send(alice.packet("video", payload_type=96))
        alice.send(alice.packet("video", payload_type=120))
        await at.counted("dropped_unknown_source", 3)
        assert at.count("forwarded") == 0


async def test_without_announced_sources_the_first_authentic_one_is_kept() -> None:
    async with scene() as at:
        alice, bob = at.wire("alice", ["bob"], ssrcs=None), at.wire("bob", ["alice"])
        await alice.connect()
        await bob.connect()
        at.confirm("alice")
        at.gate.allow("alice", "bob", "video")
        forged = alice.packet("video", ssrc=5)
        alice.send(forged[:-1] + bytes([forged[-1] ^ 1]))
        await at.counted("dropped_unauthentic", 1)
        alice.send(alice.packet("video", ssrc=6))
        await seen(bob, 1)
        alice.send(alice.packet("video", ssrc=7))
        alice.send(alice.packet("video", ssrc=5))
        await at.counted("dropped_unknown_source", 2)
        assert at.count("forwarded") == 1


async def test_a_peer_that_said_it_would_not_send_cannot() -> None:
    async with scene() as at:
        alice = at.wire("alice", ["bob"], answered=False)
        at.gate.answer("alice", alice.answer().replace("a=sendrecv", "a=recvonly"), alice.offer.neg)
        await alice.connect()
        alice.send(alice.packet("video"))
        await at.counted("dropped_unknown_source", 1)


async def test_too_many_packets_are_dropped_and_counted_and_time_heals_it() -> None:
    async with scene(max_packets_per_second=20) as at:
        alice, bob = await at.pair()
        for _ in range(30):
            alice.send(alice.packet("audio"))
        await at.counted("dropped_over_rate", 10)
        await seen(bob, 20)
        assert at.count("forwarded") == 20
        at.now[0] += 0.5
        for _ in range(30):
            alice.send(alice.packet("audio"))
        await at.counted("dropped_over_rate", 30)
        assert at.count("forwarded") == 30


async def test_too_many_bits_are_dropped_and_counted() -> None:
    async with scene(max_bits_per_second=80_000) as at:
        alice, _ = await at.pair()
        for _ in range(20):
            alice.send(alice.packet("video", payload=sealed_payload("video", KIDS["video"], bytes(1000))))
        await at.counted("dropped_over_rate", 11)
        assert at.count("forwarded") == 9


def test_an_allowance_never_gives_more_than_its_rate_and_one_second_of_it() -> None:
    allowance = Allowance(100, 1000, 0.0)
    given_out = sum(allowance.take(1, tenth / 10) for tenth in range(100) for _ in range(1000))
    assert 1000 <= given_out <= 1100
    assert not allowance.take(1001, 1000.0)


async def test_a_missing_packet_is_sent_again_as_it_was() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        for _ in range(5):
            alice.send(alice.packet("video"))
        await seen(bob, 5)
        bob.say(nack(bob, bob.media[1].sequence, bob.media[3].sequence, bob.media[4].sequence + 9))
        await seen(bob, 7)
        assert [each.sealed for each in bob.media[5:]] == [bob.media[1].sealed, bob.media[3].sealed]
        assert at.count("repeated") == 2


async def test_the_ring_keeps_neither_more_than_two_seconds_nor_more_than_its_count() -> None:
    async with scene(ring_packets=16) as at:
        alice, bob = await at.pair()
        for _ in range(40):
            alice.send(alice.packet("video"))
        await seen(bob, 40)
        ring = at.gate._peers["bob"].openings["alice", "video"].ring
        assert len(ring) == 16
        at.now[0] += 1.8
        await asyncio.sleep(0.4)  # a sweep or two
        assert not ring
        bob.say(nack(bob, bob.media[-1].sequence))
        await at.settled()
        assert at.count("repeated") == 0
    with pytest.raises(ValueError, match="at most 2 seconds"):
        GateConfig(ring_seconds=2.1)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"host4": None, "host6": None}, "needs an IPv4 or an IPv6 address"),
        ({"host4": "::1"}, "is not an IPv4 address"),
        ({"host6": "example.org"}, "is not an IPv6 address"),
        ({"public_addresses": ("gate.example",)}, "is not an IP address"),
        ({"port": 70000}, "between 0 and 65535"),
        ({"ring_seconds": 0.0}, "at most 2 seconds"),
        ({"max_peers": 0}, "max_peers must be more than zero"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        GateConfig(**wrong)  # type: ignore[arg-type]  # wrong on purpose


async def test_the_hub_may_remove_people_while_it_is_told_of_others() -> None:
    async with scene() as at:
        await at.pair()

        def remove_all(event: object) -> None:
            at.events.append(event)  # type: ignore[arg-type]  # a gate event
            if isinstance(event, Lost):
                at.gate.remove("alice")
                at.gate.remove("bob")

        at.gate._on_event = remove_all
        at.now[0] += 31
        async with asyncio.timeout(30):
            while at.gate._peers:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len([event for event in at.events if isinstance(event, Lost)]) == 1


async def test_voice_is_not_kept_at_all() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(alice.packet("audio"))
        await seen(bob, 1)
        assert not at.gate._peers["bob"].openings["alice", "audio"].ring


async def test_a_viewer_cannot_make_the_gate_shout() -> None:
    async with scene(max_repeats_per_second=10) as at:
        alice, bob = await at.pair()
        for _ in range(20):
            alice.send(alice.packet("video"))
        await seen(bob, 20)
        everything = [each.sequence for each in bob.media]
        for _ in range(5):
            bob.say(nack(bob, *everything))
        await at.counted("dropped_over_rate", 5)
        assert at.count("repeated") == 10


async def test_a_gap_from_a_publisher_is_asked_for_until_it_is_filled() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(alice.packet("video"))
        late = [alice.packet("video"), alice.packet("video")]
        alice.send(alice.packet("video"))
        await alice.until(lambda: len(alice.feedback_of(*NACK)) >= 1)
        assert alice.feedback_of(*NACK)[0].lost == [2002, 2003]
        alice.send(late[0])
        await seen(bob, 3)
        at.now[0] += 0.15
        await alice.until(lambda: len(alice.feedback_of(*NACK)) >= 2)
        assert alice.feedback_of(*NACK)[1].lost == [2003]
        alice.send(late[1])
        await seen(bob, 4)
        at.now[0] += 0.15
        await asyncio.sleep(0.2)
        assert len(alice.feedback_of(*NACK)) == 2
        first = bob.media[0].sequence
        assert sorted(each.sequence - first for each in bob.media) == [0, 1, 2, 3]


async def test_a_gap_across_the_end_of_the_numbers_is_asked_for_too() -> None:
    async with scene() as at:
        alice, _ = await at.pair()
        alice.sequences["1"] = 65532
        alice.send(alice.packet("video"))
        alice.send(alice.packet("video", skip=4))
        await alice.until(lambda: len(alice.feedback_of(*NACK)) >= 2)
        assert [each.lost for each in alice.feedback_of(*NACK)] == [[65534, 65535], [0, 1]]


async def test_a_repeat_can_be_asked_for_across_the_end_of_the_numbers() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        at.gate._peers["bob"].openings["alice", "video"].last_sequence = 65533
        for _ in range(4):
            alice.send(alice.packet("video"))
        await seen(bob, 4)
        assert [each.sequence for each in bob.media] == [65534, 65535, 0, 1]
        bob.say(nack(bob, *range(65534, 65538)))
        await at.counted("repeated", 4)


async def test_a_gap_that_is_never_filled_is_given_up() -> None:
    async with scene() as at:
        alice, _ = await at.pair()
        alice.send(alice.packet("video"))
        alice.send(alice.packet("video", skip=1))
        await at.counted("forwarded", 2)
        for _ in range(20):
            at.now[0] += 0.15
            await asyncio.sleep(0.06)
        assert len(alice.feedback_of(*NACK)) == 4
        assert not at.gate._forwarder._gappy


async def test_many_gaps_at_once_are_asked_for_together() -> None:
    async with scene() as at:
        alice, _ = await at.pair()
        for _ in range(20):
            alice.send(alice.packet("video", skip=1))
        await alice.until(
            lambda: {n for each in alice.feedback_of(*NACK) for n in each.lost} == set(range(2003, 2041, 2))
        )
        assert len(alice.feedback_of(*NACK)) == 2


async def test_a_wide_gap_is_mended_by_a_whole_picture() -> None:
    async with scene() as at:
        alice, _ = await at.pair()
        alice.send(alice.packet("video"))
        await at.counted("forwarded", 1)
        at.now[0] += 1
        alice.send(alice.packet("video", skip=1000))
        await alice.until(lambda: bool(alice.feedback_of(*PLI)))
        assert alice.feedback_of(*NACK) == []


async def test_pictures_are_asked_for_at_most_every_300_ms() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(alice.packet("video"))
        await at.counted("forwarded", 1)
        at.now[0] += 1
        for _ in range(5):
            bob.say(pli(bob))
        await at.settled()
        assert at.count("pictures_asked") == 1
        at.now[0] += 0.31
        fir = rtp.RtcpPsfbPacket(
            fmt=rtp.RTCP_PSFB_FIR, ssrc=1, media_ssrc=0, fci=bob.gate_ssrcs[1].to_bytes(4) + b"\x01\0\0\0"
        )
        bob.say(fir)
        await at.counted("pictures_asked", 2)
        await alice.until(lambda: len(alice.feedback_of(*PLI)) == 2)
        assert alice.feedback_of(*PLI)[0].media_ssrc == alice.ssrcs[1]  # type: ignore[index]  # set above


async def test_a_viewer_cannot_ask_pictures_of_somebody_it_may_not_see() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(alice.packet("video"))
        await at.counted("forwarded", 1)
        at.gate.cut(viewer="bob")
        at.now[0] += 1
        bob.say(pli(bob), remb(1))
        await at.settled()
        assert alice.feedback_of(*PLI) == []
        assert all(rtp.unpack_remb_fci(each.fci)[0] > 64_000 for each in alice.feedback_of(*REMB))


async def test_a_publisher_hears_the_start_rate_first_and_then_the_slowest_viewers() -> None:
    async with scene() as at:
        names = ["alice", "bob", "cleo"]
        alice, bob, cleo = [at.wire(name, [o for o in names if o != name]) for name in names]
        for each in (alice, bob, cleo):
            await each.connect()
        at.confirm("alice")
        at.gate.allow("alice", "bob", "video")
        at.gate.allow("alice", "cleo", "video")
        alice.send(alice.packet("video", to="bob"))
        await alice.until(lambda: bool(alice.feedback_of(*REMB)))

        def rates() -> list[int]:
            return [round(rtp.unpack_remb_fci(each.fci)[0], -3) for each in alice.feedback_of(*REMB)]

        assert rates() == [1_000_000]
        alice.send(alice.packet("video", to="cleo"))
        await seen(cleo, 1)
        at.now[0] += 1.1
        bob.say(remb(700_000))  # two pictures flow, and the browser shares what it is told among them
        await alice.until(lambda: rates()[-1] == 1_400_000)
        cleo.say(remb(300_000))
        await alice.until(lambda: rates()[-1] == 600_000)
        assert rtp.unpack_remb_fci(alice.feedback_of(*REMB)[-1].fci)[1] == [
            alice.picture_ssrc("1"),
            alice.picture_ssrc("3"),
        ]
        bob.say(remb(10_000_000))
        cleo.say(remb(1_000))
        await alice.until(lambda: rates()[-1] == 64_000)
        at.gate.cut(viewer="cleo")
        at.now[0] += 1.1
        alice.send(alice.packet("video", to="bob"))
        bob.say(remb(10_000_000))
        await alice.until(lambda: rates()[-1] == 3_600_000)


async def test_a_viewers_rate_is_shared_among_the_cameras_it_watches() -> None:
    async with scene() as at:
        names = ["alice", "bob", "cleo"]
        alice, bob, cleo = [at.wire(name, [o for o in names if o != name]) for name in names]
        for each in (alice, bob, cleo):
            await each.connect()
        at.confirm("alice", "bob")
        at.gate.allow("alice", "cleo", "video")
        at.gate.allow("bob", "cleo", "video")
        alice.send(alice.packet("video", to="cleo"))
        bob.send(bob.packet("video", to="cleo"))
        await seen(cleo, 2)
        cleo.say(remb(800_000))
        for each in (alice, bob):
            await each.until(lambda each=each: len(each.feedback_of(*REMB)) >= 2)
            assert round(rtp.unpack_remb_fci(each.feedback_of(*REMB)[-1].fci)[0], -3) == 400_000


async def test_sender_reports_are_told_under_the_viewers_source_and_clock() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(alice.packet("video"))
        await seen(bob, 1)
        told = alice.timestamps["1"] + 4500
        alice.say(rtp.RtcpSrPacket(ssrc=alice.ssrcs[1], sender_info=rtp.RtcpSenderInfo(77 << 32, told, 1, 100)))  # type: ignore[index]  # set above
        await bob.until(lambda: bool(bob.feedback_of(rtp.RtcpSrPacket)))
        report = bob.feedback_of(rtp.RtcpSrPacket)[0]
        assert report.ssrc == bob.gate_ssrcs[1]
        assert report.sender_info.ntp_timestamp == 77 << 32
        assert (report.sender_info.rtp_timestamp - bob.media[0].timestamp) & 0xFFFFFFFF == 4500
        assert (report.sender_info.packet_count, report.sender_info.octet_count) == (1, len(bob.media[0].payload))


async def test_a_publisher_is_told_what_was_lost_on_either_half_of_the_way() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        for number in range(10):
            alice.send(alice.packet("audio", skip=2 if number == 5 else 0))
        await seen(bob, 10)
        await alice.until(lambda: bool(alice.feedback_of(rtp.RtcpRrPacket)))
        report = alice.feedback_of(rtp.RtcpRrPacket)[0].reports[0]
        assert report.ssrc == alice.ssrcs[0]  # type: ignore[index]  # set above
        assert (report.packets_lost, report.fraction_lost) == (2, (2 << 8) // 12)
        loss = rtp.RtcpReceiverInfo(bob.gate_ssrcs[0], 128, 0, 0, 0, 0, 0)
        bob.say(rtp.RtcpRrPacket(ssrc=1, reports=[loss]))
        await alice.until(lambda: alice.feedback_of(rtp.RtcpRrPacket)[-1].reports[0].fraction_lost == 128)


async def test_feedback_from_endless_sources_is_bounded() -> None:
    async with scene() as at:
        alice, _ = await at.pair()
        for source in range(100):
            alice.say(rtp.RtcpRrPacket(ssrc=source + 1, reports=[]))
        await at.counted("dropped_unknown_source", 100 - 32)
        assert len(at.gate._peers["alice"].feedback_sources) == 32


async def test_a_removed_peer_is_told_and_everything_of_it_is_foreign() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        packet, check = alice.packet("video"), alice.check()
        at.gate.remove("alice")
        await alice.until(lambda: alice.closed)
        alice.send(packet)
        alice.send(check)
        await at.counted("dropped_foreign", 1)
        await at.counted("dropped_check_refused", 1)
        assert at.gate.who_sees_whom() == frozenset()
        assert bob.media == []
        at.gate.remove("alice")  # twice is fine
        assert not any(isinstance(event, Lost) for event in at.events)


async def test_a_listener_that_fails_does_not_stop_the_gate() -> None:
    async with scene() as at:
        alice, bob = await at.pair()

        def broken(_: object) -> None:
            raise RuntimeError("the hub has a fault")

        at.gate._on_event = broken
        at.gate.cut(publisher="alice", kind="video")
        assert at.gate.who_sees_whom() == {("alice", "bob", "audio")}
        alice.send(alice.packet("audio"))
        await seen(bob, 1)


def memory_of(at: Scene) -> int:
    """How many things the gate holds on to, roughly."""
    gate = at.gate
    return len(gate._peers) + len(gate._by_ufrag) + len(gate._by_address) + len(gate._shaking) + len(gate._waiting)


async def test_peers_that_come_and_go_leave_nothing_behind() -> None:
    async with scene() as at:
        empty = memory_of(at)
        for _ in range(5):
            alice, bob = await at.pair()
            offer = at.gate.restart_ice("bob")
            bob.read_offer(offer)
            at.gate.restart_ice("alice")
            at.gate.restart_ice("alice")
            at.gate.answer("bob", bob.answer(), offer.neg)
            await bob.reach()
            alice.close()
            at.gate.remove("alice")
            at.gate.remove("bob")
        assert memory_of(at) == empty
