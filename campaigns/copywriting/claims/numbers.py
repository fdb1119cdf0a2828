"""Numbers written as words where they claim something: stars, customers, years, measures.

"Two layers", "one of them" and "the first walk" claim nothing that data would have to state, and pass.
"""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family

NUMBER = {
    "en": "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy"
    "|eighty|ninety|(?:a |one )?hundred|(?:a |one )?thousand|(?:a |one )?million|a dozen|hundreds of|thousands of"
    "|millions of|dozens of",
    "de": "zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf|funfzehn|zwanzig|dreissig|vierzig|funfzig|sechzig"
    "|siebzig|achtzig|neunzig|(?:ein)?hundert(?:e|en)?(?: von)?|(?:ein)?tausend(?:e|en)?(?: von)?|(?:eine )?million(?:en)?"
    "|(?:ein )?dutzend(?:e)?",
    "fr": "deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente|quarante|cinquante|soixante"
    "|quatre vingts?|cent|mille|un million de|des centaines de|des milliers de|centaines de|milliers de|une douzaine de",
    "es": "dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|quince|veinte|treinta|cuarenta|cincuenta|sesenta"
    "|setenta|ochenta|noventa|cien|mil|un millon de|cientos de|miles de|millones de|una docena de",
}
"""Words of numbers above one, as alternatives of a regular expression."""

_UNIT = {
    "en": r"stars?|reviews?|ratings?|years?|decades?|centuries|litres?|liters?|kilos?|kilograms?|grams?|ounces?|inch(?:es)?"
    r"|centimetres?|millimetres?|metres?|meters?|degrees?|watts?|volts?|square metres?",
    "de": r"sterne?|bewertungen|jahren?|jahre|jahrzehnten?|jahrhunderten?|liter|kilo|kilogramm|gramm|zentimeter"
    r"|millimeter|meter|grad|watt|volt|quadratmeter",
    "fr": r"etoiles?|avis|ans|annees|decennies|siecles|litres?|kilos?|kilogrammes?|grammes?|centimetres?|millimetres?"
    r"|metres?|degres?|watts?|volts?|metres? carres?",
    "es": r"estrellas?|resenas?|opiniones|anos|decadas|siglos|litros?|kilos?|kilogramos?|gramos?|centimetros?|milimetros?"
    r"|metros?|grados?|vatios?|voltios?",
}
_PEOPLE = {
    "en": r"(?:\w+ ){0,2}(?:customers?|buyers?|clients?|users?|people|fans|families|owners|reviewers)",
    "de": r"(?:\w+ ){0,2}(?:kunden|kundinnen|kaufer\w*|menschen|leute|familien|fans)",
    "fr": r"(?:\w+ )?(?:client\w*|acheteu\w*|personnes|familles|utilisateu\w*)",
    "es": r"(?:\w+ )?(?:client\w*|comprador\w*|personas|familias|usuari\w*)",
}
# "Two people" is a size of a tent or a walk; hundreds of them are a boast.
_CROWD = {
    "en": r"(?:(?:hundred|thousand|million)s?|dozens)(?: of)?",
    "de": r"(?:hunderte?r?|tausende?r?|millionen|dutzende)(?: von)?",
    "fr": r"(?:centaines|milliers|millions) d[e']|(?:cent|mille)",
    "es": r"(?:cientos|miles|millones) de|(?:cien|mil)",
}

_TIME = {
    "en": r"(?:second|minute|hour|day|night|week|month|season)s?",
    "de": r"(?:sekunde|minute|stunde|tage|nachte|woche|monate|saison)(?:n|en|s)?",
    "fr": r"(?:secondes?|minutes?|heures?|jours?|nuits?|semaines?|mois|saisons?)",
    "es": r"(?:segundos?|minutos?|horas?|dias?|noches?|semanas?|meses|temporadas?)",
}
# As they are told on the telephone, one by one.
_DIGIT = {
    "en": "oh|zero|nought|one|two|three|four|five|six|seven|eight|nine|ten|hundred|double|triple",
    "de": "null|eins|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|hundert",
    "fr": "zero|un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|cent",
    "es": "cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|cien",
}

NUMBER_IN_WORDS = Family(
    "number_in_words",
    "states a number in words ({}); leave it out",
    {
        language: [
            rf"(?:{NUMBER[language]}) (?:{NUMBER[language]} )?(?:{_UNIT[language]})",
            rf"(?:{_CROWD[language]}) {_PEOPLE[language]}",
            rf"(?:{NUMBER[language]}) (?:{_TIME[language]})",
            rf"(?:{_DIGIT[language]}) (?:{_DIGIT[language]}) (?:{_DIGIT[language]})",
        ]
        for language in NUMBER
    }
    | {
        "any": [
            r"number (?:one|two)(?! (?:of|on your list))",
            r"nummer (?:eins|zwei)",
            r"numero (?:un|uno|deux|dos)",
            r"(?:top|die besten) (?:three|five|ten|drei|funf|zehn)",
            r"*jahrige[nmrs]? garantie",
            r"lebenslange[nmrs]? garantie",
            r"(?:lifetime|years?) (?:warranty|guarantee)",
            # A crowd without a noun: "loved by thousands".
            r"(?:thousands|hundreds|millions|dozens)",
            r"(?:(?:hundert|tausend)(?:e|en|er|ern)|millionen|dutzende[nr]?)",
            r"(?:milliers|centaines|dizaines)",
            r"(?:cientos|millones|millares)",
        ]
    },
    # In English these are a distance.
    {"es": [r"miles"]},
    in_titles=True,
)
