"""One loop per socket: check where it comes from, let it say who it is, then one message after another to its handler.

Nothing is decided here but manners: the Origin, the subprotocol, the size and the pace. Each message type has one row in
:data:`HANDLERS`, and a test walks that table: whoever adds a row either asks the authority or says in :data:`ASKS_NOBODY`
why not (T18).

A handler does at once what needs no question and returns the rest as a coroutine, which runs beside the loop. So a question
that hangs never holds up the message behind it, and "leave" is never behind anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType, web

from signalling import protocol
from signalling.hub import Hub, Session
from signalling.pace import HubLimits
from signalling.protocol import Code

log = logging.getLogger(__name__)

Handler = Callable[[Hub, Session, Any], Coroutine[Any, Any, None] | None]

#: The first message seats the socket; these two come once, before any other.
FIRST: Final[Mapping[type, Callable[..., Coroutine[Any, Any, Session | Code]]]] = {
    protocol.Hello: Hub.hello,
    protocol.Resume: Hub.resume,
}

HANDLERS: Final[Mapping[type, Handler]] = {
    protocol.Invite: Hub.invite,
    protocol.Accept: Hub.accept,
    protocol.Reject: Hub.reject,
    protocol.Cancel: Hub.cancel,
    protocol.Leave: Hub.leave,
    protocol.SetMedia: Hub.media,
    protocol.SdpAnswer: Hub.sdp,
    protocol.IceRestart: Hub.restart,
    protocol.SealTo: Hub.seal_to,
    protocol.SealReady: Hub.seal_ready,
    protocol.MarkOn: Hub.mark_on,
    protocol.MarkOff: Hub.mark_off,
    protocol.Bye: Hub.bye,
}

#: The handlers that ask no permission, and why that is right. Everything else asks, and a test sees to it.
ASKS_NOBODY: Final[Mapping[type, str]] = {
    protocol.Reject: "Saying no needs nobody's permission.",
    protocol.Cancel: "Giving up a ring only takes away.",
    protocol.Leave: "Leaving a call is out of reach of control, in quiet hours too.",
    protocol.Bye: "Going away only takes away.",
    protocol.SdpAnswer: "It opens no lane: it is heard only after an answer that was asked for, and the gate's table stays as it is.",
    protocol.IceRestart: "A new path to the same place: it opens no lane, and is heard only from somebody who is in the call.",
    protocol.SealTo: "It relays, unread, between people whom the rules have let into one call, and opens nothing.",
    protocol.SealReady: "Without it less is open, not more: it lets through what the rules have granted, and grants nothing.",
    protocol.MarkOn: "It says for the record what the person's own device does to its own picture, and opens nothing.",
    protocol.MarkOff: "An honest no must never cost anybody the call: it is written down, and opens nothing.",
}

#: Never paced: whoever wants to stop must be able to, however much they have sent. Nonsense is bounded by the strikes.
_UNPACED: Final = (protocol.Reject, protocol.Cancel, protocol.Leave, protocol.Bye)
#: These have a pace of their own (``HubLimits.seal_messages_per_second``).
_ABOUT_KEYS: Final = (protocol.SealTo, protocol.SealReady)
_PATIENCE: Final = (
    100  # messages over the pace before the socket is closed; a client that honours retry_after sends none
)


class _Socket:
    """The sending side. Frames go straight to the transport, no task and no queue of our own between; what a peer does not
    read piles up in the transport's buffer, and past a bound we hang up rather than hold it."""

    __slots__ = ("_beat", "_behind", "_closing", "_frames", "_octets", "_ping", "_request", "_ws", "heard")

    def __init__(self, request: web.Request, ws: web.WebSocketResponse, limits: HubLimits) -> None:
        self._request = request
        self._ws = ws
        self._frames = limits.unread_frames
        self._octets = limits.unread_bytes
        self._behind = 0
        self._closing: asyncio.Task[bool] | None = None
        self.heard = True  # anything, since the last ping
        # Our own, because aiohttp 3.14's heartbeat is armed again by the peer's closing frame and holds every closed socket
        # for another 25 s: a way to fill the memory by coming and going.
        self._ping = limits.ping_seconds
        self._beat = asyncio.get_running_loop().call_later(self._ping, self._pulse)

    def _pulse(self) -> None:
        if not self.heard:
            self.abort()
            return
        self.heard = False
        self._write(b"", WSMsgType.PING)
        self._beat = asyncio.get_running_loop().call_later(self._ping, self._pulse)

    def pong(self, data: bytes) -> None:
        self._write(data, WSMsgType.PONG)

    def abort(self) -> None:
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    def finished(self) -> None:
        """The loop of this socket is over: nothing may hold it."""
        self._beat.cancel()

    def send(self, frame: bytes) -> None:
        self._write(frame, WSMsgType.TEXT)

    def _write(self, data: bytes, kind: WSMsgType) -> None:
        transport = self._request.transport
        if self._closing is not None or transport is None or transport.is_closing():
            return
        write = self._ws.send_frame(data, kind)
        try:
            write.send(None)
        except StopIteration:
            pass
        except (ConnectionError, RuntimeError):
            return
        else:
            write.close()  # written; it only wanted to wait until the peer reads, and the bound below is our patience
        waiting = transport.get_write_buffer_size()
        self._behind = self._behind + 1 if waiting else 0
        if waiting > self._octets or self._behind > self._frames:
            log.warning("a socket does not read and is closed")
            transport.abort()

    def close(self, code: Code | None) -> None:
        if self._closing is not None:
            return
        if code is not None:
            self.send(protocol.encode_body(protocol.Goodbye(code=code)))
        number = 1000 if code is None else protocol.CLOSE_CODES.get(code, 1000)
        self._closing = asyncio.get_running_loop().create_task(
            self._ws.close(code=number, message=(code or "").encode(), drain=False)
        )

    async def closed(self) -> None:
        if self._closing is not None:
            await asyncio.wait((self._closing,))
            if not self._closing.cancelled():
                self._closing.exception()  # a peer that is gone already cannot be bidden goodbye


@dataclass(frozen=True, slots=True)
class Door:
    """Who counts the hellos of wherever this socket comes from. A hello with a nonsense ticket costs its sender nothing and us a
    transaction and a row of the record for ever, so it is counted before anybody is asked.

    ``known``: whether such a ticket was made, at the cost of one look: whoever holds one is let in whatever the neighbours did.
    ``knock``: one more try; False means too many were wrong. ``right``: that try was a good one, take it back.
    """

    knock: Callable[[], bool]
    right: Callable[[], None]
    known: Callable[[str], Awaitable[bool]]


async def _anything(_: str) -> bool:
    return True


UNCOUNTED: Final = Door(lambda: True, lambda: None, _anything)


async def serve_socket(
    request: web.Request, hub: Hub, origins: Container[str], door: Door = UNCOUNTED
) -> web.StreamResponse:
    """Serve one WebSocket until it ends. ``origins``: whose pages may open one, as in the Origin header (T20)."""
    origin = request.headers.get("Origin")
    if origin is None or origin not in origins:
        return _problem(403, "origin_not_allowed", "This page may not connect here.")
    offered = {part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if protocol.SUBPROTOCOL not in offered:
        return _problem(400, "unsupported_version", f"Connect with the WebSocket subprotocol {protocol.SUBPROTOCOL}.")
    limits = hub.limits
    ws = web.WebSocketResponse(
        protocols=(protocol.SUBPROTOCOL,),
        autoping=False,
        max_msg_size=protocol.MAX_FRAME,
        compress=False,
        timeout=2.0,
    )
    if not ws.can_prepare(request).ok:
        return _problem(426, "not_a_websocket", "This address speaks WebSocket only.")
    await ws.prepare(request)
    socket = _Socket(request, ws, limits)
    session: Session | None = None
    try:
        session = await _first(hub, ws, socket, door)
        if session is not None:
            await _rest(hub, ws, socket, session)
    except asyncio.CancelledError:
        raise
    except Exception as fault:  # whatever it was, it costs this socket and nobody else's
        hub.counts["faults"] += 1
        log.error("a socket failed: %s", type(fault).__name__)
        socket.close("internal")
    finally:
        socket.finished()
        if session is not None:
            hub.lost(session, socket)
    await socket.closed()
    return ws


async def _first(hub: Hub, ws: web.WebSocketResponse, socket: _Socket, door: Door) -> Session | None:
    """Hello or resume, within the time for it. A failed resume, which is settled in memory, may be followed by one hello."""
    may_resume = True
    while True:
        try:
            received = await ws.receive(timeout=hub.limits.hello_seconds)
        except TimeoutError:
            socket.close("not_authenticated")
            return None
        frame = _text(received, socket)
        if frame is None:
            return None
        try:
            message = protocol.decode(frame)
        except protocol.Malformed as fault:
            hub.counts["malformed"] += 1
            socket.close(fault.code if fault.code in protocol.CLOSE_CODES else "bad_message")
            return None
        begin = FIRST.get(type(message))
        if begin is None:
            socket.close("not_authenticated")
            return None
        counted = isinstance(message, protocol.Hello) and not await door.known(message.ticket)
        if counted and not door.knock():
            hub.counts["rate_limited"] += 1
            socket.close("rate_limited")
            return None
        session = await begin(hub, socket, message)
        if counted and session != "not_authenticated":  # a draining house or another version of us is nobody's guess
            door.right()
        if isinstance(session, Session):
            return session
        if not isinstance(message, protocol.Resume) or not may_resume:
            socket.close(session)
            return None
        may_resume = False
        socket.send(protocol.encode_body(protocol.ResumeFailed(code=session)))


async def _rest(hub: Hub, ws: web.WebSocketResponse, socket: _Socket, session: Session) -> None:
    over = 0
    limits = hub.limits

    def wait_for(message: object) -> float:
        if isinstance(message, _ABOUT_KEYS):
            return session.seal_bucket.take(limits.seal_messages_per_second, limits.seal_message_burst, hub.now())
        return session.bucket.take(limits.messages_per_second, limits.message_burst, hub.now())

    while session.socket is socket:
        received = await ws.receive()
        socket.heard = True
        if received.type is WSMsgType.PONG:
            continue
        if received.type is WSMsgType.PING:
            over += wait_for(None) > 0
            if over > _PATIENCE:
                socket.close("rate_limited")
                return
            socket.pong(received.data)
            continue
        frame = _text(received, socket)
        if frame is None or session.socket is not socket:
            return
        try:
            message = protocol.decode(frame)
        except protocol.Malformed as fault:
            hub.counts["malformed"] += 1
            if fault.code != "unsupported_type":
                socket.close(fault.code)
                return
            hub.refuse(session, fault.request_id, "unsupported_type")
            over += wait_for(None) > 0
        else:
            wait = wait_for(message)
            if wait > 0 and not isinstance(message, _UNPACED):
                over += 1
                hub.counts["rate_limited"] += 1
                hub.refuse(session, getattr(message, "id", ""), "rate_limited", int(wait * 1000) + 1)
            else:
                _handle(hub, session, message)
        if over > _PATIENCE:
            socket.close("rate_limited")
            return


def _handle(hub: Hub, session: Session, message: protocol.FromClient) -> None:
    handler = HANDLERS.get(type(message))
    if handler is None:  # a second hello on a seated socket
        hub.refuse(session, "", "bad_state")
        return
    work = handler(hub, session, message)
    if work is not None:
        hub.spawn_for(session, work)


def _text(received: WSMessage, socket: _Socket) -> str | None:
    """The frame, or None if there will be no more from this socket."""
    if received.type is WSMsgType.TEXT:
        return str(received.data)
    if received.type not in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
        socket.close("bad_message")
    return None


def _problem(status: int, code: str, sentence: str) -> web.Response:
    body = f'{{"type":"about:blank","status":{status},"code":"{code}","title":"{sentence}"}}'
    return web.Response(status=status, text=body, content_type="application/problem+json")
