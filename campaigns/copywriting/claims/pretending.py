"""Talk that a shop's suggestions never hold, and that those who defraud do: of orders and accounts, of prizes, of calling."""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family

PRETENCE = Family(
    "pretence",
    "speaks like a message about an order, an account or a prize ({}); this is a mail of suggestions",
    {
        "en": [
            r"your (?:order|parcel|package|shipment|account|password|card|payment|subscription|invoice|mailbox|membership)"
            r" (?:\w+ )?(?:is|has|was|were|will|could|needs?|requires?|expires?|failed)",
            r"(?:verify|confirm|update|unlock|restore|renew|check) your (?:\w+ )?(?:account|details|identity|password|payment"
            r"|address|card|e ?mail|subscription)",
            r"(?:unusual|suspicious) (?:activity|log ?in|sign ?in)",
            r"payment (?:failed|declined|due|overdue|received|required)",
            r"(?:log|sign) (?:in to|up at|in at)",
            r"(?:(?:dear|lucky|our) winners?|the winners? (?:is|are))",
            r"you (?:were|are|have been) (?:chosen|selected|drawn)(?! to)",
            r"you(?:'ve| have)? won",
            r"(?:claim|collect|redeem) your",
            r"(?:prizes?|jackpots?|lotter(?:y|ies)|raffles?|sweepstakes?|giveaways?)",
        ],
        "de": [
            r"dein(?:e|em|er|en)? (?:bestellung|paket|lieferung|sendung|konto|passwort|rechnung|zahlung|karte|abo|zugang)"
            r" (?:\w+ )?(?:ist|wurde|wird|hat|lauft|muss|konnte)",
            r"(?:bestatige|prufe|aktualisiere|verifiziere|entsperre) (?:bitte )?dein\w* (?:konto|daten|passwort|zahlung|adresse"
            r"|karte|zugang|identitat)*",
            r"(?:gewinner|gewinnspiel|verlosung|hauptgewinn|lotterie)*",
            r"hast (?:\w+ )?gewonnen",
            r"du (?:wurdest|bist) (?:\w+ )?(?:ausgewahlt|ausgelost|gezogen|auserwahlt)",
        ],
        "fr": [
            r"(?:votre|vos) (?:commande|colis|compte(?! a rebours)|mot de passe|facture|paiement|abonnement)s? (?:\w+ )?(?:est|sont|sera"
            r"|doit|expire|(?:a|ont) (?:ete|expire))",
            r"(?:confirmez|verifiez|actualisez|debloquez|mettez a jour) (?:votre|vos) (?:compte|coordonnees|donnees|mot de passe"
            r"|paiement|carte|adresse|identite)",
            r"(?:gagnante?s?|tirage au sort|loterie|jeu concours|jackpot|tombola)",
            r"vous avez (?:gagne|ete (?:choisi|tire|selectionne)\w*)",
        ],
        "es": [
            r"(?:tu|su) (?:pedido|paquete|cuenta|contrasena|factura|pago|tarjeta|suscripcion) (?:\w+ )?(?:esta|ha|fue|sera|debe"
            r"|caduca)",
            r"(?:confirma|verifica|actualiza|desbloquea) (?:tus?|sus?) (?:cuenta|datos|pago|contrasena|direccion|tarjeta|identidad)",
            r"(?:ganador\w*|sorteos?|loteria|premios?)",
            r"(?:has (?:ganado|sido (?:elegid|seleccionad)\w*)|fuiste (?:elegid|seleccionad)\w*)",
        ],
    },
)

CONTACT = Family(
    "contact",
    "asks to call or to write somewhere ({}); the shop's address stands under every mail",
    {
        "en": [
            r"(?:call|ring|phone|text|e ?mail) us(?! (?:old|crazy|biased|sentimental))",
            r"give us a (?:call|ring)",
            r"(?:call|phone) (?:now|today|this number|toll free)",
            r"hot ?lines?",
        ],
        "de": [
            r"(?:ruf|ruft|rufen sie) (?:uns|jetzt|gleich|heute) (?:\w+ )?an",
            r"(?:telefonnummer|anrufen)",
            r"schreib(?:e|t|en sie)? (?:uns )?an (?:die|unter|folgende)",
        ],
        "fr": [r"(?:appelez|telephonez|contactez)(?: nous)?", r"numero vert"],
        "es": [r"(?:llamanos|llamenos|escribenos a)", r"llama (?:ya|ahora|hoy|al|gratis)"],
    },
)
