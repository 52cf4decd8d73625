"""The command line: ``ringfence demo | serve | migrate | audit … | shift | review | helpers … | reports … | marks … |
inspectors … | protocol schema | policy … | trace | inspect``.

It only translates: arguments to settings, faults to one sentence. Exit status 0: done. 1: looked, and something is wrong (an
audit chain, a rulebook) or not there (a mark). 2: wrong or missing settings, or the house could not open; nothing has been
started by then. 3: ``trace`` needs an extra that is not installed. ``inspect`` has its own: ``inspect_cli.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from server import audit_cli, inspect_cli, inspectors_cli, marks_cli, policy_cli, trace_cli
from server.errors import CannotStart
from server.settings import DEMO_SLUGS, Settings, load

PORT = "RINGFENCE_PORT"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments, os.environ)
        return status
    except CannotStart as fault:
        print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ringfence", description="A child-safe video chat reference platform.")
    parser.add_argument("--version", action="version", version=f"ringfence {version('ringfence')}")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="serve made-up families on this machine")
    demo.add_argument("--port", type=int, help="TCP port (default 8080, with --https 8443)")
    demo.add_argument("--https", action="store_true", help="serve the network too, for a second device")
    demo.set_defaults(command=_demo)

    serve = commands.add_parser("serve", help="serve; settings come from the environment")
    serve.add_argument("--port", type=int, help="TCP port")
    serve.set_defaults(command=_serve)

    migrate = commands.add_parser("migrate", help="bring the database to the newest shape")
    migrate.set_defaults(command=_migrate)

    audit_cli.add_commands(commands)

    shift = commands.add_parser("shift", help="a moderator is here: no stage without one")
    begun_or_over = shift.add_mutually_exclusive_group()
    begun_or_over.add_argument(
        "--minutes", type=_whole(1, 720), default=15, help="start it or renew it for so long (default 15)"
    )
    begun_or_over.add_argument("--end", action="store_true", help="nobody is here any more")
    shift.set_defaults(command=_shift)

    review = commands.add_parser("review", help="a helper has looked at a grown-up whom many families approved")
    review.add_argument("pseudonym", help="as it stands in the audit record")
    review.add_argument(
        "--families", type=_whole(0, 1_000), required=True, help="children of so many are fine; 0 takes it back"
    )
    review.set_defaults(command=_review)
    for one in (shift, review):
        one.add_argument("--demo", action="store_true", help="in the database of the demo")

    protocol = commands.add_parser("protocol", help="the wire").add_subparsers(required=True, metavar="what")
    protocol.add_parser("schema", help="print the JSON Schema of ringfence.v1").set_defaults(command=_schema)

    policy = commands.add_parser("policy", help="the rules").add_subparsers(required=True, metavar="what")
    policy_cli.add_commands(policy)

    marks_cli.add_commands(commands)
    inspectors_cli.add_commands(commands)
    trace_cli.add_command(commands)
    inspect_cli.add_command(commands)
    return parser


def _demo(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    over: dict[str, Any] = {"demo": True}
    if arguments.https:
        from server import https  # only the demo needs it

        addresses = https.lan_addresses()
        port = arguments.port or (8443 if PORT not in environ else load(environ, over={"demo": True}).port)
        settings = load(environ, over={"demo": True})
        try:
            chain, key = https.certificate(Path(settings.data), addresses)
        except OSError as fault:
            raise CannotStart(f"The demo cannot keep its certificate in {settings.data}: {fault.strerror}.") from fault
        names = ["localhost", *(f"[{one}]" if ":" in one else one for one in addresses)]
        over |= {
            "demo_on_network": True,
            "host": ("0.0.0.0", "::"),  # noqa: S104 - asked for with --https, in the demo only
            "origin": tuple(f"https://{name}:{port}" if port != 443 else f"https://{name}" for name in names),
            "certificate": str(chain),
            "certificate_key": str(key),
            "port": port,
        }
    elif arguments.port is not None:
        over["port"] = arguments.port
    return _run(load(environ, over=over), _say_demo)


def _serve(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    over = {"demo": False} | ({"port": arguments.port} if arguments.port is not None else {})
    return _run(
        load(environ, over=over), lambda settings: print(f"Ringfence serves {', '.join(settings.origin)}", flush=True)
    )


def _run(settings: Settings, opened: Any) -> int:
    from server import app  # everything that is heavy, after the settings are known to be right

    set_up_logging(settings.log_level)
    _loop(app.serve(settings, opened=opened))
    return 0


def set_up_logging(level: str) -> None:
    """``level`` is for what this house says itself, which names nobody. What it stands on is heard from warnings up only:
    a driver that explains itself repeats statements with what is in them."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger().setLevel(logging.WARNING)
    for ours in ("server", "signalling"):
        logging.getLogger(ours).setLevel(level.upper())


def _loop(work: Coroutine[Any, Any, Any]) -> Any:
    """uvloop where there is one (not on Windows): the gate's socket is read about twice as fast."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _say_demo(settings: Settings) -> None:
    if settings.https:
        print("Ringfence demo. Made-up people; everybody on this network can be any of them.")
        print("Open one of these, accept the certificate's warning, and choose somebody:")
        for one in settings.origin:
            print(f"  {one}/")
    else:
        print("Ringfence demo. Made-up people; nothing leaves this machine.")
        print(f"Open http://localhost:{settings.port} and choose two people, each in a window of their own.")
        print(f"(They live at {', '.join(f'{slug}.localhost' for slug in DEMO_SLUGS)}.)")
    sys.stdout.flush()


def _migrate(_: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.db.migrate import migrate

    asyncio.run(migrate(load(environ).database_url))
    print("The database is of the newest shape.")
    return 0


def _whole(low: int, high: int) -> Callable[[str], int]:
    def number(typed: str) -> int:
        if not (typed.isascii() and typed.isdecimal() and low <= int(typed) <= high):
            raise argparse.ArgumentTypeError(f"must be {low} to {high}")
        return int(typed)

    return number


def _shift(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server import helpers_cli

    settings = load(environ, over={"demo": True} if arguments.demo else {})
    if arguments.end:
        ended = asyncio.run(helpers_cli.on_database(settings, helpers_cli.end_shift))
        print("The shift has ended." if ended else "There was no shift.")
        return 0
    until = asyncio.run(
        helpers_cli.on_database(settings, lambda db, now: helpers_cli.start_shift(db, arguments.minutes, now))
    )
    print(f"A moderator is here until {datetime.fromtimestamp(until / 1000, UTC):%Y-%m-%d %H:%M} UTC.")
    return 0


def _review(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server import helpers_cli

    settings = load(environ, over={"demo": True} if arguments.demo else {})
    found = asyncio.run(
        helpers_cli.on_database(
            settings, lambda db, now: helpers_cli.review(db, arguments.pseudonym, arguments.families, now)
        )
    )
    if not found:
        print("There is no grown-up under this pseudonym.")
        return 1
    print(f"Children of up to {arguments.families} families are fine for this grown-up.")
    return 0


def _schema(_: argparse.Namespace, __: Mapping[str, str]) -> int:
    from signalling import protocol

    print(json.dumps(protocol.schema(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
