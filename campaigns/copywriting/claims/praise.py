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

# Words of the shape of a superlative that are none, or praise the weather and not the goods.
_NO_SUPERLATIVE_EN = (
    r"(?!(?:\w*(?:rest|west|guest|nest|test|chest|vest|quest|crest|fest|gest|zest|jest|breast|honest|modest|protest|pest"
    r"|latest|least|slightest|new|old|young|near|far|furth|farth|high|low|dear|dri|wett|cold|dark|long|short|hott|rain"
    r"|wind|gr[ae]y|dull|slow|earli)(?:est)?)(?!\w))"
)
_SMALL_THINGS = (
    r"(?! (?:things?|details?|pleasures?|moments?|steps?|path|way|walks?|evenings?|mornings?"
    r"|of (?:plans|walks|days|things|moments|pleasures|details|steps|reasons))(?!\w))"
)
_NO_SUPERLATIVE_DE = (
    r"(?!\w*(?:[iao]st|[^aeu\W]ust|faust|haust|kunst|dienst|dunst|ernst|gespenst|fenst|weste?|fest|rest|gest|protest"
    r"|podest|manifest|nest|burst|wurst|gerst|durst|forst|horst|schwest|polst|(?<!l)angst|herbst|erst|oberst|unterst|vorderst"
    r"|hinterst|innerst|ausserst|nachst|wenigst|mindest|geringst|liebst|neuest|neust|jungst|altest|passt|fasst|presst"
    r"|wusst|misst|letzt)(?:e|en|er|em|es|ern|ens)?(?!\w))"
)
_DAYS_DE = (
    r"(?! (?:tage?n?|nachte?n?|zeit\w*|monate?n?|stunden?|wochen?|weg\w*|jahreszeit\w*|abende?n?|morgen|daran"
    r"|am (?:regen|winter|sommer|herbst|fruhling|tag|morgen|abend|wochenende|lesen|kochen|wandern))(?!\w))"
)
_NO_SUPERLATIVE_FR = (
    r"(?!(?:souvent|possible|tot|tard|longtemps|loin|pres|dans|en|de|du|des|d|a|au|aux|pour|et|ou|est|c|sur|que|qu|qui"
    r"|simple(?:ment)?|important|court\w*|long(?:s|ue|ues)?|froid\w*|sombres?|sec|seche|petite?s? (?:details?|gestes?"
    r"|plaisirs?)|grand (?:plaisir|soin|calme|bonheur)|beaux? (?:jour|moment|souvenir|chemin|sentier|voyage|soir)s?"
    r"|(?:vendu|achete|populaire|demande|apprecie|aime|choisi)\w*)(?!\w))"
)
_NOT_OF_DAYS_FR = (
    r"(?<!jours )(?<!nuits )(?<!soirs )(?<!mois )(?<!heures )(?<!matins )(?<!matinees )(?<!soirees )"
)
_NO_SUPERLATIVE_ES = (
    r"(?!(?:que|de|del|o|y|a|en|por|para|adelante|alla|aca|tarde|tiempo|cerca|lejos|pronto|temprano|veces|bien|cort[ao]s?"
    r"|larg[ao]s?|fri[ao]s?|oscur[ao]s?|sec[ao]s?|lent[ao]s?|(?:vendid|popular|comprad|buscad|querid"
    r"|elegid)\w*)(?!\w))"
)
_DAYS_ES = (
    r"(?:dias?|noches?|tardes?|mananas?|horas?|mes(?:es)?|anos?|momentos?|ratos?|caminos?|senderos?|paseos?|planes|plan|cosas?"
    r"|parte|aire|vida|detalles?|gestos?|placer(?:es)?|lugar(?:es)?|rincon(?:es)?|silencio|lluvia|viento|sol|cielo|epoca)"
)

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
            rf"(?:the|our|your) {_NO_SUPERLATIVE_EN}\w{{2,}}est{_WEATHER}{_SMALL_THINGS}",
            rf"most {_VIRTUE_EN}",
            r"nothing (?:else )?(?:beats|matches|equals|rivals|tops|touches|compares|comes (?:near|close)|outdoes|surpasses)",
            r"nothing (?:else )?(?:is|feels|looks|sits|wears|works) (?:so|as|more|better|warmer|lighter|softer|tougher|stronger"
            r"|drier|finer|safer)",
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
            rf"(?:der|die|das|den|dem|aller|welt) {_NO_SUPERLATIVE_DE}\w{{2,}}sten?{_DAYS_DE}",
            rf"(?:unser|euer|dein|ihr)(?:e|en|er|em|es)? {_NO_SUPERLATIVE_DE}\w{{2,}}ste[nmrs]?{_DAYS_DE}",
            r"nichts (?:anderes )?(?:ist|halt|macht|warmt|sitzt|kommt|reicht|geht|schlagt|ubertrifft|gleicht|toppt)"
            r"(?! (?:so schon wie|da|los|weiter|zu))",
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
            rf"{_NOT_OF_DAYS_FR}(?:le|la|les|nos|notre|votre|vos) plus {_NO_SUPERLATIVE_FR}\w+",
            rf"(?:la|le|les|nos|notre) \w+ (?:(?:la|le|les) )?plus {_VIRTUE_FR}(?:s|x|e|es|ce|ces|s|nt|nte)?",
            r"rien de (?:mieux|meilleur|plus \w+)(?! (?:qu'une?|que (?:des|du|de))(?!\w))",
            r"rien ne (?:la|le|les|vaut|bat|surpasse|egale|remplace|l')",
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
            rf"(?:el|la|los|las|nuestr[ao]s?|tus?) (?:(?!{_DAYS_ES}(?!\w))\w+ )?mas {_NO_SUPERLATIVE_ES}\w{{3,}}",
            r"nada (?:se )?(?:l[aoe]s? |nos )?(?:compara|igual|super|gan|venc|abriga|protege|pesa)*",
            r"nada (?:es|hay) (?:tan|mas|mejor)",
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
