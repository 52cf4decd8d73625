"""What every request passes: the right host, the right page, the right headers, and faults that say nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server import cli, notices
from server.api import keys, middleware, problems, rim
from server.db.session import Database
from tests.house import Families, House, open_house

POSTS = [("POST", "/api/sign-in"), ("POST", "/api/ws-ticket"), ("POST", "/api/pairings"), ("DELETE", "/api/me")]


async def raw(house: House, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request with exactly these headers."""
    async with (
        aiohttp.ClientSession() as http,
        http.request(
            method, f"http://127.0.0.1:{house.settings.port}{path}", headers=headers, allow_redirects=False
        ) as r,
    ):
        return r.status, dict(r.headers), await r.read()


@asynccontextmanager
async def another_program_writes(house: House) -> AsyncIterator[None]:
    """A command at work on the same records, as ``ringfence shift`` is for a moment."""
    other = await Database.open(house.settings.database_url)
    try:
        async with other.begin():
            yield
    finally:
        await other.close()


@pytest.mark.parametrize(
    "path", ["/", "/child/", "/grown-up/", "/shared/html.js", "/api/me", "/healthz", "/nothing", "/api/nothing", "/ws"]
)
async def test_every_answer_wears_the_headers(house: House, path: str) -> None:
    _, headers, _ = await raw(house, "GET", path, Host=f"localhost:{house.settings.port}")
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == policy["img-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "ringfence ringfence-seal ringfence-mark"
    assert f"ws://localhost:{house.settings.port}" in policy["connect-src"].split()
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "display-capture=()" in headers["Permissions-Policy"]
    assert "camera=(self)" in headers["Permissions-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == ("no-store" if path.startswith(("/api", "/healthz", "/ws")) else "no-cache")
    assert "Server" not in headers
    assert "Strict-Transport-Security" not in headers  # plain http in this test


async def test_https_adds_hsts_and_a_host_cookie(tmp_path: Path) -> None:
    async with open_house(tmp_path, demo=True, origin=("https://calls.example",)) as house:
        status, headers, _ = await raw(house, "GET", "/child/", Host="calls.example")
        assert status == 200
        assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert "wss://calls.example" in headers["Content-Security-Policy"]
        assert house.settings.cookie_name == "__Host-ringfence"


async def test_another_name_on_our_address_is_not_us(house: House) -> None:
    status, _, body = await raw(house, "GET", "/child/", Host=f"evil.example:{house.settings.port}")
    assert (status, json.loads(body)["code"]) == (421, "bad_host")
    assert (await raw(house, "GET", "/child/", Host=f"localhost:{house.settings.port}"))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_changes_something_must_come_from_the_same_page(house: House, method: str) -> None:
    port = house.settings.port
    host = f"localhost:{port}"
    for origin in (
        None,
        "null",
        "https://evil.example",
        f"http://evil.localhost:{port}",
        f"http://maya.localhost:{port}",
        f"https://{host}",
    ):
        sent = {"Host": host} if origin is None else {"Host": host, "Origin": origin}
        status, _, body = await raw(house, method, "/api/sign-out", **sent)
        assert (status, json.loads(body)["code"]) == (403, "bad_origin"), origin
    status, _, body = await raw(house, method, "/api/sign-out", Host=host, Origin=f"http://{host}")
    assert status != 403


async def knock(house: House, origin: str | None) -> int:
    """The status with which a WebSocket from a page of ``origin`` is answered; 101 is welcome."""
    port = house.settings.port
    async with aiohttp.ClientSession() as http:
        try:
            ws = await http.ws_connect(
                f"http://127.0.0.1:{port}/ws",
                protocols=["ringfence.v1+json"],
                origin=origin,
                headers={"Host": f"localhost:{port}"},
            )
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
        await ws.close()
        return 101


async def test_a_socket_must_come_from_the_same_page(house: House) -> None:
    port = house.settings.port
    for foreign in (None, "null", "https://evil.example", f"http://maya.localhost:{port}", f"https://localhost:{port}"):
        assert await knock(house, foreign) == 403, foreign
    assert await knock(house, f"http://localhost:{port}") == 101


async def test_a_large_body_is_refused_and_a_usual_one_is_not(house: House) -> None:
    device = house.device()
    big = await device.call("POST", "/api/sign-in", {"email": "a@example.org", "password": "x" * 70_000})
    assert (big.status, big.code) == (413, "too_large")
    small = await device.call("POST", "/api/sign-in", {"email": "a@example.org", "password": "x" * 100})
    assert (small.status, small.code) == (401, "wrong_sign_in")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"email": 1}',
        b"[" * 20_000,
        b'{"email":"a","email":"b"}',
        b'"\\ud800"',
    ],
)
async def test_a_wrong_body_is_told_by_field_never_by_value(house: House, body: bytes) -> None:
    device = house.device()
    async with device.http.post(f"{house.base}/api/sign-in", data=body, headers={"Origin": house.base}) as r:
        told = await r.json(content_type="application/problem+json")
        assert (r.status, told["code"]) == (422, "bad_request")
        assert r.content_type == "application/problem+json"
        assert set(told) <= {"type", "title", "status", "code", "fields"}


async def test_unknown_addresses_and_methods_are_problems_too(house: House) -> None:
    device = house.device()
    missing = await device.call("GET", "/api/no-such-thing")
    assert (missing.status, missing.code) == (404, "not_found")
    wrong = await device.call("PUT", "/api/ws-ticket", {})
    assert (wrong.status, wrong.code) == (405, "bad_method")


async def test_an_unknown_fault_says_internal_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise ValueError("Maya's secret")

    request = make_mocked_request("GET", "/api/x")
    with caplog.at_level(logging.DEBUG):
        answer = await middleware.catch(request, broken)
    assert isinstance(answer, web.Response)
    assert answer.body == problems.problem("internal").body
    assert "secret" not in caplog.text
    assert "ValueError at integration/test_app_rim.py" in caplog.text


async def test_health_is_green_and_names_each_guard(house: House) -> None:
    answer = await house.device().call("GET", "/healthz")
    assert answer.status == 200
    assert answer.json["ok"]
    assert {"gate", "database", "policy", "audit"} <= answer.json["guards"].keys()


async def test_health_turns_red_when_revocations_are_not_followed(house: House) -> None:
    async with house.db.begin() as tx:
        await notices.post(tx, "a_kind_of_next_year", [], now=house.hand())  # type: ignore[arg-type]  # nobody can act on it
    await house.app[keys.FOLLOWER].catch_up()
    answer = await house.device().call("GET", "/healthz")
    assert answer.status == 503
    assert answer.json == {"ok": False, "guards": {**answer.json["guards"], "revocation": False}}
    assert [name for name, ok in answer.json["guards"].items() if not ok] == ["revocation"]


async def test_health_turns_red_when_the_gate_is_deaf(house: House) -> None:
    for deaf in house.app[keys.GATE]._sockets.values():
        asyncio.get_running_loop().remove_reader(deaf.fileno())
    answer = await house.device().call("GET", "/healthz")
    assert (answer.status, answer.json["guards"]["gate"]) == (503, False)


async def test_health_turns_red_when_the_rules_do_not_answer_any_more(house: House) -> None:
    assert (await house.device().call("GET", "/healthz")).status == 200
    house.app[keys.KEEPER].rulebook._parts = {}  # what the engine is given; what was decided before is still remembered
    house.app[rim.LOOKED].until = 0.0
    answer = await house.device().call("GET", "/healthz")
    assert (answer.status, answer.json["guards"]["policy"]) == (503, False)


async def test_health_turns_red_when_somebody_cut_the_audit_record(house: House, families: Families) -> None:
    await families.two(friends=False)
    async with house.db.begin() as tx:  # waits its turn behind what the house itself is writing
        await tx.exec_driver_sql("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    answer = await house.device().call("GET", "/healthz")
    assert (answer.status, answer.json["guards"]["audit"]) == (503, False)


async def test_health_turns_red_while_the_records_are_locked(house: House) -> None:
    async with another_program_writes(house):
        answer = await house.device().call("GET", "/healthz")
        assert (answer.status, answer.json["guards"]["database"]) == (503, False)


@pytest.mark.parametrize(
    "path",
    [
        "/child/../../server/app.py", "/child/%2e%2e/%2e%2e/pyproject.toml", "/shared/..%2f..%2fREADME.md", "/shared/README.md",
        "/tsconfig.json", "/package.json", "/grown_up/index.html", "/grown-up/../tsconfig.json", "/shared/.hidden", "/child//etc/passwd",
        "/grown-up/facts.d.ts", "/var/ringfence.sqlite", "/migrations/env.py", "/demo/", "/demo/index.html", "/api/demo",
    ],
)  # fmt: skip
async def test_what_is_no_page_does_not_exist(house: House, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.settings.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost:{house.settings.port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ", 2)[1] == b"404", answer[:200]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/child/", "text/html"),
        ("/grown-up/", "text/html"),
        ("/shared/html.js", "text/javascript"),
        ("/shared/look/look.css", "text/css"),
        ("/shared/look/mark.svg", "image/svg+xml"),
        ("/start.js", "text/javascript"),
    ],
)
async def test_pages_are_served_with_their_kind(house: House, path: str, kind: str) -> None:
    status, headers, body = await raw(house, "GET", path, Host=f"localhost:{house.settings.port}")
    assert status == 200
    assert headers["Content-Type"].split(";")[0] == kind
    assert body


async def test_a_folder_without_its_slash_leads_to_it(house: House) -> None:
    status, headers, _ = await raw(house, "GET", "/child?x=1", Host=f"localhost:{house.settings.port}")
    assert (status, headers["Location"]) == (308, "/child/?x=1")


@contextmanager
def logging_as_served(level: str) -> Iterator[None]:
    """What ``ringfence serve`` sets up, and as it was before afterwards."""
    loggers = [logging.getLogger(name) for name in ("", "server", "signalling")]
    before = [one.level for one in loggers]
    cli.set_up_logging(level)
    try:
        yield
    finally:
        for one, was in zip(loggers, before, strict=True):
            one.setLevel(was)


async def test_the_log_of_a_whole_scenario_names_nobody(
    house: House, families: Families, caplog: pytest.LogCaptureFixture
) -> None:
    with logging_as_served("debug"):
        two = await families.two()
        await two.maya.connect()
        await two.theo.connect()
        await two.maya.ask(t="call.invite", to=[two.maya_sees_theo], media="video")
        ring = await two.theo.expect("call.incoming")
        await two.theo.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"])
        await two.maya.expect("sdp.offer")
        await two.sam.call("POST", "/api/contacts/g_nobody00/end", {})
        await two.sam.post("/api/sign-out")
        await house.device().call("POST", "/api/sign-in", {"email": "sam1@example.org", "password": "wrong one"})
        for wrong in (b"GET /Maya\x00 HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nbad header Maya\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", house.settings.port)
            writer.write(wrong)
            assert b" 400 " in await reader.readline()
            writer.close()
    said = caplog.text  # with the tracebacks
    assert "a connection was not HTTP" in said
    assert not [one.name for one in caplog.records if not one.name.startswith(("server", "signalling"))]
    assert "POST /api/sign-in 401" in said
    assert "/api/contacts/{ref}/end" in said
    for never in (
        "Maya",
        "Sam",
        "Theo",
        "Femi",
        "example.org",
        "127.0.0.1",
        "::1",
        "candidate",
        "a=fingerprint",
        "ufrag",
        "k_",
        "g_nobody",
    ):
        assert never not in said, never
    long_ids = [
        one for one in re.findall(r"[A-Za-z0-9_-]{16,}", said) if re.search(r"\d", one) and re.search(r"[A-Z]", one)
    ]
    assert long_ids == []
    assert not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b", said)


async def test_a_fault_of_the_database_does_not_repeat_what_was_to_be_written(house: House) -> None:
    for way in (house.db.begin, house.db.read):
        with pytest.raises(DBAPIError) as fault:
            async with way() as tx:
                await tx.execute(text("INSERT INTO no_such_table VALUES (:name)"), {"name": "Maya"})
        assert "Maya" not in str(fault.value)
        assert "no_such_table" in str(fault.value)


async def test_a_change_while_the_records_are_locked_is_told_plainly_and_leaves_nothing(
    house: House, families: Families
) -> None:
    sam = await families.grown_up("Sam")
    async with another_program_writes(house):
        answer = await sam.call("POST", "/api/ws-ticket", {})
        assert (answer.status, answer.code) == (503, "database_busy")
    assert (await sam.call("POST", "/api/ws-ticket", {})).status == 200
    async with house.db.read() as tx:
        assert len((await tx.exec_driver_sql("SELECT 1 FROM tickets")).all()) == 1


@pytest.mark.sqlite
async def test_a_change_that_the_disk_refuses_is_told_plainly_and_leaves_nothing(
    house: House, families: Families
) -> None:
    sam = await families.grown_up("Sam")
    async with house.db.begin() as tx:
        # SQLite's own "database or disk is full", on the very connection that writes
        pages = (await tx.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await tx.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    seen: list[str] = []
    while len(seen) < 1_000 and "database_read_only" not in seen:  # until the last free page is written
        seen.append((await sam.call("POST", "/api/links", {"child": "nobody"})).code)
    assert set(seen) <= {"not_found", "database_read_only"}
    assert seen[-1] == "database_read_only"
    async with house.db.begin() as tx:
        await tx.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert (await sam.call("POST", "/api/links", {"child": "nobody"})).code == "not_found"


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
async def test_a_packed_body_is_refused_and_never_unpacked(house: House, packing: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.settings.port)
    host = f"localhost:{house.settings.port}"
    writer.write(
        f"POST /api/sign-in HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Encoding: {packing}\r\n"
        "Content-Type: application/json\r\nContent-Length: 10\r\n\r\nnot packed".encode()
    )
    async with asyncio.timeout(30):
        said = await reader.readuntil(b"}")
    writer.close()
    assert said.startswith(b"HTTP/1.1 422 ")
    assert b'"bad_request"' in said


async def test_a_text_with_a_nul_in_it_is_refused_before_anybody_looks_for_it(house: House, families: Families) -> None:
    """PostgreSQL takes none, SQLite does: without this the one would answer "internal" and the other "not found"."""
    two = await families.two()
    for method, path, body in (
        ("POST", "/api/links/look", {"token": "\0"}),
        ("POST", "/api/links", {"child": "\0"}),
        ("GET", "/api/children/%00/limits", None),
        ("GET", "/api/history?child=%00", None),
    ):
        answer = await two.sam.call(method, path, body)
        assert (answer.status, answer.code) == (422, "bad_request"), path
        plain = await two.sam.call(
            method, path.replace("%00", "x"), json.loads(json.dumps(body).replace("\\u0000", "x"))
        )
        assert plain.code != "internal"
        assert (plain.status, plain.code) != (answer.status, answer.code), path
