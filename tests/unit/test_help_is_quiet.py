"""Opening Help is told to nobody. Shown from the source: the page of Help has nothing with which it could tell, and all that opening it
does in a call is to shut the child's own camera and microphone."""

from __future__ import annotations

import re

from server.settings import ROOT

PAGE = (ROOT / "client_web/shared/call_screens/rf-help.js").read_text("utf-8")
TELEPHONE = (ROOT / "client_web/shared/telephone.js").read_text("utf-8")
SENDS = re.compile(r"\b(fetch|post|get|send|sendBeacon|XMLHttpRequest|WebSocket|EventSource|ask)\s*\(")
#: What the page of Help may use. None of these sends anything.
USES = {"../html.js", "../parts.js", "../press.js", "../rf-read.js", "../call.js", "../words.js"}
#: What Help does in a call: stop our own tracks, cover what is shown, say that camera and microphone are off.
DOES = {"#shutCamera", "#shutMicrophone", "onblank", "onchange", "#tellMedia"}


def ways_to_tell(page: str) -> set[str]:
    """Modules beyond those that send nothing, and calls that send."""
    used = set(re.findall(r'^import (?:.* from )?"([^"]+)"', page, re.MULTILINE))
    return (used - USES) | {found[1] for found in SENDS.finditer(page)}


def deeds(source: str) -> set[str]:
    body = re.search(r"^  help\(\) \{\n(.*?)^  \}", source, re.MULTILINE | re.DOTALL)
    assert body is not None
    return set(re.findall(r"this\.([#\w]+)\(", body[1]))


def test_opening_help_has_no_way_to_tell_anybody() -> None:
    assert ways_to_tell(PAGE) == set()
    assert deeds(TELEPHONE) - {"mine"} <= DOES
    assert {"#shutCamera", "#shutMicrophone"} <= deeds(TELEPHONE)


def test_a_help_that_calls_home_would_be_found() -> None:
    assert ways_to_tell(f'import {{ post }} from "../api.js";\n{PAGE}') == {"../api.js"}
    assert ways_to_tell(PAGE.replace("constructor() {", 'constructor() {\n    fetch("/api/helped");')) == {"fetch"}
    assert not deeds(TELEPHONE.replace("this.helping = true;", "this.#tellHelpers();", 1)) <= DOES
