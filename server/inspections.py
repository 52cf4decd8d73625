"""Inspections that an inspector starts from the page: one process of ``ringfence inspect`` at a time, and what it says while it plays.

It inspects a fresh server of its own with made-up families, made from the same code, on its own ports and its own database, which is
thrown away. The server that the inspector is signed in to is never what is played against: no address and no key of it are
told to that process, and its environment has nothing of ours but the means to start Python.

Bounded: one at a time, ``SECONDS`` at most, so many lines and so much of each, and the last ``KEPT`` are kept, in a folder of the data
folder. Whoever has run one rests for ``REST_SECONDS`` after its end: it keeps a small machine busy, and the calls of families come
first. What comes from the process is read as somebody else's: what is not of the known shape is left out, and a run that
died, was too slow or was stopped with the server has no outcome but "not proven".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from server.settings import ROOT, Settings

log = logging.getLogger(__name__)

SECONDS: Final = 900.0  #: for one; a whole inspection takes under five minutes on two cores
REST_SECONDS: Final = 120.0  #: of one inspector, from the end of an inspection to the start of their next
KEPT: Final = 5
FILES: Final = {
    "json": "report.json",
    "html": "report.html",
    "pdf": "report.pdf",
    "sig": "report.sig",
    "key": "report.vkey",
}
_NICE: Final = 10  # of what an inspection runs; inherited by the server and the peers that it starts
_MOST_LINES: Final = 5_000
_LONGEST: Final = 262_144  # of one line
_MOST_REPORT: Final = 8 * 1024 * 1024
_ID: Final = re.compile(r"[0-9]{13}-[a-z0-9]{8}")
#: How a story's outcome is told on pages: what could not be shown is not proven.
_TOLD: Final = {"proven": "proven", "broken": "broken", "not_shown": "not_proven"}
_ENVIRONMENT: Final = {"PATH": os.defpath, "PYTHONUTF8": "1"}  # nothing that this server was started with

Command = Callable[[Path, Path], Sequence[str]]


def ringfence_inspect(out: Path, key: Path) -> Sequence[str]:
    """What is run."""
    return (
        sys.executable, "-m", "server.cli", "inspect", "--json-progress", "--out", str(out), "--sign-with", str(key),
    )  # fmt: skip


@dataclass(slots=True)
class Run:
    """One inspection. ``by``: who began it. ``outcome``: of all of it; None while it goes on. ``now``: by story those that are played at
    this moment, each with its title and what it tried last. ``opened``: its own server is there, and stories begin."""

    id: str
    begun_at: int
    scenarios: list[tuple[str, str]] = field(default_factory=list)
    progress: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False
    outcome: str | None = None
    now: dict[str, dict[str, str]] = field(default_factory=dict)
    opened: bool = False
    by: str = ""


class Inspections:
    """All that were started on this server, the newest first, and the one that goes on."""

    def __init__(
        self,
        settings: Settings,
        *,
        command: Command = ringfence_inspect,
        seconds: float = SECONDS,
        rest: float = REST_SECONDS,
    ) -> None:
        self._folder = Path(settings.data) / ("demo-inspections" if settings.demo else "inspections")
        self._key = Path(settings.data) / ("demo-inspection.key" if settings.demo else "inspection.key")
        self.command, self.seconds, self.rest = command, seconds, rest
        self._ended: dict[str, float] = {}  # by inspector, when their last one was over; gone with their rest
        self._runs: dict[str, Run] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self, now: int, by: str = "") -> Run | float | None:
        """Begin one. None: another one is being played. A number: so many seconds ``by`` still rests."""
        if self._task is not None and not self._task.done():
            return None
        left = {one: ended + self.rest - time.monotonic() for one, ended in self._ended.items()}
        self._ended = {one: ended for one, ended in self._ended.items() if left[one] > 0}
        if by in self._ended:
            return left[by]
        run = Run(f"{now:013}-{secrets.token_hex(4)}", now, by=by)
        self._runs[run.id] = run
        self._task = asyncio.create_task(self._play(run))
        return run

    async def close(self) -> None:
        """Stop the one that goes on."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def every(self) -> list[Run]:
        """The newest first; those of an earlier process of this server as far as their reports are there."""
        names = {one.name for one in self._folder.iterdir()} if self._folder.is_dir() else set()
        for name in names - self._runs.keys():
            if _ID.fullmatch(name):
                self._runs[name] = _from_report(name, self.report(name))
        return sorted(self._runs.values(), key=lambda run: run.id, reverse=True)

    def one(self, name: str) -> Run | None:
        return next((run for run in self.every() if run.id == name), None)

    def report(self, name: str) -> dict[str, Any] | None:
        """The report of a run that is over, for a page; None when there is none that can be read."""
        raw = self.file(name, "json")
        if raw is None:
            return None
        try:
            told = json.loads(raw)
            return {
                "all_proven": told["all_proven"] is True,
                "begun_at": int(told["begun_at"]),
                "verdicts": {str(one["id"]): _TOLD[one["verdict"]] for one in told["promises"]},
                "findings": [_finding(one) for one in told["findings"]],
            }
        except (ValueError, KeyError, TypeError):
            log.error("the report of an inspection cannot be read")
            return None

    def file(self, name: str, kind: str) -> bytes | None:
        """One of the files of a report."""
        if not _ID.fullmatch(name) or kind not in FILES:
            return None
        path = self._folder / name / FILES[kind]
        try:
            if path.stat().st_size > _MOST_REPORT:
                return None
            return path.read_bytes()
        except OSError:
            return None

    def newest_files(self) -> dict[str, bytes]:
        """Every file of the newest report that was written, by its name."""
        for run in self.every():
            found = {FILES[kind]: raw for kind in FILES if (raw := self.file(run.id, kind)) is not None}
            if run.done and FILES["json"] in found:
                return found
        return {}

    # -- one run

    async def _play(self, run: Run) -> None:
        out, ended = self._folder / run.id, False
        try:
            out.mkdir(parents=True)
            async with asyncio.timeout(self.seconds):
                ended = await self._listen(run, out)
        except TimeoutError:
            log.error("an inspection took longer than %.0f s and was stopped", self.seconds)
        except OSError as fault:
            log.error("an inspection could not be started (%s)", type(fault).__name__)
        finally:
            if not ended:
                for name in FILES.values():
                    (out / name).unlink(missing_ok=True)
            told = self.report(run.id)
            run.outcome, run.done = _outcome(told), True
            if run.by:
                self._ended[run.by] = time.monotonic()
            self._keep_few()

    async def _listen(self, run: Run, out: Path) -> bool:
        """Whether it came to its end, and said how that was."""
        process = await asyncio.create_subprocess_exec(
            *self.command(out, self._key),
            cwd=ROOT,
            env=_ENVIRONMENT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST,
            start_new_session=True,  # with the server that it starts, so that both can be stopped
        )
        with contextlib.suppress(OSError):  # it may be over already
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)  # live calls of families come first
        try:
            assert process.stdout is not None
            for _ in range(_MOST_LINES):
                try:
                    line = await process.stdout.readline()
                except ValueError:  # longer than a line may be
                    break
                if not line:
                    break
                _take(run, line)
            if await process.wait() in (0, 1, 3):  # proven, broken, not shown
                return True
            log.error("an inspection ended with exit status %d", process.returncode)
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def _keep_few(self) -> None:
        for old in self.every()[KEPT:]:
            shutil.rmtree(self._folder / old.id, ignore_errors=True)
            self._runs.pop(old.id, None)


def told(run: Run, report: dict[str, Any] | None) -> dict[str, Any]:
    """A run as its page has it."""
    return {
        **short(run),
        "all": len(run.scenarios),
        "done": run.done,
        "opened": run.opened,
        "now": [] if run.done else [{"scenario": name, **one} for name, one in run.now.items()],
        "progress": run.progress,
        "to_come": [] if run.done else [title for name, title in run.scenarios if name not in _met(run)],
        "report": {key: report[key] for key in ("verdicts", "findings")} if report and run.done else None,
    }


def _met(run: Run) -> set[str]:
    """The stories that are over or are being played."""
    return {*run.now, *(one["scenario"] for one in run.progress)}


def short(run: Run) -> dict[str, Any]:
    return {"id": run.id, "begun_at": run.begun_at, "outcome": run.outcome}


def _take(run: Run, line: bytes) -> None:
    """One line of progress. What is not of the known shape is left out."""
    try:
        said = json.loads(line)
        if said["t"] == "begun" and not run.scenarios:
            run.scenarios = [(_text(one["id"]), _text(one["title"])) for one in said["scenarios"][:500]]
        elif said["t"] == "opened":
            run.opened = True
        elif said["t"] == "playing" and len(run.now) < 50:
            run.now[_text(said["scenario"])] = {"title": _text(said["title"]), "tried": ""}
        elif said["t"] == "step" and said["scenario"] in run.now:
            run.now[said["scenario"]]["tried"] = _text(said["tried"])
        elif said["t"] == "done" and len(run.progress) < 500:
            run.now.pop(_text(said["scenario"]), None)
            run.progress.append(
                {
                    "scenario": _text(said["scenario"]),
                    "title": _text(said["title"]),
                    "outcome": _TOLD[said["outcome"]],
                    "seconds": float(said["seconds"]),
                }
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("an inspection said what is no progress")


def _finding(one: dict[str, Any]) -> dict[str, Any]:
    kept = ("scenario", "title", "promises", "why", "seconds", "steps", "measured")
    return {key: one[key] for key in kept} | {"outcome": _TOLD[one["outcome"]]}


def _outcome(report: dict[str, Any] | None) -> str:
    """Of the whole run: broken if some promise is, proven only if all are, and otherwise not proven."""
    found = set(report["verdicts"].values()) if report else set()
    if "broken" in found:
        return "broken"
    return "proven" if report and report["all_proven"] and found == {"proven"} else "not_proven"


def _from_report(name: str, report: dict[str, Any] | None) -> Run:
    """A run of an earlier process, from what it left behind."""
    findings = report["findings"] if report else []
    progress = [{key: one[key] for key in ("scenario", "title", "outcome", "seconds")} for one in findings]
    scenarios = [(one["scenario"], one["title"]) for one in findings]
    return Run(name, int(name.partition("-")[0]), scenarios, progress, True, _outcome(report))


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError
    return found[:200]
