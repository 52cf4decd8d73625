"""The media gate: all sound and pictures of all calls pass here, and only between people for whom it was opened.

One worker has one gate on one UDP port. The hub makes an offer for each person in a call, hands back the
browser's answer, and then says `allow(publisher, viewer, kind)` for every ordered pair that may be. Whoever was not allowed
is not forwarded; `cut(...)` takes effect before it returns; `who_sees_whom()` reads the very table that forwards. The gate
decodes nothing, stores nothing, and knows no family, no policy and no database.

Where to read: terms (the words), gate (the whole), then along a packet's way: socket, ice_lite, dtls, srtp, forward, rtcp; and
sdp for the two texts that are exchanged. Why it is built so: docs/decisions/0001-the-gate.md.
"""

from signalling.gate.gate import Gate
from signalling.gate.terms import (
    Connected,
    Fact,
    GateConfig,
    GateEvent,
    GateUnavailable,
    Kind,
    Lost,
    Offer,
    SdpRejected,
    Slot,
)

__all__ = [
    "Connected",
    "Fact",
    "Gate",
    "GateConfig",
    "GateEvent",
    "GateUnavailable",
    "Kind",
    "Lost",
    "Offer",
    "SdpRejected",
    "Slot",
]
