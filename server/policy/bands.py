"""The age bands and the countries: what ``bands.toml`` and ``countries/*.toml`` say, checked on load.

``bands.toml`` is the base. A country pack changes single values of it, mostly to something stricter; a looser one needs a line
of its own (``looser = "..."``) that says by what right, or the pack does not load. What nobody has said anything about is
strict: an unknown age is the youngest band (row 5; AADC3), an unknown country has the strictest of all values for that age.

``Bands.terms(country, band)`` is what the rest of the house asks.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal, cast, get_args

from server.policy.facts import Band, GuardiansReach

Status = Literal["in force", "proposed", "our choice"]

_MOST_PEOPLE: Final = 8  # what the protocol carries; a band may only be stricter
_CHILDREN: Final = frozenset({"0-12", "13-15", "16-17"})
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class BrokenRulebook(ValueError):
    """A rulebook, schema, band or country file that cannot be trusted. The message names the file, the line and the reason."""


@dataclass(frozen=True, slots=True)
class _Key:
    """One kind of value: for which bands it is needed, which values it may have, and how strict one of them is (more is
    stricter; None where a value is only a suggestion, and neither strict nor loose)."""

    bands: frozenset[str]
    fits: Callable[[Any], bool]
    told: str
    strict: Callable[[Any], int] | None


def _one_of(*values: Any) -> tuple[Callable[[Any], bool], str, Callable[[Any], int]]:
    """A closed list, the strictest first."""
    return (
        lambda value: any(type(value) is type(one) and value == one for one in values),
        f"must be one of {', '.join(str(one).lower() if isinstance(one, bool) else str(one) for one in values)}",
        lambda value: -values.index(value),
    )


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    return lambda value: type(value) is int and low <= value <= high, f"must be {low} to {high}"


def _suggested_hours(value: Any) -> bool:
    return isinstance(value, str) and (value == "" or _HOURS.fullmatch(value) is not None)


_KEYS: Final[Mapping[str, _Key]] = {
    "guardian": _Key(_CHILDREN | {"18+"}, *_one_of("approve", "discuss", "teen_led", "none")),
    "may_lead": _Key(_CHILDREN, *_one_of(False, True)),
    "people_in_a_call": _Key(_CHILDREN | {"18+"}, *_whole(2, _MOST_PEOPLE), lambda value: -value),
    "stage": _Key(_CHILDREN, *_one_of("never", "may_switch_on")),
    "assurance": _Key(_CHILDREN, *_whole(1, 3), lambda value: int(value)),
    "yes_lasts_days": _Key(_CHILDREN, *_whole(1, 365), lambda value: -value),
    "quiet_hours": _Key(_CHILDREN, _suggested_hours, 'must be "", or hours as in 19:30-07:00', None),
    "minutes_a_day": _Key(_CHILDREN, *_whole(0, 24 * 60), None),
    "families": _Key(frozenset({"18+"}), *_whole(1, 50), lambda value: -value),
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value as published: what it is, why, from where, since when, and what it rests on. ``looser``: by what right it is
    looser than the base; empty where it is not."""

    value: Any
    reason: str
    source: str
    date: datetime.date
    status: Status
    looser: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for somebody of one band in one country. ``quiet_hours`` (minutes of the day, from and until) and
    ``minutes_a_day`` are suggestions; None suggests none."""

    guardian: str
    may_lead: bool
    room: int
    stage: bool
    assurance: int
    yes_lasts_days: int
    quiet_hours: tuple[int, int] | None
    minutes_a_day: int | None
    families: int

    @property
    def reach(self) -> GuardiansReach:
        """How far a guardian's word goes; "approve" where there is none, for a rule must know it."""
        return cast(GuardiansReach, self.guardian if self.guardian in get_args(GuardiansReach) else "approve")


Book = Mapping[Band, Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class Bands:
    """``of_group``: age group to band. ``base``: the values of ``bands.toml``. ``countries``: what each pack changes."""

    version: str
    youngest: Band
    of_group: Mapping[str, Band]
    base: Book
    countries: Mapping[str, Book]
    _terms: Mapping[tuple[str, Band], Terms]

    def band(self, age_group: str | None) -> Band:
        """The band of an age group; the youngest for one that is unknown or missing."""
        return self.of_group.get(age_group or "", self.youngest)

    def terms(self, country: str, band: Band) -> Terms:
        """What holds in this country for this band; for an unknown country the strictest of everything."""
        return self._terms.get((country, band)) or self._terms["", band]

    def room_for(self, people: Iterable[tuple[str, Band]]) -> int:
        """How many people may be in one call with all of these (country and band): what the strictest allows."""
        return min((self.terms(country, band).room for country, band in people), default=0)


#: Member states of the European Union, for which one pack stands.
EU: Final = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()  # noqa: SIM905 - a list to read
)


def bands_in_force() -> Bands:
    """The bands and countries by which facts are read: those of the rulebook that is asked, or what comes with this package."""
    return _in_force[0] if _in_force else use(read_bands(*texts()))


def use(bands: Bands) -> Bands:
    """From now on facts are read by these. The gatekeeper says so, together with the rules that it asks from then on."""
    _in_force[:] = [bands]
    return bands


_in_force: Final[list[Bands]] = []


def texts() -> tuple[str, Mapping[str, str]]:
    """``bands.toml``, and the country packs by file name, as they are on disk now."""
    home = resources.files("server.policy")
    packs = {one.name: one.read_text("utf-8") for one in (home / "countries").iterdir() if one.name.endswith(".toml")}
    return (home / "bands.toml").read_text("utf-8"), dict(sorted(packs.items()))


def read_bands(toml: str, packs: Mapping[str, str] | None = None) -> Bands:
    """Parse and check ``bands.toml`` and country packs (text by file name). Raises :class:`BrokenRulebook` on anything missing,
    unknown, unexplained, or looser than the base without a line that says why."""
    file = _File("bands.toml", toml)
    book = file.parsed
    bands, known = book.get("bands"), cast(tuple[Band, ...], get_args(Band))
    if not isinstance(bands, dict) or set(bands) != set(known):
        raise file.wrong("[bands", f"there must be exactly these bands: {', '.join(known)}")
    if book.get("youngest") != known[0] or not isinstance(book.get("version"), str):
        raise file.wrong("version", f"needs a version, and the youngest band must be {known[0]}")
    of_group: dict[str, Band] = {}
    for name in known:
        groups = bands[name].pop("age_groups", [])
        for group in groups if isinstance(groups, list) else [None]:
            if not isinstance(group, str) or group in of_group:
                raise file.wrong(f'[bands."{name}"]', f"age group {group} is in two bands, or is no text")
            of_group[group] = name
    base: dict[Band, dict[str, Value]] = {}
    for name in known:
        for key, needed in _KEYS.items():
            if name in needed.bands and key not in bands[name]:
                raise file.wrong(f'[bands."{name}"]', f"{name}.{key} is missing")
        base[name] = {key: _value(file, name, key, entry) for key, entry in bands[name].items()}
    countries: dict[str, Book] = {}
    for pack, text in (packs or {}).items():
        code, changed = _read_country(_File(f"countries/{pack}", text), pack, base)
        countries[code] = changed
    return Bands(book["version"], known[0], of_group, base, countries, _all_terms(base, countries))


def _read_country(file: _File, name: str, base: Book) -> tuple[str, Book]:
    code = file.parsed.get("country")
    if not isinstance(code, str) or name != f"{code}.toml" or not re.fullmatch("[A-Z]{2}", code):
        raise file.wrong("country", f'must say country = "{name.removesuffix(".toml")}", as its file is called')
    if not isinstance(file.parsed.get("version"), str):
        raise file.wrong("country", "needs a version")
    if unknown := set(file.parsed) - {"country", "version", "bands"}:
        raise file.wrong(min(unknown), f"nobody knows {', '.join(sorted(unknown))}")
    changed: dict[Band, dict[str, Value]] = {}
    for band, entries in file.parsed.get("bands", {}).items():
        if band not in base or not isinstance(entries, dict):
            raise file.wrong(f'[bands."{band}"', f"there is no band {band}")
        for key, entry in entries.items():
            value = _value(file, band, key, entry)
            strict = _KEYS[key].strict
            was = base[cast(Band, band)][key].value
            looser = strict is not None and strict(value.value) < strict(was)
            if looser and not value.looser:
                raise file.wrong(
                    f'[bands."{band}".{key}]',
                    f"{band}.{key}: {value.value} is looser than {was} in bands.toml; a line looser = must say by what right",
                )
            if value.looser and not looser:
                raise file.wrong(f'[bands."{band}".{key}]', f"{band}.{key} says that it is looser, and is not")
            changed.setdefault(cast(Band, band), {})[key] = value
    return code, changed


def _value(file: _File, band: str, key: str, entry: Any) -> Value:
    """One value, only if it says why, from where, since when and on what it rests."""
    at = f'[bands."{band}".{key}]'
    kind = _KEYS.get(key)
    if kind is None or band not in kind.bands:
        raise file.wrong(f'[bands."{band}".{key}', f"{band}.{key} is nothing that a band has")
    if not isinstance(entry, dict) or "value" not in entry:
        raise file.wrong(at, f"{band}.{key} has no value")
    for part in ("reason", "source", *(("looser",) if "looser" in entry else ())):
        if not isinstance(entry.get(part), str) or not entry[part].strip():
            raise file.wrong(at, f"{band}.{key} has no {part}")
    if type(entry.get("date")) is not datetime.date:
        raise file.wrong(at, f"{band}.{key} has no date")
    if entry.get("status") not in get_args(Status):
        raise file.wrong(at, f"{band}.{key}: status must be one of {', '.join(get_args(Status))}")
    if unknown := set(entry) - {"value", "reason", "source", "date", "status", "looser"}:
        raise file.wrong(at, f"{band}.{key}: nobody knows {', '.join(sorted(unknown))}")
    if not kind.fits(entry["value"]):
        raise file.wrong(at, f"{band}.{key} {kind.told}")
    return Value(**entry)


def _all_terms(base: Book, countries: Mapping[str, Book]) -> Mapping[tuple[str, Band], Terms]:
    found: dict[tuple[str, Band], Terms] = {}
    for band, values in base.items():
        by_country = {
            code: {key: book.get(band, {}).get(key, value).value for key, value in values.items()}
            for code, book in countries.items()
        }
        plain = {key: value.value for key, value in values.items()}
        strictest = {
            key: max((one[key] for one in (plain, *by_country.values())), key=strict)
            if (strict := _KEYS[key].strict)
            else value
            for key, value in plain.items()
        }
        for code, one in by_country.items():
            for member in EU if code == "EU" else (code,):
                found[member, band] = _terms(one)
        found["", band] = _terms(strictest)
    return found


def _terms(values: Mapping[str, Any]) -> Terms:
    return Terms(
        guardian=values["guardian"],
        may_lead=values.get("may_lead", False),
        room=values["people_in_a_call"],
        stage=values.get("stage") == "may_switch_on",
        assurance=values.get("assurance", 3),
        yes_lasts_days=values.get("yes_lasts_days", 365),
        quiet_hours=hours(values.get("quiet_hours", "")),
        minutes_a_day=values.get("minutes_a_day") or None,
        families=values.get("families", 0),
    )


def hours(text: str) -> tuple[int, int] | None:
    """``19:30-07:00`` as minutes of the day, from and until; None for "" and for anything that is not such hours."""
    found = _HOURS.fullmatch(text)
    if found is None:
        return None
    a, b, c, d = map(int, found.groups())
    return 60 * a + b, 60 * c + d


class _File:
    """A TOML file that can say on which line something is wrong."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        try:
            self.parsed: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as wrong:
            line = re.search(r"line (\d+)", str(wrong))
            raise BrokenRulebook(f"{name}:{line[1] if line else 1}: {wrong}") from None

    def wrong(self, at: str, why: str) -> BrokenRulebook:
        """``at``: how the line begins that is wrong, or that something is missing under."""
        lines = self.text.splitlines()
        line = next((number for number, one in enumerate(lines, 1) if one.startswith(at)), 1)
        return BrokenRulebook(f"{self.name}:{line}: {why}")
