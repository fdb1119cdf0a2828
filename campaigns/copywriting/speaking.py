"""Which language a text is in: by its small words, and by py3langid where these leave a doubt.

The classifier (https://pypi.org/project/py3langid/, after Lui and Baldwin, "langid.py", ACL 2012) is good with a
paragraph and unsure of a subject line, and its model takes a second and some hundred megabytes to load. So the
words that hold a sentence together are counted first; they settle nearly every text, and the model is loaded by the
first process that meets one that they do not. For what the shop itself wrote they decide alone.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from campaigns.copywriting.characters import TEXTS_KEPT

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier


_WORD = re.compile(r"[^\W\d_]+")
# Small words of the four languages; one that two of them have counts for both.
_SMALL_WORDS = {
    "en": "the and of to with for your you we our is are it this that from have be what when which there here they by"
    " at into their some more these those do if its was were has been can who where them us no yes out up in a so i",
    "de": "der das die und ist nicht mit für auf dem den ein eine einen einem einer eines zu von dir dich sich auch wie"
    " wir uns im bei nach über oder aber wenn dein deine deinen deiner deinem hier noch nur schon vom zum zur aus sind"
    " wird werden kann was wo wer ihr euch durch ohne unter vor wieder mehr alles als bis dass damit denn in so du des es",
    "fr": "le les et est dans pour une vos votre vous nous avec sur pas qui ce cette ces au aux il elle sont être ou où"
    " mais sans comme tout tous toute toutes leur leurs notre l d c qu j n ont chez sous vers peu fait quand voici par"
    " deux bien même aussi très moins de la un en que on se ne du des y a",
    "es": "el los las con para una tu tus por del al más está están lo su sus como pero muy sin nuestra nuestro nuestras"
    " nuestros este esta estos estas hay ser o aquí ti son cuando donde ya desde hasta entre sobre todo todos cada algo"
    " también qué unos unas día de la un en que se te nos y a es me si",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _words in _SMALL_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)
# Neighbours of the four, which a model might slip into and which would otherwise count as the nearest of them.
_NEIGHBOURS = ("nl", "it", "pt", "sv", "da", "no", "pl")
# Fewer words than this tell too little.
FEWEST_WORDS = 6
_ENOUGH_WORDS = 12
_SURE, _VERY_SURE = 0.9, 0.98


def tells_enough(text: str) -> bool:
    """Whether a text has enough words to tell its language by itself."""
    return len(_WORD.findall(text)) >= FEWEST_WORDS


@lru_cache(maxsize=TEXTS_KEPT)
def foreign_language(text: str, language: str) -> str:
    """The code of the language in which `text` is when that is surely not `language` (one of the four), else "".

    A text without a few words is not judged. `text` has neither placeholders nor names of products.
    """
    words, own, other, _ = _small_words(text, language)
    if words < FEWEST_WORDS:
        return ""
    if own >= other and (own * 6 >= words or words < _ENOUGH_WORDS):
        return ""
    sure = _SURE if other > own + 1 else _VERY_SURE
    found, probability = classify(text)
    return found if found != language and probability >= sure else ""


def plainly_foreign(text: str, language: str) -> str:
    """The same by small words alone, which costs next to nothing: where in doubt, the text is what it should be."""
    words, own, other, which = _small_words(text, language)
    return which if words >= FEWEST_WORDS and other > own + 1 and other * 6 >= words else ""


def _small_words(text: str, language: str) -> tuple[int, int, int, str]:
    """How many words a text has; how many of them are small ones of `language`, and how many of the other language
    that has most, and which that is."""
    words = [word.lower() for word in _WORD.findall(text)]
    counts = dict.fromkeys(_SMALL_WORDS, 0)
    for word in words:
        for known in _LANGUAGES_OF.get(word, ()):
            counts[known] += 1
    own = counts.pop(language)
    which = max(counts, key=lambda known: counts[known])
    return len(words), own, counts[which], which


def classify(text: str) -> tuple[str, float]:
    """(language, probability) among the four and their neighbours."""
    found, probability = _classifier().classify(text)
    return str(found), float(probability)


@cache
def _classifier() -> LanguageIdentifier:
    # Imported where it is wanted: most processes never do.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    wanted = {*_SMALL_WORDS, *_NEIGHBOURS}
    identifier.set_languages(sorted(wanted & set(identifier.labels)))
    return identifier
