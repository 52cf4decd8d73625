"""Five pictures, compared by two people, find whoever swapped a key; and nothing short of all four secrets makes them.

The browser's side of it runs in Node. The person in between is played here with ``tests/seal_twin.py``, who has the same arithmetic.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from itertools import combinations
from pathlib import Path

import pytest

from tests import seal_twin as twin
from tests.seal_node import Fault, Node
from tests.seal_node import in_node as in_node  # the fixture

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "client_web"
sys.path.insert(0, str(ROOT / "tests" / "browser"))

DAY = 24 * 3_600_000
NOW = 1_800_000_000_000


def some() -> str:
    return twin.b64(secrets.token_bytes(32))


# -- the order of it -------------------------------------------------------------------------------------------------------


def both(node: Node, a: str, b: str) -> tuple[list[int], list[int]]:
    """Sam begins, Femi answers, nobody is between them: what each sees."""
    commitment = node("compare_begin", name="sam", key=a)
    node("compare_answer", name="femi", key=b, commitment=commitment)
    node("compare_hear", name="sam", theirs=node("compare_reveal", name="femi"))
    node("compare_hear", name="femi", theirs=node("compare_reveal", name="sam"))
    return node("compare_pictures", name="sam"), node("compare_pictures", name="femi")


def test_both_see_the_same_pictures_and_those_that_the_twin_computes(node: Node) -> None:
    a, b = some(), some()
    sams, femis = both(node, a, b)
    sam, femi = node("compare_reveal", name="sam"), node("compare_reveal", name="femi")
    assert sams == femis == twin.pictures(sam["key"], sam["random"], femi["key"], femi["random"])
    assert (sam["key"], femi["key"]) == (a, b)
    assert len(sams) == 5
    assert both(node, a, b)[0] != sams  # other numbers each time, so that an old look is worth nothing


def test_a_key_swapped_on_the_way_gives_both_other_pictures(node: Node) -> None:
    """The relay keeps the order and opens its own commitments, so nothing is refused; only the pictures tell."""
    mine = some()
    commitment = node("compare_begin", name="sam", key=some())
    false = {"key": mine, "random": some()}
    node("compare_answer", name="femi", key=some(), commitment=twin.commit(false["key"], false["random"]))
    answered = node("compare_reveal", name="femi")
    back = {"key": mine, "random": some()}
    node("compare_hear", name="sam", theirs=back)
    opened = node("compare_reveal", name="sam")
    assert twin.commit(opened["key"], opened["random"]) == commitment
    node("compare_hear", name="femi", theirs=false)
    sams, femis = node("compare_pictures", name="sam"), node("compare_pictures", name="femi")
    assert sams == twin.pictures(opened["key"], opened["random"], back["key"], back["random"])
    assert femis == twin.pictures(false["key"], false["random"], answered["key"], answered["random"])
    assert sams != femis  # one chance in 2^30


def test_who_began_says_nothing_before_the_other_has(node: Node) -> None:
    node("compare_begin", name="sam", key=some())
    with pytest.raises(Fault, match="commitment"):
        node("compare_reveal", name="sam")
    assert node("compare_pictures", name="sam") is None
    node("compare_hear", name="sam", theirs={"key": some(), "random": some()})
    assert node("compare_reveal", name="sam")["random"]


@pytest.mark.parametrize("commitment", ["", "x", "A" * 42, "A" * 44, "=" * 43, None, 7])
def test_nobody_answers_before_there_is_a_commitment(node: Node, commitment: object) -> None:
    with pytest.raises(Fault, match="shape"):
        node("compare_answer", name="femi", key=some(), commitment=commitment)
    node("compare_answer", name="femi", key=some(), commitment=some())


def test_an_opening_that_is_not_what_was_committed_to_is_refused_and_shows_no_pictures(node: Node) -> None:
    committed = {"key": some(), "random": some()}
    node("compare_answer", name="femi", key=some(), commitment=twin.commit(committed["key"], committed["random"]))
    for wrong in ({**committed, "key": some()}, {**committed, "random": some()}):
        with pytest.raises(Fault, match="commitment"):
            node("compare_hear", name="femi", theirs=wrong)
        assert node("compare_pictures", name="femi") is None
    node("compare_hear", name="femi", theirs=committed)
    assert len(node("compare_pictures", name="femi")) == 5


def test_what_came_first_stands_and_another_after_it_is_refused(node: Node) -> None:
    node("compare_begin", name="sam", key=some())
    first = {"key": some(), "random": some()}
    node("compare_hear", name="sam", theirs=first)
    shown = node("compare_pictures", name="sam")
    node("compare_hear", name="sam", theirs=first)  # the wire may say it twice
    for other in ({**first, "key": some()}, {**first, "random": some()}):
        with pytest.raises(Fault, match="commitment"):
            node("compare_hear", name="sam", theirs=other)
    assert node("compare_pictures", name="sam") == shown


def test_what_i_said_sent_back_to_me_is_refused(node: Node) -> None:
    key = some()
    commitment = node("compare_begin", name="sam", key=key)
    with pytest.raises(Fault, match="mine"):
        node("compare_hear", name="sam", theirs={"key": key, "random": some()})
    node("compare_answer", name="again", key=key, commitment=commitment)
    node("compare_hear", name="sam", theirs={"key": some(), "random": some()})
    with pytest.raises(Fault, match="mine"):
        node("compare_hear", name="again", theirs=node("compare_reveal", name="sam"))


@pytest.mark.parametrize("wrong", [{"key": "x"}, {"random": "x"}, {"key": None}, {"random": "A" * 44}])
def test_what_is_no_key_or_number_is_refused(node: Node, wrong: dict[str, object]) -> None:
    node("compare_begin", name="sam", key=some())
    with pytest.raises(Fault, match="shape"):
        node("compare_hear", name="sam", theirs={"key": some(), "random": some(), **wrong})


def test_a_device_tries_five_times_a_day_and_again_when_a_day_has_gone_by(node: Node) -> None:
    tries: list[int] = []
    for n in range(5):
        tries = node("compare_tries", tries=tries, now=NOW + n)
        assert tries == [NOW + k for k in range(n + 1)]
    assert node("compare_tries", tries=tries, now=NOW + 5) is None
    assert node("compare_tries", tries=tries, now=NOW + DAY - 1) is None
    assert node("compare_tries", tries=tries, now=NOW + DAY) == [*tries[1:], NOW + DAY]


# -- the pictures themselves -------------------------------------------------------------------------------------------------


def names() -> list[str]:
    listed = (CLIENT / "shared/pictures.js").read_text().split("([", 1)[1].split("])", 1)[0]
    return re.findall(r'"([\w-]+)"', listed)


def test_the_drawn_file_is_what_the_recipes_draw_one_for_each_number() -> None:
    from pictures_sprite import PICTURES, SPRITE, sprite  # type: ignore[import-not-found]  # beside the browser tests

    assert SPRITE.read_text() == sprite()
    assert list(PICTURES) == names()
    assert len(names()) == len(set(PICTURES.values())) == 64


def test_no_drawing_brings_a_style_a_script_or_an_address() -> None:
    text = (CLIENT / "shared/look/pictures.svg").read_text()
    assert not re.search(r"<(?!/?(svg|symbol|g|path|circle|ellipse|rect)\b)", text)
    assert re.findall(r"https?:[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"\b(style|class|on\w+|href)=", text)


def words() -> list[str]:
    said = json.loads((CLIENT / "grown_up/words.en.json").read_text())
    return [said[f"picture.{name}"]["adult"] for name in names()]


def test_every_picture_has_a_word_that_can_be_read_out() -> None:
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)?", word) for word in words())
    assert len(set(words())) == 64


def steps(a: str, b: str) -> int:
    """How many letters must be changed, put in or left out to make one word of another."""
    row = list(range(len(b) + 1))
    for n, one in enumerate(a, 1):
        before, row[0] = row[0], n
        for k, other in enumerate(b, 1):
            before, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, before + (one != other))
    return row[-1]


def sounds(word: str) -> str:
    """Roughly what is heard over a bad line: no vowel but the first letter, and ``p`` for ``b``."""
    for pattern, sound in (
        (r"ph", "f"), (r"ck|c(?![eihy])", "k"), (r"c(?=[eiy])", "s"), (r"gh", ""), (r"b", "p"), (r"d", "t"), (r"g", "k"), (r"z", "s"),
        (r"v", "f"), (r"n(?=[kt])", "m"), (r"(?<=.)[aeiouy]+", "a"), (r"(.)\1", r"\1"),
    ):  # fmt: skip
        word = re.sub(pattern, sound, word)
    return word


#: Alike in ``sounds``, which hears no vowels: told apart by where the weight is, or by the one vowel that they have.
BY_EAR = {("balloon", "button"), ("cup", "key"), ("guitar", "kite"), ("guitar", "ladder"), ("piano", "pizza")}


def test_no_two_words_sound_alike_rhyme_or_hide_in_each_other() -> None:
    for a, b in combinations(words(), 2):
        assert steps(a, b) >= 3, (a, b)
        assert (a, b) in BY_EAR or steps(sounds(a), sounds(b)) >= 2, (a, b)
        assert a not in b, (a, b)
        assert b not in a, (a, b)
        assert min(len(a), len(b)) < 4 or a[-4:] != b[-4:], (a, b)
