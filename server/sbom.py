"""What this software is made of: a CycloneDX 1.6 bill of materials, from what is installed here, as the packages themselves say it.

In it stand this package, the letters of its print, and whatever it needs to run, with what is installed of its extras, and what those
need, by name, version, package URL and licence; not the tools of its tests. What a package says of its licence is told as it is: an SPDX
expression where there is one, a name otherwise, and nothing where it says nothing. The same installation gives the same bytes;
the serial number is made from them.
"""

from __future__ import annotations

import json
import re
import uuid
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement

OURS: Final = "ringfence"
EXTRAS: Final = frozenset({"postgres", "prove", "trace", "inspect"})
#: No package of its own: it lies in server/inspection/fonts, with its licence.
FONT: Final[dict[str, Any]] = {
    "type": "file",
    "bom-ref": "dejavu-sans-condensed",
    "name": "DejaVu Sans Condensed, regular and bold, cut down",
    "version": "2.37",
    "licenses": [{"license": {"id": "Bitstream-Vera"}}],
}
_NAMESPACE: Final = uuid.UUID("6f3b0c2e-4f0e-5b0a-9a53-6a0f5b1d7c11")  # of serial numbers; any fixed one would do


def bill(root: str = OURS) -> dict[str, Any]:
    """The bill of what ``root`` needs."""
    found = _needed(root)
    components = [_component(one) for name, (one, _) in sorted(found.items()) if name != _normal(root)]
    components += [FONT] if root == OURS else []
    told = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**_component(found[_normal(root)][0]), "type": "application"}},
        "components": components,
        "dependencies": [
            {"ref": _url(one), "dependsOn": sorted(_url(found[need][0]) for need in needs)}
            for _, (one, needs) in sorted(found.items())
        ]
        + ([{"ref": FONT["bom-ref"], "dependsOn": []}] if root == OURS else []),
    }
    return {**told, "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, json.dumps(told, sort_keys=True))}"}


def encoded() -> bytes:
    return json.dumps(bill(), indent=1, sort_keys=True).encode() + b"\n"


def _needed(root: str) -> dict[str, tuple[Distribution, set[str]]]:
    """Everything that is needed and is here, with what each of it needs."""
    found: dict[str, tuple[Distribution, set[str]]] = {}
    todo: list[tuple[str, frozenset[str]]] = [(root, EXTRAS if root == OURS else frozenset())]
    done: set[tuple[str, frozenset[str]]] = set()
    while todo:
        asked = todo.pop()
        if asked in done:
            continue
        done.add(asked)
        name, extras = asked
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue  # wanted on another machine
        needs = found.setdefault(_normal(name), (one, set()))[1]
        for need in _requirements(one):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                todo.append((need.name, frozenset(need.extras)))
                needs.add(_normal(need.name))
    for _, needs in found.values():
        needs.intersection_update(found)
    return found


def _requirements(one: Distribution) -> list[Requirement]:
    found = []
    for text in one.requires or ():
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            continue  # what cannot be read is not guessed at
    return found


def _component(one: Distribution) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "library",
        "bom-ref": _url(one),
        "name": one.metadata["Name"],
        "version": one.version,
        "purl": _url(one),
    }
    if licences := _licences(one):
        told["licenses"] = licences
    return told


def _licences(one: Distribution) -> list[dict[str, Any]]:
    for expression in one.metadata.get_all("License-Expression") or ():
        return [{"expression": expression}]
    classified = [
        text.rpartition(" :: ")[2]
        for text in one.metadata.get_all("Classifier") or ()
        if text.startswith("License :: ")
    ]
    said = next(iter(one.metadata.get_all("License") or ()), "")
    names = classified or ([said] if 0 < len(said) <= 100 and "\n" not in said else [])
    return [{"license": {"name": name}} for name in names]


def _url(one: Distribution) -> str:
    return f"pkg:pypi/{_normal(one.metadata['Name'])}@{one.version}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
