"""The words by which categories and tags tell that a product is sensitive, by topic, in English, German, French,
Spanish and Norwegian.

Written as sensitive.py compares them: lower case, without accents ("ö" as "o", "ø" as "o"); a star stands for any
ending. Words that mean something harmless as often ("cross", "cannon", "rum") are left out: a shop adds its own.
"""

from __future__ import annotations

from collections.abc import Mapping

_HEALTH = """
    medicine, medicines, medication*, pharmac*, prescription*, incontinence, contracept*, pregnancy, fertility,
    diabet*, hemorrhoid*, haemorrhoid*, laxative*, antidepress*, psychiatr*, slimming, weight loss, diet pills,
    hearing aid*, sanitary towel*, sanitary pad*, feminine hygiene, tampon*, menstrua*, hiv, medical*,
    arznei*, medikament*, apotheke*, rezeptpflichtig*, inkontinenz*, verhutung*, schwangerschaft*, fruchtbarkeit*,
    abfuhrmittel*, schlankheit*, abnehmen, horgerat*, damenbinde*, damenhygiene, medizin*,
    medicament*, ordonnance*, grossesse*, fertilite, hemorroide*, laxatif*, minceur, perte de poids,
    serviette* hygienique*, hygiene intime, appareil* auditif*,
    medicina*, farmacia*, receta medica, incontinencia, anticoncep*, embarazo, fertilidad, laxante*, adelgaza*,
    compresa*, audifono*,
    medisin*, legemid*, apotek*, resept*, inkontinens*, prevensjon*, graviditet*, slanke*, vekttap, horeapparat*, sanitetsbind*
"""
_INTIMATE = """
    adult only*, adults only, erotic*, sex toy*, sextoy*, sexual*, condom*, lubricant*, vibrator*, lingerie, fetish*,
    bdsm, intimate*, intimacy, porn*, nsfw,
    erotik*, sexspielzeug*, kondom*, gleitgel*, dessous, intim*, reizwasche,
    erotique*, preservatif*, lubrifiant*, jouet* sexuel*, sexuel*,
    erotico*, erotica*, preservativo*, lubricante* intimo*, juguete* sexual*, lenceria*,
    sexleke*, glidemid*
"""
_BELIEF = """
    religio*, christian*, catholic*, islam*, muslim*, jewish, judai*, buddhis*, hindu*, bible*, quran*, koran*, rosary,
    rosaries, prayer*, communion, baptism, political*, politics, trade union*,
    religios*, christlich*, katholisch*, muslimisch*, judisch*, bibel*, rosenkranz*, gebet*, kommunion, taufe,
    politisch*, gewerkschaft*,
    religieu*, chretien*, catholique*, musulman*, juif, juive*, priere*, chapelet*, bapteme, politique*, syndicat*,
    cristian*, catolic*, judio*, judia*, biblia*, rosario*, oracion*, bautizo, politica*, politico*, sindicato*,
    kristen*, katolsk*, jodisk*, bonnebok*, konfirmasjon*, politisk*, fagforening*
"""
_ORIENTATION = """
    gay, lesbian*, lgbt*, queer, transgender, schwul*, lesbisch*, lesbienne*, lesbiana*, homofil*
"""
_ALCOHOL = """
    alcohol*, wine, wines, beer, beers, whisky*, whiskey*, vodka*, liqueur*, brandy, champagne*, prosecco, spirits,
    absinthe, tequila, cocktails,
    alkohol*, wein, weine, rotwein*, weisswein*, schaumwein*, sekt, bier, biere, wodka*, spirituosen, schnaps*, likor*,
    alcool*, vin, vins, vin rouge, vin blanc, bieres, spiritueux, liqueurs, eau de vie,
    vino, vinos, cerveza*, licor*, aguardiente*, cava,
    vin og brennevin, rodvin*, hvitvin*, ol, brennevin*, sprit, akevitt*
"""
_TOBACCO = """
    tobacco*, cigar*, cigarette*, nicotine*, vape*, vaping, e-liquid*, hookah*, shisha*, snus, cannabis*, cbd, hemp oil,
    tabak*, zigarre*, zigarette*, nikotin*, hanfol, tabac*, narguile*, tabaco*, cigarrillo*, puro habano*, nicotina*,
    tobakk*, sigar*, sigarett*
"""
_GAMBLING = """
    gambling, casino*, lotter*, betting, gluckspiel*, glucksspiel*, wetten, lotto, jeux d'argent, loterie*, paris sportifs,
    apuestas, loteria*, juegos de azar, pengespill, tipping
"""
_WEAPONS = """
    weapon*, firearm*, handgun*, rifle*, ammunition, ammo, pepper spray*, taser*,
    waffe*, schusswaffe*, munition*, pfefferspray*, arme a feu, armes a feu, bombe* lacrymogene*,
    arma, armas, armas de fuego, municion*, gas pimienta, vapen*, skytevapen*, ammunisjon*, pepperspray*
"""
_AGE = """
    age restricted, age-restricted, 18+, over 18, 18 plus, adults only, ab 18, fsk 18, interdit aux mineurs,
    plus de 18 ans, mayores de 18, aldersgrense*, 18 ar
"""


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word for part in listed.split(",") if (word := " ".join(part.split())))


TOPIC_WORDS: Mapping[str, tuple[str, ...]] = {
    "health": _words(_HEALTH),
    "intimate": _words(_INTIMATE),
    "belief": _words(_BELIEF),
    "orientation": _words(_ORIENTATION),
    "alcohol": _words(_ALCOHOL),
    "tobacco": _words(_TOBACCO),
    "gambling": _words(_GAMBLING),
    "weapons": _words(_WEAPONS),
    "age": _words(_AGE),
}
