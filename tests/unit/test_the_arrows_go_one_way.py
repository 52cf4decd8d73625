"""house.md, idea 6: server → signalling, server → server.policy; and idea 2: one door. Read from the source, not believed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("server/**/*.py"), *ROOT.glob("signalling/**/*.py")])

#: Who may name the rules' engine and ask it, and why.
MAY_DECIDE = {
    "server/gatekeeper.py": "it is the door",
    "server/policy/decide.py": "it is the engine",
    "server/policy/explain.py": "it prints the rules for people and decides nothing for anybody",
    "server/api/rim.py": "/healthz asks a made-up question to see that the rules still answer; nothing is allowed by it",
}


def imported(file: Path) -> set[str]:
    """Dotted names that this file imports, relative ones made absolute."""
    found = set()
    package = ".".join(file.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [base])]
                )
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_signalling_knows_no_server_and_the_policy_knows_nothing_but_itself(file: Path) -> None:
    path = file.relative_to(ROOT).as_posix()
    names = imported(file)
    if path.startswith("signalling/"):
        assert not [name for name in names if name.split(".")[0] in ("server", "sqlalchemy", "cedarpy", "alembic")]
    if path.startswith("signalling/gate/"):
        assert not [name for name in names if name.startswith("signalling") and not name.startswith("signalling.gate")]
    if path.startswith("server/policy/"):
        ours = [name for name in names if name.split(".")[0] in ("server", "signalling")]
        assert not [name for name in ours if not name.startswith("server.policy")]
        assert not names & {
            "time",
            "sqlalchemy",
            "aiohttp",
            "socket",
            "random",
        }  # no clock, database, network or chance
    elif path.startswith("server/"):
        assert not [name for name in names if name.startswith("cedarpy")], "cedarpy stays behind server/policy"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_only_the_gatekeeper_asks_the_rules(file: Path) -> None:
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("decide", "is_authorized")
        and ast.unparse(node.func)
        != "contacts.decide"  # a guardian's answer to a request: a service that asks the gatekeeper
    ]
    if file.relative_to(ROOT).as_posix() not in MAY_DECIDE:
        assert calls == []


#: What a headless peer of the inspection needs of PyAV: a fault and a type. Containers, which write files, are not among them.
NAMES_OF_AV = {"server/inspection/sealing.py": {"av.error", "av.frame", "av.frame.Frame"}}


def test_nothing_of_ours_records_or_writes_media() -> None:
    for file in SOURCES:
        names = imported(file) - NAMES_OF_AV.get(file.relative_to(ROOT).as_posix(), set())
        assert not [name for name in names if "MediaRecorder" in name or name.startswith(("aiortc.contrib", "av."))], (
            file
        )
        if file.is_relative_to(ROOT / "signalling"):
            opened = [
                node
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
            ]
            assert opened == [], f"{file} opens a file"
