"""The guard's rules, one by one, with good and bad examples in four languages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from copywriting_samples import LANGUAGES, OFFER, a_brief, a_pick, a_request

from campaigns.copywriting.guard import check, check_text
from campaigns.copywriting.offline_writer import plain_copy
from campaigns.copywriting.request import CopyRequest


def rules(text: str, field: str = "headline", request: CopyRequest | None = None) -> set[str]:
    return {verdict.rule for verdict in check_text(field, text, request or a_request())}


GOOD = {
    "en": [
        "Ready for the hills?",
        "Runs off your hat and not into your collar",
        "It offers warmth on the trail",
    ],
    "de": ["Bereit für draußen?", "Für Regen, Wind und die letzte Bahn nach Hause", "Groß und warm"],
    "fr": ["Prêts pour la montagne ?", "L'été est là, où que vous soyez", "Le sentier n'attend que vous"],
    "es": ["¿Salimos otra vez?", "El sol sale para quien madruga", "Mañana será un buen día, ¡seguro!"],
}
BAD = [
    ("number", "Save the date: 5 of them"),
    ("number", "５ jackets"),
    ("number", "½ the weight"),
    ("number", "Ⅳ of them"),
    ("number", "💯 warm"),
    ("percent", "fifty percent warmer"),
    ("percent", "fünfzig Prozent"),
    ("percent", "FÜNFZIGPROZENTIG"),
    ("percent", "cinquante pour cent"),
    ("percent", "cincuenta por ciento"),
    ("percent", "fifty ％"),
    ("money", "twenty euros"),
    ("money", "€ and more"),
    ("money", "zwanzig Franken"),
    ("money", "veinte dólares"),
    ("amount_in_words", "half price"),
    ("amount_in_words", "Half the price"),
    ("amount_in_words", "zum halben Preis"),
    ("amount_in_words", "moitié prix"),
    ("amount_in_words", "À moitié du prix"),
    ("amount_in_words", "mitad de precio"),
    ("amount_in_words", "a mitad del precio"),
    ("amount_in_words", "two for one"),
    ("discount", "Our big sale"),
    ("discount", "Save on jackets"),
    ("discount", "free shipping"),
    ("discount", "Rabatt auf alles"),
    ("discount", "Versandkostenfrei bestellen"),
    ("discount", "Réduction sur tout"),
    ("discount", "livraison gratuite"),
    ("discount", "Descuentos para todos"),
    ("discount", "rebajas de otoño"),
    ("scarcity", "Last chance"),
    ("scarcity", "Only a few left"),
    ("scarcity", "Hurry, it ends soon"),
    ("scarcity", "Letzte Chance"),
    ("scarcity", "Nur noch wenige"),
    ("scarcity", "Solange der Vorrat reicht"),
    ("scarcity", "Dernière chance"),
    ("scarcity", "Plus que quelques pièces"),
    ("scarcity", "Última oportunidad"),
    ("scarcity", "Quedan pocas"),
    ("scarcity", "¡Date prisa!"),
    ("stock", "Back in stock"),
    ("stock", "Wieder auf Lager"),
    ("stock", "rupture de stock"),
    ("stock", "casi agotado"),
    ("link", "See http://evil.example"),
    ("link", "See evil.com for more"),
    ("link", "write to me@evil"),
    ("markup", "<b>bold</b>"),
    ("markup", "**bold**"),
    ("markup", "Fish &amp; chips"),
    ("markup", "[here](there)"),
    ("template_syntax", "Hello {{ name }}"),
    ("template_syntax", "{% if x %}"),
    ("template_syntax", "Hello ｛name"),
    ("template_syntax", "*|FNAME|*"),
    ("template_syntax", "{{first_name}}"),
    ("placeholder", "Hello {x}"),
    ("placeholder", "For {price_9}"),
    ("placeholder", "{offer_amount} warmer"),
    ("characters", "bidi \u202e trick"),
    ("characters", "zero\u200bwidth"),
    ("characters", "tab\there"),
    ("one_line", "Subject\nBcc: all"),
    ("one_line", "Subject\r\nBcc: all"),
    ("script", "Jасket"),
    ("name_position", "Dear {first_name}, hello"),
    ("name_position", "{first_name}!"),
    ("length", "x" * 91),
    ("length", "   "),
]


@pytest.mark.parametrize(
    ("language", "text"), [(lang, text) for lang, texts in GOOD.items() for text in texts]
)
def test_good_words_pass(language: str, text: str) -> None:
    assert rules(text, request=a_request(language=language, personal=False)) == set()


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_bad_words_are_refused_in_every_language(rule: str, text: str) -> None:
    for language in LANGUAGES:
        assert rule in rules(text, request=a_request(language=language)), language


@pytest.mark.parametrize(
    "text",
    [
        "Picked for you",
        "Because you bought boots",
        "Your last order",
        "Für dich ausgesucht",
        "Weil du Stiefel gekauft hast",
        "Deine Lieblingsjacken",
        "Choisi pour vous",
        "Vos derniers achats",
        "Elegido para ti",
        "Tu última compra",
    ],
)
def test_acquaintance_takes_consent(text: str) -> None:
    assert "acquaintance" in rules(text, request=a_request(personal=False))
    assert "acquaintance" not in rules(text, request=a_request(personal=True))


def test_an_offer_may_be_spoken_of_where_it_is_named() -> None:
    request = a_request(brief=a_brief(offer=OFFER))
    assert rules("{offer_amount} off with the code {offer_code}", request=request) == set()
    assert rules("{offer_amount} Rabatt bis {offer_ends}", request=request) == set()
    assert rules("A discount with the code {offer_code}", request=request) == {"discount"}
    assert "percent" in rules("{offer_amount} % off", request=request)
    assert "amount_in_words" in rules("{offer_amount}, that is half price", request=request)


def test_digits_of_a_given_title_are_its_own() -> None:
    request = a_request(picks=(a_pick(1, title="Rolltop 22"),))
    assert rules("The Rolltop 22 is here", request=request) == set()
    assert "number" in rules("The Rolltop 222 is here", request=request)
    assert "number" in rules("The rolltop 22 is here", request=request)
    assert "number" in rules("Rolltop 22 and Rolltop 23", request=request)


@pytest.mark.parametrize("title", ["50", "50% off", "Jacket {x}", "<b>Jacket</b>", "Last chance 5", "ab5"])
def test_a_title_cannot_whitewash_a_claim(title: str) -> None:
    request = a_request(picks=(a_pick(1, title=title),))
    assert rules(f"See the {title}", request=request) != set()


def test_a_title_in_another_script_may_be_named_and_only_named() -> None:
    request = a_request(picks=(a_pick(1, title="山の道具"),))
    assert rules("See 山の道具 now", request=request) == set()
    assert "script" in rules("See 山の now", request=request)


def test_the_marketers_own_words_stand_word_by_word() -> None:
    request = a_request(brief=a_brief(must_mention="Free repairs since 1987", call_to_action="Shop the sale"))
    copy = plain_copy(request)
    assert check(copy, request) == []
    assert {v.rule for v in check(replace(copy, intro="Hello there."), request)} == {"must_mention"}
    assert "number" in rules("Since 1987", request=request)


def test_lines_are_one_for_each_pick() -> None:
    request = a_request()
    copy = plain_copy(request)
    for lines in ((), copy.product_lines[:1], (*copy.product_lines, "One more.")):
        assert [v.rule for v in check(replace(copy, product_lines=lines), request)] == ["product_lines"]


def test_a_verdict_names_its_field() -> None:
    request = a_request()
    copy = replace(plain_copy(request), product_lines=("Fine.", "Half price"))
    assert [(v.field, v.rule) for v in check(copy, request)] == [("product_lines[1]", "amount_in_words")]


def test_only_the_intro_may_have_line_breaks() -> None:
    assert rules("One.\nTwo.", field="intro") == set()
    for field in ("subject", "preheader", "headline", "product_lines[0]", "call_to_action"):
        assert "one_line" in rules("One.\nTwo.", field=field)
