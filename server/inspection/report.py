"""Write what an inspection found: report.json for programs, report.html to read, report.pdf to file, and report.sig over all three.

report.json comes first and alone decides: page and print are made from the very value that was written there, and only from it.
Each file is written whole or not at all. If drawing the page or the print failed, report.json and report.sig are there all the same: a
report that a hostile platform could prevent would be its way out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from server import notes
from server.inspection import document, page, sign
from server.inspection.findings import Inspection

Drawing = Callable[[document.Report], bytes]

#: What to tell somebody whose report has no print.
NO_PRINT: Final = "report.pdf needs more than is installed: pip install 'ringfence[inspect]'"


def can_print() -> bool:
    """Whether the extra that draws report.pdf is installed."""
    return find_spec("fpdf") is not None


def drawings() -> dict[str, Drawing]:
    """Which files are drawn from the report here, and how. Without the extra ``inspect`` there is no print."""
    drawn: dict[str, Drawing] = {sign.PAGE: lambda report: page.rendered(report).encode()}
    if can_print():
        from server.inspection import pdf  # only here: it needs the extra

        drawn[sign.PRINT] = pdf.rendered
    return drawn


def write(
    inspection: Inspection, out: Path, *, key: notes.Signer, drawn: Mapping[str, Drawing] | None = None
) -> tuple[Path, ...]:
    """Write the report into the folder ``out`` and sign it; which files were written. An older report there is taken away first, so
    that no old print lies beside a new page. If there is no report.pdf among them, :data:`NO_PRINT` says why."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (*sign.FILES, sign.SIGNATURE, sign.KEY):
        (out / name).unlink(missing_ok=True)
    report = document.document(inspection, signed_by=key.verifier.line)
    files = {sign.REPORT: document.encoded(report)}
    try:
        _put(out / sign.REPORT, files[sign.REPORT])
        for name, draw in (drawings() if drawn is None else drawn).items():
            files[name] = draw(report)
            _put(out / name, files[name])
    finally:  # a fault in drawing is ours; what was found is signed all the same
        _put(out / sign.KEY, f"{key.verifier.line}\n".encode())
        _put(out / sign.SIGNATURE, sign.signed(files, key))
    return tuple(out / name for name in (*files, sign.KEY, sign.SIGNATURE))


def _put(path: Path, raw: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(raw)
    os.replace(new, path)
