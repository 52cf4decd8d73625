#!/usr/bin/env python3
"""Feeds the vectors to any program, and says where its answers differ.

    python3 run.py [--vectors FILE] [--seconds N] PROGRAM [ARGUMENTS ...]

The program is started once. It is given one question a line on its standard input, as JSON, and gives one answer a line on its
standard output: {"verdict": "allow" or "deny", "rules": [all deciding rule ids]}. In which order it names the rules is its own
business. What it writes to its standard error is shown as it is.

The exit status is 0 when every answer is right, 1 when some answer differs, and 2 when the run could not be finished: the
program could not be started, took longer than N seconds over an answer (10 unless told; three times that over the first, for it
may have to load), ended early, or wrote something that is no answer; or the vectors could not be read. Only the standard
library is needed, so that this file can be copied.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

RIGHT, DIFFERENT, UNFINISHED = 0, 1, 2


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


class Unfinished(Exception):
    """The run cannot go on. The message is the whole story."""


class Program:
    """A program that is asked one question after another."""

    def __init__(self, command: list[str], seconds: float) -> None:
        self.name, self.seconds, self.patience = command[0], seconds, 3 * seconds
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as wrong:
            raise Unfinished(f"{self.name} could not be started: {wrong.strerror}") from None
        self.lines: queue.Queue[bytes] = queue.Queue(maxsize=100)  # a flood waits outside
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(b"")  # the end

    def ask(self, question: Any) -> tuple[str, list[str]]:
        assert self.process.stdin
        if not self.lines.empty():
            early = self.lines.get()
            raise Unfinished(f"one line too many, before the question: {shown(early)}" if early else self._ended())
        with suppress(OSError):  # it has ended; what follows says so
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        line = self._next("no answer")
        if not line:
            raise Unfinished(self._ended())
        return read_answer(line)

    def finish(self) -> None:
        """No more questions: it should end by itself, and quietly."""
        assert self.process.stdin
        with suppress(OSError):
            self.process.stdin.close()
        if line := self._next("no end after the last question"):
            raise Unfinished(f"one line too many: {shown(line)}")
        if self._status() != 0:
            raise Unfinished(self._ended())

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _next(self, otherwise: str) -> bytes:
        try:
            line = self.lines.get(timeout=self.patience)
        except queue.Empty:
            raise Unfinished(f"{otherwise} within {self.patience:g} seconds") from None
        self.patience = self.seconds
        return line

    def _status(self) -> int | None:
        try:
            return self.process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            return None

    def _ended(self) -> str:
        status = self._status()
        if status is None:
            return "it shut its output and goes on running"
        return f"it ended with status {status}"


def read_answer(line: bytes) -> tuple[str, list[str]]:
    try:
        answer = json.loads(line)
        verdict, rules = answer["verdict"], answer["rules"]
    except (ValueError, KeyError, TypeError):
        raise Unfinished(f"this is no answer: {shown(line)}") from None
    if (
        verdict not in ("allow", "deny")
        or not isinstance(rules, list)
        or not all(isinstance(one, str) for one in rules)
    ):
        raise Unfinished(f"this is no answer: {shown(line)}")
    return verdict, sorted(rules)


def shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace").strip()
    return text if len(text) <= 200 else text[:200] + " ..."


def read_vectors(file: Path) -> list[dict[str, Any]]:
    """The vectors, looked at no closer than a run needs; `ringfence policy check` looks closely."""
    try:
        vectors = json.loads(file.read_text("utf-8"))["vectors"]
        for number, vector in enumerate(vectors, 1):
            name = vector.get("id", f"number {number}")
            for part, kind in (("id", str), ("note", str), ("flags", list), ("verdict", str), ("rules", list)):
                if not isinstance(vector.get(part), kind):
                    raise Unfinished(f"{file}: vector {name} has no {part}")
            if "question" not in vector:
                raise Unfinished(f"{file}: vector {name} has no question")
    except OSError as wrong:
        raise Unfinished(f"{file}: {wrong.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unfinished(f"{file}: this is no vector file") from None
    if not vectors:
        raise Unfinished(f"{file}: there are no vectors")
    return list(vectors)


def run(vectors: list[dict[str, Any]], command: list[str], seconds: float) -> int:
    """Ask everything, print what differs and the counts, and return how many differ."""
    program = Program(command, seconds)
    harms: Counter[str] = Counter()
    wrong = loose = 0
    asked = "before the first question"
    try:
        for vector in vectors:
            asked = f"at {vector['id']}"
            verdict, rules = program.ask(vector["question"])
            if (verdict, rules) == (vector["verdict"], sorted(vector["rules"])):
                continue
            wrong += 1
            loose += (verdict, vector["verdict"]) == ("allow", "deny")
            harms.update(vector["flags"])
            say(f"{vector['id']}: {vector['note']}")
            if verdict != vector["verdict"]:
                say(f"    verdict {verdict}, should be {vector['verdict']}")
            if missing := sorted(set(vector["rules"]) - set(rules)):
                say(f"    rules missing: {', '.join(missing)}")
            if more := sorted(set(rules) - set(vector["rules"])):
                say(f"    rules too many: {', '.join(more)}")
        asked = "after the last question"
        program.finish()
    except Unfinished as unfinished:
        raise Unfinished(f"{program.name}, {asked}: {unfinished}") from None
    finally:
        program.stop()
    say(
        f"{len(vectors)} vectors, {len(vectors) - wrong} right, {wrong} different, {loose} of them allowed what must be refused"
    )
    if harms:
        say("harms let in: " + ", ".join(f"{flag} ({count})" for flag, count in harms.most_common()))
    return wrong


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Feeds the vectors to any program. Status 0: all right; 1: some differ; 2: not finished."
    )
    parser.add_argument("--vectors", type=Path, default=Path(__file__).with_name("vectors.json"), metavar="FILE")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="for one answer (10)")
    parser.add_argument("program", metavar="PROGRAM")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="ARGUMENTS")
    told = parser.parse_args(arguments)
    try:
        wrong = run(read_vectors(told.vectors), [told.program, *told.rest], told.seconds)
    except Unfinished as unfinished:
        say(f"not finished: {unfinished}")
        return UNFINISHED
    return DIFFERENT if wrong else RIGHT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
