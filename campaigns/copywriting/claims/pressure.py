"""Scarcity, pressing for time, stock."""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family
from campaigns.copywriting.claims.numbers import NUMBER

# "The last days of summer" presses nobody.
_NOT_OF_THE_SEASON = {
    "en": r"(?! of (?:the )?(?:summer|winter|autumn|fall|spring|year|season|day|daylight|light|sun|evening|snow))",
    "de": r"(?! (?:des|vom|der|im) (?:sommer|winter|herbst|fruhling|jahr|tag|abend|sonne|schnee))",
    "fr": r"(?! (?:de la |de l'|d'|du |de )(?:ete|hiver|automne|printemps|annee|jour|soleil|neige|saison))",
    "es": r"(?! (?:de la |del |de )(?:verano|invierno|otono|primavera|ano|dia|sol|nieve|luz|tarde))",
}

SCARCITY = Family(
    "scarcity",
    "claims scarcity or presses for time ({})",
    {
        "en": [
            rf"last (?:chances?|calls?|days?|hours?|minute|ones?|pieces?|orders?){_NOT_OF_THE_SEASON['en']}",
            rf"final (?:hours?|days?|call|chance){_NOT_OF_THE_SEASON['en']}",
            r"(?:only|just) (?:a )?(?:few|one|two|three|some|handful)\b.{0,25}\b(?:left|remain\w*)",
            r"(?:very )?few (?:\w+ )?(?:left|remain\w*)",
            rf"(?:{NUMBER['en']}) (?:\w+ )?(?:left|remain\w*|to go)",
            r"while (?:(?:the )?stocks?|(?:the )?suppl\w+) lasts?",
            r"while you (?:still )?can",
            r"(?<!no )(?<!to )(?<!in a )(?<!not )(?<!don't )(?<!never )hurry",
            r"act (?:now|fast|quickly|today)",
            r"(?<!in )(?:order|buy|shop) (?:now )?before",
            r"limited (?:time|offers?|stock|edition|quantit\w+|availability|run|supply)",
            r"for a short time",
            r"(?:ends?|ending|expires?|over|gone|closing) (?:soon|today|tonight|tomorrow)",
            r"(?:today|tonight|this week|this weekend|this month) only",
            r"only (?:today|now|tonight|this week|this weekend|this month|until)(?! \{)",
            r"almost (?:gone|sold)",
            r"(?:going|selling|sells?) (?:out )?fast",
            r"selling out",
            r"(?:in )?(?:high|huge) demand",
            r"(?:don'?t|do not|never) (?:miss|wait)(?: (?:out|it|this))?",
            r"miss out",
            r"now or never",
            r"running (?:out|low)(?! of (?:breath|daylight|light))",
            r"~\d\W{0,2}(?:left|remaining|ubrig|restant\w*|quedan)\b",
            r"before (?:it is|it's|they are|they're) (?:too late|gone|all gone)",
            r"before they go",
            r"(?:only|just) \{stock\}",
            r"\{stock\} (?:left|only)",
        ],
        "de": [
            r"letzte[nrs]? (?:chance|gelegenheit|moglichkeit|tage?n?|stunden?|stucke?|exemplare?|paare?)"
            + _NOT_OF_THE_SEASON["de"],
            r"nur noch (?:heute|morgen|wenige\w*|einige|kurze?|bis|diese\w*|fur|solange|jetzt|ein(?:e|en)?"
            r"|(?:eine? )?(?:hand\w*|paar))",
            rf"(?:nur )?noch (?:{NUMBER['de']}) (?:stuck|tage?n?|stunden?|exemplare?|paare?|da|ubrig)",
            r"(?<!nicht )nur (?:heute|jetzt|fur kurze zeit|dieses wochenende|diese woche|am wochenende)",
            r"(?<!nicht )nur bis(?! (?:zu[mr]? )?(?:\{|gipfel|ufer|ecke|tur))",
            r"solange (?:der )?vorrat",
            r"nur (?:noch )?\{stock\}",
            r"solange es (?:noch )?geht",
            r"(?<!nicht )(?<!kein )beeil*",
            r"(?:schnell sein|sei schnell|wer zuerst kommt)",
            r"(?:endet|ende) (?:bald|heute|morgen)",
            r"zeitlich begrenzt",
            r"limitiert*",
            r"bald (?:weg|vergriffen|ausverkauft)",
            r"jetzt (?:zuschlagen|zugreifen)",
            r"jetzt oder nie",
            r"verpass*",
            r"(?:zoger\w* nicht|nicht (?:langer )?(?:zogern|warten)|warte nicht)",
            r"fast (?:weg|vergriffen|ausverkauft)",
            r"begrenzte[rn]? (?:zeit|menge|stuckzahl|auflage)",
            r"(?:grosse|hohe) nachfrage",
        ],
        "fr": [
            r"dernier(?:e|s|es)? (?:chances?|jours?|heures?|minutes?|pieces?|exemplaires?|articles?|delai)"
            + _NOT_OF_THE_SEASON["fr"],
            r"ultimes? (?:chances?|jours?|heures?)",
            rf"plus que (?:quelques|{NUMBER['fr']})",
            r"il n'en reste",
            r"(?:plus que|seulement) \{stock\}",
            r"depech*",
            r"jusqu'a epuisement",
            r"(?:ne (?:tardez|ratez|manquez)|n'attendez (?:plus|pas)|a ne pas (?:rater|manquer))",
            r"(?:duree|temps|stocks?|quantites?|offres?|editions?|series?) limitee?s?",
            r"(?:aujourd'hui|ce week end|cette semaine|ce mois ci) (?:seulement|uniquement)",
            r"(?:seulement|uniquement) (?:aujourd'hui|ce week end|cette semaine|jusqu'\w*|maintenant)",
            r"(?:faites vite|vite avant|maintenant ou jamais|avant qu'il ne soit trop tard)",
            r"(?:se termine|expire|finit) (?:bientot|aujourd'hui|demain|ce soir)",
            r"(?:bientot|presque) (?:termine|epuise)*",
            r"(?:forte|grosse) demande",
            r"tant qu'il (?:en reste|est (?:encore )?temps)",
            r"partent vite",
        ],
        "es": [
            r"ultim[ao]s? (?:oportunidad\w*|unidades|horas?|dias?|piezas?|momento|plazas)"
            + _NOT_OF_THE_SEASON["es"],
            r"hasta agotar",
            r"(?:date prisa|apurate|apresura\w*)",
            r"(?<!no )solo (?:hoy|quedan?|por hoy|ahora|este fin de semana|esta semana|hasta)(?! \{)",
            r"quedan (?:muy )?poc[ao]s",
            rf"(?:solo )?quedan (?:{NUMBER['es']})",
            r"tiempo limitado",
            r"solo \{stock\}",
            r"(?:unidades|plazas|existencias|edicion(?:es)?|serie) limitadas?",
            r"no te l[oa]s? pierdas",
            r"no (?:esperes|lo dejes pasar|dejes pasar)",
            r"(?:se acaban?|terminan?) (?:pronto|hoy|manana)",
            r"corre,? que",
            r"(?:ahora o nunca|antes de que sea (?:demasiado )?tarde)",
            r"antes de que se (?:acabe|agote)*",
            r"mientras (?:duren|queden|puedas)",
            r"(?:gran|alta|mucha) demanda",
            r"vuelan",
        ],
    },
)

STOCK = Family(
    "stock",
    "claims something about stock ({})",
    {
        "en": [
            r"(?:in|out of|back in|low) stock",
            r"sold out",
            r"available (?:now|again)",
        ],
        "de": [
            r"(?:auf|am) lager",
            r"(?:vorratig|lieferbar|ausverkauft|vergriffen)",
            r"(?:wieder|jetzt|sofort) (?:verfugbar|erhaltlich)",
            r"(?<!fruhling ist )(?<!sommer ist )(?<!herbst ist )(?<!winter ist )(?<!du )wieder da(?! bist)",
        ],
        "fr": [r"(?:en|rupture de) stock", r"epuise(?:e|s|es)?", r"(?:de nouveau )?disponibles?"],
        "es": [r"agotad[ao]s?", r"en existencias?", r"en almacen", r"disponibles?"],
    },
)
