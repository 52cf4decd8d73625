"""Who helps a child outside of this service, by country: ``policy/support.toml``, read once and checked.

The file is data with a source for each line and the day on which somebody last looked. It decides nothing. A number that is wrong
is worse than none, so a file that does not hold together does not load, and one that nobody has looked at for 90 days is said to
helpers (``too_old``).
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, get_args

from server.policy.bands import EU, BrokenRulebook

Kind = Literal["remove", "talk", "report", "emergency"]
GOOD_FOR_DAYS: Final = 90
_NUMBER: Final = re.compile(r"[0-9][0-9 -]*")
_URL: Final = re.compile(r"https://[a-z0-9.-]+/[a-z0-9/-]*")


@dataclass(frozen=True, slots=True)
class Support:
    """One service: what for, its name, how it is reached (a number, a page or both), one sentence, and where we have it from."""

    kind: Kind
    name: str
    says: str
    source: str
    tel: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Supports:
    """All of them by country, and when somebody last looked whether they are right."""

    looked_at: datetime.date
    countries: Mapping[str, tuple[Support, ...]]

    def of(self, country: str) -> tuple[Support, ...]:
        """For a child who lives there: taking down first."""
        code = country if country in self.countries else "EU" if country in EU else ""
        return self.countries[code]

    def too_old(self, today: datetime.date) -> bool:
        return (today - self.looked_at).days > GOOD_FOR_DAYS


@cache
def supports() -> Supports:
    """What comes with this package."""
    return read((resources.files("server.policy") / "support.toml").read_text("utf-8"))


def read(toml: str) -> Supports:
    """Parse and check. Raises :class:`BrokenRulebook` with the country and the reason."""
    book = tomllib.loads(toml)
    looked_at, countries = book.get("looked_at"), book.get("country")
    if type(looked_at) is not datetime.date or not isinstance(countries, dict) or not {"", "EU"} <= set(countries):
        raise BrokenRulebook("support.toml: needs looked_at, and sections for EU and for every other country")
    return Supports(looked_at, {code: tuple(_one(code, entry) for entry in countries[code]) for code in countries})


def _one(code: str, entry: Any) -> Support:
    if not isinstance(entry, dict) or not all(isinstance(value, str) and value for value in entry.values()):
        raise BrokenRulebook(f"support.toml, {code}: an entry is texts only")
    if unknown := set(entry) - {field.name for field in fields(Support)}:
        raise BrokenRulebook(f"support.toml, {code}: nobody knows {', '.join(sorted(unknown))}")
    if missing := {"kind", "name", "says", "source"} - set(entry):
        raise BrokenRulebook(f"support.toml, {code}: {', '.join(sorted(missing))} missing")
    one = Support(**entry)
    if one.kind not in get_args(Kind) or not (one.tel or one.url):
        raise BrokenRulebook(f"support.toml, {code}: {one.name} is of no known kind, or cannot be reached")
    if (one.tel and not _NUMBER.fullmatch(one.tel)) or (one.url and not _URL.fullmatch(one.url)):
        raise BrokenRulebook(f"support.toml, {code}: the number or address of {one.name} is none")
    return one
