"""Words of titles that say how a thing looks or how big it is, and not what it is; without accents, lower case."""

from __future__ import annotations

from collections.abc import Mapping


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


COLOURS = _words(
    """black white red blue green yellow orange pink purple brown grey gray beige ivory cream navy turquoise violet
    silver gold golden bronze copper teal lilac mint dark light bright pastel multicolour multicolor coloured
    schwarz weiss rot rote roter rotes blau blaue grun grune gelb rosa lila braun grau silber dunkel hell bunt
    noir noire blanc blanche rouge bleu bleue vert verte jaune rose marron gris grise argent dore clair fonce
    negro negra blanco blanca rojo roja azul verde amarillo amarilla rosado morado gris plata dorado claro oscuro
    svart hvit rod roed bla gronn gul oransje brun gra solv gull mork lys"""
)
_MANNERS = _words(
    """the and with for from set pack pair pairs piece pieces large small big mini medium tall long short new classic vintage
    retro design style deluxe premium basic original modern everyday
    der die das und mit fur von paar stuck gross klein neu klassisch
    les des avec pour une lot paire grand grande petit petite nouveau nouvelle
    los las con para una juego par grande pequeno nuevo nueva
    og med til fra sett par stor liten ny"""
)
_STUFFS = _words(
    """metal wood wooden glass cotton paper plastic ceramic leather steel iron wool linen enamel porcelain
    holz metall glas baumwolle papier leder stahl wolle leinen porzellan
    bois verre coton papier cuir acier laine lin metal
    madera vidrio algodon papel cuero acero lana lino
    tre ull bomull papir laer stal"""
)

LOOKS = COLOURS | _MANNERS | _STUFFS
SIZES = _words("xxs xs s m l xl xxl xxxl 3xl 4xl")
SIZE_UNITS: Mapping[str, tuple[str, float]] = {
    "ml": ("l", 0.001), "cl": ("l", 0.01), "dl": ("l", 0.1), "l": ("l", 1.0), "litre": ("l", 1.0), "liter": ("l", 1.0),
    "litres": ("l", 1.0), "g": ("kg", 0.001), "gr": ("kg", 0.001), "kg": ("kg", 1.0), "mm": ("cm", 0.1),
    "cm": ("cm", 1.0), "m": ("cm", 100.0), "inch": ("cm", 2.54), "w": ("w", 1.0), "watt": ("w", 1.0),
    "pack": ("pieces", 1.0), "pairs": ("pieces", 1.0), "pieces": ("pieces", 1.0), "pcs": ("pieces", 1.0),
    "stuck": ("pieces", 1.0), "persons": ("persons", 1.0), "person": ("persons", 1.0),
}  # fmt: skip
"""The base of each unit and how many of it make one."""
