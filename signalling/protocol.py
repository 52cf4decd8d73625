"""The wire: every message of ``ringfence.v1`` as one frozen struct.

Two rules shape this file. A client never says who it is: there is no ``from``, ``user`` or ``role`` anywhere below, the
server knows the sender from the socket. And a client learns people only by *refs*: opaque, made for one viewer and one
contact, worthless in anybody else's hands.

A message is one flat JSON object whose ``t`` names its type. Requests carry ``id`` (the client's own, echoed as ``re``
in ``ok`` or ``err``); server messages carry ``seq``, counting up by one per session, so that a resumed session can be
replayed. Unknown fields in a client's message are refused (``bad_message``); clients ignore unknown fields of the server's.

There is no candidate message: the gate is the only SDP peer, always the offerer, ICE-lite with its address in the SDP.

JSON Schema is exported from these structs (``ringfence protocol schema``); ``docs/reference/protocol.md`` explains them in prose.
Why duplicate keys are refused: JSA-2023-0001, two parsers that disagree are a way to forge. Why the closed list of
codes: programs act on the code, people are shown words that the client keeps.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

SUBPROTOCOL: Final = "ringfence.v1+json"
VERSION: Final = 1

# Limits. Each has its reason beside it; `welcome` repeats those that a client must know.
MAX_FRAME: Final = 65_536  # bytes; an SDP answer for eight people is about 20 KiB
MAX_SDP: Final = 32_768  # characters
MAX_PEOPLE: Final = 8  # in one call, caller included
MAX_SEAL_BODY: Final = (
    4096  # characters of one word between devices about their keys; the longest they use is a third of it
)
MAX_KIDS: Final = 4  # key ids of one device at a time: sound and picture, old and new
HELLO_SECONDS: Final = 2.0  # a socket that does not say hello is closed with 4401
RING_SECONDS: Final = 45.0  # design 3.3; ends quietly
CONNECT_SECONDS: Final = 20.0  # from accept to media
RESUME_SECONDS: Final = 30.0  # a lost socket may come back for so long; its place in the call is kept, its media too
PING_SECONDS: Final = 25.0
REPLAY_FRAMES: Final = 256  # kept per session for resume
MAX_BAD_STATE: Final = 20  # then the socket is closed

# `$` alone matches before a last newline in Python (not in ECMA-262): two parsers that disagree, so the newline is named.
Ref = Annotated[
    str,
    Meta(
        min_length=8,
        max_length=40,
        pattern=r"^k_[A-Za-z0-9_-]+$(?!\n)",
        description="A person, as this viewer knows them.",
    ),
]
CallId = Annotated[str, Meta(min_length=8, max_length=40, pattern=r"^c_[A-Za-z0-9_-]+$(?!\n)")]
RequestId = Annotated[str, Meta(min_length=1, max_length=24, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
Secret = Annotated[str, Meta(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
Sdp = Annotated[str, Meta(min_length=1, max_length=MAX_SDP)]
SealBody = Annotated[str, Meta(min_length=1, max_length=MAX_SEAL_BODY, description="Read by devices only.")]
Kid = Annotated[int, Meta(ge=0, le=255, description="Key id: the sender's index in the call in its upper four bits.")]
#: How a device sends its picture: "each" viewer's own, on the video section of that viewer's slot; or "once", for all.
Picture = Literal["each", "once"]
#: Why a copy goes out without its mark: the device does not keep up, has no way to do it, or it broke on the way.
WhyUnmarked = Literal["too_slow", "cannot", "broken"]
Media = Literal["audio", "video"]
Status = Literal["here", "busy", "away"]
LegState = Literal["invited", "connecting", "connected", "lost", "left"]

#: The closed list. The first group closes the socket with the number beside it in CLOSE_CODES.
Code = Literal[
    # fatal
    "bad_message", "unsupported_version", "not_authenticated", "session_revoked", "taken_over", "too_large", "server_draining",
    # answers to a request
    "unsupported_type", "bad_state", "not_found", "not_permitted", "busy", "glare_merged", "stale_negotiation",
    "sdp_rejected", "rate_limited", "internal",
    # why a call or a place in it ended
    "declined", "cancelled", "timeout", "unreachable", "answered_elsewhere", "left", "peer_lost", "media_plane_unavailable",
    "policy_revoked", "contact_not_approved", "needs_guardian", "ended_by_supervisor", "removed", "quiet_hours", "time_limit",
]  # fmt: skip

CLOSE_CODES: Final[dict[str, int]] = {
    "bad_message": 4400,
    "not_authenticated": 4401,
    "session_revoked": 4403,
    "unsupported_version": 4406,
    "taken_over": 4409,
    "rate_limited": 4429,
    "too_large": 1009,
    "server_draining": 1012,
    "internal": 1011,
}


class _Client(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", kw_only=True):
    """What a client may send."""


class _Server(Struct, frozen=True, tag_field="t", kw_only=True, omit_defaults=True):
    """What the server sends. ``seq`` is set when the frame is queued for a session."""

    seq: int = 0


# -- client to server -------------------------------------------------------------------------------------------------


class Hello(_Client, frozen=True, tag="hello"):
    """First message on a new socket. ``ticket`` comes from ``POST /api/ws-ticket``: single use, 30 s, bound to the session."""

    ticket: Secret
    v: int = VERSION
    client: Annotated[str, Meta(max_length=64)] = ""
    features: Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(max_length=16)] = []


class Resume(_Client, frozen=True, tag="resume"):
    """First message instead of ``hello``: take up a session whose socket was lost less than 30 s ago."""

    session: Secret
    token: Secret
    last_seq: Annotated[int, Meta(ge=0, le=2**53)]


class Bye(_Client, frozen=True, tag="bye"):
    """I am going, do not keep my place: leaves any call at once."""


class Invite(_Client, frozen=True, tag="call.invite"):
    """Ring one to seven approved contacts. One ring, one call; a new call needs a new ring."""

    id: RequestId
    to: Annotated[list[Ref], Meta(min_length=1, max_length=MAX_PEOPLE - 1)]
    media: Media


class Accept(_Client, frozen=True, tag="call.accept"):
    """Answer. ``nonce`` is the one from ``call.incoming``: shown to one device, good once."""

    id: RequestId
    call: CallId
    nonce: Secret


class Reject(_Client, frozen=True, tag="call.reject"):
    id: RequestId
    call: CallId


class Cancel(_Client, frozen=True, tag="call.cancel"):
    """The caller stops ringing."""

    id: RequestId
    call: CallId


class Leave(_Client, frozen=True, tag="call.leave"):
    id: RequestId
    call: CallId


class SetMedia(_Client, frozen=True, tag="call.media"):
    """The truth about my own camera and microphone. ``ok`` means the gate now lets it through (or no longer does):
    put a track on the wire after the ``ok`` that opens, take it off before the message that closes."""

    id: RequestId
    call: CallId
    audio: bool
    video: bool


class SdpAnswer(_Client, frozen=True, tag="sdp.answer"):
    id: RequestId
    call: CallId
    neg: Annotated[int, Meta(ge=0, le=2**31)]
    sdp: Sdp


class IceRestart(_Client, frozen=True, tag="ice.restart"):
    """My network changed: send me a new offer."""

    id: RequestId
    call: CallId


class SealTo(_Client, frozen=True, tag="seal.to"):
    """A word of my device to the device of ``to``, about the keys of this call. Handed on unread, to nobody else."""

    id: RequestId
    call: CallId
    to: Ref
    body: SealBody


class SealReady(_Client, frozen=True, tag="seal.ready"):
    """I have confirmed keys with everybody present, and my frames carry these key ids. Before it no frame of mine goes to anybody
    and nobody's comes to me. Said again before every change of keys, with the ids in use and the new ones."""

    id: RequestId
    call: CallId
    kids: Annotated[list[Kid], Meta(min_length=1, max_length=MAX_KIDS)]


class MarkOn(_Client, frozen=True, tag="mark.on"):
    """The picture of mine that goes to ``to`` carries its mark from now on. What is never said is never taken to be so."""

    id: RequestId
    call: CallId
    to: Ref


class MarkOff(_Client, frozen=True, tag="mark.off"):
    """The picture of mine that goes to ``to`` goes out without its mark, and why. It is written down, and stays."""

    id: RequestId
    call: CallId
    to: Ref
    why: WhyUnmarked


FromClient = (
    Hello
    | Resume
    | Bye
    | Invite
    | Accept
    | Reject
    | Cancel
    | Leave
    | SetMedia
    | SdpAnswer
    | IceRestart
    | SealTo
    | SealReady
    | MarkOn
    | MarkOff
)

# -- server to client -------------------------------------------------------------------------------------------------


class Limits(Struct, frozen=True):
    max_frame: int = MAX_FRAME
    max_people: int = MAX_PEOPLE
    ring_seconds: float = RING_SECONDS
    resume_seconds: float = RESUME_SECONDS


class PresenceOf(Struct, frozen=True):
    ref: str
    status: Status


class Mark(Struct, frozen=True):
    """What this viewer's device adds to the picture that goes to this one person. ``id``: 32 random bits, as eight hexadecimal
    digits. ``quarter``: by how many quarters of a second its swing is put off."""

    id: str
    quarter: int


class Leg(Struct, frozen=True):
    """One person's place in a call, as this viewer knows them. ``audio``/``video``: what they are sending now. ``index``: the
    place in the call's list, the caller's is 1, the same for everybody and never given twice in a call; it stands in the key ids
    of this person's frames. ``sealed``: their device has confirmed keys; until then nothing goes to them or comes from them.
    ``mark``: for the picture of mine that goes to them, and told to nobody but me; null where none is to be added."""

    ref: str
    state: LegState
    audio: bool = False
    video: bool = False
    index: int = 0
    sealed: bool = False
    mark: Mark | None = None


class Slot(Struct, frozen=True):
    """Which pair of m-lines of the offer carries which person. My picture for this person goes out on the same ``video_mid``, and
    from there to nobody else; my voice goes out on the first slot's ``audio_mid`` to all. A tile gets its name from here only."""

    ref: str
    audio_mid: str
    video_mid: str


class Welcome(_Server, frozen=True, tag="welcome"):
    """``me``: an opaque name of this person, the same at each of their devices and told to nobody else. Under it a device keeps
    what belongs to one person only, such as the identity of its keys. ``mark_key``: what scrambles every mark here, 32 bytes in
    base64url without padding; empty where nothing is marked."""

    session: str
    resume_token: str
    me: str = ""
    mark_key: str = ""
    features: list[str] = []
    limits: Limits = Limits()
    deprecated: list[str] = []


class Resumed(_Server, frozen=True, tag="resumed"):
    """``call.state`` of a live call follows. ``resume_token`` is new: the old one is spent."""

    resume_token: str
    replayed: int


class ResumeFailed(_Server, frozen=True, tag="resume_failed"):
    """Say ``hello`` again with a fresh ticket. The call, if there was one, is over for you."""

    code: Code


class Ok(_Server, frozen=True, tag="ok"):
    re: str
    call: str = ""


class Err(_Server, frozen=True, tag="err"):
    re: str
    code: Code
    retry_after_ms: int = 0


class Presence(_Server, frozen=True, tag="presence"):
    """Approved contacts only. After ``welcome`` the full list, later what changed."""

    people: list[PresenceOf]


class Incoming(_Server, frozen=True, tag="call.incoming"):
    call: str
    nonce: str
    caller: str
    others: list[str]
    media: Media
    expires_in_ms: int


class State(_Server, frozen=True, tag="call.state"):
    """The call as it is now, for this viewer; sent whenever something in it changes. ``seen_by`` and ``heard_by`` are read
    from the gate's forwarding table: the people whom your picture and your voice reach at this moment. ``may_show``
    says whether opening the camera is allowed in this call at all."""

    call: str
    state: Literal["ringing", "connecting", "active"]
    media: Media
    me: Leg
    legs: list[Leg]
    seen_by: list[str]
    heard_by: list[str]
    may_show: bool
    epoch: int


class Offer(_Server, frozen=True, tag="sdp.offer"):
    """``picture``: how mine is to be sent from the answer on. "each": on each slot's ``video_mid`` the one made for that person.
    "once": the same for all, on ``once_mid``, and on no slot's; it carries no mark. With each change comes a new offer."""

    call: str
    neg: int
    sdp: str
    slots: list[Slot]
    picture: Picture
    once_mid: str = ""


class SealFrom(_Server, frozen=True, tag="seal.from"):
    """A word of the device of ``ref``, as it was handed over by ``seal.to``."""

    call: str
    ref: str
    body: str


class AnsweredElsewhere(_Server, frozen=True, tag="call.answered_elsewhere"):
    call: str


class PeerLeft(_Server, frozen=True, tag="call.peer_left"):
    call: str
    ref: str
    code: Code


class Soon(_Server, frozen=True, tag="call.soon"):
    """You will have to leave this call in so many milliseconds, by the clock. Told two minutes before, or at once when less is
    left, and only to the one who will have to leave: the others are told ``left`` then, as of everybody who goes."""

    call: str
    code: Code
    in_ms: int


class Ended(_Server, frozen=True, tag="call.ended"):
    """Terminal. ``by`` is the ref of the contact who left or declined, where this viewer may
    know it; ``who`` the name of the grown-up of one's own family who ended it (design 5.8: told truthfully); both empty
    otherwise. Blank every picture on reading this, before anything else."""

    call: str
    code: Code
    by: str = ""
    who: str = ""


class Changed(_Server, frozen=True, tag="changed"):
    """Something this person's pages show has changed: fetch it again over HTTP. Carries no content."""

    what: list[Literal["people", "asks", "decisions", "family", "calls", "sessions"]]


class GoAway(_Server, frozen=True, tag="go_away"):
    """The server is about to restart. Finish, or reconnect after so many milliseconds."""

    reconnect_after_ms: int


class Goodbye(_Server, frozen=True, tag="bye"):
    """Last frame before the server closes the socket."""

    code: Code


FromServer = (
    Welcome
    | Resumed
    | ResumeFailed
    | Ok
    | Err
    | Presence
    | Incoming
    | State
    | Offer
    | SealFrom
    | AnsweredElsewhere
    | PeerLeft
    | Soon
    | Ended
    | Changed
    | GoAway
    | Goodbye
)

ToPerson = Presence | Incoming | AnsweredElsewhere | Ended | Changed
"""What may be told to a person wherever they sit (:mod:`signalling.bus`); the rest belongs to one socket."""


class Malformed(Exception):
    """A frame that is not a message of this protocol: the client's fault, never the server's. ``code`` is of the closed list."""

    def __init__(self, code: Code, request_id: str = "") -> None:
        super().__init__(code)
        self.code: Code = code
        self.request_id = request_id


_decoder: Final[msgspec.json.Decoder[FromClient]] = msgspec.json.Decoder(FromClient)
_encoder: Final = msgspec.json.Encoder()
_AN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,24}")
_known: Final = frozenset(t.__struct_config__.tag for t in FromClient.__args__)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise Malformed("bad_message")
    return out


def _refuse_constant(name: str) -> Any:
    raise Malformed("bad_message")


_strict: Final = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant)


def decode(frame: str) -> FromClient:
    """One client frame to one message, or :class:`Malformed`.

    Two parsers read it: the first refuses what JSON parsers disagree about (duplicate keys, NaN, nesting without end), the
    second gives the types. Only a frame that passes both is believed.
    """
    if len(frame) > MAX_FRAME:
        raise Malformed("too_large")
    request_id = ""
    try:
        raw = _strict.decode(frame)
        if not isinstance(raw, dict):
            raise Malformed("bad_message")
        found = raw.get("id")
        # only what could be an id is said back: half a surrogate, for one, cannot be written as UTF-8 at all
        request_id = found if isinstance(found, str) and _AN_ID.fullmatch(found) else ""
        kind = raw.get("t")
        if isinstance(kind, str) and kind not in _known:
            raise Malformed("unsupported_type", request_id)
        return _decoder.decode(frame)
    except Malformed as fault:
        raise Malformed(fault.code, request_id) from None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Malformed("bad_message", request_id) from None


def encode(message: _Server) -> str:
    """One server message to one text frame."""
    return _encoder.encode(message).decode()


def encode_body(message: _Server) -> bytes:
    """A message without its number, to be numbered per session by :func:`numbered`: one encoding serves many sockets."""
    return _encoder.encode(message)


def numbered(body: bytes, seq: int) -> bytes:
    """The frame of a body in a session: the same JSON object with ``seq`` in it."""
    return b'{"seq":%d,%b' % (seq, body[1:])


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of both directions, for other clients and for the docs test."""
    (client, server), parts = msgspec.json.schema_components([FromClient, FromServer], ref_template="#/$defs/{name}")
    for part in parts.values():
        if "description" in part:  # Python 3.13 takes a docstring's indentation away itself
            part["description"] = inspect.cleandoc(part["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SUBPROTOCOL,
        "$defs": {**parts, "FromClient": client, "FromServer": server},
    }
