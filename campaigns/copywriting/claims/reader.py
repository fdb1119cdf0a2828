"""Words that show knowledge of the customer, which takes consent to profiling."""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family

KNOWS_THE_READER = Family(
    "acquaintance",
    "claims to know the reader ({}), who has not agreed to profiling",
    {
        "en": [
            r"(?:picked|chosen|selected|recommended|tailored|made|matched) (?:\w+ )?(?:for|to) you",
            r"your (?:\w+ )?(?:favou?rites?|taste|style|last|recent|previous|past)",
            r"your (?:\w+ )?(?:purchases?|orders?|history)",
            r"you(?:'ve| have)? (?:\w+ )?(?:bought|ordered|purchased|viewed|looked at|browsed|liked)",
            r"(?:based on your|we (?:\w+ )?missed you|welcome back|your loyalty|because you)",
        ],
        "de": [
            r"fur dich (?:\w+ )?(?:ausgesucht|ausgewahlt|gefunden|zusammengestellt)",
            r"weil du",
            r"dein(?:e|en|em|er)? (?:\w+ )?(?:lieblings\w*|geschmack|stil|letzte\w*)",
            r"dein(?:e|en|em|er)? (?:\w+ )?(?:einkauf|kauf|bestellung)*",
            r"du (?:\w+ ){0,4}(?:gekauft|bestellt|angesehen)",
            r"wir haben dich vermisst",
            r"willkommen zuruck",
        ],
        "fr": [
            r"(?:choisi|selectionne)\w* (?:\w+ )?pour vous",
            r"(?:parce que vous|vous nous avez manque)",
            r"(?:vos?|votre) (?:\w+ )?(?:achats?|commandes?|dernier\w*)",
            r"(?:vos?|votre) (?:\w+ )?(?:gouts?|preferes?|preferences|favoris|style)",
            r"vous avez (?:\w+ )?(?:achete|commande|aime|regarde)",
            r"(?:fidelite|bon retour)",
        ],
        "es": [
            r"(?:elegid|escogid|seleccionad|pensad)[ao]s? (?:\w+ )?para ti",
            r"porque (?:compraste|has)",
            r"tus? (?:\w+ )?(?:compras?|pedidos?|gustos?|favorit[ao]s?|preferid[ao]s?|estilo|ultim[ao]s?)",
            r"(?:has|compraste|pediste) (?:\w+ )?(?:comprado|pedido|mirado)",
            r"te (?:hemos )?ech\w+ de menos",
        ],
    },
)
