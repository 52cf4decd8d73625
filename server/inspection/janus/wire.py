"""The wire: requests to Janus with their answers, and its events, over one WebSocket."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from server.inspection.adapter import CouldNotSee

PLUGIN: Final = "janus.plugin.videoroom"
TIME_OUT: Final = 10.0
KEEP_ALIVE: Final = 20.0  # Janus forgets a session after 60 s of silence

RoomId = int | str


@dataclass(frozen=True, slots=True)
class Told:
    """One message of Janus's. ``kind``: success, error, ack, event, webrtcup, hangup and so on. ``data``: the plugin's own part, or
    what a "success" carries. ``error``: Janus's or the plugin's code and sentence, empty when there is none."""

    kind: str
    transaction: str = ""
    sender: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    sdp_type: str = ""
    sdp: str = ""
    error: str = ""


def read(frame: str) -> Told | None:
    """A frame as it came; None when it is nothing that Janus says."""
    try:
        message = json.loads(frame)
    except ValueError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("janus"), str):
        return None
    plugin = message.get("plugindata")
    data = plugin.get("data") if isinstance(plugin, dict) else message.get("data", message)
    data = data if isinstance(data, dict) else {}
    jsep = message.get("jsep")
    jsep = jsep if isinstance(jsep, dict) else {}
    sender, transaction = message.get("sender"), message.get("transaction")
    return Told(
        kind=message["janus"],
        transaction=transaction if isinstance(transaction, str) else "",
        sender=sender if isinstance(sender, int) else 0,
        data=data,
        sdp_type=str(jsep.get("type", "")),
        sdp=str(jsep.get("sdp", "")),
        error=_error(message.get("error"), data),
    )


def _error(core: object, data: Mapping[str, Any]) -> str:
    if isinstance(core, dict):
        return f"{core.get('code')} {core.get('reason')}"
    if "error_code" in data:
        return f"{data.get('error_code')} {data.get('error')}"
    return ""


def people_in(data: Mapping[str, Any], name: str) -> tuple[tuple[RoomId, str], ...]:
    """(id, display name) of each in a list of participants or publishers."""
    listed = data.get(name)
    return tuple(
        (one["id"], str(one.get("display", "")))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and isinstance(one.get("id"), int | str)
    )


class Session:
    """One session over one WebSocket: requests with their answers, and events by handle."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self._http, self._address = http, address
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[str, asyncio.Queue[Told]] = {}
        self._id = 0
        self.version = ""
        self.on_event: dict[int, Callable[[Told], None]] = {}

    async def open(self) -> None:
        try:
            self._socket = await self._http.ws_connect(self._address, protocols=["janus-protocol"])
        except (aiohttp.ClientError, OSError) as fault:
            raise CouldNotSee(f"Janus did not take the connection: {type(fault).__name__}") from fault
        self._tasks = [asyncio.create_task(self._read(self._socket))]
        self.version = str((await self.ask({"janus": "info"})).data.get("version_string", ""))
        made = await self.ask({"janus": "create"})
        self._id = made.data.get("id", 0)
        if made.error or not self._id:
            raise CouldNotSee(f"Janus gave no session ({made.error}).")
        self._tasks.append(asyncio.create_task(self._keep_alive()))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            told = read(frame.data) if frame.type is aiohttp.WSMsgType.TEXT else None
            if told is None:
                continue
            waiting = self._waiting.get(told.transaction)
            if waiting is not None:
                waiting.put_nowait(told)
            elif told.sender in self.on_event:
                self.on_event[told.sender](told)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE)
            await self.ask({"janus": "keepalive"})

    async def ask(self, message: Mapping[str, Any], *, acknowledged_is_enough: bool = True) -> Told:
        """Send a request and wait for what answers it. What takes its time is acknowledged first and answered by an event."""
        if self._socket is None or self._socket.closed:
            raise CouldNotSee("The session with Janus is closed.")
        transaction = uuid.uuid4().hex
        queue = self._waiting[transaction] = asyncio.Queue[Told]()
        session = {"session_id": self._id} if self._id else {}
        try:
            async with asyncio.timeout(TIME_OUT):
                await self._socket.send_json({**message, **session, "transaction": transaction})
                while True:
                    told = await queue.get()
                    if told.kind != "ack" or acknowledged_is_enough:
                        return told
        except ConnectionError as fault:
            raise CouldNotSee("The session with Janus broke.") from fault
        except TimeoutError as late:
            raise CouldNotSee(f"Janus did not answer within {TIME_OUT:.0f} s.") from late
        finally:
            del self._waiting[transaction]

    async def attach(self) -> int:
        made = await self.ask({"janus": "attach", "plugin": PLUGIN})
        if made.error or not isinstance(made.data.get("id"), int):
            raise CouldNotSee(f"Janus gave no handle on the VideoRoom ({made.error}).")
        return int(made.data["id"])

    async def detach(self, handle: int) -> None:
        self.on_event.pop(handle, None)
        await self.ask({"janus": "detach", "handle_id": handle})

    async def say(self, handle: int, body: Mapping[str, Any], sdp_type: str = "", sdp: str = "") -> Told:
        """A request to the plugin, and its answer."""
        message: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        if sdp:
            message["jsep"] = {"type": sdp_type, "sdp": sdp}
        return await self.ask(message, acknowledged_is_enough=False)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
