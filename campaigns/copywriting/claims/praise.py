"""Superlatives, absolutes, popularity, comparisons with others: praise that nobody could prove."""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family

_WEATHER = r"(?! (?:days?|nights?|months?|weeks?|hours?|welcome|wishes|thanks|regards|greetings|part|time|season|weather))"
_VIRTUE_EN = (
    r"(?:comfortable|durable|loved|trusted|advanced|versatile|reliable|powerful|effective|innovative|waterproof|breathable"
    r"|affordable|sustainable|beautiful|luxurious|practical|efficient)"
)
_VIRTUE_DE = (
    r"(?:warm|leicht|weich|robust|stark|schnell|fein|sicher|bequem|haltbar|vielseitig|zuverlassig|gross|hochwertig|edel"
    r"|praktisch|modern|effizient|klug)"
)
_VIRTUE_FR = (
    r"(?:leger|chaud|dou|solid|resistant|rapid|sur|confortabl|durabl|polyvalent|fiabl|grand|fin|pratiqu|puissant|efficac"
    r"|modern)"
)
_VIRTUE_ES = r"(?:liger|calid|suav|resistent|fuert|rapid|segur|comod|durader|versatil|fiabl|grand|fin|practic|potent|eficaz|modern)"

SUPERLATIVE = Family(
    "superlative",
    "makes a claim that nobody can prove ({}); say plainly what it is",
    {
        "en": [
            r"(?<!make the )(?<!makes the )(?<!making the )(?<!made the )(?<!its )(?<!their )(?<!your )(?<!his )(?<!her )(?<!works )(?<!work )(?<!suits )(?<!suit )(?<!know )"
            r"(?<!knows )(?<!like )(?<!likes )(?<!you )(?<!fits )(?<!fit )(?<!at )(?<!sunday )"
            r"best(?! (?:sell|wishes|foot|of luck|of both|worn|kept|served|enjoyed|friends?|seen|with|before|to|man|when))",
            r"~\b(?:warm|light|soft|tough|strong|fast|fin|great|saf|smart|easi|simpl|cosi|cozi|comfi|sturdi|hardi|larg"
            rf"|bigg|slimm|thinn|quiet|nic|clever|pur)est\b{_WEATHER}",
            rf"most {_VIRTUE_EN}",
            r"(?:greatest|unbeatable|unrivall?ed|unmatched|unparalleled|unsurpassed|incomparable|matchless|peerless)",
            r"second to none",
            r"(?:world class|world leading|market leading|industry leading|award winning|world's|world famous|world beating)",
            r"(?:the )?leading (?:brand|maker|shop|manufacturer|choice)",
            r"perfect(?:ly|ion)?",
            r"(?<!of )uniqu(?:e|ely)",
            r"(?:guarantee\w*|risk free|foolproof|flawless|faultless)",
            r"(?:indestructible|unbreakable|everlasting)",
            r"(?:like )?no other",
            r"(?:revolutionary|miracle|miraculous|magical results)",
            r"top (?:quality|rated|class)",
        ],
        "de": [
            r"(?<!am )beste[nmrs]?(?! (?:grusse\w*|dank|freund\w*|wunsche\w*|fall|laune))",
            r"am besten (?:bewertet\w*|verkauf\w*)",
            r"(?:aller|welt|markt)best*",
            rf"(?:(?:der|die|das|den|dem|unser\w*|deine?\w*) |aller|welt)(?:{_VIRTUE_DE})e?ste[nmrs]?(?! (?:tag|nacht|zeit|monat))",
            r"unser\w* (?:grosste|warmste|leichteste|weichste|starkste|beste)[nmrs]?",
            r"(?:unschlagbar|unubertroffen|unerreicht|konkurrenzlos|unvergleichlich|einzigartig|einmalig|unverwustlich)*",
            r"(?:fuhrend|preisgekront|testsieger|spitzenqualitat|weltklasse|marktfuhrer|unzerstorbar|unkaputtbar)*",
            r"perfekt*",
            r"*garantier*",
            r"(?:mit|ohne|volle) garantie",
            r"(?:revolutionar|wundermittel)*",
        ],
        "fr": [
            r"(?:le|la|les|nos|notre|nos|du|des|au|aux|votre|vos) meilleure?s?"
            r"(?! (?:ventes?|amie?s?|voeux|souvenirs?|de l'ete|de l'hiver|de l'automne|du printemps|des jours?))",
            rf"(?:le|la|les|nos|notre|des) (?:\w+ )?plus {_VIRTUE_FR}(?:s|x|e|es|ce|ces|s|nt|nte)?",
            r"numero un",
            r"(?:imbattable|inegal\w*|incomparable|sans egal\w*|hors pair|inusable|incassable|indestructible)s?",
            r"(?:parfait|garanti)(?:e|s|es|ement|r|t|ssons)?",
            r"sous garantie",
            r"uniques?",
            r"(?:leader|reference) (?:du marche|de la|mondiale?|sur le)",
            r"(?:revolutionnaire|miracle|miraculeu)*",
        ],
        "es": [
            r"(?:el|la|los|las|nuestr[ao]s?|tu|su|del|al) mejor(?:es)?(?! (?:momento|amig|vendid|sitio))",
            r"lo mejor(?! (?:de(?:l)? (?:la )?(?:verano|invierno|otono|primavera|dia)|es|sera))",
            rf"(?:el|la|los|las|nuestr[ao]s?) (?:\w+ )?mas {_VIRTUE_ES}(?:o|a|os|as|e|es)?",
            r"numero uno",
            r"(?:inmejorable|insuperable|incomparable|inigualable|imbatible|indestructible|irrompible)s?",
            r"sin igual",
            r"perfect(?:o|a|os|as|amente)",
            r"unic[ao]s? en (?:el|su) (?:mundo|mercado|clase|genero)",
            r"(?:un|una|diseno|pieza|prenda|producto|experiencia|estilo) unic[ao]",
            r"garanti(?:a|as|zad[ao]s?|zamos|za)",
            r"lider(?:es)? (?:del|en|de)",
            r"(?:revolucionari|milagros)*",
        ],
    },
    in_titles=True,
)

POPULARITY = Family(
    "popularity",
    "says that many choose it ({}), which is not why this product was picked",
    {
        "en": [
            r"best sell(?:ers?|ing)",
            r"most (?:popular|bought|wanted|loved|chosen)",
            r"(?:customer|crowd|shop) favou?rites?",
            r"everyone(?:'s| is) (?:favou?rite|talking|buying|wearing)",
        ],
        "de": [
            r"best ?seller*",
            r"meist (?:verkauft|gekauft|gewahlt)*",
            r"(?:verkaufsschlager|kundenliebling|publikumsliebling|verkaufshit)*",
            r"(?:der|die|das) beliebtest*",
            r"am besten verkauf*",
        ],
        "fr": [
            r"meilleures? ventes?",
            r"(?:le|la|les|nos) (?:\w+ )?plus (?:vendu|achete|populaire|demande|apprecie)*",
            r"(?:coup de coeur|favori)s? (?:de nos|des) client*",
        ],
        "es": [
            r"(?:mas|mejor) vendid*",
            r"superventas",
            r"(?:el|la|los|las|lo) (?:\w+ )?mas (?:popular|comprad|buscad|querid)*",
            r"favorit[ao]s? de (?:nuestr[ao]s |los |las )?client*",
        ],
    },
    in_titles=True,
)

_ADVERB_EN = (
    r"(?:better|cheaper|warmer|lighter|stronger|softer|tougher|faster|safer|more|less|greater|higher)"
)
RETAILERS = (
    "amazon(?! (?:river|basin|rainforest|forest))|zalando|ebay|aliexpress|alibaba|temu|shein|decathlon|walmart|ikea"
    "|cdiscount|fnac|el corte ingles|mercadolibre|wallapop|vinted|etsy|asos|primark"
)

COMPARISON = Family(
    "comparison",
    "compares with others ({})",
    {
        "any": [rf"(?:{RETAILERS})"],
        "en": [
            rf"{_ADVERB_EN} (?:\w+ ){{0,2}}than (?:the |any |all |most |every )?(?:others?|rest|competit\w+|brands?|shops?"
            r"|stores?|else|everyone|anyone|anything else)",
            r"than (?:any|all|most|every|the) (?:other )?(?:brands?|shops?|stores?|competit\w+|jackets?|products?|makers?)",
            r"(?:the|our|any) (?:competition|competitors?|rivals?)",
            r"(?:unlike|beats|outperforms) (?:the |any |all |most )?(?:others?|other \w+|rest|competit\w+)",
            r"(?:other|rival|competing|lesser|big|premium|leading) (?:brands?|shops|stores|retailers|makers|suppliers)",
            r"nobody else (?:has|makes|sells|offers)",
        ],
        "de": [
            r"(?:als|wie|gegenuber|im vergleich zu) (?:bei )?(?:der|die|das|alle\w*|jede\w*|viele\w*)? ?ander(?:e|er|en|es) "
            r"(?:marke|marken|hersteller|handler|laden|shop|shops|anbieter|jacken|produkte)n?",
            r"als (?:bei )?(?:die |der )?(?:konkurrenz|mitbewerber|rest|andere\w*|alle anderen|irgendwer)",
            r"(?:konkurrenz|mitbewerber|wettbewerber)*",
            r"ander(?:e|en|er) (?:marken|hersteller\w*|handler\w*|laden|shops|anbieter\w*)",
        ],
        "fr": [
            r"(?:mieux|meilleure?s?|moins cher\w*|plus \w+|moins \w+) que (?:les autres|la concurrence|ailleurs|chez"
            r"|n'importe|toutes? les|tous les)",
            r"(?:la concurrence|(?:nos|les) concurrents)",
            r"(?:autres|grandes) (?:marques|boutiques|enseignes|fabricants|magasins)",
        ],
        "es": [
            r"(?:mejor(?:es)?|mas \w+|menos \w+) que (?:l[ao]s? (?:demas|otr[ao]s?|competencia|resto)|otr[ao]s?|ningun\w*"
            r"|cualquier\w*|nadie|en otr[ao]s?)",
            r"(?:la competencia|(?:nuestros|los) competidores)",
            r"(?:otras|grandes) (?:marcas|tiendas|fabricantes|cadenas)",
        ],
    },
)
