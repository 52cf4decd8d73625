"""What can be read off the browser's files without a browser: no inline style or script, no unknown tag, no missing word, no banned one."""

# ruff: noqa: E501 -- scripts for the page and calls with many plain facts read better on one line
from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from look_sprite import RECIPES, SPRITE, sprite

CLIENT = Path(__file__).parents[2] / "client_web"
SCRIPTS = sorted(path for folder in ("shared", "child") for path in (CLIENT / folder).rglob("*.js"))
PAGES = sorted(path for folder in ("shared", "child") for path in (CLIENT / folder).rglob("*.html"))
WORDS: dict[str, dict[str, str | dict[str, str]]] = json.loads(
    (CLIENT / "shared/words/en.json").read_text(encoding="utf-8")
)

#: Design 5.3. Some are only banned alone: "not your fault" is the sentence we want.
BANNED = [
    "you should have", "why did you", "you broke", "rules violated", "forbidden", "denied", "blocked you", "inappropriate", "misconduct",
    "report abuse", "safe and secure", "100 %", "100%", "guaranteed", "impossible to record", "private", "end-to-end encrypted", "don’t worry",
    "calm down", "be careful", "stranger danger", "are you sure", "hurry", "miss out", "everyone", "friends are waiting", "come back", "please",
    "oops", "uh-oh", "yay", "awesome", "kiddo", "little one", "mum and dad", "user", "contact", "session", "authenticate", "permission denied",
    "error code", "invalid", "lorem", "submit",
]  # fmt: skip
#: Longest sentence in words, per band (design 5.1).
LONGEST = {"k12": 12, "k17": 16, "adult": 18}


def sentences() -> list[tuple[str, str, str]]:
    """(key, band, one form) of every string."""
    return [
        (key, band, form)
        for key, bands in WORDS.items()
        for band, entry in bands.items()
        for form in (entry.values() if isinstance(entry, dict) else [entry])
    ]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code_only(text: str) -> str:
    """A script without its comments."""
    return re.sub(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", "", text, flags=re.S)


def test_there_are_pages_and_scripts_to_read() -> None:
    assert len(SCRIPTS) > 20
    assert PAGES


def test_what_is_said_of_recording_is_the_whole_sentence_wherever_it_is_said() -> None:
    whole = "We do not record. Nobody can press a record button here. Someone could still film the screen."
    said = [
        (str(path.relative_to(CLIENT)), form)
        for path in sorted(CLIENT.rglob("*en.json"))
        for bands in json.loads(read(path)).values()
        for entry in bands.values()
        for form in (entry.values() if isinstance(entry, dict) else [entry])
        if "We do not record." in form
    ]
    assert len({path for path, _ in said}) > 1
    assert [one for one in said if not one[1].startswith(whole)] == []


@pytest.mark.parametrize("path", [*SCRIPTS, *PAGES], ids=lambda path: str(path.relative_to(CLIENT)))
def test_no_file_has_an_inline_style_or_script(path: Path) -> None:
    text = code_only(read(path)) if path.suffix == ".js" else read(path)
    assert not re.search(r"\sstyle\s*=|<style|\.style\.|setAttribute\(\s*[\"']style", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "javascript:" not in text
    assert "//cdn" not in text


def test_only_html_js_makes_html() -> None:
    makers = [
        path
        for path in SCRIPTS
        if re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|createHTML|DOMParser|document\.write", code_only(read(path))
        )
    ]
    assert [path.name for path in makers] == ["html.js"]


def test_the_modules_below_the_pages_never_touch_them() -> None:
    for name in ("connection", "call", "peer", "telephone", "api", "avatars"):
        assert not re.search(
            r"\bdocument\b|\bHTMLElement\b|querySelector", code_only(read(CLIENT / f"shared/{name}.js"))
        ), name


def test_every_put_in_value_of_an_attribute_stands_in_double_quotes() -> None:
    for path in SCRIPTS:
        assert not re.search(r"\s[a-z-]+=\$\{", code_only(read(path))), path
        assert not re.search(r"\s[a-z-]+='\$\{", code_only(read(path))), path


def test_every_tag_of_ours_is_defined_and_typed() -> None:
    scripts = "\n".join(code_only(read(path)) for path in SCRIPTS)
    defined = set(re.findall(r"customElements\.define\(\"(rf-[a-z-]+)\"", scripts))
    typed = set(
        re.findall(
            r"\"(rf-[a-z-]+)\":", "\n".join(read(CLIENT / f"{folder}/elements.d.ts") for folder in ("shared", "child"))
        )
    )
    used = set(re.findall(r"</?(rf-[a-z-]+)", scripts + "\n".join(read(path) for path in PAGES)))
    assert used <= defined
    assert typed == defined
    assert defined


def test_every_word_that_is_asked_for_exists() -> None:
    scripts = "\n".join(code_only(read(path)) for path in SCRIPTS)
    asked = set(re.findall(r"words\(\s*\"([a-z0-9_.-]+)\"", scripts))
    missing = {key for key in asked if key not in WORDS}
    assert not missing
    patterns = {re.escape(found).replace(r"\$\{", "{") for found in re.findall(r"words\(\s*`([^`]+)`", scripts)}
    for pattern in patterns:
        shape = re.compile("^" + re.sub(r"\{.*", ".+", pattern) + "$")
        assert any(shape.match(key) for key in WORDS), pattern


def test_every_string_speaks_to_children_of_both_bands() -> None:
    for key, bands in WORDS.items():
        assert {"k12", "k17"} <= set(bands) <= {"k12", "k17", "adult"}, key


def test_the_screens_of_a_call_speak_to_grown_ups_too() -> None:
    for key, bands in WORDS.items():
        if key.split(".")[0] in {"call", "ring", "look", "self", "seen", "ended", "someone", "picture"}:
            assert "adult" in bands, key


@pytest.mark.parametrize("banned", BANNED)
def test_no_string_says_a_banned_word(banned: str) -> None:
    shape = re.compile(rf"(?<!\w){re.escape(banned)}(?!\w)", re.I)
    assert [key for key, _, text in sentences() if shape.search(text)] == []


def test_fault_is_only_ever_not_yours() -> None:
    for key, _, text in sentences():
        assert len(re.findall(r"fault", text)) == len(re.findall(r"(?:not your|isn’t your) fault", text)), key


def test_no_sentence_is_too_long_for_its_readers() -> None:
    too_long = [
        (key, band, sentence)
        for key, band, text in sentences()
        for sentence in re.split(r"(?<=[.?!:…]) ", text)
        if len(sentence.split()) > LONGEST[band]
    ]
    assert too_long == []


def test_only_bye_is_said_with_an_exclamation_mark() -> None:
    assert {key for key, _, text in sentences() if "!" in text} == {"ended.you-left"}


def test_no_string_has_an_emoji_or_a_straight_apostrophe() -> None:
    for key, _, text in sentences():
        assert not re.search(r"[\U0001F000-\U0001FAFF\u2600-\u27BF']", text), key


def test_the_drawn_sprite_is_the_one_that_is_shipped() -> None:
    assert read(SPRITE) == sprite()


def test_no_two_pegs_share_ears_face_and_mark() -> None:
    assert len(RECIPES) == 40
    assert Counter((peg.ears, peg.face, peg.mark) for peg in RECIPES).most_common(1)[0][1] == 1


def test_the_pages_and_the_drawings_agree_about_the_pegs() -> None:
    text = read(CLIENT / "shared/avatars.js")
    names, bodies = text.split("const NAMES = [")[1].split("];")[0], text.split("const BODIES = [")[1].split("];")[0]
    assert re.findall(r'"([a-z-]+)"', names) == [peg.name for peg in RECIPES]
    assert [int(number) for number in re.findall(r"\d+", bodies)] == [peg.body for peg in RECIPES]
    assert all(f"picture.{peg.name}" in WORDS for peg in RECIPES)


def test_no_style_sheet_draws_a_shadow_a_blur_or_a_gradient() -> None:
    for path in (CLIENT / "shared/look").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
        assert "blur(" not in text, path
        assert not re.search(r"(?<!repeating-)(linear|radial|conic)-gradient", text), path
        # a shadow without blur or offset is a flat ring, which is how the focus halo is drawn
        assert all(
            shadow.startswith("0 0 0 ") or shadow == "none" for shadow in re.findall(r"box-shadow: ([^;]+);", text)
        ), path
