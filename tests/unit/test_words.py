"""The words of friend codes and pairing codes: a list that can be read aloud, and codes that are kept only as hashes."""

from __future__ import annotations

import re
from collections import Counter

from server import words

#: Words that sound alike in most English mouths. Of each group the list may have one.
SOUND_ALIKE = """
ate eight, bare bear, be bee, beach beech, berry bury, blew blue, board bored, brake break, bread bred, buy by bye, caught court,
cellar seller, cereal serial, check cheque, chews choose, chord cord, coarse course, creak creek, cue queue, curb kerb, currant current,
dear deer, desert dessert, dew due, draft draught, fair fare, feat feet, fir fur, flea flee, flew flu flue, flour flower, for four,
foul fowl, gate gait, genes jeans, gorilla guerrilla, grate great, hair hare, hall haul, heal heel, hear here, higher hire, hole whole,
hour our, key quay, knead need, knight night, knot not, knew new, lane lain, leak leek, lessen lesson, links lynx, loan lone, made maid,
mail male, main mane, maize maze, mare mayor, meat meet, medal meddle, might mite, mind mined, missed mist, moor more, morning mourning,
moose mousse, muscle mussel, mustard mustered, one won, pail pale, pain pane, pair pear, palate palette, passed past, patience patients,
pause paws, peace piece, peak peek, pearl purl, pedal peddle, peer pier, plain plane, plum plumb, pole poll, pore pour, praise prays,
rain reign rein, raise rays, rap wrap, read reed, read red, right write, ring wring, road rode rowed, role roll, root route, rose rows,
rough ruff, sail sale, sauce source, saw sore, scene seen, sea see, seam seem, sew so sow, shake sheikh, sight site, sole soul,
some sum, son sun, stair stare, stake steak, stationary stationery, steal steel, storey story, sundae sunday, sweet suite, tail tale,
tea tee, team teem, their there, threw through, throne thrown, tide tied, time thyme, toad towed, toe tow, too two, vale veil, wait weight,
waist waste, wales whales, ware wear, warn worn, way weigh, weak week, weather whether, which witch, whine wine, wood would, yoke yolk
"""


def test_there_are_2048_words_and_no_two_are_the_same() -> None:
    assert len(words.every()) == 2048
    assert len(set(words.every())) == 2048


def test_every_word_is_three_to_seven_small_letters() -> None:
    assert [word for word in words.every() if not re.fullmatch("[a-z]{3,7}", word)] == []


def test_four_letters_are_enough_to_know_a_word() -> None:
    assert [start for start, count in Counter(word[:4] for word in words.every()).items() if count > 1] == []


def test_one_wrong_letter_never_makes_another_word() -> None:
    known = set(words.every())
    letters = "abcdefghijklmnopqrstuvwxyz"
    for word in words.every():
        for at in range(len(word) + 1):
            typed = {word[:at] + word[at + 1 :]} | {word[:at] + one + word[at:] for one in letters}
            typed |= {word[:at] + one + word[at + 1 :] for one in letters}
            assert not (typed & known) - {word}, (word, typed & known)


def test_no_two_words_sound_the_same() -> None:
    known = set(words.every())
    for group in SOUND_ALIKE.split(","):
        assert len(set(group.split()) & known) <= 1, group


def test_the_list_is_in_order_so_that_a_page_can_search_it() -> None:
    assert list(words.every()) == sorted(words.every())


def test_a_code_is_four_different_words_of_the_list() -> None:
    for _ in range(50):
        code = words.make()
        assert len(set(code)) == words.COUNT == 4
        assert set(code) <= set(words.every())


def test_no_two_codes_are_the_same() -> None:
    assert len({words.make() for _ in range(500)}) == 500


def test_a_code_is_the_same_however_it_is_typed() -> None:
    kept = words.digest(["meadow", "kettle", "bicycle", "tulip"])
    assert words.digest([" Meadow", "KETTLE ", "bicycle", "ｔｕｌｉｐ"]) == kept
    assert words.digest(["kettle", "meadow", "bicycle", "tulip"]) != kept
    assert words.digest(["meadow", "kettle", "bicycle", "turtle"]) != kept


def test_anything_can_be_typed_and_is_only_wrong() -> None:
    for typed in ("", "\x00", "\ud800", "💚", "a" * 10_000):
        assert len(words.digest([typed, "kettle", "bicycle", "tulip"])) == 32
