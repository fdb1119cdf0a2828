"""What a text may say beside a price: nothing that makes it look lowered, or less than another one.

A placeholder brings in a true price, but "Normally {price_2}. For you {price_1}." makes an untrue cut of two of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from campaigns.copywriting.characters import fold
from campaigns.copywriting.offer_talk import AMOUNT

_SENTENCE_END = re.compile(r"[!?…\n]|\.(?=\s|$)")
_PRICE = re.compile(r"\{price_(\d+)\}")

# Other times, places and prices, folded as the tables of claims are. A model may mix languages, so that each is
# looked for in texts of all of them.
_OTHERWISE = {
    "en": r"normal(?:ly)?|usual(?:ly)?|ordinar(?:y|ily)|regular(?:ly)?|former(?:ly)?|previous(?:ly)?|originally"
    r"|typical(?:ly)?|instead|otherwise|elsewhere|rather than|used to|until now|no longer|yesterday"
    r"|last (?:year|week|month|season)|(?:list|retail|full|old|standard|catalogue|original|recommended) price|rrp|msrp"
    r"|compared|reduced|lowered|a steal|(?:good|great) value|value for money|valued at|worth (?=\{)|than (?=\{)",
    "de": r"normalerweise|normaler preis|ublich(?:erweise)?|gewohnlich|sonst|anderswo|woanders|eigentlich|ursprunglich"
    r"|fruher|zuvor|vorher|bisher|bislang|einst|anstatt|anstelle|statt|ehemal\w+|gestern|nicht mehr|uvp"
    r"|(?:listen|laden|neu|original|normal)preis|herabgesetzt|gesenkt|im vergleich|im wert von|als (?=\{)",
    "fr": r"normalement|d'habitude|habituel\w*|d'ordinaire|ordinairement|auparavant|autrefois|jadis|initialement"
    r"|a l'origine|plutot que|au lieu|(?<!d')ailleurs|sinon|jusqu'(?:ici|a present)|(?:qu'|d')?hier encore|ancien\w*"
    r"|prix (?:conseille|public|normal|d'origine)|baisse\w*|ramene\w*|compare\w*|n'est plus|d'une valeur|que (?=\{)",
    "es": r"normalmente|habitual(?:mente)?|de costumbre|generalmente|anteriormente|previamente|originalmente"
    r"|antes(?! (?:de|del|que)\b)|antano|en (?:vez|lugar)|en otr[ao]s? (?:sitio|parte|tienda)s?|hasta ahora|ayer"
    r"|precio (?:recomendado|anterior|original|normal)|rebajad\w*|reducid\w*|comparad\w*|ya no|por valor|que (?=\{)",
}
# Words that tell nothing but beside the price itself.
_CLOSE = (
    r"now|was|were|once|still|before|down to|cost|jetzt|war|kostete|maintenant|desormais|etait|coutait|ahora|era"
    r"|costaba|only|just|nur|bloss|seulement|solo"
)
_FOR = r"(?:(?:for|at|from|fur|um|ab|a|pour|por) )?"
_AFTER = r"now|before|once|jetzt|vorher|fruher|maintenant|avant|ahora|antes"
_COMPARING = re.compile(
    rf"\b(?:{'|'.join(_OTHERWISE.values())})(?:\b|(?=\{{))"
    rf"|\b(?:{_CLOSE}) (?:(?:yours|only|just|noch|nur|plus|solo|seulement) )?{_FOR}\{{price_\d+\}}"
    rf"|\{{price_\d+\}},? (?:{_AFTER})(?!\w| \w)"
)


def confuses_prices(text: str, titles: Mapping[int, str]) -> str:
    """What is wrong with a text of several prices that does not say whose they are; "" if it does.

    `titles` are those of the picks, by their number from 1 on.
    """
    numbers = {int(number) for number in _PRICE.findall(text)}
    if len(numbers) > 1 and any(titles.get(number, "") not in text for number in numbers):
        return "names several prices; name one, or each beside the title of its product"
    return ""


def compares_price(text: str) -> str:
    """What makes a bargain of a price in `text`, in words that a writer can act on; "" where nothing does."""
    for sentences in _around_prices(text):
        found = _COMPARING.search(fold(sentences))
        if found:
            return f"compares a price ({found[0].strip()}); name the price alone"
    if any(AMOUNT in sentence and _PRICE.search(sentence) for sentence in _SENTENCE_END.split(text)):
        return f"names a price beside {AMOUNT}, as if that were taken off it already; name one of them"
    return ""


def _around_prices(text: str) -> list[str]:
    """Each sentence with a price, and with it the one before and the one after, which may speak of it."""
    sentences = _SENTENCE_END.split(text)
    return [
        ". ".join(sentences[max(at - 1, 0) : at + 2])
        for at, sentence in enumerate(sentences)
        if _PRICE.search(sentence)
    ]
