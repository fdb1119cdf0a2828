"""Words that claim what only data may state: money, percentages, discounts, scarcity, stock, acquaintance.

Patterns are matched against `characters.fold(text)`: lower case, without accents, plain dashes and
apostrophes ("Dernière chance" is seen as "derniere chance", "fünfzig" as "funfzig"). All languages are
looked for in every text, because a model may mix them; the few words that mean something harmless in
another language are kept to their own.
"""

from __future__ import annotations

import re
from functools import cache

MONEY = {
    "any": [
        r"[$€£¥₣₤₩₹₽¢]",
        r"\b(?:euros?|eur|usd|gbp|chf|nok|sek|dkk|jpy|yen)\b",
        r"\b(?:dollars?|cents?|pence|pounds? sterling|quid|bucks?|kron(?:er|or|en))\b",
        r"\b(?:\w+ty|five|ten|fifteen|hundred|thousand|few) pounds\b",
        r"\b(?:franken|rappen|pfund|francs?|livres? sterling|centimes?|dolar(?:es)?|libras?|centimos?)\b",
    ],
}

PERCENT = {
    "any": [
        r"[%‰]",
        r"\b(?:per ?cents?|percentage|pct)\b",
        r"prozent",
        r"\b(?:pour ?cents?|pourcentages?)\b",
        r"\bpor ?cien(?:to)?\b|\bporcentajes?\b",
    ],
}

AMOUNT_IN_WORDS = {
    "any": [
        r"\bhalf(?: of)?(?: the| its| their)?[ -](?:price|off)",
        r"\b(?:a )?(?:third|quarter|fifth|tenth) (?:off|less)\b",
        r"\b(?:two|three|four)[ -]for[ -](?:one|two|three)\b|\bbuy one\b|\bbogo\b|\bone free\b",
        r"\b(?:zum|fur den|fur die) halben?\b|\bhalbe[nrs]? preis",
        r"\bhalbpreis|\b(?:zwei|drei) fur (?:eins|zwei)\b",
        r"\bdie halfte\b|\bein (?:drittel|viertel|funftel) (?:gunstiger|weniger|billiger|nachlass)",
        r"\b(?:a |la )?moitie (?:du |de )?(?:prix|moins|reduction)|\b(?:deux|trois) pour (?:un|une|deux)\b",
        r"\bmoitie moins\b|\bun (?:tiers|quart) (?:moins|de moins|de reduction)|\bun achete\b",
        r"\bmitad (?:de|del|su)(?: su)? ?precio\b|\ba mitad de\b|\b(?:dos|tres) por (?:uno|dos|el precio)\b",
        r"\bmedio precio\b|\bun (?:tercio|cuarto) (?:menos|de descuento)\b|\bmitad menos\b",
    ],
}

DISCOUNT = {
    "any": [
        r"\b(?:discount\w*|bargains?|deals?|markdowns?|clearance|vouchers?|coupons?|rebates?|cashback)\b",
        r"\b(?:sav(?:e|es|ed|ing|ings)|cheap\w*|promos?|promotions?|promotional|black friday|cyber monday)\b",
        r"\b(?:reduced|lower|lowered|slashed|special|cut|knockdown) prices?\b|\bprice[ -](?:cuts?|drops?)\b",
        r"\b(?:summer|winter|spring|autumn|big|flash|season|final|our|the) sales?\b|\bon sale\b",
        r"\boff (?:your (?:\w+ )?(?:orders?|purchases?|basket)|all|every\w*|selected|orders?)\b",
        r"\boff the (?:whole|entire|price)\b|\bmoney off\b",
        r"[\d}]\W{0,3}off\b|\b(?:ten|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety) off\b",
        r"\bfree (?:shipping|delivery|gifts?|returns?|samples?|of charge)\b|\bfor free\b|\bno extra cost\b",
        r"\b(?:rabatt\w*|sonderangebot\w*|preisnachl\w*|nachlass|preissenkung\w*|preissturz|ersparnis\w*)\b",
        r"\b\w*schnappchen\w*|\b(?:reduziert\w*|gunstiger|billig\w*|tiefpreis\w*|aktionspreis\w*)\b",
        r"\b(?:spar(?:e|en|st|t|preis\w*)|schlussverkauf\w*|gutschein\w*|gratis|umsonst|geschenkt)\b",
        r"\b(?:kosten(?:los|frei)\w*|versandkostenfrei\w*)\b",
        r"\b(?:reductions?|remises?|soldes?|rabais|ristournes?|economis\w+|liquidation|destockage|braderie)\b",
        r"\bprix (?:casses?|reduits?|barres?|doux|mini\w*)\b|\bbonnes? affaires?\b|\bmoins cher\w*\b",
        r"\b(?:gratuit\w*|offert(?:e|s|es)?|bons? d'achat)\b",
        r"\b(?:descuentos?|rebaj\w+|ofertas?|ahorr\w+|gangas?|promocion\w*|liquidacion\w*|chollos?)\b",
        r"\b(?:mas )?barat\w+\b|\bprecios? (?:especial\w*|reducid\w*|bajos?)\b|\bcupon\w*\b",
    ],
    # "Sale" is "goes out" in Spanish and "dirty" in French.
    "en": [r"\bsales?\b"],
    "de": [r"\bsale\b"],
}

SCARCITY = {
    "any": [
        r"\blast (?:chance|call|days?|hours?|minute|ones?|pieces?)\b|\bfinal (?:hours?|days?|call|chance)\b",
        r"\b(?:only|just) (?:a )?(?:few|one|two|three|some|handful)\b.{0,25}\b(?:left|remain\w*)\b",
        r"\bfew left\b",
        r"\bwhile (?:stocks?|suppl\w+) lasts?\b|\bhurry\b",
        r"\bact (?:now|fast)\b|\blimited[ -](?:time|offer|stock)\b",
        r"\b(?:ends?|expires?|over|gone) (?:soon|today|tonight|tomorrow)\b|\b(?:today|tonight) only\b",
        r"\balmost gone\b|\b(?:going|selling) fast\b|\bdon'?t miss\b",
        r"\bmiss out\b|\bnow or never\b|\brunning out\b",
        r"\d\W{0,2}(?:left|remaining|ubrig|restant\w*|quedan)\b",
        r"\bbefore (?:it is|it's|they are|they're) (?:too late|gone)\b|\bonly (?:today|now)\b",
        r"\bletzte[nrs]? (?:chance|gelegenheit|moglichkeit|tage?|stunden?|stucke?|exemplare?)\b",
        r"\bnur (?:noch|heute|jetzt|fur kurze zeit|bis)\b|\bsolange (?:der )?vorrat\b",
        r"\bbeeil\w*|\bschnell sein\b",
        r"\b(?:endet|ende) (?:bald|heute|morgen)\b|\bzeitlich begrenzt\b",
        r"\blimitiert\w*|\bbald (?:weg|vergriffen)\b",
        r"\bjetzt (?:zuschlagen|zugreifen)\b|\bverpass\w*",
        r"\bfast (?:weg|vergriffen)\b|\bbegrenzte (?:zeit|menge)\b",
        r"\bdernier(?:e|s|es)? (?:chances?|jours?|heures?|minutes?|pieces?|exemplaires?|articles?)\b",
        r"\bplus que quelques\b|\bil n'en reste\b|\bdepech\w+",
        r"\bjusqu'a epuisement\b|\bne (?:tardez|ratez|manquez)\b",
        r"\b(?:duree|temps|stocks?|quantites?|offre) limitee?s?\b|\baujourd'hui seulement\b|\bfaites vite\b",
        r"\b(?:se termine|expire|finit) (?:bientot|aujourd'hui|demain|ce soir)\b",
        r"\bbientot (?:termine|epuise)\w*",
        r"\bultim[ao]s? (?:oportunidad\w*|unidades|horas?|dias?|piezas?|momento)\b|\bhasta agotar\b",
        r"\bdate prisa\b|\bapresura\w*|\bapurate\b",
        r"\bsolo (?:hoy|quedan?|por hoy|ahora)\b|\bquedan poc[ao]s\b",
        r"\btiempo limitado\b|\bunidades limitadas\b",
        r"\bno te l[oa]s? pierdas\b|\b(?:se acaba|termina) (?:pronto|hoy)\b",
        r"\bcorre,? que\b|\bantes de que se (?:acabe|agote)\w*",
    ],
}

STOCK = {
    "any": [
        r"\b(?:in|out of|back in|low) stock\b|\bsold out\b|\bavailable (?:now|again)\b",
        r"\b(?:auf|am) lager\b|\b(?:vorratig|lieferbar|ausverkauft|vergriffen|wieder da)\b",
        r"\b(?:en|rupture de) stock\b|\bepuise(?:e|s|es)?\b|\b(?:de nouveau )?disponibles?\b",
        r"\bagotad[ao]s?\b|\ben existencias?\b|\ben almacen\b",
    ],
}

KNOWS_THE_READER = {
    "any": [
        r"\b(?:picked|chosen|selected|recommended|tailored|made|matched) (?:\w+ )?(?:for|to) you\b",
        r"\byour (?:\w+ )?(?:favou?rites?|taste|style|last|recent|previous|past)\b",
        r"\byour (?:\w+ )?(?:purchases?|orders?|history)\b",
        r"\byou(?:'ve| have)? (?:\w+ )?(?:bought|ordered|purchased|viewed|looked at|browsed|liked)\b",
        r"\bbased on your\b|\bwe (?:\w+ )?missed you\b|\bwelcome back\b|\byour loyalty\b|\bbecause you\b",
        r"\bfur dich (?:\w+ )?(?:ausgesucht|ausgewahlt|gefunden|zusammengestellt)\b|\bweil du\b",
        r"\bdein(?:e|en|em|er)? (?:\w+ )?(?:lieblings\w*|geschmack|stil|letzte\w*)\b",
        r"\bdein(?:e|en|em|er)? (?:\w+ )?(?:einkauf\w*|kauf\w*|bestellung\w*)\b",
        r"\bdu (?:\w+ ){0,4}(?:gekauft|bestellt|angesehen)\b|\bwir haben dich vermisst\b",
        r"\bwillkommen zuruck\b",
        r"\b(?:choisi|selectionne)\w* (?:\w+ )?pour vous\b|\bparce que vous\b|\bvous nous avez manque\b",
        r"\b(?:vos?|votre) (?:\w+ )?(?:achats?|commandes?|dernier\w*)\b",
        r"\b(?:vos?|votre) (?:\w+ )?(?:gouts?|preferes?|preferences|favoris|style)\b",
        r"\bvous avez (?:\w+ )?(?:achete|commande|aime|regarde)\b|\bfidelite\b|\bbon retour\b",
        r"\b(?:elegid|escogid|seleccionad|pensad)[ao]s? (?:\w+ )?para ti\b|\bporque (?:compraste|has)\b",
        r"\btus? (?:\w+ )?(?:compras?|pedidos?|gustos?|favorit[ao]s?|preferid[ao]s?|estilo|ultim[ao]s?)\b",
        r"\b(?:has|compraste|pediste) (?:\w+ )?(?:comprado|pedido|mirado)\b",
        r"\bte (?:hemos )?ech\w+ de menos\b",
    ],
}


@cache
def _compiled(family: str, language: str) -> re.Pattern[str]:
    patterns: dict[str, list[str]] = globals()[family]
    return re.compile("|".join([*patterns["any"], *patterns.get(language, [])]))


def first_claim(family: str, folded: str, language: str) -> str:
    """The words in `folded` that make a claim of this family ("MONEY", "PERCENT", ...), or ""."""
    found = _compiled(family, language).search(folded)
    return found.group(0).strip() if found else ""
