"""Made-up inspections for the tests of the report: an honest one, a hostile one, and any."""

from __future__ import annotations

from server.inspection.findings import NO_SUCH_THING, AuditRow, Finding, Inspected, Inspection, Measured, Step

BEGUN = 1_795_579_200_000

CODE = "5f1d8c3a" * 8
RINGS = Step("control", "Maya rings Theo, whom both families approved.", "Theo's device rang after 41 ms.", True, 0.41)
REFUSED = Step("attack", "A stranger rings Maya.", "Refused: not-a-contact.", True, 0.62)
ROW = AuditRow(17, BEGUN + 620, "reach", "deny", ("strangers-cannot-reach-a-child",), "2026-11-20.4")
CUTS = Measured(
    "From the revoked yes to the last packet", "ms", tuple(float(8 + one * 7 % 23) for one in range(40)), 100.0
)


def finding(scenario: str, promises: tuple[str, ...], *steps: Step, **more: object) -> Finding:
    from server.inspection.findings import outcome_of

    given = {"title": scenario.replace("-", " ").capitalize(), "why": "Every attempt went as promised.", **more}
    given.setdefault("outcome", outcome_of(steps, None))
    return Finding(scenario=scenario, promises=promises, steps=steps, seconds=1.9, **given)  # type: ignore[arg-type]


def honest() -> Inspection:
    """Two promises proven, one broken, one not shown, one that this platform has no such thing for."""
    through = Step(
        "attack", "An ex-contact rings again after the yes was taken back.", "Theo's device rang.", False, 3.2
    )
    silent = Step("attack", "The same frame is sent again.", "No answer within 5 s.", None, 6.0)
    return Inspection(
        platform=Inspected(
            "Ringfence", "0.1.0", "http://localhost:8080", {"RINGFENCE_DEMO": "1", "gate": "in process"}, CODE
        ),
        by="ringfence inspect 0.1.0",
        begun_at=BEGUN,
        ended_at=BEGUN + 214_000,
        scope=("contacts-only", "cut-at-once", "no-return", "no-replay", "asked-first"),
        findings=(
            finding("a-stranger-rings", ("contacts-only",), RINGS, REFUSED, audit=(ROW,)),
            finding(
                "a-yes-is-taken-back", ("cut-at-once", "contacts-only"), RINGS, REFUSED, measured=(CUTS,), audit=(ROW,)
            ),
            finding("after-removal", ("no-return",), RINGS, through, why="An ex-contact could still ring."),
            finding("a-frame-again", ("no-replay",), RINGS, silent, why="The server gave no answer."),
            finding(
                "media-before-answer", ("asked-first",), why=NO_SUCH_THING + "nobody rings here.", outcome="not_shown"
            ),
        ),
    )


#: What a platform that hates its inspectors says.
NASTY = (
    "</style></script><script>document.title='owned'</script><img src=x onerror=alert(1)>",
    "\u202edevorppa\u202c \u2066x\u2069 \u200f\u200e\u200b",
    "a" * 1_000_000,
    "é — Łukasz 日本語 مرحبا 🦊 \ud800 \x00\x1b[31m {nb} \x02\x03",
    "e" + "\u0301" * 500,
    "' onmouseover=alert(1) style='x",
    "**bold** __u__ [a](javascript:alert(1)) &lt;b&gt;",
)


def hostile(text: str) -> Inspection:
    """Every text that could come from a platform is ``text``; the numbers are as bad."""
    bad = float("nan")
    steps = (
        Step("control", text, text, True, bad),
        Step("attack", text, text, False, float("inf")),
        Step("attack", text, text, None, -1e300),
    )
    return Inspection(
        platform=Inspected(text, text, text, {text: text, "plain": text}),
        by=text,
        begun_at=-(2**80),
        ended_at=2**80,
        scope=("contacts-only", text),
        findings=(
            Finding(
                text, text, ("contacts-only", text), "proven", text, steps,
                (Measured(text, text, (bad, 1e308, -1e308, 0.0, 5e-324, 3.0, 1e11), 1e308),),
                (AuditRow(2**90, 2**90, text, text, (text,) * 100, text),), bad,
            ),
        ),
    )  # fmt: skip
