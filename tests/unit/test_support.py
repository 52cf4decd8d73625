"""Who helps a child, by country: the list is whole, reachable and says where it is from; a broken one does not load."""

from __future__ import annotations

import datetime

import pytest

from server.policy import BrokenRulebook
from server.policy.bands import EU, texts
from server.support import GOOD_FOR_DAYS, read, supports

COUNTRIES = [name.removesuffix(".toml") for name in texts()[1]]
SMALL = """
looked_at = 2026-11-22
[[country.EU]]
kind = "talk"
name = "116 111"
tel = "116 111"
says = "The child helpline."
source = "section 8"
[[country.""]]
kind = "remove"
name = "Take It Down"
url = "https://takeitdown.ncmec.org/"
says = "For under 18."
source = "section 8"
"""


@pytest.mark.parametrize("country", [*COUNTRIES, "IE", "ZZ"])
def test_everywhere_somebody_takes_pictures_down(country: str) -> None:
    found = supports().of(country)
    assert found[0].kind == "remove"
    assert all(one.source and one.says.endswith(".") and (one.tel or one.url.startswith("https://")) for one in found)


@pytest.mark.parametrize("country", COUNTRIES)
def test_where_there_is_a_country_pack_there_is_somebody_to_talk_to_and_somebody_at_once(country: str) -> None:
    kinds = [one.kind for one in supports().of(country)]
    assert {"talk", "emergency"} <= set(kinds)


def test_in_britain_it_is_report_remove_and_childline_and_in_the_union_one_list_stands_for_all() -> None:
    britain = {one.name: one for one in supports().of("GB")}
    assert {"Report Remove", "Childline"} <= set(britain)
    assert britain["Childline"].tel == "0800 1111"
    assert {supports().of(member) for member in EU} == {supports().of("EU")}


def test_every_sentence_is_short_enough_for_a_young_child() -> None:
    for entries in supports().countries.values():
        for one in entries:
            assert all(len(sentence.split()) <= 12 for sentence in one.says.split(". ")), one.says


def test_a_list_that_nobody_has_checked_for_ninety_days_is_too_old() -> None:
    day = supports().looked_at
    assert not supports().too_old(day + datetime.timedelta(days=GOOD_FOR_DAYS))
    assert supports().too_old(day + datetime.timedelta(days=GOOD_FOR_DAYS + 1))


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("looked_at = 2026-11-22", "", "looked_at"),
        ("[[country.EU]]", "[[country.FR]]", "EU"),
        ('kind = "talk"', 'kind = "chat"', "of no known kind"),
        ('tel = "116 111"\n', "", "cannot be reached"),
        ('tel = "116 111"', 'tel = "call us"', "is none"),
        ("https://takeitdown", "http://takeitdown", "is none"),
        ('source = "section 8"\n[[', "[[", "source missing"),
        ('says = "For under 18."', 'says = ""', "texts only"),
        ('says = "For under 18."', 'say = "For under 18."', "nobody knows say"),
    ],
)
def test_a_broken_list_does_not_load_and_says_why(was: str, now: str, told: str) -> None:
    assert SMALL.count(was) == 1
    assert read(SMALL).of("DE")[0].tel == "116 111"
    with pytest.raises(BrokenRulebook, match=told):
        read(SMALL.replace(was, now))
