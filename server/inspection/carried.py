"""What somebody in the middle can make of media with exactly the bytes that it has in hand: the payload of each RTP packet.

Who carries media ends the transport's encryption, so it holds what a receiver holds after DTLS-SRTP and before anything else. Here
those bytes are given to ordinary decoders. If a picture or the sender's hum comes out, the carrier could see and hear.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import av
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

HUM_HZ: Final = 500.0  # of device.Tone
HEARD: Final = 0.5  # so much of the energy at that pitch is the hum; noise has a few hundredths


def pictures(packets: Sequence[RtpPacket]) -> int:
    """How many pictures, that are not black, a VP8 decoder makes of these packets of one stream; also with the first byte left out,
    where some sealing keeps a byte in the clear."""
    whole = list(frames(packets))
    return max(_decoded(whole), _decoded([one[1:] for one in whole]))


def frames(packets: Sequence[RtpPacket]) -> Iterable[bytes]:
    """Whole encoded frames, in order."""
    codec = RTCRtpCodecParameters("video/VP8", 90_000)
    now, data = None, b""
    for packet in sorted(packets, key=lambda one: one.sequence_number):
        try:
            part = depayload(codec, packet.payload)
        except ValueError:
            continue
        if packet.timestamp != now and data:
            yield data
            data = b""
        now, data = packet.timestamp, data + part
    if data:
        yield data


def _decoded(whole: Sequence[bytes]) -> int:
    decoder: Any = av.CodecContext.create("vp8", "r")
    seen = 0
    for one in whole:
        try:
            made = decoder.decode(av.Packet(one))
        except Exception:  # noqa: S112 - FFmpeg's many ways to say that this is no VP8
            continue
        seen += sum(max(bytes(frame.planes[0])[:4096], default=0) > 32 for frame in made)
    return seen


def hum(packets: Sequence[RtpPacket]) -> float:
    """How much of the energy of the sound that an Opus decoder makes of these packets is at the sender's pitch, 0 to 1."""
    decoder: Any = av.CodecContext.create("libopus", "r")
    decoder.format, decoder.layout, decoder.sample_rate = "s16", "mono", 48_000
    samples: list[int] = []
    for packet in packets:
        try:
            made = decoder.decode(av.Packet(packet.payload))
        except Exception:  # noqa: S112 - bytes that are no Opus
            continue
        for frame in made:
            samples += memoryview(bytes(frame.planes[0])).cast("h")[: frame.samples]
    return share(samples, HUM_HZ)


def share(samples: Sequence[int], hertz: float, rate: int = 48_000) -> float:
    """Of the energy of these samples, how much is within a few hertz of this pitch."""
    part = samples[: rate // 2]
    energy = sum(float(one) * one for one in part)
    if not energy:
        return 0.0
    turn = 2 * math.pi * hertz / rate
    real = sum(one * math.cos(turn * n) for n, one in enumerate(part))
    imaginary = sum(one * math.sin(turn * n) for n, one in enumerate(part))
    return min(1.0, 2 * (real * real + imaginary * imaginary) / (len(part) * energy))
