"""Forwarding: who sends what, who is open to whom, and the way of one packet from a publisher to its viewers.

A `Stream` is what one publisher sends on one section of its SDP: its voice, its picture for one viewer, or its picture for all. An
`Opening` is one viewer's place for one publisher's voice or picture. The list `Stream.openings` IS the who-sees-whom table: a packet
goes to the openings in its stream's list and nowhere else, the list starts empty, and only `Forwarder.open` and `Forwarder.shut`
change it. There is no queue between a packet's arrival and its departure, so after `shut` returns nothing more can leave.

A picture made for one viewer stands in a stream that knows whose it is (`Stream.only`), and `open` refuses it any other viewer.

A packet is opened, gets the opening's SSRC, sequence number and timestamp (12 bytes of header), is sealed for the viewer and
sent. Of the payload, which the devices have sealed among themselves, only the label is read: the key id in the SFrame header
must be one that its publisher has registered (`Peer.kids`, empty at first), or the packet goes nowhere. So a device that by a
fault of its own leaves its frames in clear is not heard and not seen. What is behind the label nobody here can read.

Payload types and extension ids need no change because everybody answers the same offer. When a stream appears at an opening,
again or anew, its numbers are shifted so that the viewer sees one unbroken stream; and the publisher is asked for a whole picture.
"""

from __future__ import annotations

import secrets
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from aiortc import rtp

from signalling.gate import rtcp
from signalling.gate.dtls import Handshake
from signalling.gate.ice_lite import Credentials
from signalling.gate.sdp import CLOCKS, PAYLOAD_TYPES, Window, once_mid
from signalling.gate.srtp import (
    LENGTH,
    REPLAYS,
    TAG,
    Packet,
    protect,
    protect_rtcp,
    unprotect,
    unprotect_rtcp,
)
from signalling.gate.terms import GateConfig, Kind, Picture

Address = tuple[Any, ...]
"""A socket address as Python gives it: (host, port), and for IPv6 (host, port, flow, scope)."""
Send = Callable[[Any, Address], int]

HEADER = struct.Struct("!BBHII")
REWRITTEN = struct.Struct("!HII")
SMALLEST_RTP = 12 + TAG
SMALLEST_RTCP = 8 + TAG + 4

PICTURE_INTERVAL = 0.3
"""Seconds between two requests for a whole picture: each costs the publisher several ordinary ones."""
NACK_INTERVAL = 0.1
"""Seconds until a missing packet is asked for again; a little more than a good round trip."""
NACK_PAUSE = 0.02
"""Seconds between two packets that ask at once; gaps in between wait for the next tick, so that a line (or a worker) that
loses very much is not also asked very much."""
NACK_TRIES = 4
LARGEST_GAP = 100
"""Packets; a wider hole is not worth asking for packet by packet: a whole picture mends it."""
MOST_FEEDBACK_SOURCES = 32
"""SSRCs a peer may use for RTCP: one per section of an eight-person call, and one for each that it sends on, rounded up."""
MAX_CHATTER = 50
"""Datagrams a second of a finished DTLS connection: repeated flights and a close are all that belongs there."""
REMB_INTERVAL = 1.0
LOWEST_ALLOWANCE = 64_000
"""Bits per second; below this no camera picture is worth sending."""
TYPE_BYTES = (0, 1)
"""The one clear byte before a sealed picture's SFrame header: whole, or a change to the one before."""
ACTIVE_SECONDS = 2.0
"""A stream silent for longer does not take part when a viewer's measured rate is shared out."""


class Allowance:
    """Two token buckets in one, for packets and for bytes, filled by passing time; each holds one second's worth."""

    __slots__ = ("byte_rate", "bytes", "filled_at", "packet_rate", "packets")

    def __init__(self, packet_rate: float, byte_rate: float, now: float) -> None:
        self.packet_rate, self.byte_rate, self.filled_at = packet_rate, byte_rate, now
        self.packets, self.bytes = packet_rate, byte_rate

    def take(self, size: int, now: float) -> bool:
        """Whether one packet of `size` bytes may pass; one that may not costs nothing."""
        if self.packets < 1 or self.bytes < size:
            passed, self.filled_at = now - self.filled_at, now
            self.packets = min(self.packet_rate, self.packets + passed * self.packet_rate)
            self.bytes = min(self.byte_rate, self.bytes + passed * self.byte_rate)
            if self.packets < 1 or self.bytes < size:
                return False
        self.packets -= 1
        self.bytes -= size
        return True

    def give_back(self, size: int) -> None:
        """It was not this device's packet: whoever forges its address must not use up what it may send."""
        self.packets += 1
        self.bytes += size


class Stream:
    """What one publisher sends on one section: its table of openings, and how well it arrives."""

    __slots__ = (
        "asked_at", "base", "clock", "clock_pair", "clock_pair_at", "jitter", "kind", "last_timestamp", "missing",
        "nacked_at", "next", "only", "openings", "payload_type", "publisher", "received", "refused", "reported",
        "seen_at", "ssrc", "transit",
    )  # fmt: skip

    def __init__(self, publisher: Peer, kind: Kind, only: str | None = None) -> None:
        self.publisher, self.kind = publisher, kind
        self.only = only
        """The one viewer for whom it was made; None: whoever may see (or hear) this publisher."""
        self.clock, self.payload_type = CLOCKS[kind], PAYLOAD_TYPES[kind]
        self.openings: list[Opening] = []
        self.restart(None)

    def restart(self, ssrc: int | None) -> None:
        """Begin to count anew, for the source pinned now (None: none yet)."""
        self.ssrc = ssrc
        self.next = self.base = -1
        """Extended sequence numbers: the next expected, and the first ever; -1 before the first packet."""
        self.received = 0
        self.reported = (0, 0)
        """Expected and received at the last report."""
        self.missing: dict[int, tuple[float, int]] = {}
        """Extended sequence number -> (when to ask again, how often asked)."""
        self.last_timestamp = -1
        self.refused = -1
        """The timestamp of the last picture whose beginning was refused: the rest of it has no label and goes the same way."""
        self.transit = self.jitter = 0.0
        self.seen_at = self.asked_at = self.nacked_at = float("-inf")
        self.clock_pair: tuple[int, int] | None = None
        """NTP and RTP time of the last sender report."""
        self.clock_pair_at = 0.0


class Opening:
    """One viewer's place for one stream. It is shut until it stands in a stream's list, and then `source` says which."""

    __slots__ = (
        "clock", "fraction_lost", "fresh", "last_at", "last_sequence", "last_timestamp", "octets", "packets",
        "publisher", "ring", "sequence_shift", "source", "ssrc", "timestamp_shift", "video", "viewer",
    )  # fmt: skip

    def __init__(self, viewer: Peer, publisher: str, kind: Kind, ssrc: int, ring_packets: int) -> None:
        self.viewer, self.publisher, self.ssrc = viewer, publisher, ssrc
        self.video, self.clock = kind == "video", CLOCKS[kind]
        self.source: Stream | None = None
        self.fresh = True
        """The next packet is the first since it was opened."""
        # A first sequence number in the lower half keeps libsrtp's guess of the rollover counter safe from a late packet.
        self.last_sequence = secrets.randbelow(0x4000) + 0x1000
        self.last_timestamp = secrets.randbits(32)
        self.last_at = 0.0
        self.sequence_shift = self.timestamp_shift = 0
        self.packets = self.octets = 0
        self.fraction_lost = 0
        self.ring: deque[tuple[float, int, bytes]] = deque(maxlen=ring_packets)
        """(when, sequence number, sealed packet), video only: for repeats."""

    def join(self, sequence: int, timestamp: int, now: float) -> None:
        """Shift the numbers so that this packet follows the last one sent here, at the pace of the clock."""
        pause = int((now - self.last_at) * self.clock) if self.packets else 0
        self.sequence_shift = self.last_sequence + 1 - sequence
        self.timestamp_shift = self.last_timestamp + max(pause, 1) - timestamp
        self.fresh = False


class Peer:
    """One person's device at this gate: where it is, its keys, what it sends, and what is kept open for it."""

    __slots__ = (
        "address", "addresses", "allowance", "answered", "by_ssrc", "chatter", "credentials", "deadline", "estimate",
        "estimate_at", "feedback_sources", "fingerprint", "handshake", "id", "kids", "lanes", "lost", "neg", "newest_kids",
        "offered", "once", "openings", "phase", "picture", "previous", "remb", "remb_at", "remote_ufrags", "repeats", "rx",
        "send", "session", "streams", "streams_by_ssrc", "tx", "unpinned", "voice", "windows",
    )  # fmt: skip

    def __init__(
        self, peer: str, laid: tuple[Window, ...], config: GateConfig, now: float, phase: int, picture: Picture = "each"
    ) -> None:
        self.id, self.windows, self.phase = peer, laid, phase
        self.picture: Picture = picture
        """How this peer sends its picture, by the last offer that it answered."""
        self.offered: Picture = picture
        """And by the last that was made."""
        self.session = secrets.randbits(62)
        self.neg = 0
        self.answered = 0
        """The last negotiation with an answer."""
        self.credentials = Credentials.fresh()
        self.previous: Credentials | None = None
        """During an ICE restart: the old ones, good until the new way is nominated."""
        self.remote_ufrags: dict[str, str] = {}
        """The gate's ufrag -> the client's, once answered."""
        self.addresses: dict[Address, tuple[float, str]] = {}
        """Proven addresses -> (when last proven, with which of the gate's ufrags)."""
        self.address: Address | None = None
        """Where media goes: the nominated one of them. None: nowhere."""
        self.send: Send | None = None
        self.fingerprint: str | None = None
        self.handshake: Handshake | None = None
        self.deadline: float | None = None
        self.kids: frozenset[int] = frozenset()
        """The key ids that this peer's packets may carry: those registered last and those before, while keys change."""
        self.newest_kids: frozenset[int] = frozenset()
        self.rx: Any = None
        self.tx: Any = None
        self.lost = False
        self.voice = Stream(self, "audio")
        self.lanes = {window.slot.publisher: Stream(self, "video", window.slot.publisher) for window in laid}
        """Viewer -> the picture that is made for them alone."""
        self.once = Stream(self, "video") if picture == "once" else None
        """The picture for all; where it was not laid out, there is none."""
        self.streams: dict[str, Stream] = {laid[0].slot.audio_mid: self.voice}
        """By mid: all that this peer may send."""
        self.streams |= {window.slot.video_mid: self.lanes[window.slot.publisher] for window in laid}
        if self.once is not None:
            self.streams[once_mid(laid)] = self.once
        self.streams_by_ssrc: dict[int, Stream] = {}
        self.unpinned: dict[int, Stream] = {}
        """Payload type -> stream that the peer may send without having announced its source."""
        self.feedback_sources: set[int] = set()
        self.openings = {
            (window.slot.publisher, kind): Opening(self, window.slot.publisher, kind, ssrc, config.ring_packets)
            for window in laid
            for kind, ssrc in window.ssrcs.items()
        }
        self.by_ssrc = {opening.ssrc: opening for opening in self.openings.values()}
        self.allowance = Allowance(config.max_packets_per_second, config.max_bits_per_second / 8, now)
        # its own, for whoever forges this address can use it up: nothing of a call is in there but a repeated flight or a close
        self.chatter = Allowance(MAX_CHATTER, MAX_CHATTER * 1500, now)
        self.repeats = Allowance(config.max_repeats_per_second, config.max_bits_per_second / 8, now)
        self.estimate: int | None = None
        """Bits per second that this viewer measured on its way from the gate (REMB)."""
        self.estimate_at = 0.0
        self.remb = 0
        """Bits per second that this publisher was last told it may send, all its pictures together."""
        self.remb_at = float("-inf")

    def source(self, viewer: str, kind: Kind) -> Stream:
        """What of this publisher goes to this viewer now. KeyError if nothing could."""
        if kind == "audio":
            return self.voice
        if self.picture == "each" or self.once is None:
            return self.lanes[viewer]
        return self.once


class Forwarder:
    """The packet path and its feedback. `counters` is shared with the gate; `packet` is where datagrams arrive."""

    def __init__(self, config: GateConfig, counters: dict[str, int], packet: Packet) -> None:
        self._config = config
        self._counters = counters
        self._in = packet
        self._out = Packet()
        self._gappy: set[Stream] = set()

    # -- the table -----------------------------------------------------------------------------------------------

    def open(self, source: Stream, opening: Opening, now: float) -> None:
        """Let a stream's packets through to an opening, from the next one on. ValueError if they were made for somebody else."""
        if source.only is not None and source.only != opening.viewer.id:
            raise ValueError("This picture was made for another viewer.")
        opening.source, opening.fresh = source, True
        source.openings.append(opening)
        self.ask_picture(source, now, forced=True)
        self.tell_allowance(source.publisher, now)

    def shut(self, opening: Opening) -> None:
        """Let nothing more through, repeats included. What was kept for repeats is gone when this returns."""
        source, opening.source = opening.source, None
        opening.ring.clear()
        opening.fraction_lost = 0
        if source is not None:
            source.openings.remove(opening)

    # -- one packet ----------------------------------------------------------------------------------------------

    def media(self, peer: Peer, size: int, now: float) -> None:
        """Forward the RTP packet of `size` bytes in the buffer. This is the path that is walked 50,000 times a second."""
        counters = self._counters
        if size < SMALLEST_RTP:
            counters["dropped_malformed"] += 1
            return
        _, second, sequence, timestamp, ssrc = HEADER.unpack_from(self._in.memory)
        stream = peer.streams_by_ssrc.get(ssrc)
        if stream is None or second & 0x7F != stream.payload_type:
            stream = peer.unpinned.get(second & 0x7F)
            if stream is None or ssrc in peer.streams_by_ssrc:
                counters["dropped_unknown_source"] += 1
                return
        if not peer.allowance.take(size, now):
            counters["dropped_over_rate"] += 1
            return
        LENGTH[0] = size
        error = unprotect(peer.rx, self._in.at, LENGTH)
        if error:
            peer.allowance.give_back(size)
            counters["dropped_replayed" if error in REPLAYS else "dropped_unauthentic"] += 1
            return
        size = LENGTH[0]
        if stream.ssrc != ssrc:
            self._pin(peer, stream, ssrc)
        if sequence == stream.next & 0xFFFF and stream.next >= 0:
            stream.next += 1
        else:
            self._out_of_order(stream, sequence, now)
        stream.received += 1
        if timestamp != stream.last_timestamp:
            self._first_of_frame(stream, timestamp, now)
        if not stream.openings:
            counters["media_before_open"] += 1
            return
        if not self._labelled(stream, timestamp, size):
            counters["dropped_unsealed"] += 1
            return
        source, packet = self._in.view[:size], self._out
        out, memory, at = packet.view, packet.memory, packet.at
        for opening in stream.openings:
            viewer = opening.viewer
            address, send = viewer.address, viewer.send
            if address is None or send is None or viewer.tx is None:
                counters["dropped_viewer_not_ready"] += 1
                continue
            if opening.fresh:
                opening.join(sequence, timestamp, now)
                self._tell_clock_pair(stream, opening)
            new_sequence = (sequence + opening.sequence_shift) & 0xFFFF
            new_timestamp = (timestamp + opening.timestamp_shift) & 0xFFFFFFFF
            out[:size] = source
            REWRITTEN.pack_into(memory, 2, new_sequence, new_timestamp, opening.ssrc)
            LENGTH[0] = size
            if protect(viewer.tx, at, LENGTH):
                counters["dropped_unsealable"] += 1
                continue
            sealed: Any = out[: LENGTH[0]]
            if opening.video:
                sealed = bytes(sealed)
                opening.ring.append((now, new_sequence, sealed))
            if (new_sequence - opening.last_sequence) & 0x8000 == 0:
                opening.last_sequence, opening.last_timestamp, opening.last_at = new_sequence, new_timestamp, now
            opening.packets += 1
            opening.octets += size - 12
            try:
                send(sealed, address)
            except OSError:
                counters["dropped_send_failed"] += 1
            else:
                counters["forwarded"] += 1

    def _labelled(self, stream: Stream, timestamp: int, size: int) -> bool:
        """Whether the opened packet in the buffer carries one of its publisher's key ids; of a picture, its first packet does."""
        memory, kids = self._in.memory, stream.publisher.kids
        if not kids:
            return False
        first = memory[0]
        at = 12 + 4 * (first & 0x0F)  # RFC 3550 section 5.1: the sources that were mixed, of which there are none
        if first & 0x10:  # section 5.3.1: a header extension
            if at + 4 > size:
                return False
            at += 4 + 4 * (memory[at + 2] << 8 | memory[at + 3])
        end = size
        if first & 0x20:  # section 5.1: padding, whose last byte says how much
            end -= memory[size - 1] or size
        if stream.kind == "audio":
            return at < end and _kid(memory, at, end) in kids
        if at >= end:
            return at == end  # nothing but padding, by which browsers measure a line
        begins = memory[at] & 0x17 == 0x10  # RFC 7741 section 4.2: S set and PID 0, the first packet of a picture
        if not begins:
            return timestamp != stream.refused
        at = _after_descriptor(memory, at)
        if at + 1 < end and memory[at] in TYPE_BYTES and _kid(memory, at + 1, end) in kids:
            return True
        stream.refused = timestamp
        return False

    def _pin(self, peer: Peer, stream: Stream, ssrc: int) -> None:
        stream.restart(ssrc)
        peer.streams_by_ssrc[ssrc] = stream
        del peer.unpinned[stream.payload_type]

    def _out_of_order(self, stream: Stream, sequence: int, now: float) -> None:
        """The first packet, a gap before this one, or a late one that fills a gap."""
        if stream.next < 0:
            stream.base, stream.next = sequence, sequence + 1
            stream.seen_at = now
            self.tell_allowance(stream.publisher, now)
            return
        ahead = (sequence - stream.next) & 0xFFFF
        if ahead >= 0x8000:
            stream.missing.pop(stream.next - (0x10000 - ahead), None)
            return
        gap = range(stream.next, stream.next + ahead)
        stream.next += ahead + 1
        if stream.kind != "video":
            return  # Opus carries the last frame's redundancy in the next one; a repeat would come too late
        if ahead + len(stream.missing) > LARGEST_GAP:
            stream.missing.clear()
            self.ask_picture(stream, now)
            return
        self._gappy.add(stream)
        if now - stream.nacked_at < NACK_PAUSE:
            stream.missing.update((number, (now, 0)) for number in gap)
            return
        stream.nacked_at = now
        stream.missing.update((number, (now + NACK_INTERVAL, 1)) for number in gap)
        self._say_missing(stream, list(gap))

    def _first_of_frame(self, stream: Stream, timestamp: int, now: float) -> None:
        """Jitter (RFC 3550 section 6.4.1), by the first packet of each frame: later ones are paced by the sender."""
        transit = now * stream.clock - timestamp
        if stream.last_timestamp >= 0:
            change = abs(transit - stream.transit)
            if change < 0x7FFFFFFF:  # not across a wrap of the timestamp
                stream.jitter += (change - stream.jitter) / 16
        stream.transit, stream.last_timestamp, stream.seen_at = transit, timestamp, now

    # -- feedback that arrives -----------------------------------------------------------------------------------

    def feedback(self, peer: Peer, size: int, now: float) -> None:
        """Obey the RTCP packet of `size` bytes in the buffer."""
        counters = self._counters
        if size < SMALLEST_RTCP:
            counters["dropped_malformed"] += 1
            return
        sender = int.from_bytes(self._in.view[4:8])
        if sender not in peer.feedback_sources and len(peer.feedback_sources) >= MOST_FEEDBACK_SOURCES:
            counters["dropped_unknown_source"] += 1
            return
        if not peer.allowance.take(size, now):
            counters["dropped_over_rate"] += 1
            return
        LENGTH[0] = size
        error = unprotect_rtcp(peer.rx, self._in.at, LENGTH)
        if error:
            peer.allowance.give_back(size)
            counters["dropped_replayed" if error in REPLAYS else "dropped_unauthentic"] += 1
            return
        peer.feedback_sources.add(sender)
        for packet in rtcp.read(bytes(self._in.view[: LENGTH[0]])):
            if isinstance(packet, rtp.RtcpSrPacket):
                self._clock_pair_told(peer, packet, now)
            if isinstance(packet, (rtp.RtcpSrPacket, rtp.RtcpRrPacket)):
                for report in packet.reports:
                    opening = peer.by_ssrc.get(report.ssrc)
                    if opening is not None and opening.source is not None:
                        opening.fraction_lost = report.fraction_lost
            elif isinstance(packet, rtp.RtcpRtpfbPacket) and packet.fmt == rtp.RTCP_RTPFB_NACK:
                self._repeat(peer, packet, now)
            elif isinstance(packet, rtp.RtcpPsfbPacket):
                self._picture_or_rate(peer, packet, now)

    def _clock_pair_told(self, peer: Peer, report: rtp.RtcpSrPacket, now: float) -> None:
        stream = peer.streams_by_ssrc.get(report.ssrc)
        if stream is None:
            return
        stream.clock_pair = (report.sender_info.ntp_timestamp, report.sender_info.rtp_timestamp)
        stream.clock_pair_at = now
        for opening in stream.openings:
            if not opening.fresh:
                self._tell_clock_pair(stream, opening)

    def _tell_clock_pair(self, stream: Stream, opening: Opening) -> None:
        if stream.clock_pair is None:
            return
        ntp, timestamp = stream.clock_pair
        shifted = timestamp + opening.timestamp_shift
        self.say(opening.viewer, rtcp.sender_report(opening.ssrc, ntp, shifted, opening.packets, opening.octets))

    def _repeat(self, peer: Peer, nack: rtp.RtcpRtpfbPacket, now: float) -> None:
        """Send again what a viewer misses, if it is still kept: the same sealed bytes, so no key is used twice."""
        opening = peer.by_ssrc.get(nack.media_ssrc)
        address, send = peer.address, peer.send
        if opening is None or opening.source is None or address is None or send is None:
            return
        wanted = rtcp.nacked(nack)
        oldest = now - self._config.ring_seconds
        for at, sequence, sealed in opening.ring:
            if sequence in wanted and at >= oldest:
                if not peer.repeats.take(len(sealed), now):
                    self._counters["dropped_over_rate"] += 1
                    return
                try:
                    send(sealed, address)
                except OSError:
                    self._counters["dropped_send_failed"] += 1
                else:
                    self._counters["repeated"] += 1

    def _picture_or_rate(self, peer: Peer, packet: rtp.RtcpPsfbPacket, now: float) -> None:
        for ssrc in rtcp.full_picture_targets(packet):
            opening = peer.by_ssrc.get(ssrc)
            if opening is not None and opening.source is not None:
                self.ask_picture(opening.source, now)
        if packet.fmt == rtp.RTCP_PSFB_APP and (estimate := rtcp.estimate(packet)) is not None:
            peer.estimate, peer.estimate_at = estimate, now
            for opening in peer.openings.values():
                if opening.video and opening.source is not None:
                    self.tell_allowance(opening.source.publisher, now)

    # -- what the gate says ---------------------------------------------------------------------------------------

    def say(self, peer: Peer, data: bytes) -> None:
        """Send one RTCP packet of the gate's own."""
        if peer.address is None or peer.send is None or peer.tx is None:
            return
        size = len(data)
        self._out.view[:size] = data
        LENGTH[0] = size
        if protect_rtcp(peer.tx, self._out.at, LENGTH):
            self._counters["dropped_unsealable"] += 1
            return
        try:
            peer.send(self._out.view[: LENGTH[0]], peer.address)
        except OSError:
            self._counters["dropped_send_failed"] += 1

    def ask_picture(self, stream: Stream, now: float, *, forced: bool = False) -> None:
        """Ask a publisher for a whole picture, at most once per PICTURE_INTERVAL unless an opening depends on it."""
        if stream.kind != "video" or stream.ssrc is None or stream.next < 0:
            return
        if forced or now - stream.asked_at >= PICTURE_INTERVAL:
            stream.asked_at = now
            self._counters["pictures_asked"] += 1
            self.say(stream.publisher, rtcp.picture_request(_voice(stream), stream.ssrc))

    def _say_missing(self, stream: Stream, extended: list[int]) -> None:
        if stream.ssrc is not None and extended:
            self._counters["missing_asked"] += len(extended)
            self.say(stream.publisher, rtcp.missing(_voice(stream), stream.ssrc, extended))

    def tell_allowance(self, peer: Peer, now: float) -> None:
        """Tell a publisher what it may send: at once when it falls, once a second otherwise. A browser takes the number for all its
        pictures together and gives each the same, so it is what the slowest viewer can take, once for every picture that flows."""
        pictures = [stream for stream in peer.streams.values() if stream.kind == "video" and stream.ssrc is not None]
        if not pictures:
            return
        flowing = [stream for stream in pictures if now - stream.seen_at < ACTIVE_SECONDS]
        target = self._target(flowing or pictures, max(1, len(flowing)), now)
        if target < peer.remb * 0.97 or now - peer.remb_at >= REMB_INTERVAL:
            peer.remb, peer.remb_at = target, now
            sources = [stream.ssrc for stream in pictures if stream.ssrc is not None]
            self.say(peer, rtcp.allowance(_voice(pictures[0]), sources, target))

    def _target(self, pictures: list[Stream], count: int, now: float) -> int:
        most = self._config.max_bits_per_second * 9 // 10
        shares = [_share(opening.viewer, now) for stream in pictures for opening in stream.openings]
        measured = [share for share in shares if share is not None]
        target = min(measured) if measured else self._config.start_bits_per_second
        return max(LOWEST_ALLOWANCE, min(most, target * count))

    def report(self, peer: Peer, now: float) -> None:
        """Once a second: tell a publisher how its streams arrive, and what it may send."""
        reports = []
        for stream in peer.streams.values():
            if stream.ssrc is not None and stream.next >= 0:
                reports.append(_reception(stream, now))
        if reports:
            self.tell_allowance(peer, now)
            self.say(peer, rtcp.receiver_report(_voice(peer.voice), reports))

    def ask_again(self, now: float) -> None:
        """A few times a second: ask again for what is still missing, and give up on what is too late."""
        for stream in list(self._gappy):
            due = [number for number, (at, _) in stream.missing.items() if at <= now]
            again = []
            for number in due:
                tries = stream.missing.pop(number)[1]
                if tries < NACK_TRIES:
                    stream.missing[number] = (now + NACK_INTERVAL, tries + 1)
                    again.append(number)
            self._say_missing(stream, sorted(again))
            if not stream.missing:
                self._gappy.discard(stream)

    def forget_old(self, peer: Peer, oldest: float) -> None:
        """Drop what was kept for repeats before `oldest`."""
        for opening in peer.openings.values():
            ring = opening.ring
            while ring and ring[0][0] < oldest:
                ring.popleft()

    def leave(self, peer: Peer) -> None:
        """Forget a peer's gaps; its openings are shut by then."""
        self._gappy.difference_update(peer.streams.values())


def _after_descriptor(memory: bytearray, at: int) -> int:
    """Where a VP8 payload begins behind its descriptor (RFC 7741 section 4.2). The buffer is larger than any packet, so what lies
    behind the packet's end may be read, and is told apart by the caller."""
    if not memory[at] & 0x80:
        return at + 1
    extended = memory[at + 1]
    at += 2
    if extended & 0x80:  # I: a picture id of 7 or 15 bits
        at += 2 if memory[at] & 0x80 else 1
    if extended & 0x40:  # L
        at += 1
    return at + 1 if extended & 0x30 else at  # T or K, which share a byte


def _kid(memory: bytearray, at: int, end: int) -> int:
    """The key id in an SFrame header (RFC 9605 section 4.3), written the shortest way; -1 if there is none. That of a picture sealed for
    one viewer alone has a byte more, 16 + the viewer's place: it counts as what stands behind that."""
    config = memory[at]
    if not config & 0x80:
        return config >> 4
    if config & 0x70 == 0x10:
        return memory[at + 2] if at + 2 < end and memory[at + 1] & 0xF0 == 0x10 else -1
    if config & 0x70 or at + 1 >= end:
        return -1
    kid = memory[at + 1]
    return kid if kid > 7 else -1


def _voice(stream: Stream) -> int:
    """The SSRC under which the gate speaks to a publisher: the first one it announced to it."""
    return stream.publisher.windows[0].ssrcs[stream.kind]


def _share(viewer: Peer, now: float) -> int | None:
    """A viewer's measured rate, shared equally among the cameras it is watching; None if it measured nothing yet."""
    if viewer.estimate is None:
        return None
    watching = sum(
        1
        for opening in viewer.openings.values()
        if opening.video and opening.source is not None and now - opening.source.seen_at < ACTIVE_SECONDS
    )
    return viewer.estimate // max(1, watching)


def _reception(stream: Stream, now: float) -> rtp.RtcpReceiverInfo:
    """One report block (RFC 3550 section 6.4.1 and appendix A.3); the fraction lost is the worse of both halves of the way,
    so that the publisher slows down for a viewer on a bad line too."""
    expected = stream.next - stream.base
    expected_now, received_now = expected - stream.reported[0], stream.received - stream.reported[1]
    stream.reported = (expected, stream.received)
    lost = max(0, expected_now - received_now)
    fraction = min(255, (lost << 8) // expected_now) if expected_now > 0 else 0
    last = (stream.clock_pair[0] >> 16) & 0xFFFFFFFF if stream.clock_pair else 0
    since = min(0xFFFFFFFF, int((now - stream.clock_pair_at) * 65536)) if stream.clock_pair else 0
    return rtp.RtcpReceiverInfo(
        ssrc=stream.ssrc or 0,
        fraction_lost=max([fraction, *(opening.fraction_lost for opening in stream.openings)]),
        packets_lost=rtp.clamp_packets_lost(expected - stream.received),
        highest_sequence=(stream.next - 1) & 0xFFFFFFFF,
        jitter=int(stream.jitter) & 0xFFFFFFFF,
        lsr=last,
        dlsr=since,
    )
