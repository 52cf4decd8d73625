"""report.pdf: the same report for the file and the table, in the same order and words as the page. Needs the extra ``inspect``.

Plots are lines, not pictures. The fonts are those that every PDF reader brings (Helvetica, Courier), so nothing is embedded and the
file stays small; they have the letters of western Europe. Any other letter is written by the nearest one ("Łukasz" as "Lukasz"),
and where there is none, how many signs are missing is said; the exact text is in report.json, and the page shows it. The same
report is always the same print, byte for byte: its date is that of the inspection.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.prefs import ViewerPreferences

from server.inspection import page, plots
from server.inspection.document import NOT_IN_LEDGER, STORY, WORDS, Figures, Found, Promise, Report, Row, Tried
from server.inspection.findings import WORST_FIRST

#: Nobody reads more on paper; a platform that makes the report longer than this is read on the screen.
MOST_PAGES: Final = 120
#: Signs of one text, steps of one kind and kinds of refusals in the platform's record that are printed of one finding.
MOST_SIGNS, MOST_STEPS, MOST_NOES = 500, 80, 15

INK, SECOND, LINE, HEDGE = (18, 49, 43), (63, 91, 84), (203, 217, 210), (27, 92, 70)
COLOURS: Final = {"proven": (21, 80, 59), "broken": (134, 33, 15), "not_shown": (51, 64, 107)}
TOMATO: Final = (176, 50, 29)
_MM: Final = 174.0  # between the margins
_PAGES: Final = "\x02\x03"  # stands for the number of pages; no cleaned text has it in it
_NEAREST: Final = str.maketrans(
    {
        "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "ı": "i", "Ŋ": "N", "ŋ": "n", "Ŧ": "T", "ŧ": "t", "ẞ": "SS",
        "≤": "<=", "≥": ">=", "≠": "not =", "→": "->", "←": "<-", "−": "-", "‐": "-", "‑": "-", "′": "'", "″": '"', "✓": "yes", "✗": "no",
    }
)  # fmt: skip


class _Full(Exception):
    """The print has as many pages as it may have."""


class _Print(FPDF):
    name = ""
    most = MOST_PAGES

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("Helvetica", size=8)
        self.set_text_color(*SECOND)
        self.cell(0, 5, f"{printable(self.name, 90)}, page {self.page_no()} of {_PAGES}", align="C")


def rendered(report: Report, most: int = MOST_PAGES) -> bytes:
    """The whole print. It ends with the table that passes ``most`` pages."""
    pdf = _Print(format="A4")
    pdf.most = most
    pdf.core_fonts_encoding = "cp1252"
    pdf.name = page.title(report)
    pdf.set_title(printable(page.title(report), 150))
    pdf.set_lang("en-GB")
    pdf.set_creator("ringfence inspect")
    pdf.set_author(printable(report.by, 150))
    pdf.set_creation_date(_moment(report.ended_at))
    pdf.viewer_preferences = ViewerPreferences(display_doc_title=True)
    pdf.alias_nb_pages(_PAGES)
    pdf.set_margins(18, 18, 18)
    pdf.set_auto_page_break(True, 20)
    pdf.add_page()
    try:
        _first_page(pdf, report)
        _promises(pdf, report)
        _ending(pdf, report)
    except _Full:
        pdf.most = pdf.page_no() + 1
        pdf.add_page()
        _text(pdf, f"This print ends after {most} pages. The rest is in report.html and report.json.", bold=True)
    return bytes(pdf.output())


def printable(text: str, most: int = MOST_SIGNS) -> str:
    """``text`` in the letters that the print has, and bounded."""
    if len(text) > most:
        text = f"{text[:most]} ... [the rest is in report.json]"
    found: list[str] = []
    for known, signs in groupby(text.translate(_NEAREST), key=_nearest_is_known):
        part = list(signs)
        found.append("".join(map(_nearest, part)) if known else f"[{len(part)} signs that this print cannot show]")
    return "".join(found)


def _nearest(sign: str) -> str:
    for one in (sign, unicodedata.normalize("NFKD", sign)):
        near = one.encode("cp1252", "ignore").decode("cp1252")
        if near:
            return near
    return ""


def _nearest_is_known(sign: str) -> bool:
    return bool(_nearest(sign)) or unicodedata.category(sign) == "Mn"


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=max(0, milliseconds))
    except OverflowError:
        return datetime.fromtimestamp(0, UTC)


# == Its parts, in order ===================================================================================================


def _first_page(pdf: _Print, report: Report) -> None:
    pdf.start_section("What was inspected")
    _text(pdf, page.title(report), size=14, bold=True)
    _text(pdf, page.verdict(report), size=20, bold=True, after=3)
    _fence(pdf, report)
    _text(pdf, page.lead(report), size=11.5, after=3)
    _table(pdf, (45, 129), page.facts(report), bold_second=True)
    _heading(pdf, "What to read next", 14)
    listed = [one for outcome in ("broken", "not_shown") for one in report.promises if one.verdict == outcome]
    for one in listed[:60]:
        _text(pdf, f"{_word(one)}: {_sentence(one)}", colour=COLOURS[one.verdict])
    if len(listed) > 60:
        _text(pdf, f"And {len(listed) - 60} more, further on.")
    for _, figures in page.over_aim(report):
        _text(pdf, f"{page.over(figures)}.")
    if report.counts.proven:
        _text(pdf, "The promises that are proven, and what was tried against each.")
    _text(pdf, "At the end: how to check that nobody changed this report.")
    _heading(pdf, "What the words mean", 14)
    _table(pdf, (45, 129), [(WORDS[one], page.MEANS[one]) for one in reversed(WORST_FIRST)])
    _heading(pdf, "What this report cannot say", 11)
    for limit in page.LIMITS:
        _text(pdf, f"- {limit}")


def _promises(pdf: _Print, report: Report) -> None:
    told = page.told_under(report)
    if report.promises:
        pdf.add_page()
        pdf.start_section("The promises")
        _text(pdf, "The promises", size=16, bold=True)
    for one in page.in_order(report.promises):
        _room(pdf, 45)
        pdf.start_section(printable(_sentence(one), 90), level=1)
        _rule(pdf, HEDGE, 0.8)
        _text(pdf, _sentence(one), size=13, bold=True)
        _text(pdf, _word(one), bold=True, colour=COLOURS[one.verdict])
        _text(pdf, one.why)
        if one.not_played:
            _text(pdf, page.not_played(one))
        if one.leaves_out:
            _text(pdf, f"What it does not cover: {one.leaves_out}")
        known = f". Where it comes from. {page.sources(one)}" if one.sources else ""
        _text(pdf, f"Id: {one.id}{known}", colour=SECOND)
        above = [found.title for found in report.findings if found.id in one.findings and found not in told[one.id]]
        if above:
            _text(pdf, f"Also told for this promise, above: {'; '.join(above)}.")
        for found in told[one.id]:
            _finding(pdf, found)
    if lost := page.homeless(report):
        _heading(pdf, "Also tried", 14)
        _text(
            pdf, "These stories speak to no promise in the scope of this run. They are told here and count for nothing."
        )
        for found in lost:
            _finding(pdf, found)


def _finding(pdf: _Print, one: Found) -> None:
    _room(pdf, 40)
    _rule(pdf, LINE, 0.4)
    _text(pdf, one.title, size=11.5, bold=True)
    word = "No such thing here" if one.no_such_thing else STORY[one.outcome]
    _text(pdf, f"{word}, {one.scenario}, took {page.lasting(one.seconds)}", bold=True, colour=COLOURS[one.outcome])
    _text(pdf, one.why)
    for kind, (name, _) in page.PARTS.items():
        _steps(pdf, name, [step for step in one.steps if step.kind == kind])
    for figures in one.measured:
        _figures(pdf, figures)
    _record(pdf, one.audit)
    if one.left_out:
        _text(pdf, f"Left out of this report: {'; '.join(one.left_out)}.", colour=SECOND)


def _steps(pdf: _Print, name: str, steps: Sequence[Tried]) -> None:
    if not steps:
        _text(pdf, f"{name}: nothing was tried.")
        return
    _text(pdf, name, bold=True)
    against = [step for step in steps if step.as_promised is not True]
    shown = steps if len(steps) <= MOST_STEPS else (against + [step for step in steps if step.as_promised])[:MOST_STEPS]
    rows = [("" if one.after is None else f"{one.after:.2f} s", one.tried, one.seen, page.saw(one)) for one in shown]
    _table(pdf, (16, 62, 66, 30), [("After", "Tried", "Seen", "As promised?"), *rows], headed=True)
    if len(steps) > len(shown):
        _text(pdf, f"{len(steps) - len(shown)} more steps are in report.json.", colour=SECOND)


def _record(pdf: _Print, audit: Sequence[Row]) -> None:
    if not audit:
        _text(pdf, page.NO_ROW, colour=SECOND)
        return
    _text(pdf, page.RECORD, bold=True)
    if refused := page.noes(audit)[:MOST_NOES]:
        _table(pdf, (14, 36, 20, 104), [page.NOES, *refused], headed=True)
    else:
        _text(pdf, "It has no refusal for this story.")
    _text(pdf, page.yeses(audit), colour=SECOND)


def _figures(pdf: _Print, figures: Figures) -> None:
    _text(pdf, f"Measured: {figures.name}", bold=True)
    _text(pdf, plots.in_words(figures))
    picture = plots.plot(figures)
    if picture is not None:
        _plot(pdf, picture)
        _table(pdf, (70, 40), plots.table(figures))


def _ending(pdf: _Print, report: Report) -> None:
    _room(pdf, 60)
    _heading(pdf, "How it was run", 14)
    settings = list(report.platform.settings.items())
    if settings:
        _text(pdf, "Settings of the platform, exactly as it was run", bold=True)
        _table(pdf, (60, 114), settings)
    else:
        _text(pdf, "The platform told no settings.")
    _text(pdf, "What the inspector ran with", bold=True)
    _table(pdf, (60, 114), list(report.versions.items()))
    if report.left_out:
        _text(pdf, f"Left out of this report: {'; '.join(report.left_out)}.")
    _heading(pdf, "Check this report", 14)
    _text(
        pdf,
        "report.sig beside this file says which bytes report.json, report.html and report.pdf must have, and is signed. "
        f"Whoever inspected should tell you the key in another way; it is {report.signed_by}",
    )
    _text(pdf, "Then ringfence inspect verify FOLDER --key KEY finds any change.")


# == Ink on paper ==========================================================================================================


def _room(pdf: _Print, millimetres: float) -> None:
    """Start a new page if less than this is left of the page; stop if there may be no more."""
    if pdf.page_no() > pdf.most:
        raise _Full
    if pdf.will_page_break(millimetres):
        pdf.add_page()


def _heading(pdf: _Print, text: str, size: float) -> None:
    _room(pdf, 30)
    pdf.ln(3)
    pdf.start_section(text, level=1)
    _text(pdf, text, size=size, bold=True)


def _text(
    pdf: _Print,
    text: str,
    *,
    size: float = 10,
    bold: bool = False,
    colour: tuple[int, int, int] = INK,
    after: float = 1.2,
) -> None:
    if pdf.page_no() > pdf.most:
        raise _Full
    pdf.set_font("Helvetica", "B" if bold else "", size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(_MM, size * 0.47, printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(after)


def _rule(pdf: _Print, colour: tuple[int, int, int], width: float) -> None:
    pdf.ln(2)
    pdf.set_draw_color(*colour)
    pdf.set_line_width(width)
    pdf.line(pdf.l_margin, pdf.y, pdf.l_margin + _MM, pdf.y)
    pdf.ln(2.5)


def _table(
    pdf: _Print,
    widths: tuple[float, ...],
    rows: Iterable[Sequence[str]],
    *,
    headed: bool = False,
    bold_second: bool = False,
) -> None:
    pdf.set_font("Helvetica", size=9)
    pdf.set_text_color(*INK)
    pdf.set_draw_color(*LINE)
    pdf.set_line_width(0.3)
    with pdf.table(
        col_widths=widths,
        width=sum(widths),
        align="L",
        text_align="L",
        line_height=4.4,
        padding=(1, 1.5),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        first_row_as_headings=headed,
        headings_style=FontFace(emphasis="BOLD", color=SECOND),
    ) as table:
        for cells in rows:
            row = table.row()
            for place, cell in enumerate(cells):
                style = FontFace(emphasis="BOLD") if bold_second and place == 1 else None
                row.cell(printable(cell), style=style)
    pdf.ln(2.5)


def _fence(pdf: _Print, report: Report) -> None:
    """One post a promise: round-topped and ticked, dashed, or square with a cross."""
    step, tall, each = 7.5, 9.0, 5.6
    in_row = int(_MM // step)
    posts = page.in_order(report.promises)[: in_row * 8]
    for place, one in enumerate(posts):
        if place % in_row == 0:
            _room(pdf, tall + 4)
            top = pdf.y
            pdf.set_y(top + tall + 3)
        x, y = pdf.l_margin + place % in_row * step, top
        pdf.set_draw_color(*COLOURS[one.verdict])
        pdf.set_line_width(0.6)
        if one.verdict == "not_shown":
            pdf.set_dash_pattern(dash=1.1, gap=0.8)
        pdf.rect(x, y, each, tall, round_corners=one.verdict != "broken", corner_radius=2.4)
        pdf.set_dash_pattern()
        if one.verdict == "proven":
            pdf.polyline([(x + 1.4, y + 4.7), (x + 2.5, y + 5.9), (x + 4.3, y + 3.3)])
        elif one.verdict == "broken":
            pdf.line(x + 1.5, y + 3.2, x + 4.1, y + 5.8)
            pdf.line(x + 4.1, y + 3.2, x + 1.5, y + 5.8)
    pdf.ln(2)


def _plot(pdf: _Print, plot: plots.Plot) -> None:
    scale = 130 / plots.WIDTH
    _room(pdf, plots.HEIGHT * scale + 4)
    left, top = pdf.l_margin, pdf.y

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * scale, top + y * scale

    def lines(colour: tuple[int, int, int], width: float, ends: Iterable[tuple[float, float, float, float]]) -> None:
        pdf.set_draw_color(*colour)
        pdf.set_line_width(width)
        for x1, y1, x2, y2 in ends:
            pdf.line(*at(x1, y1), *at(x2, y2))

    lines(LINE, 0.2, [(plot.left, y, plot.right, y) for y in plot.grid])
    lines(SECOND, 0.3, [(plot.left, plot.axis, plot.right, plot.axis)])
    lines(SECOND, 0.3, [(x, plot.axis, x, plot.axis + 5) for x in plot.marks])
    lines(HEDGE, 0.25, [(x, plot.strip[0], x, plot.strip[1]) for x in plot.ticks])
    pdf.set_line_width(0.5)
    pdf.polyline([at(*one) for one in plot.curve])
    if (aim := plot.aim) is not None:
        pdf.set_dash_pattern(dash=1.6, gap=1.1)
        lines(TOMATO, 0.5, [(aim, plot.top - 8, aim, plot.axis)])
        pdf.set_dash_pattern()
    pdf.set_font("Helvetica", size=8)
    pdf.set_text_color(*INK)
    for word in plot.words:
        text = printable(word.text, 40)
        back = {"start": 0.0, "middle": 0.5, "end": 1.0}[word.anchor] * pdf.get_string_width(text)
        x, y = at(word.x, word.y)
        pdf.text(x - back, y, text)
    pdf.set_y(top + plots.HEIGHT * scale + 2)


def _word(promise: Promise) -> str:
    return "No such thing here" if promise.no_such_thing else WORDS[promise.verdict]


def _sentence(promise: Promise) -> str:
    return f"{promise.id}: {promise.sentence}" if promise.sentence == NOT_IN_LEDGER else promise.sentence
