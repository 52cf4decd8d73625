"""Who may speak to the gate: authenticated checks first, then DTLS with the announced certificate, then media."""

from __future__ import annotations

import asyncio
import socket

import pytest

from signalling.gate import Connected, Lost, SdpRejected
from signalling.gate.dtls import into_datagrams, whole_records
from signalling.gate.ice_lite import read_check
from tests.gate_peers import scene
from tests.gate_wire import KIDS, Wire, sealed_payload


async def test_a_proper_check_is_answered_and_signed() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        await wire.reach()
        reply = wire.checks[0]
        assert reply.check_message_integrity(wire.gate_password.encode())
        assert reply.attributes["XOR-MAPPED-ADDRESS"] == wire.address


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "p" * 24},
        {"username": "nobody:wire"},
        {"username": "without-a-colon"},
        {"fingerprint": False},
    ],
)
async def test_a_check_that_proves_nothing_is_not_even_answered(wrong: dict[str, object]) -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        wire.send(wire.check(**wrong))  # type: ignore[arg-type]  # the table mixes types on purpose
        await at.counted("dropped_check_refused", 1)
        wire.send(wire.hello())
        await at.counted("dropped_foreign", 1)
        await wire.reach()
        assert at.count("checks_answered") == 1


async def test_a_check_with_another_clients_name_is_refused_once_the_answer_is_in() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        wire.send(wire.check(username=f"{wire.gate_ufrag}:other"))
        await at.counted("dropped_check_refused", 1)


async def test_a_damaged_check_is_refused_wherever_it_is_damaged() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        good = wire.check()
        for index in range(20, len(good)):
            wire.send(good[:index] + bytes([good[index] ^ 1]) + good[index + 1 :])
        await at.counted("dropped_check_refused", len(good) - 20)
        assert at.count("checks_answered") == 0


async def test_a_client_that_wants_to_be_led_is_told_to_lead() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        wire._reader = asyncio.create_task(wire._read())
        wire.send(wire.check(control=False))
        await wire.until(lambda: bool(wire.checks))
        assert wire.checks[0].error_code == 487


async def test_dtls_before_the_answer_is_ignored_and_heard_when_repeated() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"], answered=False)
        await wire.reach()
        hello = wire.hello()
        wire.send(hello)
        await at.counted("dropped_dtls_before_answer", 1)
        at.gate.answer("alice", wire.answer(), wire.offer.neg)
        wire.send(hello)
        await wire.until(lambda: wire.tx is not None)
        await at.told(Connected("alice"))


async def test_a_wrong_fingerprint_never_yields_keys() -> None:
    async with scene() as at:
        bob = at.wire("bob", ["alice"])
        await bob.connect()
        wire = at.wire("alice", ["bob"], answered=False)
        right = wire.fingerprint
        wire.fingerprint = ":".join(reversed(right.split(":")))
        at.gate.answer("alice", wire.answer(), wire.offer.neg)
        at.confirm("alice", "bob")
        at.gate.allow("alice", "bob", "video")
        at.gate.allow("bob", "alice", "video")
        await wire.connect()
        await at.told(Lost("alice", "bad_fingerprint"))
        wire.send(wire.packet("video"))
        bob.send(bob.packet("video"))
        await at.settled()
        assert at.count("forwarded") == 0
        assert bob.media == wire.media == []
        assert Connected("alice") not in at.events


async def test_weak_srtp_is_refused() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"], profiles=b"SRTP_AES128_CM_SHA1_80")
        await wire.reach()
        wire._shake()
        await at.told(Lost("alice", "weak_srtp"))


@pytest.mark.parametrize("profile", [b"SRTP_AEAD_AES_256_GCM", b"SRTP_AEAD_AES_128_GCM"])
async def test_both_strong_ways_of_srtp_work(profile: bytes) -> None:
    async with scene() as at:
        alice, bob = at.wire("alice", ["bob"], profiles=profile), at.wire("bob", ["alice"])
        await alice.connect()
        await bob.connect()
        at.confirm("alice")
        at.gate.allow("alice", "bob", "audio")
        payload = sealed_payload("audio", KIDS["audio"], b"hello")
        alice.send(alice.packet("audio", payload=payload))
        await bob.until(lambda: bool(bob.media))
        assert bob.media[0].payload == payload


async def test_a_lost_flight_is_sent_again() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        await wire.reach()
        wire.deaf()
        loop = asyncio.get_running_loop()
        wire.send(wire.hello())
        first = await asyncio.wait_for(loop.sock_recv(wire.socket, 4096), 30)
        again = await asyncio.wait_for(loop.sock_recv(wire.socket, 4096), 30)  # OpenSSL's first timer: one second
        assert first[:1] == again[:1] == b"\x16"
        assert whole_records(again)


async def test_a_handshake_that_goes_nowhere_is_given_up() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        await wire.reach()
        wire.deaf()
        wire.send(wire.hello())
        at.now[0] += 14
        await at.settled()
        assert at.events == []
        at.now[0] += 2
        await at.told(Lost("alice", "handshake_timeout"))


async def test_garbage_in_a_handshake_does_not_end_it() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        await wire.reach()
        hello = wire.hello()
        wire.send(hello[:13] + bytes(len(hello) - 13))
        wire.send(b"\x15\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x28")  # a fatal alert, in clear
        await at.settled()
        wire.send(hello)
        await wire.until(lambda: wire.tx is not None)


async def test_only_so_many_handshakes_are_under_way_at_once() -> None:
    async with scene(max_handshakes=1) as at:
        first, second = at.wire("alice", ["bob"]), at.wire("bob", ["alice"])
        await first.reach()
        await second.reach()
        first.deaf()
        first.send(first.hello())
        await at.settled()
        hello = second.hello()
        second.send(hello)
        await at.counted("dropped_dtls_busy", 1)
        await first.reach()
        await first.until(lambda: first.tx is not None)
        second.send(hello)
        await second.until(lambda: second.tx is not None)


async def test_thirty_seconds_without_a_check_end_all_sending() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        at.now[0] += 20
        await alice.reach()
        at.now[0] += 11
        await at.told(Lost("bob", "consent_expired"))
        assert Lost("alice", "consent_expired") not in at.events
        alice.send(alice.packet("audio"))
        await at.counted("dropped_viewer_not_ready", 1)
        assert bob.media == []
        before = at.count("checks_answered")
        bob.send(bob.check())
        await at.counted("dropped_check_refused", 1)
        assert at.count("checks_answered") == before, "only new credentials bring back lost consent"
        offer = at.gate.restart_ice("bob")
        bob.read_offer(offer)
        at.gate.answer("bob", bob.answer(), offer.neg)
        at.events.clear()
        await bob.reach()
        await at.told(Connected("bob"))
        alice.send(alice.packet("audio"))
        await bob.until(lambda: bool(bob.media))


async def test_an_ice_restart_keeps_the_old_way_until_the_new_one_is_nominated() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        offer = at.gate.restart_ice("bob")
        await bob.reach()  # still with the old name
        alice.send(alice.packet("audio"))
        await bob.until(lambda: len(bob.media) == 1)
        moved = Wire(offer)
        at.wires.append(moved)
        at.gate.answer("bob", moved.answer(), offer.neg)
        moved.rx, moved.tx = bob.rx, bob.tx
        moved._reader = asyncio.create_task(moved._read())
        moved.send(moved.check(nominate=False))
        await moved.until(lambda: bool(moved.checks))
        alice.send(alice.packet("audio"))
        await bob.until(lambda: len(bob.media) == 2)
        await moved.reach()
        alice.send(alice.packet("audio"))
        await moved.until(lambda: len(moved.media) == 1)
        refused = at.count("dropped_check_refused")
        bob.send(bob.check())
        await at.counted("dropped_check_refused", refused + 1)
        assert len(bob.media) == 2


async def test_an_answer_to_an_old_offer_or_a_second_answer_is_stale() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        with pytest.raises(SdpRejected) as no:
            at.gate.answer("alice", wire.answer(), wire.offer.neg)
        assert no.value.code == "stale_negotiation"
        at.gate.restart_ice("alice")
        with pytest.raises(SdpRejected) as no:
            at.gate.answer("alice", wire.answer(), 1)
        assert no.value.code == "stale_negotiation"
        at.gate.answer("alice", wire.answer(), 2)


async def test_a_certificate_cannot_change_within_a_connection() -> None:
    async with scene() as at:
        wire = at.wire("alice", ["bob"])
        offer = at.gate.restart_ice("alice")
        wire.fingerprint = ":".join(reversed(wire.fingerprint.split(":")))
        with pytest.raises(SdpRejected) as no:
            at.gate.answer("alice", wire.answer(), offer.neg)
        assert no.value.code == "fingerprint_changed"


async def test_nobody_takes_over_an_address_that_is_in_use() -> None:
    async with scene() as at:
        alice, _ = await at.pair()
        cleo = at.wire("cleo", ["alice"])
        alice.send(cleo.check())
        await at.counted("dropped_address_taken", 1)
        alice.send(alice.packet("audio"))
        await at.counted("forwarded", 1)


async def test_a_peer_keeps_only_so_many_addresses() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        check = alice.check(nominate=False)
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(30)]
        for number, each in enumerate(sockets):
            each.sendto(check, alice.gate)
            await at.counted("checks_answered", 3 + number)
            each.close()
        assert len(at.gate._peers["alice"].addresses) == 8
        alice.send(alice.packet("audio"))
        await bob.until(lambda: bool(bob.media))


def test_a_check_is_read_only_if_it_is_a_whole_binding_request() -> None:
    assert read_check(b"") is None
    assert read_check(bytes(20)) is None
    assert read_check(b"\x00\x01" + bytes(2000)) is None


def test_datagrams_are_cut_at_record_boundaries() -> None:
    record = b"\x16\xfe\xfd" + bytes(8) + (500).to_bytes(2) + bytes(500)
    assert [len(each) for each in into_datagrams(record * 5)] == [1026, 1026, 513]
    assert whole_records(record * 2)
    assert not whole_records(record[:-1])
    assert not whole_records(record + b"x")
    assert not whole_records(b"")
