"""report.html: one file that asks nobody for anything, runs nothing and can be read, printed and kept.

It says what report.json says, in the order of somebody with ten minutes: what was inspected and how it came out, what to read next,
then every promise, the broken ones first, each with what was tried and seen. Every text of a platform goes through ``_t``: escaped,
and in a ``bdi``, so that a name in another script cannot reorder the words beside it. The content policy in the page allows the one
style sheet by its hash and nothing else: a script that slipped through would not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from importlib.resources import files
from typing import Final

from server.inspection import plots
from server.inspection.document import STORY, WORDS, Figures, Found, Promise, Report, Row, Tried
from server.inspection.findings import WORST_FIRST, Outcome

#: Kinds of refusals in the platform's record that are shown of one finding; all rows are in report.json.
MOST_NOES: Final = 40

_ICONS: Final[dict[str, str]] = {
    "proven": '<path d="M5 12.5l4.5 4.5L19 7"/>',
    "broken": '<path d="M6 6l12 12M18 6L6 18"/>',
    "not_shown": '<path d="M9 9a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 1.8v.5M12 18v.1"/>',
}
_MARK: Final = (
    '<svg viewBox="0 0 64 64" aria-hidden="true"><rect width="64" height="64" rx="14" fill="#F1F5EF"/><g fill="#12312B">'
    '<rect x="4" y="19" width="8" height="28" rx="4"/><rect x="16" y="8" width="8" height="50" rx="4"/>'
    '<rect x="40" y="8" width="8" height="50" rx="4"/><rect x="52" y="19" width="8" height="28" rx="4"/></g>'
    '<g fill="#F6BC45"><rect x="28" y="29" width="8" height="33" rx="4"/><circle cx="32" cy="18.5" r="6"/></g></svg>'
)
#: What each outcome means, in the report's own words.
MEANS: Final[dict[Outcome, str]] = {
    "proven": "In this run, everything that must work did work, and nothing that must not work went through.",
    "broken": "Something that must not work went through. One such attempt is enough.",
    "not_shown": (
        "It could not be tried or seen to the end: no answer, a time-out, a fault, or no such thing on this platform. "
        "It counts as not proven."
    ),
}
#: What no inspection can say. On the first page, so that nobody reads more into it than is there.
LIMITS: Final = (
    "It speaks of this version, with these settings, at this time. Another version may behave otherwise.",
    "Proven means tried and seen in this run. It does not mean that no other way exists.",
    "All families in it were made up for the inspection. No real child took part.",
    "It cannot see what people do outside the platform, such as filming a screen.",
)


def rendered(report: Report) -> str:
    """The whole page."""
    style = files("server.inspection").joinpath("report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    body = "\n".join((_header(report), "<main>", *_main(report), "</main>", _footer(report)))
    return (
        '<!doctype html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title(report))}</title>\n<style>{style}</style>\n</head>\n'
        f'<body>\n<div class="sheet">\n{body}\n</div>\n</body>\n</html>\n'
    )


# == The words that the page and the print share ===========================================================================


def title(report: Report) -> str:
    return f"Inspection of {named(report)}"


def named(report: Report) -> str:
    return f"{report.platform.name} {report.platform.version}".strip()


def verdict(report: Report) -> str:
    """The one sentence that matters."""
    counts, every = report.counts, len(report.promises)
    if not every:
        return "No promise was in scope, so nothing is proven."
    if report.all_proven:
        return f"All {every} promises in scope are proven." if every > 1 else "The one promise in scope is proven."
    told = [f"{counts.proven} of {every} promises in scope {_are(counts.proven)} proven."]
    if counts.broken:
        told.append(f"{counts.broken} {_are(counts.broken)} broken.")
    if counts.not_shown:
        told.append(f"{counts.not_shown} could not be shown.")
    return " ".join(told)


def lead(report: Report) -> str:
    """What was done, in plain words, and what was not."""
    steps = [one for found in report.findings for one in found.steps]
    controls = sum(one.kind == "control" for one in steps)
    told = [
        f"A program played {_counted(len(report.findings), 'story', 'stories')} against {named(report)} with made-up families.",
        f"It tried {_counted(controls, 'thing', 'things')} that must work, "
        f"and {_counted(len(steps) - controls, 'thing', 'things')} that must not.",
    ]
    if report.in_ledger > len(report.promises):
        told.append(
            f"{len(report.promises)} of the {report.in_ledger} promises in the ledger were in the scope of this run."
        )
    if short := sum(bool(one.not_played) for one in report.promises):
        told.append(
            f"Not all was played: for {short} of these promises the ledger names more stories than this run told."
        )
    return " ".join(told)


def facts(report: Report) -> tuple[tuple[str, str], ...]:
    lasted = max(0, report.ended_at - report.begun_at) / 1000
    return (
        ("Platform", report.platform.name),
        ("Version, as it tells it", report.platform.version or "It tells none."),
        ("SHA-256 of the code", code(report)),
        ("Address", report.platform.address or "None."),
        ("Inspected by", report.by),
        ("Begun", when(report.begun_at)),
        ("Ended", f"{when(report.ended_at)}, after {lasting(lasted)}"),
        ("Signed with the key", report.signed_by),
    )


def code(report: Report) -> str:
    """Which files were inspected, as far as an inspector can know."""
    if not report.platform.code:
        return "Not known: the inspector did not start it, and nobody outside sees which files run."
    return report.platform.code


def when(milliseconds: int) -> str:
    """A moment in words, or the bare number where it is no moment."""
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return f"{milliseconds} ms since 1970"
    return f"{moment.day} {moment:%B} {moment.year}, {moment:%H:%M:%S} UTC"


def lasting(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown time"
    if seconds < 60:
        return f"{plots.number(round(seconds, 1))} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def in_order(promises: Iterable[Promise]) -> list[Promise]:
    """Broken first, then what could not be shown, then the proven ones; each kind in the order of the scope."""
    return sorted(promises, key=lambda one: WORST_FIRST.index(one.verdict))


def told_under(report: Report) -> dict[str, tuple[Found, ...]]:
    """Each finding is told once, under the first promise (in :func:`in_order`) that it speaks to."""
    by_id = {one.id: one for one in report.findings}
    taken: set[str] = set()
    told = {}
    for promise in in_order(report.promises):
        new = [one for one in promise.findings if one not in taken and one in by_id]
        taken.update(new)
        told[promise.id] = tuple(by_id[one] for one in new)
    return told


def homeless(report: Report) -> tuple[Found, ...]:
    """Findings that speak to no promise in scope: told at the end, and not counted."""
    counted = {one for promise in report.promises for one in promise.findings}
    return tuple(one for one in report.findings if one.id not in counted)


def sources(promise: Promise) -> str:
    """Where a promise comes from, and how that stands in law; empty when nothing is known."""
    told = []
    for standing in dict.fromkeys(one.standing for one in promise.sources):
        named = [
            one.code + (" (to be checked)" if one.unverified else "")
            for one in promise.sources
            if one.standing == standing
        ]
        told.append(f"{standing[:1].upper()}{standing[1:]}: {', '.join(named)}.")
    return " ".join(told)


def over_aim(report: Report) -> list[tuple[Found, Figures]]:
    """Measurements of which some value went over its aim. It breaks no promise by itself, and it is not for the small print."""
    return [
        (found, one)
        for found in report.findings
        for one in found.measured
        if one.aim is not None and any(value > one.aim for value in one.values)
    ][:20]


def over(figures: Figures) -> str:
    count = sum(value > (figures.aim or 0) for value in figures.values)
    return f"Over its aim in {count:,} of {len(figures.values):,}: {figures.name}"


def not_played(promise: Promise) -> str:
    """What the ledger wants played for it and this run did not."""
    names = ", ".join(promise.not_played)
    return f"Not played in this run, though the ledger names it for this promise: {names}." if names else ""


def saw(step: Tried) -> str:
    return {True: "As promised", False: "Not as promised", None: "Could not be seen"}[step.as_promised]


#: What of the platform's own record is shown with a story: refusals, alike ones once, and what was allowed in a sentence.
RECORD: Final = "What the platform wrote into its own record: refusals"
NOES: Final = ("Times", "Asked", "Answer", "Rules")
NO_ROW: Final = "No row of the platform's own record could be seen for this story."


def noes(audit: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    """How often, what was asked, the answer, and the rules that it names: each kind of row that is no yes, in the order of the first."""
    kinds = Counter((row.question, row.verdict, ", ".join(row.rules)) for row in audit if row.verdict != "allow")
    return [(f"{count:,}", *kind) for kind, count in kinds.items()]


def yeses(audit: Sequence[Row]) -> str:
    """The rest of the record in a sentence or three."""
    kinds = Counter(row.question for row in audit if row.verdict == "allow")
    few = ", ".join(f"{asked} ({count:,})" for asked, count in kinds.most_common(12))
    told = [f"Allowed: {few}{' and more' if len(kinds) > 12 else ''}."] if kinds else ["Nothing was allowed."]
    all_rows = f"All {len(audit):,} rows" if len(audit) > 1 else "The one row"
    told.append(f"{all_rows} of this story {_are(len(audit))} in report.json, with their times.")
    if books := sorted({row.rulebook for row in audit if row.rulebook}):
        told.append(f"Rulebook: {', '.join(books[:5])}.")
    return " ".join(told)


PARTS: Final[dict[str, tuple[str, str]]] = {
    "control": ("What must work", "Controls: without one of these that worked, nothing would be proven."),
    "attack": ("What must not work", "Attacks: one of these that goes through breaks the promise."),
}


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


# == The page ==============================================================================================================


def _t(text: str) -> str:
    """A text of the platform or of a scenario: escaped, and alone with its direction."""
    return f"<bdi>{escape(text)}</bdi>"


def _icon(outcome: str) -> str:
    return f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{_ICONS[outcome]}</svg>'


def _chip(outcome: Outcome, said: Mapping[Outcome, str] = WORDS, *, no_such_thing: bool = False) -> str:
    words = "No such thing here" if no_such_thing else said[outcome]
    return f'<span class="chip {outcome}">{_icon(outcome)}{words}</span>'


def _header(report: Report) -> str:
    return (
        f'<header><div class="brand">{_MARK}<h1>{_t(title(report))}</h1></div>\n'
        f'<p class="verdict">{escape(verdict(report))}</p>\n'
        f"{_fence(report)}\n"
        f'<p class="lead">{_t(lead(report))}</p></header>'
    )


def _fence(report: Report) -> str:
    if not report.promises:
        return ""
    numbers = _numbers(report)
    posts = "".join(
        f'<li><a class="post {one.verdict}" href="#{numbers[one.id]}">{_icon(one.verdict)}'
        f'<span class="hidden-words">{WORDS[one.verdict]}: {_t(_sentence(one))}</span></a></li>'
        for one in in_order(report.promises)
    )
    return f'<ul class="fence" aria-label="One post for each promise">{posts}</ul>'


def _main(report: Report) -> list[str]:
    numbers, told = _numbers(report), told_under(report)
    shown = {one.id: numbers[promise] for promise, found in told.items() for one in found}
    parts = [_summary(report), _next(report, numbers), _meaning()]
    promises = "\n".join(
        _promise(one, numbers[one.id], told[one.id], report, shown) for one in in_order(report.promises)
    )
    if promises:
        parts.append(
            f'<section class="part apart" aria-labelledby="promises"><h2 id="promises">The promises</h2>\n{promises}</section>'
        )
    if lost := homeless(report):
        parts.append(
            '<section class="part" aria-labelledby="beside"><h2 id="beside">Also tried</h2>'
            "<p>These stories speak to no promise in the scope of this run. They are told here and count for nothing.</p>"
            f'<div class="promise">{"".join(_finding(one) for one in lost)}</div></section>'
        )
    return [*parts, _settings(report)]


def _summary(report: Report) -> str:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{_t(value)}</dd></div>" for name, value in facts(report))
    return f'<section class="panel" aria-labelledby="what"><h2 id="what">What was inspected</h2><dl class="facts">{rows}</dl></section>'


def _next(report: Report, numbers: dict[str, str]) -> str:
    items = []
    for outcome in ("broken", "not_shown"):
        for one in report.promises:
            if one.verdict == outcome:
                link = f'<a href="#{numbers[one.id]}">{_t(_sentence(one))}</a>'
                items.append(
                    f'<li><span class="way">{_chip(one.verdict, no_such_thing=one.no_such_thing)} {link}</span></li>'
                )
    for found, figures in over_aim(report):
        items.append(f'<li><a href="#{found.id}">{_t(over(figures))}</a></li>')
    if report.counts.proven:
        first = next(one for one in in_order(report.promises) if one.verdict == "proven")
        items.append(
            f'<li><a href="#{numbers[first.id]}">The promises that are proven</a>, and what was tried against each.</li>'
        )
    items.append('<li><a href="#check">Check that nobody changed this report</a>.</li>')
    return f'<section aria-labelledby="next"><h2 id="next">What to read next</h2><ol class="next">{"".join(items)}</ol></section>'


def _meaning() -> str:
    words = "".join(f"<div><dt>{_chip(one)}</dt><dd>{MEANS[one]}</dd></div>" for one in reversed(WORST_FIRST))
    limits = "".join(f"<li>{one}</li>" for one in LIMITS)
    return (
        f'<section aria-labelledby="means"><h2 id="means">What the words mean</h2><dl class="means">{words}</dl>\n'
        f'<h3>What this report cannot say</h3><ul class="limits">{limits}</ul></section>'
    )


def _promise(one: Promise, number: str, told: Sequence[Found], report: Report, shown: dict[str, str]) -> str:
    elsewhere = "".join(
        f'<li><a href="#{found.id}">{_t(found.title)}</a></li>'
        for found in report.findings
        if found.id in one.findings and found not in told and found.id in shown
    )
    also = f"<p>Also told for this promise, above:</p><ul>{elsewhere}</ul>" if elsewhere else ""
    known = f'<p class="second">Where it comes from. {_t(sources(one))}</p>' if one.sources else ""
    missed = f"<p>{_t(not_played(one))}</p>" if one.not_played else ""
    limits = f"<p>What it does not cover: {_t(one.leaves_out)}</p>" if one.leaves_out else ""
    return (
        f'<article class="promise" id="{number}" aria-labelledby="{number}-title"><h3 id="{number}-title">{_t(_sentence(one))}</h3>'
        f'<p class="said">{_chip(one.verdict, no_such_thing=one.no_such_thing)}<span class="id">{_t(one.id)}</span></p>'
        f"<p>{_t(one.why)}</p>{missed}{limits}{known}{also}{''.join(_finding(found) for found in told)}</article>"
    )


def _finding(one: Found) -> str:
    parts = [
        f'<section class="finding" id="{one.id}" aria-labelledby="{one.id}-title"><h4 id="{one.id}-title">{_t(one.title)}</h4>',
        f'<p class="said">{_chip(one.outcome, STORY, no_such_thing=one.no_such_thing)}<span class="second">'
        f'<span class="id">{_t(one.scenario)}</span>, took {lasting(one.seconds)}</span></p><p>{_t(one.why)}</p>',
    ]
    parts += [_steps(kind, [step for step in one.steps if step.kind == kind]) for kind in PARTS]
    parts += [_figure(f"{one.id}-m{number}", each) for number, each in enumerate(one.measured, 1)]
    parts.append(_record(one.audit))
    if one.left_out:
        parts.append(f'<p class="second">Left out of this report: {_t("; ".join(one.left_out))}.</p>')
    return "\n".join([*filter(None, parts), "</section>"])


def _steps(kind: str, steps: Sequence[Tried]) -> str:
    name, means = PARTS[kind]
    if not steps:
        return f"<p>{name}: nothing was tried.</p>"
    rows = "".join(
        _row(
            ("After", "after", "" if step.after is None else f"{step.after:.2f} s"),
            ("Tried", "", _t(step.tried)),
            ("Seen", "", _t(step.seen)),
            ("As promised?", "kept", _kept(step)),
        )
        for step in steps
    )
    return _table(
        "steps", f'{name}<span class="hidden-words">. {means}</span>', ("After", "Tried", "Seen", "As promised?"), rows
    )


def _kept(step: Tried) -> str:
    kind, icon = {True: ("yes", "proven"), False: ("no", "broken"), None: ("unseen", "not_shown")}[step.as_promised]
    return f'<span class="chip {kind}">{_icon(icon)}{saw(step)}</span>'


def _record(audit: Sequence[Row]) -> str:
    if not audit:
        return f'<p class="second">{NO_ROW}</p>'
    refused = noes(audit)[:MOST_NOES]
    rows = "".join(
        _row(("Times", "after", times), ("Asked", "", _t(asked)), ("Answer", "", _t(said)), ("Rules", "", _t(rules)))
        for times, asked, said, rules in refused
    )
    drawn = (
        _table("record", RECORD, NOES, rows)
        if refused
        else f"<h4>{RECORD}</h4><p>It has no refusal for this story.</p>"
    )
    return f'{drawn}<p class="second">{_t(yeses(audit))}</p>'


def _figure(id_: str, figures: Figures) -> str:
    words = plots.in_words(figures)
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(value)}</td></tr>' for name, value in plots.table(figures)
    )
    picture = plots.plot(figures)
    drawn = svg(picture, id_, f"Plot: {figures.name}", words) if picture else ""
    return (
        f'<h4 id="{id_}">Measured: {_t(figures.name)}</h4><p>{_t(words)}</p>'
        f'<figure aria-labelledby="{id_}">{drawn}<figcaption>{plots.HOW_TO_READ}</figcaption></figure>'
        f'<table class="figures"><caption>{_t(figures.name)}, in figures</caption><tbody>{rows}</tbody></table>'
        if drawn
        else f'<h4 id="{id_}">Measured: {_t(figures.name)}</h4><p>{_t(words)}</p>'
    )


def svg(plot: plots.Plot, id_: str, name: str, words: str) -> str:
    """The plot as an image with a name and a description."""
    low, high = plot.strip
    lines = "".join(f'<path class="grid" d="M{plot.left:.1f} {y:.1f}H{plot.right:.1f}"/>' for y in plot.grid)
    lines += f'<path class="axis" d="M{plot.left:.1f} {plot.axis:.1f}H{plot.right:.1f}"/>'
    lines += "".join(f'<path class="axis" d="M{x:.1f} {plot.axis:.1f}v5"/>' for x in plot.marks)
    lines += f'<path class="tick" d="{"".join(f"M{x:.1f} {low:.0f}V{high:.0f}" for x in plot.ticks)}"/>'
    lines += f'<path class="curve" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in plot.curve)}"/>'
    if plot.aim is not None:
        lines += f'<path class="aim" d="M{plot.aim:.1f} {plot.top - 8:.0f}V{plot.axis:.0f}"/>'
    texts = "".join(
        f'<text x="{one.x:.1f}" y="{one.y:.1f}" text-anchor="{one.anchor}">{escape(one.text)}</text>'
        for one in plot.words
    )
    return (
        f'<svg class="plot" role="img" viewBox="0 0 {plots.WIDTH:.0f} {plots.HEIGHT:.0f}" aria-labelledby="{id_}-t {id_}-d">'
        f'<title id="{id_}-t">{escape(name)}</title><desc id="{id_}-d">{escape(words)}</desc>{lines}{texts}</svg>'
    )


def _settings(report: Report) -> str:
    def both(found: dict[str, str], caption: str) -> str:
        rows = "".join(f'<tr><th scope="row">{_t(name)}</th><td>{_t(value)}</td></tr>' for name, value in found.items())
        return f'<table class="settings"><caption>{caption}</caption><tbody>{rows}</tbody></table>' if rows else ""

    kept = (
        both(report.platform.settings, "Settings of the platform, exactly as it was run")
        or "<p>The platform told no settings.</p>"
    )
    left = f"<p>Left out of this report: {_t('; '.join(report.left_out))}.</p>" if report.left_out else ""
    return (
        f'<section class="part" aria-labelledby="settings"><h2 id="settings">How it was run</h2>{kept}'
        f"{both(report.versions, 'What the inspector ran with')}{left}</section>"
    )


def _footer(report: Report) -> str:
    return (
        '<footer class="part" id="check"><h2>Check this report</h2>'
        "<p>report.sig beside this file says which bytes report.json, report.html and report.pdf must have, and is signed. "
        f"Whoever inspected should tell you the key in another way; it is <code>{_t(report.signed_by)}</code></p>"
        "<p>Then <code>ringfence inspect verify FOLDER --key KEY</code> finds any change.</p></footer>"
    )


def _table(kind: str, caption: str, columns: Sequence[str], rows: str) -> str:
    """A table that stays one for a screen reader where a narrow page lays its rows out as lists."""
    head = "".join(f'<th scope="col" role="columnheader">{one}</th>' for one in columns)
    return (
        f'<table class="{kind}" role="table"><caption>{caption}</caption><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )


def _row(*cells: tuple[str, str, str]) -> str:
    return (
        '<tr role="row">'
        + "".join(
            f'<td role="cell" class="{kind}" data-column="{name.rstrip("?")}">{cell}</td>' for name, kind, cell in cells
        )
        + "</tr>"
    )


def _numbers(report: Report) -> dict[str, str]:
    """An anchor for each promise: ours, never the platform's words."""
    return {one.id: f"p{number}" for number, one in enumerate(report.promises, 1)}


def _sentence(promise: Promise) -> str:
    return f"{promise.id}: {promise.sentence}" if promise.sentence == "not in the ledger" else promise.sentence
