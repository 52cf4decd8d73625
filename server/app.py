"""The whole house, wired by hand, in reading order: settings, records, rules, the door, services, gate, hub, pages.

``build_app`` opens everything or nothing: what was opened before a fault is closed again, and the fault is one sentence. Before
the doors open, the calls that a crash left behind are closed and every revocation that it cut short is carried out. Every
guard is then tried, and production does not start with one that is not effective.

``serve`` is the life of one process: listen, open, wait for SIGTERM, drain, close. SIGHUP has the rules read
anew. Ports are taken first, so that "port taken" is said before anything else has happened.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import errno
import logging
import signal
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from aiohttp import web

from server import api, audit, checkpoints, demo, marks, retention
from server.api import inspector, keys, middleware, promises, rim
from server.calls import Calls
from server.clock import Clock
from server.db.alone import LOST, serve_alone
from server.db.migrate import migrate, refuse_old
from server.db.session import Database
from server.errors import BadSettings, CannotStart, DatabaseUnusable, NoNetwork, PortTaken
from server.gatekeeper import Gatekeeper
from server.inspections import Inspections
from server.notices import Follower
from server.passwords import Passwords
from server.policy import BrokenRulebook, Rulebook, load
from server.settings import Settings
from server.throttle import Throttle
from signalling.gate import Gate, GateConfig, GateEvent, GateUnavailable
from signalling.hub import Hub

log = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 5.0  # for goodbyes to leave; calls do not outlive the process that carries them


async def build_app(
    settings: Settings, *, clock: Clock | None = None, passwords: Passwords | None = None
) -> web.Application:
    """Open the house. ``clock`` and ``passwords`` are for tests only: a clock that they hold, a hash that is cheap."""
    async with contextlib.AsyncExitStack() as opened:
        clock = clock or Clock()

        # the records
        if settings.demo:
            await migrate(settings.database_url)
        await refuse_old(settings.database_url)
        hold = await serve_alone(settings.database_url)
        opened.push_async_callback(hold.release)
        db = await Database.open(settings.database_url, hold.session)
        opened.push_async_callback(db.close)
        clock.not_before(await audit.newest(db))
        await checkpoints.take(db, settings, clock.now)
        opened.push_async_callback(_background(checkpoints.run(db, settings, clock.now)))

        # the rules and the one door to them
        keeper = Gatekeeper(_rulebook())
        calls = Calls(db, keeper, clock.now)
        await calls.clean_up()

        # the media and the live calls
        hub: Hub
        gate = await _open_gate(settings, lambda event: hub.gate_event(event))
        opened.push_async_callback(gate.close)
        mark_key = await marks.key(db, clock.now())
        hub = Hub(calls, gate, mark_key=base64.urlsafe_b64encode(mark_key).decode().rstrip("="))
        opened.push_async_callback(hub.close)
        opened.push_async_callback(_background(_no_more(hub, hold.lost)))

        # revocations that a crash cut short, before anybody can come in
        follower = Follower(db, hub, clock)
        await follower.catch_up()
        opened.push_async_callback(_background(follower.run()))
        opened.push_async_callback(_background(retention.run(db, clock, follower, hub.everybody_again)))

        # the pages and the HTTP API
        passwords = passwords or Passwords()
        opened.push_async_callback(passwords.close)
        app = web.Application(middlewares=middleware.MIDDLEWARES, client_max_size=middleware.MAX_BODY)
        app[keys.SETTINGS], app[keys.CLOCK], app[keys.DB], app[keys.KEEPER] = settings, clock, db, keeper
        app[keys.LOST] = hold.lost
        app[keys.CALLS], app[keys.GATE], app[keys.HUB], app[keys.FOLLOWER] = calls, gate, hub, follower
        app[keys.THROTTLE], app[keys.PASSWORDS] = Throttle(clock.now), passwords
        app[middleware.HEADERS] = {host: middleware.headers_for(settings, host) for host in ("", *settings.hosts)}
        await asyncio.to_thread(promises.begun)
        app[rim.LOOKED], app[inspector.RECORD] = rim.Looked(), inspector.Looked()
        app[inspector.INSPECTIONS], app[inspector.PACKING] = Inspections(settings), asyncio.Lock()
        opened.push_async_callback(app[inspector.INSPECTIONS].close)
        app.on_response_prepare.append(middleware.on_prepare)
        routes = api.ROUTES + (demo.ROUTES if settings.demo else ())
        app[middleware.UNDER_WAY] = Counter()
        app[middleware.ASKS] = {(route.method, route.path): route.asks for route in routes}
        app.add_routes([web.route(route.method, route.path, route.handler) for route in routes])
        app.add_routes(rim.PAGES)

        # every guard is tried once
        failing = sorted(name for name, effective in (await rim.guards(app)).items() if not effective)
        if failing:
            raise CannotStart(f"A guard is not effective, so nothing would be safe: {', '.join(failing)}.")
        if settings.demo:
            app[demo.STAGE] = demo.Stage()
            await demo.seed(app)
            before_rosters: Callable[[int], Awaitable[None]] = partial(demo.sign, app)
            app[keys.BEFORE_ROSTERS] = before_rosters

        everything = opened.pop_all()
        app.on_shutdown.append(lambda _: hub.drain())  # goodbyes first, so that no socket is waited for
        app.on_cleanup.append(lambda _: everything.aclose())
        return app


def listen(settings: Settings) -> tuple[list[socket.socket], Settings]:
    """Take the HTTP ports, all of them or none. Returns the settings with the port that was taken (for port 0)."""
    port, taken = settings.port, []
    absent = 0
    try:
        for host in settings.host:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                taken.append(_bind(family, host, port))
            except OSError as fault:
                if fault.errno == errno.EADDRINUSE:
                    raise PortTaken(
                        f"Port {port} is in use by another program. Stop it, or choose another with --port or RINGFENCE_PORT."
                    ) from None
                if fault.errno == errno.EACCES:
                    raise PortTaken(
                        f"Port {port} may not be used by this user. Choose one above 1023 with --port."
                    ) from None
                if fault.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise NoNetwork(f"HTTP cannot listen: {fault.strerror}.") from None
                absent += 1  # a machine without IPv6 is fine as long as one address is left
                continue
            port = taken[-1].getsockname()[1]
        if absent == len(settings.host):
            raise NoNetwork("None of the addresses in RINGFENCE_HOST exists on this machine, so nobody could reach it.")
    except BaseException:
        for one in taken:
            one.close()
        raise
    return taken, dataclasses.replace(settings, port=port)


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(1024)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _rulebook() -> Rulebook:
    try:
        return load()
    except BrokenRulebook as fault:
        raise CannotStart(f"The rulebook does not hold together, so nothing would be safe: {fault}") from None


async def _open_gate(settings: Settings, on_event: Callable[[GateEvent], None]) -> Gate:
    config = GateConfig(
        host4=next((host for host in settings.gate_host if ":" not in host), None),
        host6=next((host for host in settings.gate_host if ":" in host), None),
        port=settings.gate_port,
        public_addresses=settings.gate_addresses,
    )
    try:
        return await Gate.open(config, on_event=on_event)
    except GateUnavailable as fault:
        raise CannotStart(str(fault)) from None


async def _no_more(hub: Hub, lost: asyncio.Event) -> None:
    """Another process may serve from now on, and hear of revocations in our place. So no call goes on here."""
    await lost.wait()
    await hub.drain()


def _background(work: Awaitable[None]) -> Callable[[], Awaitable[None]]:
    """Start ``work`` as a task; the answer stops it."""
    task = asyncio.ensure_future(work)

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return stop


def tls(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with the certificate from the settings; None when a proxy does it (or the demo does without)."""
    if not settings.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.certificate_key)
    except (OSError, ssl.SSLError):
        raise BadSettings("The certificate and its key do not fit together, or are not PEM.") from None
    return context


def _without_callers(record: logging.LogRecord) -> bool:
    """aiohttp tells who sent a malformed request, and shows the request. Only the kind of fault is kept."""
    kind = record.exc_info[0] if record.exc_info else None
    record.msg, record.args = f"a connection was not HTTP, or broke ({kind.__name__ if kind else 'unknown'})", ()
    record.exc_info = record.exc_text = record.stack_info = None
    return True


_WIRE: Final = logging.getLogger(f"{__name__}.wire")
_WIRE.addFilter(_without_callers)


async def open_doors(
    app: web.Application, sockets: Sequence[socket.socket], context: ssl.SSLContext | None = None
) -> web.AppRunner:
    """Serve ``app`` on sockets that ``listen`` took. ``await runner.cleanup()`` closes the house."""
    runner = web.AppRunner(app, access_log=None, logger=_WIRE, shutdown_timeout=DRAIN_SECONDS)
    try:
        await runner.setup()
        for one in sockets:
            await web.SockSite(runner, one, ssl_context=context).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


async def reload_rules(app: web.Application, load: Callable[[], Rulebook] = load) -> None:
    """Take the rules from their files anew (SIGHUP), and ask them again about everything that is live.

    No notice is needed to make that sure: rules belong to one process, and one that dies here has no calls left and reads the new
    files when it starts. ``load`` is for tests."""
    if await app[keys.KEEPER].reload(app[keys.DB], app[keys.CLOCK].now(), load):
        await app[keys.HUB].everybody_again()


async def _either(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(one.wait()) for one in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()


async def serve(settings: Settings, *, opened: Callable[[Settings], None]) -> None:
    """One process, from listening to the last goodbye. ``opened`` is told when the doors are open."""
    context = tls(settings)
    sockets, settings = listen(settings)
    try:
        app = await build_app(settings)
    except BaseException:
        for one in sockets:
            one.close()
        raise
    runner = await open_doors(app, sockets, context)
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, enough.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: app[keys.HUB].spawn(reload_rules(app)))
    opened(settings)
    try:
        await _either(enough, app[keys.LOST])
        log.info("closing: telling everybody, then going")
    finally:
        await runner.cleanup()
    if app[keys.LOST].is_set():
        raise DatabaseUnusable(LOST)
