"""Rules that look at the brief, at the data of the picks, or at the whole copy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from copywriting_samples import LANGUAGES, a_brief, a_pick, a_request

from campaigns.copywriting.guard import check, check_text, is_unsafe
from campaigns.copywriting.offline_writer import plain_copy
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.similarity import MOST_ALIKE, likeness
from campaigns.models.values import Copy


def rules(text: str, request: CopyRequest | None = None, field: str = "intro") -> set[str]:
    return {verdict.rule for verdict in check_text(field, text, request or a_request())}


def whole(copy: Copy, request: CopyRequest) -> list[tuple[str, str]]:
    return [(verdict.rule, verdict.field) for verdict in check(copy, request)]


# What data bears out


def test_a_material_is_named_where_the_product_has_it() -> None:
    plain, wool = a_pick(1), a_pick(2, tags=("recycled", "wool"), description="Of organic wool.")
    request = a_request(picks=(plain, wool))
    for line in ("Made of recycled wool", "Organic wool", "Matière recyclée", "Aus Biowolle"):
        assert rules(line, request, "product_lines[1]") <= {"language"}, line
        assert "material" in rules(line, request, "product_lines[0]"), line
        assert "material" not in rules(line, request, "headline"), line
        assert "material" in rules(line, a_request(picks=(plain,)), "headline"), line
    assert "material" in rules("Vegan and warm", request, "product_lines[1]")


def test_what_many_choose_is_said_of_what_was_picked_for_that() -> None:
    best, other = a_pick(1, kind="best_seller"), a_pick(2, kind="shop_choice")
    request = a_request(picks=(best, other))
    for line in (
        "One of our best-sellers",
        "Ein Bestseller",
        "Une de nos meilleures ventes",
        "De lo más vendido",
    ):
        assert rules(line, request, "product_lines[0]") == set(), line
        assert rules(line, request, "product_lines[1]") == {"popularity"}, line
        assert rules(line, a_request(picks=(other,))) == {"popularity"}, line


def test_an_offer_makes_nothing_true_but_its_amount() -> None:
    request = a_request(brief=a_brief(offer={"amount_percent": 20, "code": "FERN20"}))
    assert rules("Save with {offer_amount} off", request) == set()
    assert rules("{offer_amount} off and free shipping", request) == {"discount"}
    for more in (
        "Save {offer_amount} today, and all our shoes are reduced too",
        "{offer_amount} off. A bargain on every shelf",
        "{offer_amount} de réduction et des soldes partout",
        "{offer_amount} Rabatt, und auf alles andere auch Rabatt",
        "{offer_amount} de descuento – y rebajas en toda la tienda",
    ):
        assert "discount" in rules(more, request), more
    assert rules("With the code {offer_code} you get {offer_amount} off, until you stop", request) == set()
    assert "date" in rules("{offer_amount} off until Friday", request)
    assert "scarcity" in rules("{offer_amount} off, last chance", request)


def test_no_bargain_is_made_of_prices() -> None:
    request = a_request(brief=a_brief(offer={"amount_percent": 20}))
    for text in (
        "Normally {price_2}. For you {price_1}.",
        "{price_2}, no: {price_1}",
        "From {price_2} to {price_1}",
        "You would pay more elsewhere. It is {price_1}.",
        "Take {offer_amount} off and pay {price_1}",
        "Bisher {price_1}",
        "À l'origine {price_1}",
        "Anteriormente {price_1}",
    ):
        assert "price" in rules(text, request), text
    for text in (
        "It is yours for {price_1}.",
        "A pack for laptops and lunch, from {price_1} on",
        "Rolltop 11 for {price_1}, Rolltop 22 for {price_2}",
        "Roll it down, carry it about, and it is yours for {price_1}",
        "There is {offer_amount} off. Rolltop 11 costs {price_1}.",
    ):
        assert rules(text, request) == set(), text
    assert rules("Hier ist er, für {price_1}", a_request(language="de")) == set()
    assert rules("D'ailleurs, il est à vous pour {price_1}", a_request(language="fr")) == set()
    old = a_request(picks=(a_pick(1, title="The Old Price Mug"),))
    assert rules("The Old Price Mug for {price_1}", old) == set()


@pytest.mark.parametrize(
    ("language", "text", "rule"),
    [
        ("fr", "Cadeau", "discount"),
        ("es", "De regalo", "discount"),
        ("fr", "Rien de mieux", "superlative"),
        ("en", "only {stock_1} left", "scarcity"),
        ("en", "Dry, {stock_1} left", "scarcity"),
        ("es", "A miles les gusta", "number_in_words"),
    ],
)
def test_a_few_words_that_claim_when_they_stand_alone(language: str, text: str, rule: str) -> None:
    assert rule in rules(text, a_request(language=language))


@pytest.mark.parametrize(
    ("title", "rule"),
    [
        ("Best Friends Mug", "superlative"),
        ("The Best Dad Mug", "superlative"),
        ("Sunday Morning Tray", "date"),
        ("December Candle", "date"),
        ("Recycled Tote", "material"),
        ("The Bestseller Shelf", "popularity"),
    ],
)
def test_a_title_may_be_called_what_it_is_called(title: str, rule: str) -> None:
    request = a_request(picks=(a_pick(1, title=title, description="", tags=(), kind="shop_choice"),))
    assert rules(f"Have a look at the {title} in the shop", request) == set()


@pytest.mark.parametrize(
    "title", ["Heals All Pain", "Climate Neutral Mug", "Until Midnight", "Half Price Mug"]
)
def test_other_claims_are_no_better_for_being_a_title(title: str) -> None:
    request = a_request(picks=(a_pick(1, title=title),))
    assert rules(f"Have a look at the {title} in the shop", request) != set()


def test_only_given_names_are_named() -> None:
    request = a_request(picks=(a_pick(1, title="Fjord Runner Pro", category="Trail Shoes"),))
    assert rules("It goes with the Fjord Runner Pro", request) == set()
    assert rules("It goes with the Fjord Runner Max", request) == {"other_product"}
    assert rules("It goes with the Nordkapp Shell", request) == {"other_product"}
    assert rules("All our Trail Shoes by Fjell & Fern", request) == set()
    assert rules("Ready For The Hills And More", request) == set()
    assert rules("A Merry little Christmas. New Year, new mud", request) == set()
    assert rules("Der Rucksack Zum Mitnehmen", replace(request, language="de")) == set()


def test_the_brands_own_capitals_do_not_shout() -> None:
    request = a_request(picks=(a_pick(1, brand="NORDKAPP", title="WOOL HAT SET", tags=("GORE-TEX",)),))
    assert rules("The WOOL HAT SET by NORDKAPP, with GORE-TEX", request) == set()
    assert rules("With USB, GPS and an LED", request) == set()
    assert rules("GREAT STUFF", request) == {"shouting"}
    assert rules("So NORDISCH", request) == {"shouting"}


# What the brief wants


@pytest.mark.parametrize(
    ("banned", "text"),
    [
        ("billig", "Das ist billiger"),
        ("luxe", "Un LUXE tranquille"),
        ("fantastico", "Una idea fantástico"),
        ("treat yourself", "Go on, treat-yourself"),
        ("journey", "Your journeys begin"),
    ],
)
def test_banned_words_are_found_in_their_forms(banned: str, text: str) -> None:
    assert "banned" in rules(text, a_request(brief=a_brief(banned=[banned])))
    assert "banned" in rules(text, a_request(brief=a_brief(voice={"avoid": [banned]})))
    assert "banned" not in rules(text)


def test_banned_words_of_a_title_or_another_language_stand() -> None:
    brief = a_brief(banned={"de": ["Packs"], "en": ["roller"]})
    request = a_request(brief=brief, picks=(a_pick(1, title="Roller Bag"),))
    assert rules("See the Roller Bag and other packs", request) == set()
    assert rules("A roller and a bag", request) == {"banned"}


def test_emoji_and_exclamation_marks_are_counted_over_the_copy() -> None:
    request = a_request(brief=a_brief(voice={"emoji": 1, "exclamations": 2}))
    copy = plain_copy(request)
    assert whole(replace(copy, subject="Out we go 🌲", headline="Rain! And more rain!"), request) == []
    assert whole(replace(copy, subject="Out we go 🌲", intro="Rain 🌧️ it is."), request) == [
        ("emoji", "intro")
    ]
    loud = replace(copy, subject="Out!", headline="We go!", call_to_action="Look!")
    assert whole(loud, request) == [("exclamations", "call_to_action")]
    quiet = a_request(brief=a_brief(voice={"emoji": 0, "exclamations": 0}))
    assert whole(replace(copy, subject="Out we go! 🌲"), quiet) == [
        ("emoji", "subject"),
        ("exclamations", "subject"),
    ]


def test_lines_that_serve_other_mails_have_no_signs_at_all() -> None:
    request = a_request(brief=a_brief(voice={"emoji": 1, "exclamations": 2}))
    copy = plain_copy(request)
    loud = replace(copy, product_lines=("For the rain! 🌧️", *copy.product_lines[1:]))
    assert whole(loud, request) == [("emoji", "product_lines[0]"), ("exclamations", "product_lines[0]")]
    assert whole(loud, replace(request, granularity="pick_set")) == []


def test_signs_of_a_title_are_the_shops() -> None:
    brief = a_brief(voice={"emoji": 0, "exclamations": 0})
    request = a_request(brief=brief, picks=(a_pick(1, title="Wow! Mug"),))
    assert whole(replace(plain_copy(request), headline="Here is the Wow! Mug"), request) == []


HARD = {
    "en": "Notwithstanding considerable meteorological unpredictability, experienced practitioners continually recommend"
    " multifunctional equipment, particularly including breathable garments, whenever circumstances deteriorate"
    " throughout extended mountainous expeditions requiring independent preparation.",
    "de": "Ungeachtet meteorologischer Unwägbarkeiten empfehlen erfahrene Bergsportbegeisterte grundsätzlich"
    " multifunktionale Bekleidungssysteme, insbesondere atmungsaktive Zwischenschichten, sofern Wetterverhältnisse während"
    " mehrstündiger Unternehmungen außergewöhnliche Anpassungsfähigkeit unterschiedlichster Ausrüstungsgegenstände"
    " erfordern und Rückzugsmöglichkeiten fehlen.",
    "fr": "Nonobstant l'imprévisibilité météorologique considérable, les pratiquants expérimentés recommandent"
    " systématiquement des équipements multifonctionnels, particulièrement des vêtements respirants, lorsque les"
    " circonstances nécessitent une préparation approfondie durant des expéditions montagnardes prolongées.",
    "es": "No obstante la considerable imprevisibilidad meteorológica, los practicantes experimentados recomiendan"
    " sistemáticamente equipamientos multifuncionales, particularmente prendas transpirables, cuando las circunstancias"
    " requieren una preparación exhaustiva durante expediciones montañosas prolongadas.",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reading_level_is_kept(language: str) -> None:
    for level in ("easy", "plain"):
        request = a_request(language=language, brief=a_brief(voice={"reading_level": level}))
        assert "reading_level" in rules(HARD[language], request), level
        easy = " ".join([plain_copy(request).intro] * 6)
        assert "reading_level" not in rules(easy, request)
    assert "reading_level" not in rules(HARD[language], a_request(language=language))


# Beside the other variants


def variants(request: CopyRequest) -> tuple[Copy, Copy]:
    copy = plain_copy(request)
    one = replace(
        copy,
        subject="Rain is on the way",
        headline="Let it pour",
        intro="The sky has plans of its own. We looked out a few things that make the best of them, so to speak.",
    )
    other = replace(
        copy,
        subject="A pocket for every plan",
        headline="Out of the door in no time",
        intro="You said you walk to work. These are made for that, and they do not mind a puddle or a detour.",
    )
    return one, other


def test_variants_have_to_differ() -> None:
    request = a_request()
    one, other = variants(request)
    beside = replace(request, siblings=(one,))
    assert whole(other, beside) == []
    same = whole(one, beside)
    assert {rule for rule, _ in same} == {"too_similar"} and ("too_similar", "subject") in same
    nearly = replace(one, headline="Let it pour now")
    assert ("too_similar", "intro") in whole(nearly, beside)


def test_a_shared_title_or_mention_does_not_make_variants_alike() -> None:
    title = "Rolltop Pack with a Very Long and Winding Name"
    mention = "Repairs are done in our own workshop, as they have been from the beginning"
    request = a_request(brief=a_brief(must_mention=mention), picks=(a_pick(1, title=title),))
    copy = plain_copy(request)
    one = replace(
        copy, subject=f"Rain: {title}", headline="Let it pour", intro=f"The sky has plans. {mention}."
    )
    other = replace(
        copy, subject=f"Look: {title}", headline="Out we go", intro=f"Pockets for you. {mention}."
    )
    assert likeness(one.subject, other.subject) > MOST_ALIKE
    assert whole(other, replace(request, siblings=(one,))) == []


def test_likeness_is_of_what_is_said() -> None:
    assert likeness("Ready for rain?", "READY for rain?") == 1.0
    assert likeness("Ready for rain?", "Ganz anders") == 0.0
    assert likeness("", "") == 1.0 and likeness("", "abcdef") == 0.0


def test_bad_style_is_not_unsafe() -> None:
    request = a_request(brief=a_brief(voice={"emoji": 0}))
    copy = replace(plain_copy(request), subject="Out 🌲", headline="Half price")
    assert {verdict.rule: is_unsafe(verdict) for verdict in check(copy, request)} == {
        "emoji": False,
        "amount_in_words": True,
    }


def test_short_texts_of_another_language_are_seen_together() -> None:
    request = a_request(language="de", picks=())
    copy = Copy("Ready for it?", "A few good things", "Off you go", "The rain is here.", (), "See the shop")
    fields = ("subject", "preheader", "headline", "intro", "call_to_action")
    assert [found for found in whole(copy, request) if found[0] == "language"] == [
        ("language", f) for f in fields
    ]
    assert not [
        rule for field in ("subject", "intro") for rule in rules(getattr(copy, field), request, field)
    ]


def test_a_text_that_tells_its_language_alone_is_refused_alone() -> None:
    request = a_request(language="de", picks=())
    english = "We are very happy to show you these things that we have collected over the long years."
    assert whole(replace(plain_copy(request), intro=english), request) == [("language", "intro")]
