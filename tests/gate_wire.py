"""A device made of bytes: it speaks STUN, DTLS and SRTP to the gate by hand, so that a test can say exactly what is sent.

A well-behaved one connects like a browser; every step can also be taken wrongly, late, twice, or from somewhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from aioice import stun
from aiortc import rtp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from signalling.gate import Offer
from signalling.gate.dtls import CIPHERS, fingerprint_of, into_datagrams
from signalling.gate.srtp import PROFILES, split_keys
from tests.seal_twin import encode_header

KIDS = {"audio": 0x10, "video": 0x11}
"""The key ids under which a wire's packets go, unless a test says otherwise: those of a second person in a call."""
SOON = 5.0
"""Seconds to wait for what must come."""


def sealed_payload(kind: str, kid: int, body: bytes = bytes(99), *, descriptor: bytes = b"\x10") -> bytes:
    """What a frame sealed under this key id looks like on the way, in one packet: the label is real, the rest is not."""
    sealed = encode_header(kid, 300) + body
    return sealed if kind == "audio" else descriptor + b"\0" + sealed


def certificate() -> tuple[Any, Any]:
    """A key and a certificate as a browser makes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    now = datetime.datetime.now(tz=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, made


IDENTITY = certificate()


@dataclass
class Media:
    """One RTP packet as it was read: sealed and plain."""

    sealed: bytes
    ssrc: int
    sequence: int
    timestamp: int
    payload_type: int
    payload: bytes
    plain: bytes


@dataclass
class Wire:
    """One device. `ssrcs` are what it announces for its voice and for the picture on the first slot; None leaves the a=ssrc lines
    out. The picture on a later slot goes under the second and that slot's mid."""

    offer: Offer
    ufrag: str = "wire"
    password: str = "w" * 24
    ssrcs: tuple[int, int] | None = (0x11111111, 0x22222222)
    profiles: bytes = b":".join(profile.name for profile in PROFILES)
    media: list[Media] = field(default_factory=list)
    feedback: list[Any] = field(default_factory=list)
    checks: list[stun.Message] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self.read_offer(self.offer)
        family = socket.AF_INET6 if ":" in self.gate[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((self.gate[0], 0))
        key, made = IDENTITY
        self.fingerprint = fingerprint_of(made)
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.use_privatekey(key)
        context.use_certificate(made)
        context.set_cipher_list(CIPHERS)
        context.set_tlsext_use_srtp(self.profiles)
        self.tls = SSL.Connection(context)
        self.tls.set_connect_state()
        self.rx: Session | None = None
        self.tx: Session | None = None
        self.sequences: dict[str, int] = {}
        self.timestamps: dict[str, int] = {}
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    def read_offer(self, offer: Offer) -> None:
        self.offer = offer
        self.gate_ufrag = _first(r"a=ice-ufrag:(\S+)", offer.sdp)
        self.gate_password = _first(r"a=ice-pwd:(\S+)", offer.sdp)
        host, port = _first(r"a=candidate:\S+ 1 udp \d+ (\S+ \d+)", offer.sdp).split()
        self.gate = (host, int(port))
        self.gate_ssrcs = [int(ssrc) for ssrc in dict.fromkeys(re.findall(r"a=ssrc:(\d+) ", offer.sdp))]

    @property
    def address(self) -> tuple[Any, ...]:
        address: tuple[Any, ...] = self.socket.getsockname()
        return address

    def answer(self) -> str:
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
        sections = 2 * len(self.offer.slots) + bool(self.offer.once_mid)
        lines.append("a=group:BUNDLE " + " ".join(str(n) for n in range(sections)))
        for number in range(sections):
            audio = number % 2 == 0 and str(number) != self.offer.once_mid
            lines += [
                f"m={'audio' if audio else 'video'} 9 UDP/TLS/RTP/SAVPF {96 if audio else 97}",
                "c=IN IP4 0.0.0.0",
                f"a=mid:{number}",
                "a=recvonly"
                if audio and number
                else "a=sendonly"
                if str(number) == self.offer.once_mid
                else "a=sendrecv",
                "a=rtcp-mux",
                f"a=ice-ufrag:{self.ufrag}",
                f"a=ice-pwd:{self.password}",
                f"a=fingerprint:sha-256 {self.fingerprint}",
                "a=setup:active",
                "a=rtpmap:96 opus/48000/2" if audio else "a=rtpmap:97 VP8/90000",
            ]
            if self.ssrcs is not None and (number == 0 or not audio):
                lines.append(f"a=ssrc:{self.ssrcs[0] if audio else self.picture_ssrc(str(number))} cname:x")
        return "\r\n".join(lines) + "\r\n"

    def picture_ssrc(self, mid: str) -> int:
        """Under which source the picture on this section goes."""
        assert self.ssrcs is not None
        return self.ssrcs[1] + (0 if mid == "1" else int(mid))

    def mid_for(self, viewer: str) -> str:
        """The section on which the picture for this viewer goes, or for "all"."""
        if viewer == "all":
            return self.offer.once_mid
        return next(slot.video_mid for slot in self.offer.slots if slot.publisher == viewer)

    # -- sending ----------------------------------------------------------------------------------------------------

    def send(self, datagram: bytes) -> None:
        self.socket.sendto(datagram, self.gate)

    def check(
        self,
        *,
        nominate: bool = True,
        password: str | None = None,
        username: str | None = None,
        control: bool = True,
        fingerprint: bool = True,
    ) -> bytes:
        """One connectivity check, as bytes."""
        attributes: dict[str, Any] = {
            "USERNAME": username or f"{self.gate_ufrag}:{self.ufrag}",
            "PRIORITY": 1,
            "ICE-CONTROLLING" if control else "ICE-CONTROLLED": 7,
        }
        if nominate:
            attributes["USE-CANDIDATE"] = None
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes=attributes)
        message.add_message_integrity((password or self.gate_password).encode())
        if not fingerprint:
            del message.attributes["FINGERPRINT"]
        return bytes(message)

    def packet(self, kind: str, *, skip: int = 0, payload: bytes | None = None, **other: Any) -> bytes:
        """The next RTP packet of a kind, sealed; `skip` leaves a gap before it. Without a payload of its own it carries one that
        looks sealed under `KIDS`. `to`: for whom the picture is made; else it goes on the first slot."""
        assert self.tx is not None
        assert self.ssrcs is not None or "ssrc" in other
        audio = kind == "audio"
        mid = self.mid_for(other["to"]) if "to" in other else "0" if audio else "1"
        self.sequences[mid] = (self.sequences.get(mid, 1000 if audio else 2000) + 1 + skip) & 0xFFFF
        self.timestamps[mid] = self.timestamps.get(mid, 5000 if audio else 6000) + other.get(
            "later", 960 if audio else 3000
        )
        plain = struct.pack(
            "!BBHII",
            other.get("first", 0x80),
            other.get("payload_type", 96 if audio else 97),
            self.sequences[mid],
            self.timestamps[mid],
            other.get("ssrc") or (self.ssrcs or (0, 0))[0] if audio else other.get("ssrc") or self.picture_ssrc(mid),
        )
        sealed: bytes = self.tx.protect(plain + (sealed_payload(kind, KIDS[kind]) if payload is None else payload))
        return sealed

    def say(self, *packets: Any) -> None:
        """Send RTCP."""
        assert self.tx is not None
        self.send(self.tx.protect_rtcp(b"".join(bytes(packet) for packet in packets)))

    # -- connecting -------------------------------------------------------------------------------------------------

    async def reach(self) -> None:
        """Prove the address and have it nominated."""
        self._reader = self._reader or asyncio.create_task(self._read())
        before = len(self.checks)
        self.send(self.check())
        await self.until(lambda: len(self.checks) > before)

    async def connect(self) -> None:
        """All of it: check, handshake, keys."""
        await self.reach()
        self._shake()
        await self.until(lambda: self.tx is not None)

    def hello(self) -> bytes:
        """The first DTLS datagram."""
        with contextlib.suppress(SSL.WantReadError):
            self.tls.do_handshake()
        return into_datagrams(self.tls.bio_read(65536))[0]

    def _shake(self) -> None:
        try:
            if self.tx is None:
                self.tls.do_handshake()
                self._keys()
            else:
                self.tls.recv(1)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        try:
            for datagram in into_datagrams(self.tls.bio_read(65536)):
                self.send(datagram)
        except SSL.Error:
            pass

    def _keys(self) -> None:
        profile = next(each for each in PROFILES if each.name == self.tls.get_selected_srtp_profile())
        material = self.tls.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt))
        client, server = split_keys(profile, material)
        self.secrets = (profile, client, server)
        policies = [
            Policy(key=secret, ssrc_type=way, srtp_profile=profile.number)
            for secret, way in ((client, Policy.SSRC_ANY_OUTBOUND), (server, Policy.SSRC_ANY_INBOUND))
        ]
        policies[0].allow_repeat_tx = True
        self.tx, self.rx = Session(policies[0]), Session(policies[1])

    # -- receiving --------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            datagram = await loop.sock_recv(self.socket, 4096)
            async with self._news:
                self._take(datagram)
                self._news.notify_all()

    def _take(self, datagram: bytes) -> None:
        if datagram[0] < 4:
            self.checks.append(stun.parse_message(datagram))
        elif datagram[0] < 64:
            self.tls.bio_write(datagram)
            try:
                self._shake()
            except SSL.Error:
                self.closed = True
        elif self.rx is not None and 192 <= datagram[1] <= 223:
            self.feedback += rtp.RtcpPacket.parse(self.rx.unprotect_rtcp(datagram))
        elif self.rx is not None:
            try:
                plain = self.rx.unprotect(datagram)
            except Exception:  # a repeat of something that did arrive: keep it, sealed
                plain = datagram
            _, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", plain)
            self.media.append(Media(datagram, ssrc, sequence, timestamp, second & 0x7F, plain[12:], plain))

    async def until(self, wanted: Any, seconds: float = SOON) -> None:
        """Until something read makes `wanted()` true."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(wanted)

    def feedback_of(self, kind: type[Any], fmt: int | None = None) -> list[Any]:
        return [each for each in self.feedback if isinstance(each, kind) and (fmt is None or each.fmt == fmt)]

    def deaf(self) -> None:
        """Stop reading: what comes now waits in the socket."""
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        self.socket.close()


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, pattern
    return found.group(1)
