"""RTCP (RFC 3550, 4585, 5104, and REMB): what the gate hears from peers and what it says for itself.

Reading and writing single packets is aiortc's (aiortc.rtp, a module without a promise: pinned, with a contract test).
What lives here is what the gate says: "send a whole picture", "these are missing", "so much may you send", and its own
report on what it received. Everything is reduced-size RTCP (RFC 5506); no packet says anything about a person.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from aiortc import rtp

Packets = Sequence[rtp.AnyRtcpPacket]

MOST_NACKED = 512
"""Sequence numbers one feedback packet may ask for: as many as a ring holds."""
MOST_REPORTS = 31
"""What the five-bit count of a report can say (RFC 3550 section 6.4.2)."""


def read(data: bytes) -> Packets:
    """The packets of a compound, or none at all if any of it is malformed."""
    try:
        return rtp.RtcpPacket.parse(data)
    except (ValueError, IndexError, struct.error):
        return ()


def picture_request(sender: int, ssrc: int) -> bytes:
    """Picture Loss Indication (RFC 4585 section 6.3.1)."""
    return bytes(rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_PLI, ssrc=sender, media_ssrc=ssrc))


def missing(sender: int, ssrc: int, extended: Sequence[int]) -> bytes:
    """Generic NACK (RFC 4585 section 6.2.1) for extended sequence numbers in ascending order.

    One packet per round of the 16-bit numbers, because a packet's own arithmetic does not go around.
    """
    rounds: dict[int, list[int]] = {}
    for number in extended:
        rounds.setdefault(number >> 16, []).append(number & 0xFFFF)
    return b"".join(
        bytes(rtp.RtcpRtpfbPacket(fmt=rtp.RTCP_RTPFB_NACK, ssrc=sender, media_ssrc=ssrc, lost=lost))
        for lost in rounds.values()
    )


def nacked(packet: rtp.RtcpRtpfbPacket) -> set[int]:
    """The sequence numbers a NACK asks for, brought back into 16 bits."""
    return {number & 0xFFFF for number in packet.lost[:MOST_NACKED]}


def allowance(sender: int, ssrcs: Sequence[int], bits_per_second: int) -> bytes:
    """Receiver Estimated Maximum Bitrate (draft-alvestrand-rmcat-remb-03), for these sources together."""
    fci = rtp.pack_remb_fci(bits_per_second, list(ssrcs))
    return bytes(rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_APP, ssrc=sender, media_ssrc=0, fci=fci))


def estimate(packet: rtp.RtcpPsfbPacket) -> int | None:
    """The bit rate in a REMB, or None if the packet is some other application's."""
    try:
        bits_per_second, _ = rtp.unpack_remb_fci(packet.fci)
    except (ValueError, IndexError, struct.error):
        return None
    return bits_per_second


def full_picture_targets(packet: rtp.RtcpPsfbPacket) -> list[int]:
    """The SSRCs that a PLI (its media source) or a FIR (its entries, RFC 5104 section 4.3.1) asks a picture of."""
    if packet.fmt == rtp.RTCP_PSFB_PLI:
        return [packet.media_ssrc]
    if packet.fmt == rtp.RTCP_PSFB_FIR:
        return [int.from_bytes(packet.fci[at : at + 4]) for at in range(0, min(len(packet.fci), 64) - 7, 8)]
    return []


def sender_report(ssrc: int, ntp: int, rtp_timestamp: int, packets: int, octets: int) -> bytes:
    """A publisher's clock pair, told under the viewer's SSRC: what keeps lips and voice together."""
    info = rtp.RtcpSenderInfo(ntp, rtp_timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return bytes(rtp.RtcpSrPacket(ssrc=ssrc, sender_info=info))


def receiver_report(sender: int, reports: list[rtp.RtcpReceiverInfo]) -> bytes:
    """The gate's own report to a publisher (RFC 3550 section 6.4.2)."""
    return bytes(rtp.RtcpRrPacket(ssrc=sender, reports=reports[:MOST_REPORTS]))
