"""The browser's sealing and marking modules, run in Node for tests that need no browser.

The modules are copied beside the driver into a folder that Node takes for ES modules; so nothing is added to the browser's tree.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


class Fault(Exception):
    """What the asked function threw: its code, or its text."""


class Node:
    """A folder of `client_web/shared` and the driver that asks its functions: `seal` and `seal_node.mjs`, `mark` and `mark_node.mjs`."""

    def __init__(self, folder: Path, part: str = "seal") -> None:
        if shutil.which("node") is None:
            pytest.fail(
                "These tests run the browser's code in Node, and node is missing. On Debian: apt-get install nodejs"
            )
        shared = ROOT / "client_web" / "shared"
        shutil.copytree(shared / part, folder / part)
        for beside in ("sealed.js", "api.js", "connection.js") if part == "seal" else ():
            shutil.copy(shared / beside, folder)
        shutil.copy(ROOT / "tests" / f"{part}_node.mjs", folder)
        (folder / "package.json").write_text('{"type": "module"}')
        self._process = subprocess.Popen(
            ["node", str(folder / f"{part}_node.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, ask: str, **what: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"ask": ask, **what}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "fault" in answer:
            raise Fault(answer["fault"])
        return answer["is"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(name="node")
def in_node(tmp_path: Path) -> Iterator[Node]:
    one = Node(tmp_path)
    try:
        yield one
    finally:
        one.close()
