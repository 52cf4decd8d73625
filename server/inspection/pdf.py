"""report.pdf: the same report for the file and the table, in the words of the page. Needs the extra ``inspect``.

It begins with a summary for somebody who has two minutes: how it came out, what to read next, and every promise in one line with
the page on which it stands. What was tried follows. It is drawn twice: the second time knows on which page the first one put things.

Somebody who cannot see it hears it: headings, paragraphs, tables and pictures are tagged in reading order (``tagged.py``), it has a
title and a language, and its letters are embedded (DejaVu, see ``fonts/``): those of Europe with all their accents, Greek, Cyrillic,
Armenian and Georgian. Of other letters how many are missing is said; the exact text is in report.json, and the page shows it. It does not
claim PDF/UA: links are left out, and no checker of that standard was run. Plots are lines, not pictures. The same report is always the
same print, byte for byte: its date is that of the inspection.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import as_file, files
from itertools import groupby
from typing import Final, Literal

from fpdf.enums import MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont
from fpdf.prefs import ViewerPreferences

from server.inspection import page, plots
from server.inspection.document import NOT_IN_LEDGER, STORY, WORDS, Figures, Found, Promise, Report, Row, Tried
from server.inspection.findings import WORST_FIRST
from server.inspection.tagged import Leaf, Tagged

#: Nobody reads more on paper; a platform that makes the report longer than this is read on the screen.
MOST_PAGES: Final = 120
#: Signs of one text, steps of one kind and kinds of refusals in the platform's record that are printed of one finding.
MOST_SIGNS, MOST_STEPS, MOST_NOES = 500, 80, 15

INK, SECOND, LINE, HEDGE = (18, 49, 43), (63, 91, 84), (203, 217, 210), (27, 92, 70)
COLOURS: Final = {"proven": (21, 80, 59), "broken": (134, 33, 15), "not_shown": (51, 64, 107)}
TOMATO: Final = (176, 50, 29)
_MM: Final = 174.0  # between the margins
_PAGES: Final = "\x02\x03"  # stands for the number of pages; no cleaned text has it in it
_LINES: Final = 50  # of one cell; a page has some sixty
_ONE_LINE: Final = 240  # signs of a promise in the list of all
_LEAD, _PAD, _GAP = 0.49, 1.1, 3.0  # in millimetres: of a line for each point, above and below a cell, between columns
_FONT: Final = "DejaVu"
_FONTS: Final = {"": "DejaVuSansCondensed.ttf", "B": "DejaVuSansCondensed-Bold.ttf"}


class _Full(Exception):
    """The print has as many pages as it may have."""


class _Print(Tagged):
    """``first``: the first drawing, when this is the second. ``found``: on which page each thing was put in this one."""

    name = ""
    most = MOST_PAGES

    def __init__(self, first: _Print | None = None) -> None:
        super().__init__(format="A4")
        self.places: Mapping[str, int] = first.found if first else {}
        self.found: dict[str, int] = {}
        self.lines: dict[tuple[float, str, bool, float], list[str]] = first.lines if first else {}  # texts, broken
        self.c_margin = 0.0  # text begins where lines do
        for style, name in _FONTS.items():
            with as_file(files("server.inspection") / "fonts" / name) as path:
                self.add_font(_FONT, style, path)

    def footer(self) -> None:
        with self.for_the_eye():
            self.set_y(-14)
            self.set_font(_FONT, size=8)
            self.set_text_color(*SECOND)
            self.cell(0, 5, f"{printable(self.name, 90)}, page {self.page_no()} of {_PAGES}", align="C")

    def here(self, what: str) -> None:
        self.found.setdefault(what, self.page_no())

    def where(self, what: str) -> str:
        """The page of this, as it is printed."""
        return str(self.places.get(what, "")) or "–"


def rendered(report: Report, most: int = MOST_PAGES) -> bytes:
    """The whole print. It ends with the table that passes ``most`` pages."""
    return bytes(_drawn(report, most, _drawn(report, most)).output())


def _drawn(report: Report, most: int, first: _Print | None = None) -> _Print:
    pdf = _Print(first)
    pdf.most = most
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
        _summary(pdf, report)
        _promises(pdf, report)
        _ending(pdf, report)
    except _Full:
        pdf.most = pdf.page_no() + 1
        pdf.add_page()
        _text(pdf, f"This print ends after {most} pages. The rest is in report.html and report.json.", bold=True)
    return pdf


def printable(text: str, most: int = MOST_SIGNS) -> str:
    """``text`` in the letters that the print has, and bounded."""
    if len(text) > most:
        text = f"{text[:most]} ... [the rest is in report.json]"
    found: list[str] = []
    for known, signs in groupby(text, key=lambda sign: bool(_nearest(sign)) or unicodedata.category(sign) == "Mn"):
        part = list(signs)
        found.append("".join(map(_nearest, part)) if known else f"[{len(part)} signs that this print cannot show]")
    return "".join(found)


@cache
def _letters() -> frozenset[int]:
    """What both fonts have."""
    fonts = _Print().fonts.values()
    return frozenset.intersection(*(frozenset(one.cmap) for one in fonts if isinstance(one, TTFFont)))


def _nearest(sign: str) -> str:
    """The sign itself where there is one, else the letter without what stands upon it."""
    if sign == _PAGES or ord(sign) in _letters():
        return sign
    return "".join(one for one in unicodedata.normalize("NFKD", sign) if ord(one) in _letters())


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=max(0, milliseconds))
    except OverflowError:
        return datetime.fromtimestamp(0, UTC)


# == Its parts, in order ===================================================================================================


def _summary(pdf: _Print, report: Report) -> None:
    pdf.start_section("Summary")
    _text(pdf, page.title(report), size=13, bold=True, kind="H1")
    _text(pdf, page.verdict(report), size=18, bold=True, after=3)
    _fence(pdf, report)
    _text(pdf, page.lead(report), size=10.5, after=3)
    _table(pdf, (40, 134), page.facts(report), bold_second=True, row_heads=True)
    _heading(pdf, "What to read next", 13)
    listed = [one for outcome in ("broken", "not_shown") for one in report.promises if one.verdict == outcome]
    rows = [(_word(one), _sentence(one), pdf.where(one.id)) for one in listed[:30]]
    if len(listed) > 30:
        rows.append(("", f"And {len(listed) - 30} more: every promise stands in the list below.", ""))
    rows += [
        ("Over its aim", f"{page.over(figures)}.", pdf.where(found.id)) for found, figures in page.over_aim(report)
    ]
    if report.promises:
        rows.append(("Every promise", "Each with its result, and the page of its proof.", pdf.where("every promise")))
    rows.append(
        (
            "The words",
            "What proven, broken and could not be shown mean, and what no report can say.",
            pdf.where("words"),
        )
    )
    rows.append(
        ("How it was run", "The settings of the platform, and what the inspector ran with.", pdf.where("settings"))
    )
    rows.append(("Check it", "How to find out that nobody changed this report.", pdf.where("check")))
    _table(pdf, (34, 124, 16), [("What", "Which", "Page"), *rows], headed=True, row_heads=True)
    _heading(pdf, "What the words mean", 13, place="words")
    _table(pdf, (40, 134), [(WORDS[one], page.MEANS[one]) for one in reversed(WORST_FIRST)], row_heads=True)
    _heading(pdf, "What this report cannot say", 11, level=3)
    with pdf.part("L"):
        for limit in page.LIMITS:
            with pdf.part("LI"), pdf.part("LBody"):
                _text(pdf, f"- {limit}")
    if report.promises:
        _every(pdf, report)


def _every(pdf: _Print, report: Report) -> None:
    """All promises on one page, or little more: each sentence with the page on which its proof stands."""
    pdf.add_page()
    _heading(pdf, "Every promise", 13, place="every promise")
    for outcome in WORST_FIRST:
        some = [one for one in report.promises if one.verdict == outcome]
        if not some:
            continue
        _room(pdf, 20)
        _text(pdf, f"{WORDS[outcome]}: {len(some)}", bold=True, colour=COLOURS[outcome], kind="H3")
        rows = [(_short(_sentence(one)), pdf.where(one.id)) for one in some]
        _table(pdf, (162, 12), [("Promise", "Page"), *rows], headed=True, size=7.5, pad=0.6)


def _short(sentence: str) -> str:
    """The first sentences of it, where it is long: the whole stands where its proof is."""
    if len(sentence) <= _ONE_LINE:
        return sentence
    return f"{sentence[:_ONE_LINE].rpartition('. ')[0] or sentence[:_ONE_LINE].rpartition(' ')[0]} ..."


def _promises(pdf: _Print, report: Report) -> None:
    told = page.told_under(report)
    if report.promises:
        pdf.add_page()
        pdf.start_section("The promises")
        _text(pdf, "The promises, and what was tried for each", size=15, bold=True, kind="H2")
    for one in page.in_order(report.promises):
        _room(pdf, 45)
        pdf.here(one.id)
        pdf.start_section(printable(_sentence(one), 90), level=1)
        _rule(pdf, HEDGE, 0.8)
        _text(pdf, _sentence(one), size=12, bold=True, kind="H3")
        _text(pdf, _word(one), bold=True, colour=COLOURS[one.verdict])
        _text(pdf, one.why)
        if one.not_played:
            _text(pdf, page.not_played(one))
        if one.leaves_out:
            _text(pdf, f"What it does not cover: {one.leaves_out}")
        known = f". Where it comes from. {page.sources(one)}" if one.sources else ""
        _text(pdf, f"Id: {one.id}{known}", colour=SECOND)
        above = [found for found in report.findings if found.id in one.findings and found not in told[one.id]]
        if above:
            said = "; ".join(f"{found.title} (page {pdf.where(found.id)})" for found in above)
            _text(pdf, f"Also told for this promise: {said}.")
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
    pdf.here(one.id)
    _rule(pdf, LINE, 0.4)
    _text(pdf, one.title, size=11, bold=True, kind="H4")
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
    _room(pdf, 24)
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
    _room(pdf, 24)
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
        _plot(pdf, picture, f"Plot: {figures.name}. {plots.in_words(figures)}")
        _table(pdf, (70, 40), plots.table(figures), row_heads=True)


def _ending(pdf: _Print, report: Report) -> None:
    _room(pdf, 60)
    _heading(pdf, "How it was run", 13, place="settings")
    settings = list(report.platform.settings.items())
    if settings:
        _text(pdf, "Settings of the platform, exactly as it was run", bold=True)
        _table(pdf, (60, 114), settings, row_heads=True)
    else:
        _text(pdf, "The platform told no settings.")
    _text(pdf, "What the inspector ran with", bold=True)
    _table(pdf, (60, 114), list(report.versions.items()), row_heads=True)
    if report.left_out:
        _text(pdf, f"Left out of this report: {'; '.join(report.left_out)}.")
    _heading(pdf, "Check this report", 13, place="check")
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


def _heading(pdf: _Print, text: str, size: float, *, place: str = "", level: Literal[2, 3] = 2) -> None:
    _room(pdf, 30)
    if place:
        pdf.here(place)
    pdf.ln(3)
    pdf.start_section(text, level=1)
    _text(pdf, text, size=size, bold=True, kind="H2" if level == 2 else "H3")


def _text(
    pdf: _Print,
    text: str,
    *,
    size: float = 9.5,
    bold: bool = False,
    colour: tuple[int, int, int] = INK,
    after: float = 1.2,
    kind: Leaf = "P",
) -> None:
    if pdf.page_no() > pdf.most:
        raise _Full
    lines = _broken(pdf, _MM + _GAP, printable(text), bold, size)
    pdf.set_text_color(*colour)
    with pdf.tag(kind):
        for line in lines:
            pdf.cell(0, size * _LEAD, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(after)


def _rule(pdf: _Print, colour: tuple[int, int, int], width: float) -> None:
    pdf.ln(2)
    pdf.set_draw_color(*colour)
    pdf.set_line_width(width)
    with pdf.for_the_eye():
        pdf.line(pdf.l_margin, pdf.y, pdf.l_margin + _MM, pdf.y)
    pdf.ln(2.5)


def _table(
    pdf: _Print,
    widths: tuple[float, ...],
    rows: Iterable[Sequence[str]],
    *,
    headed: bool = False,
    row_heads: bool = False,
    bold_second: bool = False,
    size: float = 8.5,
    pad: float = _PAD,
) -> None:
    """``headed``: the first row says what the columns are, on every page anew. ``row_heads``: the first cell says what its row is."""
    every = [[printable(cell) for cell in row] for row in rows]
    with pdf.part("Table"):
        for number, cells in enumerate(every):
            is_head = headed and number == 0
            bold = [is_head or (bold_second and place == 1) for place in range(len(cells))]
            lines = [_broken(pdf, *cell, size) for cell in zip(widths, cells, bold, strict=True)]
            high = max(map(len, lines)) * size * _LEAD + 2 * pad
            if pdf.page_no() > pdf.most:
                raise _Full
            if pdf.will_page_break(high):
                pdf.add_page()
                if headed and not is_head:
                    again = [
                        _broken(pdf, width, cell, True, size) for width, cell in zip(widths, every[0], strict=True)
                    ]
                    with pdf.for_the_eye():
                        for place, x in enumerate(_places(pdf, widths)):
                            _cell(pdf, x, again[place], size, pad, bold=True, colour=SECOND)
                    _under(pdf, max(map(len, again)) * size * _LEAD + 2 * pad)
            with pdf.part("TR"):
                for place, x in enumerate(_places(pdf, widths)):
                    kind: Leaf = "TH" if is_head or (row_heads and place == 0) else "TD"
                    with pdf.tag(kind, scope="Column" if is_head else "Row" if kind == "TH" else None):
                        _cell(pdf, x, lines[place], size, pad, bold=bold[place], colour=SECOND if is_head else INK)
            _under(pdf, high)
    pdf.ln(2.5)


def _places(pdf: _Print, widths: Sequence[float]) -> Sequence[float]:
    """Where each column begins."""
    return [pdf.l_margin + sum(widths[:place]) for place in range(len(widths))]


def _broken(pdf: _Print, width: float, text: str, bold: bool, size: float) -> list[str]:
    """The lines of a text, so few that a row never is higher than a page."""
    pdf.set_font(_FONT, "B" if bold else "", size)
    key = (width, text, bold, size)
    if key not in pdf.lines:
        found = pdf.multi_cell(
            width - _GAP, size * _LEAD, text, align="L", dry_run=True, output=MethodReturnValue.LINES
        )
        lines = [str(one) for one in found] if isinstance(found, list) else []
        few = [*lines[:_LINES], "..."] if len(lines) > _LINES else lines or [""]
        pdf.lines[key] = [*(f"{one} " for one in few[:-1]), few[-1]]  # without the blank two words are heard as one
    return pdf.lines[key]


def _cell(
    pdf: _Print, x: float, lines: Sequence[str], size: float, pad: float, *, bold: bool, colour: tuple[int, int, int]
) -> None:
    pdf.set_font(_FONT, "B" if bold else "", size)
    pdf.set_text_color(*colour)
    top = pdf.y
    for number, line in enumerate(lines):
        pdf.set_xy(x, top + pad + number * size * _LEAD)
        pdf.cell(0, size * _LEAD, line)
    pdf.set_xy(pdf.l_margin, top)


def _under(pdf: _Print, high: float) -> None:
    """The line under a row; what follows begins below it."""
    pdf.set_xy(pdf.l_margin, pdf.y + high)
    pdf.set_draw_color(*LINE)
    pdf.set_line_width(0.3)
    with pdf.for_the_eye():
        pdf.line(pdf.l_margin, pdf.y, pdf.l_margin + _MM, pdf.y)


def _fence(pdf: _Print, report: Report) -> None:
    """One post a promise: round-topped and ticked, dashed, or square with a cross."""
    step, tall, each = 7.5, 9.0, 5.6
    in_row = int(_MM // step)
    posts = page.in_order(report.promises)[: in_row * 8]
    if not posts:
        return
    with pdf.tag("Figure", alt=f"One post for each promise. {page.verdict(report)}"):
        for place, one in enumerate(posts):
            if place % in_row == 0:
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


def _plot(pdf: _Print, plot: plots.Plot, words: str) -> None:
    _room(pdf, plots.HEIGHT * 130 / plots.WIDTH + 4)
    with pdf.tag("Figure", alt=words):
        _lines_of(pdf, plot)


def _lines_of(pdf: _Print, plot: plots.Plot) -> None:
    scale = 130 / plots.WIDTH
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
    pdf.set_font(_FONT, size=8)
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
