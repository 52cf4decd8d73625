"""DTLS 1.2 as the passive side, for one purpose: to agree on SRTP keys with exactly the peer that answered.

pyOpenSSL speaks to two memory buffers instead of a socket. A buffer forgets where one datagram ended and the next began,
so datagrams are fed one at a time, checked to be whole records first, and what OpenSSL wants to say is cut
at record boundaries again.

A peer's certificate is believed only by its SHA-256 fingerprint from the SDP answer (RFC 8122, RFC 8827 section 6.5); no
keys leave this file before that comparison. What goes wrong inside a handshake never raises: a broken one is thrown
away and a fresh one waits for the client's next flight, until the gate's own time limit ends it.
"""

from __future__ import annotations

import datetime
import hmac
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from signalling.gate.srtp import PROFILES, Key, split_keys

DTLS_1_2 = 0xFEFD
RECORD_VERSIONS = (b"\xfe\xff", b"\xfe\xfd")
"""A client's first flight still says DTLS 1.0 in its record header (RFC 6347 section 4.1)."""
RECORD_HEADER = 13
ALERT = 21
MAX_RECORD = 16_384
"""Bytes of one record (RFC 6347 section 4.1): less would leave the rest waiting in memory."""
MTU = 1200
"""Bytes of one handshake datagram: below every path a browser's own media (1200 and header) can cross."""
CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
CERTIFICATE_LIFE = datetime.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker's certificate: one OpenSSL context for all its peers, and the fingerprint that goes into every offer."""

    context: SSL.Context
    fingerprint: str


def new_identity() -> Identity:
    """A fresh self-signed P-256 certificate that names nobody. It is never stored, and dies with the worker."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
    now = datetime.datetime.now(tz=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + CERTIFICATE_LIFE)
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(DTLS_1_2)
    context.set_max_proto_version(DTLS_1_2)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # Any certificate is let through here, because none is signed by anybody: `Handshake` compares its fingerprint.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_cipher_list(CIPHERS)
    context.set_tlsext_use_srtp(b":".join(profile.name for profile in PROFILES))
    return Identity(context, fingerprint_of(certificate))


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 as SDP writes it: upper-case pairs with colons (RFC 8122 section 5)."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def whole_records(datagram: bytes) -> bool:
    """Whether a datagram is nothing but complete DTLS records, none of them an alert sent in clear.

    Anybody who can forge the client's address could write a clear alert and so stop a handshake; a true one costs
    us nothing to ignore, since the gate's own time limit ends a handshake that went nowhere.
    """
    at, end = 0, len(datagram)
    while at < end:
        if end - at < RECORD_HEADER or datagram[at + 1 : at + 3] not in RECORD_VERSIONS:
            return False
        if datagram[at] == ALERT and datagram[at + 3 : at + 5] == b"\x00\x00":
            return False
        at += RECORD_HEADER + int.from_bytes(datagram[at + 11 : at + 13])
    return at == end and end > 0


def into_datagrams(flight: bytes) -> list[bytes]:
    """Cut what OpenSSL wrote into datagrams of whole records, each as full as MTU allows."""
    datagrams: list[bytes] = []
    start = at = 0
    while at + RECORD_HEADER <= len(flight):
        following = at + RECORD_HEADER + int.from_bytes(flight[at + 11 : at + 13])
        if following - start > MTU and at > start:
            datagrams.append(flight[start:at])
            start = at
        at = following
    if at > start:
        datagrams.append(flight[start:at])
    return datagrams


class Handshake:
    """One peer's DTLS association, seen from the server. `state` goes shaking, then done or refused, then closed."""

    def __init__(self, identity: Identity, fingerprint: str) -> None:
        self._context = identity.context
        self._expected = fingerprint
        self._connection = self._begin()
        self.state = "shaking"
        self.why = ""
        """After `refused`: bad_fingerprint or weak_srtp."""
        self.keys: tuple[Key, Key] | None = None
        """Inbound and outbound, once the state is done."""

    def _begin(self) -> SSL.Connection:
        connection = SSL.Connection(self._context)
        connection.set_ciphertext_mtu(MTU)
        connection.set_accept_state()
        return connection

    def feed(self, datagram: bytes) -> list[bytes]:
        """Take one datagram of whole records; give back the datagrams to send."""
        connection = self._connection
        try:
            connection.bio_write(datagram)
            if self.state == "shaking":
                connection.do_handshake()
                self._finish()
            else:
                while connection.recv(
                    MAX_RECORD
                ):  # there is no data channel: what an application sends is read and forgotten
                    pass
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state = "closed"
        except SSL.Error:
            if self.state == "shaking":
                self._connection = self._begin()
                return []
        return self._flight()

    def wake(self) -> list[bytes]:
        """Repeat the last flight if its time has come (RFC 6347 section 4.2.4). To be called a few times a second."""
        connection = self._connection
        try:
            timeout = connection.DTLSv1_get_timeout()
            if timeout is None or timeout > 0:
                return []
            connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self._connection = self._begin()
            return []
        return self._flight()

    def close(self) -> list[bytes]:
        """The close_notify for the client, as good manners: the keys are forgotten whether it arrives or not."""
        self.keys = None
        self.state = "closed"
        try:
            self._connection.shutdown()
        except SSL.Error:
            return []
        return self._flight()

    def _flight(self) -> list[bytes]:
        try:
            return into_datagrams(self._connection.bio_read(65536))
        except SSL.Error:
            return []

    def _finish(self) -> None:
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        seen = fingerprint_of(certificate) if certificate is not None else ""
        if not hmac.compare_digest(seen.encode("ascii"), self._expected.encode("ascii")):
            self.state, self.why = "refused", "bad_fingerprint"
            return
        chosen = self._connection.get_selected_srtp_profile()
        profile = next((p for p in PROFILES if p.name == chosen), None)
        if profile is None:
            self.state, self.why = "refused", "weak_srtp"
            return
        material = self._connection.export_keying_material(
            b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt)
        )  # RFC 5764 section 4.2
        client, server = split_keys(profile, material)
        self.keys = (Key(profile, client, inbound=True), Key(profile, server, inbound=False))
        self.state = "done"
