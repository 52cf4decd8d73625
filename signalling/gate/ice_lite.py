"""ICE-lite (RFC 8445 section 2.5): the gate never looks for anybody; it answers whoever can prove to be expected.

A connectivity check counts only if it has a correct FINGERPRINT, a USERNAME that names a peer and
a MESSAGE-INTEGRITY made with that peer's password (RFC 8445 section 7.3). Everything else is dropped without an answer,
so the gate cannot be used to bounce traffic and does not tell a stranger that it is there. Only after such
a check does a source address belong to a peer, and only then is a single byte of DTLS looked at.

The message itself is read and written by aioice.stun, a module without a promise: pinned, with a contract test.
"""

from __future__ import annotations

import secrets
import string
import struct
from dataclasses import dataclass

from aioice import stun

ICE_CHARS = frozenset(string.ascii_letters + string.digits + "+/")
"""RFC 8839 section 5.4."""

BINDING_REQUEST = b"\x00\x01"
COOKIE = b"\x21\x12\xa4\x42"
FINGERPRINT = b"\x80\x28\x00\x04"
"""Type and length of the attribute that ends every check (RFC 8489 section 14.7); aioice compares its value."""
LONGEST_CHECK = 600
"""Bytes. A browser's check is about 120; ufrag and padding may stretch it, nothing makes it this long."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The gate's name and password for one negotiation of one peer; the client's own name once its answer is in."""

    ufrag: str
    password: str

    @classmethod
    def fresh(cls) -> Credentials:
        """New random ones: 48 bits of name, 144 bits of password (RFC 8445 section 5.3 asks for 24 and 128)."""
        return cls(secrets.token_hex(6), secrets.token_hex(18))


@dataclass(frozen=True, slots=True)
class Check:
    """A well-formed connectivity check that nobody has believed yet."""

    message: stun.Message
    ufrag: str
    """The gate's half of the USERNAME."""
    remote_ufrag: str
    """The client's half."""
    nominates: bool
    """USE-CANDIDATE: the client has chosen this way (RFC 8445 section 8.1.1)."""
    claims_control: bool
    """False if it says ICE-CONTROLLED, which the gate itself always is."""


def read_check(datagram: bytes) -> Check | None:
    """The check in a datagram, or None: not a binding request, malformed, no FINGERPRINT, no usable USERNAME."""
    if len(datagram) > LONGEST_CHECK or datagram[:2] != BINDING_REQUEST or datagram[4:8] != COOKIE:
        return None
    if datagram[-8:-4] != FINGERPRINT:
        return None
    try:
        message = stun.parse_message(datagram)
    except (ValueError, IndexError, struct.error):
        return None
    attributes = message.attributes
    if "MESSAGE-INTEGRITY" not in attributes:
        return None
    ufrag, colon, remote = str(attributes.get("USERNAME", "")).partition(":")
    if not colon:
        return None
    return Check(message, ufrag, remote, "USE-CANDIDATE" in attributes, "ICE-CONTROLLED" not in attributes)


def is_authentic(check: Check, password: str) -> bool:
    """Whether the check was made by somebody who knows the password; compared in constant time by aioice."""
    return check.message.check_message_integrity(password.encode("ascii"))


def reply(check: Check, password: str, address: tuple[str, int]) -> bytes:
    """The success response, telling the client the address it was seen from (RFC 8489 section 6.3.1.1)."""
    answer = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE,
        transaction_id=check.message.transaction_id,
        attributes={"XOR-MAPPED-ADDRESS": (address[0].partition("%")[0], address[1])},
    )
    answer.add_message_integrity(password.encode("ascii"))
    return bytes(answer)


def role_conflict(check: Check, password: str) -> bytes:
    """The 487 that makes a client take control, since a lite agent cannot (RFC 8445 section 7.3.1.1)."""
    answer = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.ERROR,
        transaction_id=check.message.transaction_id,
        attributes={"ERROR-CODE": (487, "Role Conflict")},
    )
    answer.add_message_integrity(password.encode("ascii"))
    return bytes(answer)
