"""Health, environment and materials: claims that the law wants proved, or that the product's data must bear out.

Health claims are for nobody to make in a shop's mail (in the EU: Regulation 1924/2006 for food, 2017/745 for what
is no medical device); claims of being good for the climate or the environment are for nobody without proof (Directive
2024/825). What a thing is made of may be said where the product's own data says it.
"""

from __future__ import annotations

from campaigns.copywriting.claims.matching import Family, Finder

HEALTH = Family(
    "health",
    "claims something about health ({})",
    {
        "en": [
            r"(?:heals?|healing|healed|heals)",
            r"cures? for (?:\w+ )?(?:colds?|pains?|headaches?|illness\w*|disease\w*|cancer|insomnia|stress)",
            r"cur(?:es?|ed|ing) (?:\w+ )?(?:colds?|flu|everything|pains?|cancer|disease\w*|illness\w*|headaches?|insomnia|stress|anxiety|allerg\w+)",
            r"(?:relieves?|reliev\w+|relief from|eases?|soothes?) (?:\w+ ){0,2}(?:pains?|aches?|stress|tension|symptoms?|joints?"
            r"|muscles?|anxiety|headaches?|backs?|skin|inflammation|nausea|sickness|cramps?|itch\w*)",
            r"(?:pain|stress|ache|headache|tension) (?:relief|relieving|reliever|free|killer|killing)",
            r"(?:back|joint|muscle|knee|neck|chronic) pain",
            r"(?:prevents?|preventing|wards? off|fights?|stops?|against) (?:\w+ )?(?:colds|flu|disease\w*|illness\w*|injur\w+"
            r"|infections?|virus\w*|germs|bacteria|cancer|allerg\w+|ageing|aging|a cold)",
            r"(?:boosts?|strengthens?|supports?|improves?) (?:\w+ )?(?:immun\w+|metabolism|circulation|health|digestion|posture"
            r"|blood \w+|memory|sleep|concentration|wellbeing)",
            r"(?:immune system|immunity|blood pressure|arthritis|migraines?|eczema|insomnia)",
            r"(?:anti (?:inflammatory|ageing|aging|bacterial|viral)|detox*|therapeutic*|therapy|medicinal*)",
            r"(?:detox|therapeutic|medicinal|antibacterial|antiviral|antiinflammatory)*",
            r"(?:clinically|medically|scientifically) (?:proven|tested)",
            r"(?:doctor|dermatologist|physio\w*) (?:recommended|approved|tested)",
            r"(?:lose|losing) weight",
            r"(?:weight loss|fat burning|burns? (?:fat|calories)|slimming)",
            r"health(?:y|ier|iest|ily)?",
            r"good for (?:your|the) (?:back|joints|heart|skin|feet|knees|body|mind|posture)",
            r"(?:allergen free|hypoallergenic)",
            r"(?:doctors?|physicians?|dermatologists?|physio\w*|nurses?|dentists?|experts?) (?:\w+ )?(?:recommend|approve|swear"
            r"|advise|prescribe|agree|trust)\w*",
            r"(?:recommended|approved|tested|trusted) by (?:\w+ )?(?:doctors?|physicians?|dermatologists?|physio\w*|experts?)",
            r"sleep(?:s|ing)? (?:better|deeper|sounder)",
            r"ach(?:es?|y)",
        ],
        "de": [
            r"(?:heilt|heilen|heilende?\w*|geheilt)",
            r"(?:heilung|heilsam|heilkraft|heilmittel|heilwirkung)*",
            r"linder(?:t|n|nd\w*|ung)",
            r"*schmerz*",
            r"(?:beugt|beugen) .{0,40}\bvor",
            r"vorbeug*",
            r"(?:gegen|schutzt vor|hilft bei|bei) (?:\w+ )?(?:erkaltung\w*|grippe|krankheit\w*|infekt\w*|viren|keime\w*|stress"
            r"|rucken\w*|verspannung\w*|allergi\w*|falten)",
            r"(?:starkt|starken|fordert|verbessert) (?:\w+ )?(?:immun\w*|abwehr\w*|gesundheit|durchblutung|stoffwechsel|haltung"
            r"|schlaf|kreislauf|wohlbefinden)",
            r"(?:immunsystem|abwehrkrafte|entzundungshemmend|antibakteriell|therapeutisch|therapie|medizinisch)*",
            r"gesund(?:e[nmrs]?|er|heit\w*)?",
            r"(?:klinisch|arztlich|dermatologisch) (?:getestet|gepruft|empfohlen)\w*",
            r"(?:arzte|arztinnen|arzt|dermatolog\w*|experten|physiotherap\w*|orthopad\w*) (?:\w+ )?(?:empf(?:ehlen|iehlt)|raten"
            r"|vertrauen|schworen)",
            r"(?:von|vom) (?:\w+ )?(?:arzte?n?|arztinnen|dermatologen|experten|orthopaden) (?:empfohlen|getestet|gepruft)",
            r"(?:besser schl(?:aft|afen|afst)|schl(?:aft|afen|afst|af) (?:\w+ )?besser)",
            r"(?:abnehmen|fettverbrennung|entschlack\w*|entgift\w*|gelenkschonend\w*|ruckenschonend\w*)",
        ],
        "fr": [
            r"(?:guerit|guerir|guerison\w*|guerissent)",
            r"(?:soulage|apaise|calme|attenue)(?:r|nt|z)? (?:\w+'|\w+ ){0,3}(?:douleurs?|maux|stress|tensions?|articulations?|muscles?"
            r"|mal|dos|peau)",
            r"soulage(?:r|ment|nt)?",
            r"douleurs?",
            r"(?:previent|prevenir|previennent|protege de|contre) (?:\w+'|\w+ ){0,2}(?:rhumes?|grippe|maladies?|infections?|virus|maux"
            r"|microbes|mal|blessures?|allergies?|stress|rides)",
            r"(?:renforce|stimule|booste|ameliore|favorise)(?:r|nt)? (?:\w+'|\w+ ){0,2}(?:immunit\w+|defenses|sante|circulation|digestion"
            r"|metabolisme|sommeil|posture|bien etre)",
            r"(?:immunitaire|therapeutique|antidouleur|antibacterien|anti inflammatoire|anti age|anti stress|medicinal)*",
            r"(?:sante|sain pour|sains? pour)",
            r"(?:cliniquement|medicalement|dermatologiquement) (?:prouve|teste)*",
            r"(?:medecins?|docteurs?|dermatologues?|kines?|experts?|specialistes?) (?:\w+ )?(?:recommand|conseill|approuv|prescri)*",
            r"(?:recommande|conseille|approuve|teste)(?:e|s|es)? par (?:\w+ )?(?:medecins?|docteurs?|dermatologues?|kines?"
            r"|experts?|specialistes?)",
            r"(?:dormez mieux|dormir mieux|mieux dormir)",
            r"(?:amincissant|perte de poids|perdre du poids|brule graisses?|detox)*",
        ],
        "es": [
            r"(?:cura (?:el|la|los|las|todo|tu)|curar|curativ\w+|sanar|sanador\w*)",
            r"(?:alivia|calma|reduce)(?:r|n)? (?:\w+ ){0,2}(?:dolor\w*|estres|molestias|tension\w*|articulacion\w*|musculos?|espalda)",
            r"alivi(?:a|ar|o|an)",
            r"dolor(?:es)?",
            r"(?:previene|prevenir|protege de|contra|evita) (?:\w+ ){0,2}(?:resfriad\w*|gripe|enfermedad\w*|infeccion\w*|virus|lesion\w*"
            r"|germenes|alergi\w*|estres|arrugas)",
            r"(?:refuerza|fortalece|mejora|estimula)(?:r|n)? (?:\w+ ){0,2}(?:inmun\w*|defensas|salud|circulacion|digestion|metabolismo"
            r"|sueno|postura|bienestar)",
            r"salud(?:able\w*)?",
            r"(?:terapeutic|terapia|medicinal|antiinflamatori|antibacterian|antiedad|inmunitari|inmunologic)*",
            r"(?:clinicamente|dermatologicamente) (?:probad|testad)*",
            r"(?:medic[ao]s?|doctor\w*|dermatolog[ao]s?|fisio\w*|expert[ao]s?|especialistas) (?:\w+ )?(?:recom|aconsej|aprueb)*",
            r"(?:recomiend|aconsej)\w* (?:l[ao]s )?(?:medic|doctor|dermatolog|fisio|expert|especialist)*",
            r"(?:recomendad|aconsejad)[ao]s? por (?:\w+ )?(?:medic|doctor|dermatolog|fisio|expert|especialist)*",
            r"(?:duerm\w+|dormir) mejor",
            r"(?:adelgaza\w*|perder peso|quemagrasas|detox)",
        ],
    },
    # In French "pain" is bread.
    {"en": [r"pain(?:s|ful)?(?! (?:au chocolat|de campagne))", r"cures?(?! for)"], "es": [r"cura"]},
)

ENVIRONMENT = Family(
    "environment",
    "claims something about the environment ({})",
    {
        "any": [r"co2*", r"(?:eco|oko) ?(?:friendly|bilanz\w*)"],
        "en": [
            r"(?:climate|carbon|emission|emissions) (?:neutral\w*|positive|negative|free|footprint|conscious)",
            r"(?:zero|net zero|low) (?:carbon|emissions?|waste|impact)",
            r"net zero",
            r"(?:eco|environmentally|planet|climate|earth|nature) friendly",
            r"(?:good|better|kind|kinder|gentle) (?:for|to|on) the (?:planet|environment|climate|earth)",
            r"(?:save|saves|saving|protects?|helps?) (?:the )?(?:planet|environment|climate)",
            r"(?:eco|environmentally) (?:conscious|responsible|sound|safe)",
            r"sustainab(?:le|ly|ility)",
            r"(?:carbon|plastic) (?:offset\w*|neutral\w*)",
            r"green (?:choice|product|brand|energy)",
        ],
        "de": [
            r"(?:klima|umwelt|co2) ?(?:neutral|freundlich|schonend|positiv|bewusst|vertraglich|gerecht)*",
            r"(?:nachhaltig|emissionsfrei|okologisch|ressourcenschonend|umweltschutz|klimaschutz)*",
            r"gut fur (?:die umwelt|das klima|den planeten|die natur)",
            r"(?:schont|schutzt|rettet) (?:die umwelt|das klima|den planeten|ressourcen)",
        ],
        "fr": [
            r"(?:neutre en carbone|neutralite carbone|zero (?:carbone|emission\w*|dechet\w*)|empreinte carbone|bas carbone)",
            r"(?:ecologique|ecoresponsable|eco responsable|ecolo|eco concu|respectueu\w* de (?:l'environnement|la (?:nature|planete)))*",
            r"(?:bon|mieux|bonne) pour (?:la planete|l'environnement|le climat)",
            r"(?:developpement durable|mode durable|sauve\w* la planete|protege\w* la planete)",
        ],
        "es": [
            r"(?:neutr[ao]s? en carbono|cero emisiones|huella de carbono|carbono neutral|residuo cero)",
            r"(?:ecologic|sostenib|sustentab|ecoamigab|ecoresponsab)*",
            r"(?:bueno|mejor|buena) para (?:el planeta|el medio ambiente|el clima)",
            r"respetuos[ao]s? con (?:el medio ambiente|el planeta|la naturaleza)",
            r"(?:salva|cuida|protege) el planeta",
        ],
    },
)

# What a thing is made of, in the four languages: true where the product's own data says it in any of them.
_MATERIALS = {
    "organic": [
        r"organic(?:ally)?",
        r"bio(?:logisch\w*|logique\w*|baumwolle|qualitat|wolle)?",
        r"(?:aus )?(?:kontrolliert )?biologisch\w* anbau",
        r"(?:coton|laine|lin) (?:bio|biologique)",
        r"(?:algodon|lana) (?:organico|organica|ecologic[ao])",
        r"organic[ao]s?",
    ],
    "recycled": [r"(?:recycl|recycel|upcycl|upcycel|recicla)*"],
    "degradable": [r"(?:biodegradab|compostab|biologisch abbaubar|kompostierbar|biodegradab)*"],
    "plastic free": [r"plastic free", r"plastikfrei*", r"sans plastique", r"sin plastico"],
    "vegan": [r"vegan*", r"(?:cruelty free|tierversuchsfrei\w*|libre de crueldad)"],
    "fair": [
        r"fair ?trade",
        r"fairer handel",
        r"(?:fair|ethically) (?:made|produced|gehandelt\w*|produziert\w*|hergestellt\w*|sourced)",
        r"commerce equitable",
        r"comercio justo",
    ],
    "handmade": [
        r"hand ?(?:made|crafted|sewn|knitted|woven|painted)",
        r"(?:handgemacht|handgefertigt|handgenaht|handgestrickt|handgewebt)*",
        r"(?:fait|faite|faits|faites|cousus?|tissee?s?) (?:a la )?main",
        r"hech[ao]s? a mano",
    ],
    "origin": [
        r"made in (?!the (?:shade|dark))\w+",
        r"(?:hergestellt|gefertigt|produziert) in \w+",
        r"(?:fabrique|fait|produit)(?:e|s|es)? en (?:france|europe|italie|espagne|allemagne|angleterre|ecosse|norvege)",
        r"(?:hech|fabricad)[ao]s? en (?:espana|europa|italia|francia|alemania)",
    ],
}

MATERIALS: dict[str, Family] = {
    name: Family(
        "material",
        "says of a product what its data does not ({})",
        {"any": tuple(patterns)},
        in_titles=True,
    )
    for name, patterns in _MATERIALS.items()
}
"""By what is said: a claim that stands where the product's data makes it too."""

_SAID = {name: Finder(patterns) for name, patterns in _MATERIALS.items()}


def bears_out(concept: str, folded: str) -> bool:
    """Whether a product's folded data says that it is so (`concept` is a key of MATERIALS)."""
    return bool(_SAID[concept].first(folded))
