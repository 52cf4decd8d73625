"""The evidence pack: one zip with everything that can be checked without us, its sums, and the record's own signature over them.

Only files and values that name nobody: the rules, the vectors, promises and measures, the newest report of an inspection, the
signed checkpoints with the keys that sign them, what the software is made of, the DPIA template and the practice statement. No
row of the record is in it, closed or open: a family's export is the family's, and the whole record, without anything in it but
digests, the operator gives with ``ringfence audit export``.

The same things give the same bytes: files in one order, one date. What could not be put in (no report yet, documents that are not
installed) is named in the README inside, not left out in silence. No link in a page leads out of the pack: one to something that is in it
leads there, any other is written as the place in the project where it would lead.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import posixpath
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from server import data_map, notes, sbom
from server.notes import Signer
from server.policy import Rulebook
from server.policy.bands import texts
from server.policy.explain import as_markdown
from server.record_keys import Key
from server.settings import ROOT

_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say; the README says when it was made
SUMS: Final = "SHA256SUMS"
SIGNED: Final = "SHA256SUMS.note"

#: What each file or folder is, in the order of the README.
WHAT: Final[Mapping[str, str]] = {
    "child-safety.json": "Who answers for children's safety here; the same as /.well-known/child-safety.",
    "promises.json": "Every promise, what demands it, what keeps it, and whether it is proven for the version that runs.",
    "measures.csv": "The register: each source by code and id, how it stands in law and since when, promises and rules that answer it.",
    "transparency.json": "Counts over 30 and 90 days. Every number is rounded down to the ten; below ten it is not told.",
    "rulebook.md": "Every rule of the safe account, in a child's words and in a grown-up's, with its sources and its condition.",
    "rulebook/": "The same rules as the engine reads them (Cedar), and what changes with age and country.",
    "vectors/": "Situations of families with the right answers, for holding this or another system against.",
    "regulators/": "One page per law or code: what it asks, what this software does, by which rule, and what is uncertain. And the guide.",
    "dpia.md": "A template of a data protection impact assessment, with every column that is kept, why and for how long.",
    "age-assurance.md": "How an age is known here, and what is not done.",
    "sbom.json": "What the software is made of: CycloneDX 1.6.",
    "record/checkpoints.txt": "Every signed checkpoint of the record, the oldest first, each a signed note (C2SP).",
    "record/keys.txt": "The public keys that sign them, and since when.",
    "record/hand-overs.txt": "How each key was put in its place by the one before.",
    "record/now.json": "How many chains and rows there are, and what a check of all of them found, at most a minute before this was made.",
    "read-a-report.md": "How to read a report of an inspection, for somebody who has never read code.",
    "images/": "Its pictures.",
    "report/": "The newest inspection that was run here: report.json, page, print, signature and key.",
}


def files(
    *,
    book: Rulebook,
    now: int,
    told: Mapping[str, Any],
    measures: Sequence[Mapping[str, Any]],
    checkpoints: Sequence[str],
    keys: Sequence[Key],
    report: Mapping[str, bytes],
) -> dict[str, bytes]:
    """Everything in the pack but its sums. ``told``: what is told as JSON, by file name."""
    bands, countries = texts()
    found: dict[str, bytes] = {
        **{name: _json(value) for name, value in told.items()},
        "measures.csv": _csv(measures),
        "rulebook.md": as_markdown(book).encode(),
        "rulebook/safe_account.cedar": book.cedar.encode(),
        "rulebook/safe_account.cedarschema": book.schema.encode(),
        "rulebook/bands.toml": bands.encode(),
        **{f"rulebook/countries/{name}": text.encode() for name, text in countries.items()},
        **{
            f"vectors/{one.name}": one.read_bytes()
            for one in _there("tests/conformance", "*.json", "README.md", "run.py")
        },
        **{
            f"regulators/{one.name}": one.read_bytes()
            for one in _there("docs/regulators", "*.md")
            if one.name not in OWN
        },
        "dpia.md": data_map.page().encode(),
        **{one.name: one.read_bytes() for one in _there("docs/regulators", "age-assurance.md")},
        "sbom.json": sbom.encoded(),
        "record/checkpoints.txt": "\n".join(checkpoints).encode(),
        "record/keys.txt": "".join(f"{one.line} since {_when(one.since)}\n" for one in keys).encode(),
        "record/hand-overs.txt": "\n".join(one.hand_over for one in keys if one.hand_over).encode(),
        **{f"report/{name}": raw for name, raw in report.items()},
    }
    found |= {one.name: one.read_bytes() for one in _there("docs/how-to", "read-a-report.md")}
    for folder, there, names in _PICTURES:
        found |= {f"{folder}{one.name}": one.read_bytes() for one in _there(there, names)}
    found |= {name: within(name, raw, found) for name, raw in found.items() if name.endswith(".md")}
    found["README.md"] = _readme(found, now, book).encode()
    return dict(sorted(found.items()))


#: Of the pages, as far as they are in the pack.
_PICTURES: Final = (
    ("regulators/pictures/", "docs/regulators/pictures", "*.png"),
    ("images/", "docs/images", "inspection-report*.png"),
)
#: Where a page of the pack lies in the project, for its links; and where in the pack something of the project lies.
_HOME: Final[Mapping[str, str]] = {
    "regulators/": "docs/regulators/", "vectors/": "tests/conformance/", "rulebook.md": "docs/reference/rulebook.md",
    "read-a-report.md": "docs/how-to/read-a-report.md", "images/": "docs/images/",
    "dpia.md": "docs/regulators/dpia.md", "age-assurance.md": "docs/regulators/age-assurance.md", "rulebook/": "server/policy/",
}  # fmt: skip
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def within(name: str, raw: bytes, found: Mapping[str, bytes]) -> bytes:
    """A page with links that stay in the pack."""
    home = next((f"{place}{name.removeprefix(at)}" for at, place in _HOME.items() if name.startswith(at)), name)

    def kept(link: re.Match[str]) -> str:
        picture, text, target = link[1], link[2], link[3]
        if re.match(r"[a-z]+:|#", target):
            return link[0]
        path, mark, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(home), path))
        for at, place in sorted(_HOME.items(), key=lambda one: -len(one[1])):
            here = f"{at}{there.removeprefix(place)}"
            if there.startswith(place) and here in found:
                return f"{picture}[{text}]({posixpath.relpath(here, posixpath.dirname(name) or '.')}{mark}{anchor})"
        return f"{text} (`{there}` in the project)"

    return _LINK.sub(kept, raw.decode("utf-8")).encode()


NONE: Final = " **Not in this pack:** there is none here."
OWN: Final = frozenset({"dpia.md", "age-assurance.md"})  #: of docs/regulators, those that stand at the top of the pack


def sums_of(found: Mapping[str, bytes]) -> str:
    """The sums, as ``sha256sum -c`` reads them."""
    return "".join(f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in found.items())


def signed_text(origin: str, sums: str) -> str:
    """What is signed. Its first line says that it is a pack: it can be taken for no checkpoint and no hand-over."""
    return f"{origin}/evidence-pack\n{sums}"


def zipped(found: Mapping[str, bytes], key: Signer) -> bytes:
    """The pack itself, signed."""
    sums = sums_of(found)
    whole = {**found, SUMS: sums.encode(), SIGNED: notes.signed(signed_text(key.name, sums), key)}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, raw in whole.items():
            entry = zipfile.ZipInfo(f"ringfence-evidence/{name}", _DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            pack.writestr(entry, raw)
    return made.getvalue()


def _readme(found: Mapping[str, bytes], now: int, book: Rulebook) -> str:
    lines = [
        "# Evidence pack",
        "",
        f"Made {_when(now)}, rulebook {book.version}. It names nobody.",
        "",
        "| File | What it is |",
        "|---|---|",
        *(f"| `{name}` | {says}{'' if _has(found, name) else NONE} |" for name, says in WHAT.items()),
        f"| `{SUMS}`, `{SIGNED}` | The sum of each file, and the record's signature over them. |",
        "",
        "## How to check it",
        "",
        f"1. `sha256sum -c {SUMS}` in this folder: every file is as it was when the pack was made.",
        f"2. `{SIGNED}` is a signed note (C2SP signed-note, Ed25519). Its text is one line that names the record, and the sums.",
        "   Check it with the newest key in `record/keys.txt`, which you should know from elsewhere too.",
        "3. The rules: `python3 vectors/run.py` feeds the vectors to any program that decides; the conformance README says how.",
        "4. The report: `ringfence inspect verify report`, with the key that you trust.",
        "",
        "No link between the pages in here leads out of the pack: what is not in it stands as its place in the project.",
        "",
        "The whole record, with nothing in it but digests and times, is given by the operator: `ringfence audit export`.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _has(found: Mapping[str, bytes], name: str) -> bool:
    """Whether something of this name is there, and something is in it."""
    return any(raw and (one.startswith(name) if name.endswith("/") else one == name) for one, raw in found.items())


def _there(folder: str, *patterns: str) -> list[Path]:
    return sorted({one for pattern in patterns for one in (ROOT / folder).glob(pattern) if one.is_file()})


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _csv(measures: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("code", "id", "says", "status", "since", "unverified", "promises", "rules"))
    for one in measures:
        proofs = "; ".join(f"{promise['id']}: {promise['outcome']}" for promise in one["promises"])
        unsure = "yes" if one["unverified"] else ""
        writer.writerow(
            (one["code"], one["id"], one["says"], one["status"], one["since"], unsure, proofs, "; ".join(one["rules"]))
        )
    return text.getvalue().encode()


def _when(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
