"""The gate itself: one UDP port, the peers behind it, and the few things that the hub may ask of it.

Every datagram is sorted by its first byte (RFC 7983) and by where it comes from:

    STUN   0-3      from anywhere, but it must prove whose it is (ice_lite.py)
    DTLS  20-63     only from an address that such a check has proven, only after the answer (dtls.py)
    RTP, RTCP 128-191   only from such an address, only with keys (forward.py)

Everything else, and everything that fails, is dropped and counted by reason. Nothing that arrives can raise out of the
reader or end somebody's call. All of it runs on the event loop's thread; all calls are plain function calls, and done when they return.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import socket as sockets
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from signalling.gate import dtls, ice_lite, sdp
from signalling.gate.forward import Address, Forwarder, Opening, Peer, Send
from signalling.gate.socket import candidate_addresses, open_sockets
from signalling.gate.srtp import Packet
from signalling.gate.terms import (
    MOST_SLOTS,
    Connected,
    Fact,
    GateConfig,
    GateEvent,
    GateUnavailable,
    Kind,
    Lost,
    Offer,
    Picture,
)

log = logging.getLogger(__name__)

LARGEST_DATAGRAM = 1500
"""Bytes. Media packets are about 1200; nothing larger crosses an Ethernet in one piece."""
DRAIN = 128
"""Datagrams read per wake-up, so that a flood on the port cannot starve the WebSockets on the same loop."""
TICK = 0.05
"""Seconds between the gate's own small duties: DTLS timers and repeated NACKs. It is far below any of their periods."""
TICKS_PER_SECOND = 20
RING_SWEEP = 5
"""Ticks between two sweeps of the rings; the ring is shortened by as much, so its limit is never passed."""
MOST_ADDRESSES_PER_PEER = 8
"""Proven addresses kept per peer: two families, Wi-Fi and mobile, before and after a restart."""

COUNTERS = (
    "received",
    "forwarded",
    "repeated",
    "checks_answered",
    "handshakes_done",
    "pictures_asked",
    "missing_asked",
    "candidates_ignored",
    "media_before_open",
    "dropped_empty",
    "dropped_oversized",
    "dropped_malformed",
    "dropped_foreign",
    "dropped_check_refused",
    "dropped_address_taken",
    "dropped_dtls_before_answer",
    "dropped_dtls_busy",
    "dropped_before_keys",
    "dropped_unknown_source",
    "dropped_unauthentic",
    "dropped_replayed",
    "dropped_over_rate",
    "dropped_unsealed",
    "dropped_viewer_not_ready",
    "dropped_unsealable",
    "dropped_send_failed",
    "dropped_fault",
)
"""Their meaning is in docs/reference/gate.md; the names do not change, and none of them is about one person."""


class Gate:
    """One worker's media gate. Make one with `Gate.open`; shut it with `close`."""

    def __init__(
        self,
        config: GateConfig,
        on_event: Callable[[GateEvent], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._config, self._on_event, self._clock, self._wall = config, on_event, clock, wall
        self._loop = asyncio.get_running_loop()
        self._identity = dtls.new_identity()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._packet = Packet()
        self._forwarder = Forwarder(config, self._counters, self._packet)
        self._peers: dict[str, Peer] = {}
        self._by_ufrag: dict[str, Peer] = {}
        self._by_address: dict[Address, Peer] = {}
        self._shaking: set[Peer] = set()
        """Peers whose handshake has begun and not ended."""
        self._waiting: set[Peer] = set()
        """Peers with a deadline for their keys; includes the shaking ones."""
        self._born = 0
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sockets = open_sockets(config)
        try:
            self._port: int = next(iter(self._sockets.values())).getsockname()[1]
            hosts = candidate_addresses(config, tuple(self._sockets))
        except BaseException:
            self._close_sockets()
            raise
        self._candidates = tuple((host, self._port) for host in hosts)

    @classmethod
    async def open(
        cls,
        config: GateConfig,
        *,
        on_event: Callable[[GateEvent], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> Gate:
        """Listen, and be ready for offers. Raises GateUnavailable. `on_event` is called on the loop's thread."""
        gate = cls(config, on_event, clock, wall)
        for each in gate._sockets.values():
            gate._loop.add_reader(each.fileno(), gate._drain, each)
        gate._timer = gate._loop.call_later(TICK, gate._tick)
        return gate

    async def close(self) -> None:
        """Say goodbye to everybody and let go of the port."""
        for peer in list(self._peers):
            self.remove(peer)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for each in self._sockets.values():
            self._loop.remove_reader(each.fileno())
        self._close_sockets()

    def _close_sockets(self) -> None:
        for each in self._sockets.values():
            each.close()

    # -- negotiation ----------------------------------------------------------------------------------------------

    def offer(self, peer: str, *, slots: Sequence[str], picture: Picture = "each") -> Offer:
        """Make room for a peer that may one day see the publishers in `slots`, and be seen by them; nothing is open yet.

        `picture`: how it is to send its own. "once" keeps a section for that, so that `offer_picture` may change it later.
        Raises GateUnavailable if the gate is full, ValueError if the peer is here already or the slots make no sense.
        """
        if peer in self._peers:
            raise ValueError("This peer is at the gate already.")
        if not 0 < len(slots) <= MOST_SLOTS or len(set(slots)) != len(slots) or peer in slots:
            raise ValueError(f"A peer looks at one to {MOST_SLOTS} others, each once, and never at itself.")
        if len(self._peers) >= self._config.max_peers:
            raise GateUnavailable("The gate is full.")
        self._born += 1
        laid = sdp.windows(slots, set())
        made = Peer(peer, laid, self._config, self._clock(), self._born % TICKS_PER_SECOND, picture)
        self._peers[peer] = made
        self._by_ufrag[made.credentials.ufrag] = made
        return self._write_offer(made)

    def offer_picture(self, peer: str, picture: Picture) -> Offer:
        """Offer a peer to send its picture the other way. It is taken from there once it has answered; nobody is let in or shut out
        by that. Raises KeyError for a peer that is not here, ValueError if it was never laid out to send once."""
        here = self._peers[peer]
        if picture == "once" and here.once is None:
            raise ValueError("This peer was laid out to send each viewer their own picture.")
        here.offered = picture
        return self._write_offer(here)

    def restart_ice(self, peer: str) -> Offer:
        """Offer a new way to a peer whose network changed; the old way stays good until the new one is nominated."""
        here = self._peers[peer]
        if here.previous is not None:
            # The one before the last was never nominated. If media still runs over an older one, keep that.
            discard = here.credentials if self._in_use(here, here.previous.ufrag) else here.previous
            self._by_ufrag.pop(discard.ufrag, None)
            here.remote_ufrags.pop(discard.ufrag, None)
            here.previous = here.previous if discard is here.credentials else here.credentials
        else:
            here.previous = here.credentials
        here.credentials = ice_lite.Credentials.fresh()
        self._by_ufrag[here.credentials.ufrag] = here
        return self._write_offer(here)

    @staticmethod
    def _in_use(peer: Peer, ufrag: str) -> bool:
        return any(used == ufrag for _, used in peer.addresses.values())

    def _write_offer(self, peer: Peer) -> Offer:
        peer.neg += 1
        once = peer.once is not None
        text = sdp.write_offer(
            peer.session,
            peer.neg,
            peer.windows,
            peer.credentials,
            self._identity.fingerprint,
            self._candidates,
            once=once,
        )
        slots = tuple(window.slot for window in peer.windows)
        return Offer(text, peer.neg, slots, peer.offered, sdp.once_mid(peer.windows) if once else "")

    def answer(self, peer: str, sdp: str, neg: int) -> None:
        """Take the client's answer to the offer `neg`. Raises SdpRejected, KeyError for a peer that is not here."""
        here = self._peers[peer]
        self._take_answer(here, sdp, neg)

    def _take_answer(self, here: Peer, text: str, neg: int) -> None:
        if neg != here.neg or neg == here.answered:
            raise sdp.refuse("stale_negotiation")
        answer = sdp.read_answer(text, here.windows, once=here.once is not None)
        if here.fingerprint is not None and here.fingerprint != answer.fingerprint:
            raise sdp.refuse("fingerprint_changed")
        here.answered = neg
        self._counters["candidates_ignored"] += answer.candidates_ignored
        here.remote_ufrags[here.credentials.ufrag] = answer.ufrag
        self._pin(here, answer)
        if here.picture != here.offered:
            self._turn(here)
        if here.fingerprint is None:
            here.fingerprint = answer.fingerprint
            here.handshake = dtls.Handshake(self._identity, answer.fingerprint)
            here.deadline = self._clock() + self._config.handshake_seconds
            self._waiting.add(here)

    @staticmethod
    def _pin(here: Peer, answer: sdp.Answer) -> None:
        """Only announced sources may send. A section that announced none is pinned to the first that comes authentic, if it is the
        only one of its kind: else nobody could say whose picture that is."""
        announced = {mid: ssrc for ssrc, mid in answer.ssrcs.items()}
        pinned = {}
        here.unpinned.clear()
        sending = [(mid, stream) for mid, stream in here.streams.items() if mid in answer.sends]
        for mid, stream in sending:
            ssrc = announced.get(mid, stream.ssrc)
            if ssrc is None or (mid not in announced and ssrc in answer.ssrcs):
                if sum(other.kind == stream.kind for _, other in sending) == 1:
                    here.unpinned[stream.payload_type] = stream
                continue
            if stream.ssrc != ssrc:
                stream.restart(ssrc)
            pinned[ssrc] = stream
        here.streams_by_ssrc = pinned

    def _turn(self, here: Peer) -> None:
        """The peer sends its picture the other way from now on: whoever sees it now sees it from there."""
        here.picture = here.offered
        now = self._clock()
        watching = [
            opening for stream in here.streams.values() if stream.kind == "video" for opening in stream.openings
        ]
        for opening in watching:
            self._forwarder.shut(opening)
        for opening in watching:
            self._forwarder.open(here.source(opening.viewer.id, "video"), opening, now)

    # -- the table ------------------------------------------------------------------------------------------------

    def seal(self, peer: str, kids: Collection[int]) -> None:
        """From now on this publisher's packets carry these key ids, or for a while yet those registered just before. Until it is
        said, nothing of the publisher is forwarded. Opens nothing. Raises KeyError for a peer that is not here."""
        here = self._peers[peer]
        newest = frozenset(kids)
        if newest != here.newest_kids:
            here.kids, here.newest_kids = here.newest_kids | newest, newest

    def allow(self, publisher: str, viewer: str, kind: Kind) -> None:
        """Let `viewer` see (or hear) `publisher`. The only way in. Raises KeyError for a peer or slot that is not here."""
        source = self._peers[publisher].source(viewer, kind)
        opening = self._peers[viewer].openings[publisher, kind]
        if opening.source is source:
            return
        if opening.source is not None:
            self._shut(opening, kind)
        self._forwarder.open(source, opening, self._clock())
        self._tell_fact("allow", publisher, viewer, kind)

    def cut(self, *, publisher: str | None = None, viewer: str | None = None, kind: Kind | None = None) -> int:
        """Shut every opening that fits (None fits all) and return how many. When this returns, nothing more is sent."""
        if publisher is None and viewer is None:
            raise ValueError("A cut names a publisher, a viewer, or both.")
        doomed = [
            (opening, stream.kind)
            for name, peer in self._peers.items()
            if publisher is None or name == publisher
            for stream in peer.streams.values()
            if kind is None or stream.kind == kind
            for opening in stream.openings
            if viewer is None or opening.viewer.id == viewer
        ]
        for opening, _ in doomed:
            self._forwarder.shut(opening)
        for opening, shut_kind in doomed:
            self._tell_fact("cut", opening.publisher, opening.viewer.id, shut_kind)
        return len(doomed)

    def _shut(self, opening: Opening, kind: Kind) -> None:
        self._forwarder.shut(opening)
        self._tell_fact("cut", opening.publisher, opening.viewer.id, kind)

    def remove(self, peer: str) -> None:
        """Cut a peer off both ways, close its DTLS, forget its keys and addresses. A peer that is not here is fine."""
        here = self._peers.get(peer)
        if here is None:
            return
        self.cut(publisher=peer)
        self.cut(viewer=peer)
        if here.handshake is not None:
            self._send_all(here, here.handshake.close())
        self._forget(here)
        self._forwarder.leave(here)
        del self._peers[peer]

    def who_sees_whom(self, among: Iterable[str] | None = None) -> frozenset[tuple[str, str, Kind]]:
        """(publisher, viewer, kind) of every opening that is open now, read from the table that forwards. With `among`:
        of these publishers only, so that telling one call costs the same however many others are live."""
        publishers = self._peers if among is None else [name for name in among if name in self._peers]
        return frozenset(
            (name, opening.viewer.id, stream.kind)
            for name in publishers
            for stream in self._peers[name].streams.values()
            for opening in stream.openings
        )

    def counters(self) -> Mapping[str, int]:
        """A copy of the counters, by name, since the gate was opened."""
        return MappingProxyType(dict(self._counters))

    @property
    def candidates(self) -> tuple[tuple[str, int], ...]:
        """The addresses told to browsers, the best first; all have the gate's one port."""
        return self._candidates

    # -- datagrams ------------------------------------------------------------------------------------------------

    def _drain(self, source: sockets.socket) -> None:
        """Take what has arrived, but not without end. The event loop calls again if there is more."""
        counters, memory = self._counters, self._packet.memory
        by_address, forwarder = self._by_address, self._forwarder
        receive, now = source.recvfrom_into, self._clock()
        for _ in range(DRAIN):
            try:
                size, address = receive(memory)
            except OSError:
                return  # nothing left; or a network error that belongs to nobody in particular
            counters["received"] += 1
            if not 0 < size <= LARGEST_DATAGRAM:
                counters["dropped_oversized" if size else "dropped_empty"] += 1
                continue
            first = memory[0]
            try:
                if 128 <= first <= 191:
                    peer = by_address.get(address)
                    if peer is None:
                        counters["dropped_foreign"] += 1
                    elif peer.rx is None:
                        counters["dropped_before_keys"] += 1
                    elif size > 1 and 192 <= memory[1] <= 223:  # RFC 5761 section 4
                        forwarder.feedback(peer, size, now)
                    else:
                        forwarder.media(peer, size, now)
                elif first <= 3:
                    self._check(bytes(memory[:size]), address, source.sendto, now)
                elif 20 <= first <= 63:
                    self._handshake(bytes(memory[:size]), address)
                else:
                    counters["dropped_malformed"] += 1
            except Exception as fault:
                # The last line: whatever a datagram may do to us, the next one belongs to somebody else's call.
                counters["dropped_fault"] += 1
                log.error("A datagram was dropped because of a fault in the gate: %s", _where(fault))

    def _check(self, datagram: bytes, address: Address, send: Send, now: float) -> None:
        check = ice_lite.read_check(datagram)
        peer = self._by_ufrag.get(check.ufrag) if check is not None else None
        if check is None or peer is None or not self._believes(peer, check):
            self._counters["dropped_check_refused"] += 1
            return
        password = self._password(peer, check.ufrag)
        if not check.claims_control:
            self._send(ice_lite.role_conflict(check, password), address, send)
            return
        if not self._take_address(peer, address, check.ufrag, now):
            self._counters["dropped_address_taken"] += 1
            return
        self._counters["checks_answered"] += 1
        self._send(ice_lite.reply(check, password, (address[0], address[1])), address, send)
        if peer.address is None or (check.nominates and self._may_nominate(peer, check)):
            peer.address, peer.send = address, send
        if check.nominates and peer.previous is not None and check.ufrag == peer.credentials.ufrag:
            self._finish_restart(peer)
        if peer.lost and peer.tx is not None and peer.address is not None:
            peer.lost = False
            self._tell(Connected(peer.id))

    @staticmethod
    def _password(peer: Peer, ufrag: str) -> str:
        old = peer.previous
        return old.password if old is not None and old.ufrag == ufrag else peer.credentials.password

    def _believes(self, peer: Peer, check: ice_lite.Check) -> bool:
        expected = peer.remote_ufrags.get(check.ufrag)
        if expected is not None and not hmac.compare_digest(expected.encode(), check.remote_ufrag.encode()):
            return False
        return ice_lite.is_authentic(check, self._password(peer, check.ufrag))

    @staticmethod
    def _may_nominate(peer: Peer, check: ice_lite.Check) -> bool:
        """Once the new way is in use, a straggler of the old one does not win it back."""
        return check.ufrag in (peer.credentials.ufrag, peer.previous.ufrag if peer.previous else "")

    def _take_address(self, peer: Peer, address: Address, ufrag: str, now: float) -> bool:
        """Note that an address is this peer's; not if it is another's who has proven it within the consent time."""
        owner = self._by_address.get(address)
        if owner is not None and owner is not peer:
            if now - owner.addresses[address][0] < self._config.consent_seconds:
                return False
            self._drop_address(owner, address)
        peer.addresses[address] = (now, ufrag)
        self._by_address[address] = peer
        if len(peer.addresses) > MOST_ADDRESSES_PER_PEER:
            spare = (each for each in peer.addresses if each not in (peer.address, address))
            self._drop_address(peer, min(spare, key=lambda each: peer.addresses[each][0]))
        return True

    def _drop_address(self, peer: Peer, address: Address) -> None:
        del peer.addresses[address]
        del self._by_address[address]
        if peer.address == address:
            peer.address = peer.send = None

    def _finish_restart(self, peer: Peer) -> None:
        """The new way is nominated: what was proven with the old credentials is forgotten, and so are they."""
        old, peer.previous = peer.previous, None
        if old is None:
            return
        self._by_ufrag.pop(old.ufrag, None)
        peer.remote_ufrags.pop(old.ufrag, None)
        for address in [each for each, (_, ufrag) in peer.addresses.items() if ufrag != peer.credentials.ufrag]:
            self._drop_address(peer, address)

    def _handshake(self, datagram: bytes, address: Address) -> None:
        peer = self._by_address.get(address)
        if peer is None:
            self._counters["dropped_foreign"] += 1
            return
        handshake = peer.handshake
        if handshake is None:
            self._counters["dropped_dtls_before_answer"] += 1
            return
        if not dtls.whole_records(datagram):
            self._counters["dropped_malformed"] += 1
            return
        if handshake.state == "done" and not peer.chatter.take(len(datagram), self._clock()):
            self._counters["dropped_over_rate"] += 1
            return
        if handshake.state == "shaking" and peer not in self._shaking:
            if len(self._shaking) >= self._config.max_handshakes:
                self._counters["dropped_dtls_busy"] += 1
                return
            self._shaking.add(peer)
        self._send_all(peer, handshake.feed(datagram))
        if handshake.state != "shaking" and peer in self._waiting:
            self._settle(peer, handshake)
        elif handshake.state == "closed" and not peer.lost:
            self._lose(peer, "closed_by_peer")

    def _settle(self, peer: Peer, handshake: dtls.Handshake) -> None:
        """A handshake has ended, one way or the other."""
        self._shaking.discard(peer)
        self._waiting.discard(peer)
        if handshake.keys is None:
            self._lose(peer, handshake.why or "closed_by_peer")
            return
        peer.rx, peer.tx = handshake.keys[0].raw, handshake.keys[1].raw
        self._counters["handshakes_done"] += 1
        now = self._clock()
        for opening in peer.openings.values():
            if opening.source is not None:
                self._forwarder.ask_picture(opening.source, now, forced=True)
        self._forwarder.tell_allowance(peer, now)
        self._tell(Connected(peer.id))

    def _send_all(self, peer: Peer, datagrams: Sequence[bytes]) -> None:
        if peer.address is None or peer.send is None:
            return
        for datagram in datagrams:
            self._send(datagram, peer.address, peer.send)

    def _send(self, datagram: bytes, address: Address, send: Send) -> None:
        try:
            send(datagram, address)
        except OSError:
            self._counters["dropped_send_failed"] += 1

    # -- time -----------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK, self._tick)
        self._ticks += 1
        now = self._clock()
        for peer in list(self._shaking):
            if peer.handshake is not None:
                self._send_all(peer, peer.handshake.wake())
        for peer in [each for each in self._waiting if each.deadline is not None and each.deadline <= now]:
            self._lose(peer, "handshake_timeout")
        self._forwarder.ask_again(now)
        if self._ticks % RING_SWEEP == 0:
            oldest = now - self._config.ring_seconds + RING_SWEEP * TICK
            for peer in self._peers.values():
                self._forwarder.forget_old(peer, oldest)
        phase = self._ticks % TICKS_PER_SECOND
        for peer in [each for each in self._peers.values() if each.phase == phase]:
            if peer.address is None:
                continue
            if now - peer.addresses[peer.address][0] > self._config.consent_seconds:
                self._lose(peer, "consent_expired")
            else:
                self._forwarder.report(peer, now)

    def _lose(self, peer: Peer, why: str) -> None:
        """Send nothing more to a peer. After lost consent only new credentials can bring it back (RFC 7675 section 5.1)."""
        if self._peers.get(peer.id) is not peer:
            return  # the hub removed it while it was told of another
        peer.lost = True
        if why == "consent_expired":
            for address in list(peer.addresses):
                self._drop_address(peer, address)
            for credentials in (peer.credentials, peer.previous):
                if credentials is not None and credentials.ufrag in peer.remote_ufrags:
                    self._by_ufrag.pop(credentials.ufrag, None)
        else:
            if peer.handshake is not None:
                self._send_all(peer, peer.handshake.close())
            self._forget(peer)
        self._tell(Lost(peer.id, why))

    def _forget(self, peer: Peer) -> None:
        """Let go of a peer's keys and addresses."""
        self._shaking.discard(peer)
        self._waiting.discard(peer)
        peer.rx = peer.tx = None
        if peer.handshake is not None:
            peer.handshake.keys = None
        for address in list(peer.addresses):
            self._drop_address(peer, address)
        self._by_ufrag = {ufrag: owner for ufrag, owner in self._by_ufrag.items() if owner is not peer}

    # -- telling --------------------------------------------------------------------------------------------------

    def _tell_fact(self, what: str, publisher: str, viewer: str, kind: Kind) -> None:
        log.info("%s %s: %s to %s", what, kind, publisher[:6], viewer[:6])
        fact = Fact(self._wall(), "allow" if what == "allow" else "cut", publisher, viewer, kind)
        self._tell(fact)

    def _tell(self, event: GateEvent) -> None:
        """Tell the hub. A fault of the hub's must not undo or stop what the gate was doing."""
        try:
            self._on_event(event)
        except Exception as fault:
            log.error("The listener failed on a gate event: %s", _where(fault))


def _where(fault: Exception) -> str:
    """A fault's kind and place, without its message: that might quote what nobody may log."""
    frames = traceback.extract_tb(fault.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return type(fault).__name__ + place
