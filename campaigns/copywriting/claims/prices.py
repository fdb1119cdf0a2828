"""Money, percentages, amounts in words, discounts: what only data may state."""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family
from campaigns.copywriting.claims.numbers import NUMBER

MONEY = Family(
    "money",
    "names money ({}); a price is written as {{price_1}}",
    {
        "signs": [
            r"~[💰💲💴💵💶💷💸🤑]",
            r"~[$¢-¥֏؋߾߿৲৳৻૱௹฿៛₠-⃏꠸﷼]",
            r"(?:euros?|eur|usd|gbp|chf|nok|sek|dkk|jpy|yen|cad|aud|pln)",
        ],
        "en": [
            r"(?:dollars?|cents?|pence|pounds? sterling|quid|bucks?|kron(?:er|or|en))",
            r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|five|ten|fifteen|hundred|thousand|few) pounds",
            r"a (?:fiver|tenner|grand)",
        ],
        "de": [r"(?:franken|rappen|pfund)"],
        "fr": [r"(?:francs?|livres? sterling|centimes?)"],
        "es": [r"(?:dolar(?:es)?|libras?|centimos?)"],
    },
)

PERCENT = Family(
    "percent",
    "states a percentage ({})",
    {
        "signs": [r"~[%‰‱٪؉]", r"~[°o0] ?/ ?[o0](?!\w)"],
        "en": [r"per ?cents?", r"percentages?", r"pct"],
        "de": [r"*prozent*"],
        "fr": [r"pour ?cents?", r"pourcentages?"],
        "es": [r"por ?cien(?:to)?", r"porcentajes?"],
    },
)

AMOUNT_IN_WORDS = Family(
    "amount_in_words",
    "states an amount in words ({})",
    {
        "en": [
            r"half (?:of )?(?:the |its |their |your )?(?:price|prices|cost|costs|off)",
            r"half (?:the|its) (?:weight|size|volume)",
            r"(?:a |one )?(?:third|quarter|fifth|tenth) (?:off|less|cheaper)",
            r"(?:reduced|cut|lowered|slashed|down|dropped) by (?:a |one )?(?:half|third|quarter|fifth|tenth)",
            r"(?:two|three|four) for (?:the price of )?(?:one|two|three)",
            r"(?:buy one|bogo|one free)",
            r"(?:twice|double|triple) (?:as|the|its)(?! (?:fun|pleasure|joy))",
            rf"(?:{NUMBER['en']}) times (?:as|more|less|the|\w+er)",
        ],
        "de": [
            r"(?:zum|fur den|fur die) halben?",
            r"halbe[nrs]? preis*",
            r"halbpreis*",
            r"halb so (?:teuer|viel|schwer|gross)",
            r"(?:zwei|drei|vier) fur (?:eins|zwei|drei)",
            r"(?:zwei|drei|vier) zum preis von*",
            r"die halfte",
            r"ein (?:drittel|viertel|funftel) (?:gunstiger|weniger|billiger|nachlass|leichter)",
            r"(?:doppelt|dreifach|zweimal|dreimal|zehnmal) so",
        ],
        "fr": [
            r"(?:a |la )?moitie (?:du |de )?(?:prix|moins|reduction|poids)",
            r"(?:deux|trois|quatre) pour (?:un|une|deux|trois)",
            r"pour le prix d'une?",
            r"un (?:tiers|quart) (?:moins|de moins|de reduction|du prix)",
            r"(?:reduite?s?|baissee?s?) (?:d'un (?:tiers|quart|cinquieme)|de (?:la )?moitie)",
            r"un achete",
            rf"(?:{NUMBER['fr']}) fois (?:plus|moins|le|la)",
            r"le double (?:de|du)",
        ],
        "es": [
            r"mitad (?:de|del|su)(?: su)? ?(?:precio|peso)",
            r"a mitad de",
            r"(?:dos|tres|cuatro) por (?:uno|dos|tres|el precio)",
            r"medio precio",
            r"un (?:tercio|cuarto) (?:menos|de descuento)",
            r"mitad menos",
            rf"(?:{NUMBER['es']}) veces (?:mas|menos)",
            r"el (?:doble|triple) de",
        ],
    },
)

FREE = Family(
    "discount",
    "claims something for nothing or at another price ({})",
    {
        "en": [
            r"cheap*",
            r"(?:reduced|lower|lowered|lowest|slashed|special|cut|knockdown|introductory) prices?",
            r"free (?:shipping|delivery|gifts?|returns?|samples?|postage|of charge)",
            r"(?:for free|no extra cost|at no cost|on the house|complimentary)",
            r"costs? (?:you )?nothing",
            r"(?<!not )(?<!good )for nothing",
            r"gifts? with (?:every|each|any|your|all) (?:\w+ )?(?:orders?|purchases?|baskets?)",
            r"we (?:pay|cover) (?:the |your |for )?(?:the )?(?:postage|shipping|delivery|returns?|carriage)",
            r"(?:postage|shipping|delivery|carriage) (?:is )?(?:on us|paid|included)",
            r"members (?:pay|save)",
            r"pay (?:a fraction|less|nothing)",
            r"fraction of (?:the|its|their|our|what)",
            r"prices? (?:have |has |are |is |were |just |been |now ){0,3}(?:dropped|dropping|fallen|falling|fell|down|lower(?:ed)?"
            r"|cut|slashed|reduced)",
            r"(?:money back|refund(?:s|ed|able)?|no questions asked)",
        ],
        "de": [
            r"gunstiger",
            r"billig*",
            r"(?:gratis|umsonst|geschenkt)",
            r"kosten(?:los|frei)*",
            r"(?:versandkostenfrei|portofrei)*",
            r"(?:gratis|sin coste|sin costo|regalo incluido)",
            r"(?:aufs haus|geht auf uns|fur lau)",
            r"preise? (?:\w+ )?(?:gesenkt|gefallen|gesunken|runter|fallen|sinken|purzel\w*)",
            r"so (?:gunstig|preiswert) wie",
            r"(?:zahlen|ubernehmen|tragen|schenken) (?:wir )?(?:dir )?(?:das |den |die )?(?:porto|versand\w*|liefer\w*|rucksend\w*)",
            r"(?:porto|versand|lieferung) (?:zahlen|ubernehmen|tragen) wir",
            r"geschenk (?:dazu|obendrauf|zu jede[rm]|zur bestellung|zum (?:kauf|einkauf)|bei jede[rm]|in jede[rmn]?)",
            r"bruchteil (?:des|vom) preis*",
            r"mitglieder (?:zahlen|sparen)",
            r"kostet (?:dich |euch |sie )?nichts",
            r"(?:geld zuruck|zuruckerstatt|ruckerstatt)*",
        ],
        "fr": [
            r"moins cher*",
            r"gratuit*",
            r"(?:offert(?:e|s|es)?|bons? d'achat)",
            r"(?:en cadeau|cadeaux? (?:avec|pour|a|dans|des) (?:chaque|toute?s?|votre|vos|tout achat|la commande))",
            # As a word by itself it promises one; "un cadeau qui plaît" does not.
            r"~(?:^|[.!?:\n] ?)cadeaux? ?(?:[.!:,]|$)",
            r"(?:frais de port|port|livraison|expedition) (?:inclus\w*|compris\w*|paye\w*|a (?:notre charge|nos frais))",
            r"(?:jamais vu )?a ce prix",
            r"(?:les )?prix (?:baissent|chutent|fondent|ont (?:baisse|chute)|en (?:baisse|chute)|sacrifie\w*|plancher)",
            r"(?:baisse|chute) (?:de|des|du) prix",
            r"ne (?:vous )?coute rien",
            r"fraction du prix",
            r"membres (?:paient|payent|economisent)",
            r"rembours*",
        ],
        "es": [
            r"(?:mas )?barat*",
            r"(?<!ideas )(?<!idea )(?<!papel )(?<!caja )(?<!cajas )de regalo",
            r"regalo (?:con|por) (?:cada|tu|todo|todos)",
            r"precios? (?:por los suelos|(?:han )?(?:bajan|bajado|caido|caen)|minimos?|de (?:risa|locura|escandalo))",
            r"(?:gastos de )?envio (?:incluido|pagado|a nuestro cargo|por nuestra cuenta)",
            r"(?:a nuestro cargo|(?:por|de|corre de) nuestra cuenta|invita la casa)",
            r"no (?:te |le )?cuesta nada",
            r"fraccion del precio",
            r"(?:socios|miembros) (?:pagan|ahorran)",
            r"(?:devolvemos|reembols|devolucion)*",
        ],
        # A price that is said to have been another one, or to be only where prices begin.
        "beside a price": [
            r"(?:now|was|were|instead of|down to|reduced to|before|under|less than|as little as)"
            r" (?:only |just )?\{price\}",
            r"(?:jetzt|statt|vorher|fruher|unter|weniger als|schon fur) (?:nur )?\{price\}",
            r"(?:au lieu de|avant|moins de|desormais) (?:seulement )?\{price\}",
            r"(?:en vez de|antes|ahora|menos de) (?:solo )?\{price\}",
        ],
    },
)
"""Not made true by an offer, which is so much off and nothing else."""

DISCOUNT = Family(
    "discount",
    "claims a discount ({})",
    {
        "en": [
            r"discount*",
            r"(?:bargains?|markdowns?|clearance|vouchers?|coupons?|rebates?|cashback)",
            r"deals",
            r"(?<!great )(?<!good )deal(?! (?:of|with))",
            r"(?:great|good) deal (?:on|for|from)",
            r"(?<!space.)(?<!time.)(?<!weight.)sav(?:e|es|ed|ing|ings)"
            r"(?! (?:space|room|weight|time|the (?:date|day|best)|your (?:back|knees)|a (?:place|seat|spot)))",
            r"(?:promos?|promotions?|promotional|black friday|cyber monday)",
            r"price (?:cuts?|drops?)",
            r"(?:summer|winter|spring|autumn|big|flash|season|final|our|the|mid season|end of season) sales?",
            r"on sale",
            r"off (?:your (?:\w+ )?(?:orders?|purchases?|basket)|all|every*|selected|orders?)",
            r"off the (?:whole|entire|price)",
            r"money off",
            r"~[\d}]\W{0,3}off\b",
            r"(?:ten|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety) off",
            r"(?:special|exclusive|great|today's|introductory) offers?",
            r"(?:is|are|was|were|been|all|everything|now) (?:now |all |also )?reduced(?! to (?:the|its|their))",
        ],
        "de": [
            r"rabatt*",
            r"(?:sonderangebot|preisnachl|preissenkung|ersparnis|gutschein|schlussverkauf|tiefpreis|aktionspreis)*",
            r"(?:nachlass|preissturz)",
            r"*schnappchen*",
            r"(?<!wesentliche )reduziert(?:e[nmrs]?)?(?! (?:auf das|aufs|ums))",
            r"(?<!platz )(?<!zeit )spar(?:e|en|st|t)(?! (?:platz|zeit|gewicht))",
            r"sparpreis*",
            r"(?:exklusive\w*|tolle\w*|besondere\w*|heutige\w*) angebot*",
        ],
        "fr": [
            r"(?:reductions?|remises?|soldes?|rabais|ristournes?|liquidation|destockage|braderie)",
            r"economis*",
            r"prix (?:casses?|reduits?|barres?|doux|mini)*",
            r"bonnes? affaires?",
            r"offres? (?:specia|exclusiv|exceptionnel)*",
        ],
        "es": [
            r"(?:descuentos?|ofertas?|gangas?|chollos?)",
            r"(?:rebaj|ahorr|promocion|liquidacion|cupon)*",
            r"precios? (?:especial\w*|reducid\w*|bajos?)",
        ],
    },
    # "Sale" is "goes out" in Spanish and "dirty" in French.
    {"en": [r"sales?"], "de": [r"sale"]},
)
