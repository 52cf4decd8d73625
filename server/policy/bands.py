"""The age bands: what ``bands.toml`` says, checked on load. An unknown age is the youngest band (row 5; AADC3)."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, cast, get_args

from server.policy.facts import Band

_STATUSES: Final = ("in force", "proposed", "our choice")
_GUARDIANS: Final = ("approve", "discuss", "teen_led", "none")
_MOST_PEOPLE: Final = 8  # what the protocol carries; a band may only be stricter


class BrokenRulebook(ValueError):
    """A rulebook, schema or band file that cannot be trusted. The message names the file, the place and the reason."""


@dataclass(frozen=True, slots=True)
class Bands:
    """``of_group``: age group to band. ``room``: how many people may be in a call with somebody of this band."""

    version: str
    youngest: Band
    of_group: Mapping[str, Band]
    room: Mapping[Band, int]
    guardian: Mapping[Band, str]

    def band(self, age_group: str | None) -> Band:
        """The band of an age group; the youngest for one that is unknown or missing."""
        return self.of_group.get(age_group or "", self.youngest)

    def room_for(self, bands: Iterable[Band]) -> int:
        """How many people may be in one call with all of these: what the strictest of them allows."""
        return min((self.room[band] for band in bands), default=0)


@cache
def bands_in_force() -> Bands:
    """The bands that come with this package."""
    return read_bands((resources.files("server.policy") / "bands.toml").read_text("utf-8"))


def read_bands(toml: str) -> Bands:
    """Parse and check ``bands.toml``. Raises :class:`BrokenRulebook` on anything missing, unknown or unexplained."""
    try:
        book = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as wrong:
        raise BrokenRulebook(f"bands.toml: {wrong}") from None
    bands, known = book.get("bands"), get_args(Band)
    if not isinstance(bands, dict) or set(bands) != set(known):
        raise BrokenRulebook(f"bands.toml: there must be exactly these bands: {', '.join(known)}")
    if book.get("youngest") != known[0] or not isinstance(book.get("version"), str):
        raise BrokenRulebook(f"bands.toml: needs a version, and the youngest band must be {known[0]}")
    of_group: dict[str, Band] = {}
    for name, band in bands.items():
        for group in band.get("age_groups", ()):
            if group in of_group:
                raise BrokenRulebook(f"bands.toml: age group {group} is in two bands")
            of_group[group] = cast(Band, name)
    room = {cast(Band, name): _value(name, band, "people_in_a_call") for name, band in bands.items()}
    guardian = {cast(Band, name): _value(name, band, "guardian") for name, band in bands.items()}
    for name, value in room.items():
        if type(value) is not int or not 2 <= value <= _MOST_PEOPLE:
            raise BrokenRulebook(f"bands.toml: {name}.people_in_a_call must be 2 to {_MOST_PEOPLE}")
    for name, value in guardian.items():
        if value not in _GUARDIANS:
            raise BrokenRulebook(f"bands.toml: {name}.guardian must be one of {', '.join(_GUARDIANS)}")
    return Bands(book["version"], known[0], of_group, room, guardian)


def _value(name: str, band: Mapping[str, Any], key: str) -> Any:
    """One value, only if it says why, from where, since when and on what it rests."""
    entry = band.get(key)
    if not isinstance(entry, dict) or "value" not in entry:
        raise BrokenRulebook(f"bands.toml: {name}.{key} is missing")
    for part in ("reason", "source"):
        if not isinstance(entry.get(part), str) or not entry[part]:
            raise BrokenRulebook(f"bands.toml: {name}.{key} has no {part}")
    if not isinstance(entry.get("date"), datetime.date):
        raise BrokenRulebook(f"bands.toml: {name}.{key} has no date")
    if entry.get("status") not in _STATUSES:
        raise BrokenRulebook(f"bands.toml: {name}.{key}: status must be one of {', '.join(_STATUSES)}")
    return entry["value"]
