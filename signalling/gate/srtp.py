"""SRTP with AEAD keys, in place: a packet is opened and sealed where it lies, without a copy into another buffer.

pylibsrtp's public `Session.protect` copies a packet in, allocates a length, and copies it out again; that is
a third of the cost of forwarding (docs/decisions/0001-the-gate.md). So this file, and only this file, reaches for
pylibsrtp's private binding. `tests/unit/test_gate_contract.py` holds the names we use; the version is pinned.

Replay protection (RFC 3711 section 3.3.2) is on in both directions. Outwards it is what makes a sequence number
impossible to use twice with one key, which AES-GCM must never do (RFC 7714 section 8): repeats send the same
sealed bytes again instead of sealing anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]  # a compiled module without stubs

ROOM = 2048
"""Bytes of a packet buffer: an Ethernet frame (1500), SRTP's trailer (at most 148), rounded up."""

REPLAY_WINDOW = 1024
"""Packets that may arrive out of order; six seconds of 720p video."""

TAG = 16
"""Bytes that AEAD adds to a packet (RFC 7714 section 12)."""

LENGTH = ffi.new("int *")
"""The one in-and-out length that libsrtp reads and writes; the gate lives on one thread."""

protect = lib.srtp_protect
unprotect = lib.srtp_unprotect
protect_rtcp = lib.srtp_protect_rtcp
unprotect_rtcp = lib.srtp_unprotect_rtcp

REPLAYS = frozenset({9, 10})
"""libsrtp's srtp_err_status_replay_fail and srtp_err_status_replay_old; every other error is "not authentic"."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to protect media: its OpenSSL name, its libsrtp number, and the bytes of key and salt it needs."""

    name: bytes
    number: int
    key: int
    salt: int


PROFILES = (
    Profile(b"SRTP_AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
)
"""In order of preference (RFC 7714 section 14.2). The CM-SHA1 profiles are left out: every browser has AEAD."""


class Packet:
    """A packet buffer that Python and libsrtp share: `view` for Python, `at` for C."""

    __slots__ = ("at", "memory", "view")

    def __init__(self) -> None:
        self.memory = bytearray(ROOM)
        self.view = memoryview(self.memory)
        self.at: Any = ffi.from_buffer("char[]", self.memory)


class Key:
    """One direction of one peer. `raw` is what the functions above take; it lives as long as this object does."""

    __slots__ = ("_session", "raw")

    def __init__(self, profile: Profile, secret: bytes, *, inbound: bool) -> None:
        policy = Policy(
            key=secret,
            ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=profile.number,
        )
        policy.window_size = REPLAY_WINDOW
        self._session = Session(policy)
        self.raw: Any = self._session._srtp[0]


def split_keys(profile: Profile, material: bytes) -> tuple[bytes, bytes]:
    """The client's and the server's secret (key and salt) out of the exported material (RFC 5764 section 4.2)."""
    key, salt = profile.key, profile.salt
    salts = material[2 * key :]
    return material[:key] + salts[:salt], material[key : 2 * key] + salts[salt : 2 * salt]
