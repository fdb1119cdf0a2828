"""Days, months, deadlines, times of delivery: what only data may state."""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family
from campaigns.copywriting.claims.numbers import NUMBER

_DAY = {
    "en": r"(?:mon|tues|wednes|thurs|fri|satur|sun)day",
    "de": r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)",
    "fr": r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)",
    "es": r"(?:lunes|martes|miercoles|jueves|viernes|sabado|domingo)",
}
_MONTH = {
    # "May" and "march" are words of their own, and need something before them that makes them months.
    "en": r"(?:january|february|april|june|july|august|september|october|november|december)",
    "de": r"(?:januar|februar|marz|april|mai|juni|juli|august|september|oktober|november|dezember)",
    "fr": r"(?:janvier|fevrier|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre)",
    "es": r"(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)",
}
# What one does on any Sunday.
_ANY_SUNDAY = (
    r"walks?|strolls?|mornings?|afternoons?|evenings?|lunch(?:es)?|roasts?|breakfasts?|brunch(?:es)?|drives?|rides?"
    r"|baking|dinners?|hikes?|feeling|best|papers?"
)

CALENDAR = Family(
    "date",
    "names a day or month ({}); dates are written as placeholders",
    {
        "en": [
            rf"(?:on|this|next|by|until|till|from|before|after|since|last|come) (?:\w+ )?{_DAY['en']}",
            rf"{_DAY['en']}(?! (?:{_ANY_SUNDAY})(?!\w))",
            _MONTH["en"],
            r"(?:in|by|until|till|early|late|mid|next|through|from|since) (?:march|may)(?! (?:be|have|come|the))",
            r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|fifteenth|twentieth|last) of (?:march|may)",
        ],
        "de": [
            rf"(?:am|bis|ab|diesen|nachsten|kommenden|vor|seit) (?:\w+ )?{_DAY['de']}(?:morgen|abend|mittag|nacht)?",
            _DAY["de"],
            _MONTH["de"],
        ],
        "fr": [
            # "Le dimanche" and "du dimanche" are every Sunday.
            rf"(?<!\ble )(?<!\bdu ){_DAY['fr']}",
            rf"(?:avant|jusqu'au|des|a partir du|a compter du|d'ici) (?:le |au |a )?{_DAY['fr']}",
            _MONTH["fr"],
            r"(?:en|d'ici|fin|debut|de|jusqu'en|jusqu'a fin|mois de) mars",
        ],
        "es": [
            rf"(?<!\blos )(?<!\bde ){_DAY['es']}",
            rf"(?:antes de|a partir de|hasta|desde) (?:el |del |los )?{_DAY['es']}",
            _MONTH["es"],
        ],
    },
    in_titles=True,
)

DEADLINE = Family(
    "date",
    "sets a time ({}); dates are written as placeholders",
    {
        "en": [
            r"(?:until|till|by) (?:midnight|noon|tonight|tomorrow|next \w+|christmas|easter|this \w+)",
            r"(?:until|till|by|before) (?:the )?end of (?:the |this )?(?:day|week|weekend|month|year)",
            r"before midnight",
            r"(?:starts|begins|launches|opens) (?:tomorrow|tonight|next (?:week|month|year)|this (?:week|weekend|month)"
            r"|at (?:midnight|noon))",
            rf"(?:within|in) (?:just |only |under )?(?:a few|{NUMBER['en']}) (?:hours?|days?|weeks?|minutes?)",
            r"(?:next|same) day (?:delivery|dispatch|shipping|service)",
            r"(?:delivered|arrives?|ships?|dispatched|at your door) (?:\w+ )?(?:today|tomorrow|tonight|overnight|within)",
            r"(?:fast|express|overnight|quick|rapid) (?:delivery|shipping|dispatch)",
        ],
        "de": [
            r"bis (?:heute|morgen|ubermorgen|mitternacht|weihnachten|ostern|wochenende|nachste[nrs]?(?! mal)|ende)",
            r"bis zum (?:wochenende|monatsende|jahresende|ende (?:der|des)|ersten)",
            rf"(?:innerhalb von|in|binnen) (?:nur )?(?:wenigen|{NUMBER['de']}) (?:tagen|stunden|minuten|wochen)",
            r"(?:lieferung|geliefert|versand) (?:\w+ )?(?:heute|morgen|uber nacht|am nachsten|innerhalb)",
            r"(?:heute|morgen|am nachsten tag|uber nacht) (?:\w+ )?(?:geliefert|verschickt|bei dir)",
            r"(?:express|schnelle|blitz) (?:lieferung|versand)",
            r"(?:startet|beginnt) (?:morgen|heute abend|nachste)",
        ],
        "fr": [
            r"jusqu'(?:a )?(?:minuit|demain|ce soir|dimanche|noel|paques)",
            r"(?:jusqu'a|avant|d'ici|des) la fin (?:de l'|de la |du |de )(?:mois|semaine|journee|annee|week end)",
            r"(?:avant|d'ici) (?:minuit|demain|ce soir)",
            rf"(?:sous|en) (?:seulement )?(?:quelques|{NUMBER['fr']}) (?:heures?|jours?|minutes?|semaines?)",
            r"livre(?:e|s|es)? (?:demain|sous|des demain|le lendemain|en express)",
            r"livraison (?:demain|sous|express|rapide|le lendemain)",
            r"(?:commence|debute) (?:demain|ce soir|la semaine prochaine)",
        ],
        "es": [
            r"hasta (?:hoy|manana|medianoche|la medianoche|(?:el )?fin de (?:mes|semana|ano)|navidad)",
            r"antes de(?:l)? (?:medianoche|la medianoche|manana|(?:el )?fin de (?:mes|semana|ano))",
            rf"en (?:solo )?(?:poc[ao]s|{NUMBER['es']}) (?:horas?|dias?|minutos?|semanas?)",
            r"(?:entrega|envio) (?:manana|al dia siguiente|urgente|express|rapid[ao])",
            r"(?:llega|llegara|recibel[oa]s?) (?:manana|hoy|en)",
            r"(?:empieza|comienza) (?:manana|esta noche|la semana que viene)",
        ],
    },
)
