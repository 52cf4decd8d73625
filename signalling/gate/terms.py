"""The words the gate and the hub share: what may be set, what may be offered, what went wrong, what happened.

Nothing here does anything. A peer is an opaque string chosen by the hub; the gate never learns who is behind it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

Kind = Literal["audio", "video"]

Picture = Literal["each", "once"]
"""How a publisher sends its picture: "each" viewer's own on the video section of that viewer's slot, from where it goes to that
viewer and nobody else; or "once", on a section of its own, from where it goes to everybody who may see it."""

LONGEST_RING = 2.0
"""Seconds of sealed packets that may wait for a repeat request: the promise "nothing is kept" has this one edge."""

MOST_SLOTS = 7
"""A call carries up to eight people, so nobody looks at more than seven others."""


@dataclass(frozen=True, slots=True)
class GateConfig:
    """How one worker's gate listens and what it will bear. Rates are per second, times are seconds."""

    host4: str | None = "0.0.0.0"  # noqa: S104 - media must reach the gate from outside; every datagram is authenticated
    host6: str | None = "::"
    port: int = 0
    """UDP port, the same for both families; 0 lets the system choose."""
    public_addresses: tuple[str, ...] = ()
    """Addresses told to browsers (a 1:1 NAT's outside, for example); empty: the host's own, loopback only if alone."""
    consent_seconds: float = 30.0
    """RFC 7675 section 5.1: thirty seconds without an authenticated check and the gate stops sending."""
    handshake_seconds: float = 15.0
    """From the answer to usable keys; a browser needs less than one second on a bad line."""
    max_packets_per_second: int = 800
    """Per peer, inwards. A 720p camera and a microphone make about 220; the rest is room for feedback and bursts."""
    max_bits_per_second: int = 4_000_000
    """Per peer, inwards. 720p at 30 pictures asks for about 1.7 Mbit/s; the sender is told to stay below nine tenths."""
    max_repeats_per_second: int = 250
    """Per viewer, outwards: packets sent again on request, so that a viewer cannot make the gate shout."""
    start_bits_per_second: int = 1_000_000
    """What a publisher is told it may send before any viewer has measured the way."""
    ring_seconds: float = LONGEST_RING
    ring_packets: int = 512
    """Per opened video: two seconds of 720p are about 310 packets."""
    max_peers: int = 1024
    max_handshakes: int = 64
    """Handshakes under way at once; more wait for the client's own retransmission (one costs about a millisecond)."""

    def __post_init__(self) -> None:
        if self.host4 is None and self.host6 is None:
            raise ValueError("The gate needs an IPv4 or an IPv6 address to listen on.")
        for version, host in ((4, self.host4), (6, self.host6)):
            if host is not None and not _is_address(host, version):
                raise ValueError(f"The gate cannot listen on {host!r}: that is not an IPv{version} address.")
        for address in self.public_addresses:
            if not _is_address(address, 4) and not _is_address(address, 6):
                raise ValueError(f"The gate cannot be reached at {address!r}: that is not an IP address.")
        if not 0 <= self.port <= 65535:
            raise ValueError("The gate's port must lie between 0 and 65535.")
        if not 0 < self.ring_seconds <= LONGEST_RING:
            raise ValueError(f"The gate may keep packets for repeats for at most {LONGEST_RING:g} seconds.")
        for name in (
            "consent_seconds", "handshake_seconds", "max_packets_per_second", "max_bits_per_second",
            "max_repeats_per_second", "start_bits_per_second", "ring_packets", "max_peers", "max_handshakes",
        ):  # fmt: skip
            if getattr(self, name) <= 0:
                raise ValueError(f"The gate's {name} must be more than zero.")


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


class GateUnavailable(Exception):
    """The gate cannot listen, or has no room for another peer. The operator's fault or fate, said in one sentence."""


class SdpRejected(Exception):
    """A browser's answer is not one the gate will live with. The client's fault; `code` is from `sdp.REFUSALS`."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in a peer's offer, kept for one publisher: a pair of media sections, by their SDP mids."""

    publisher: str
    audio_mid: str
    video_mid: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What the client must answer. `neg` counts a peer's offers from 1 and comes back with the answer."""

    sdp: str
    neg: int
    slots: tuple[Slot, ...]
    picture: Picture = "each"
    once_mid: str = ""
    """The section on which a picture that is sent once goes; empty where none was laid out."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The peer's keys are agreed and its fingerprint is the one in its answer; also after a recovered loss."""

    peer: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing is sent to this peer any more. `why`: consent_expired, handshake_timeout, bad_fingerprint,
    weak_srtp, or closed_by_peer. Only the first can be mended (with `restart_ice`)."""

    peer: str
    why: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One change of the who-sees-whom table, at the moment it took effect. `at` is seconds since 1970."""

    at: float
    what: Literal["allow", "cut"]
    publisher: str
    viewer: str
    kind: Kind


GateEvent = Connected | Lost | Fact
