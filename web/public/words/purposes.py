"""The purposes in words: what stands beside the box of each, and is kept as the wording of a consent."""

from __future__ import annotations

from collections.abc import Mapping

# For each purpose in the order of PURPOSES: a short name and what agreeing means. Recorded as the wording
# of a consent given on the page, so a change of meaning needs new words here, not corrected old ones.
PURPOSE_WORDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "en": (
        ("Marketing mails", "You may write to me about products and offers."),
        (
            "Personal suggestions",
            "You may use what I bought, what I look at and what I like to choose products and words for me.",
        ),
        ("Measuring opens and clicks", "You may record whether I open a mail or follow a link in it."),
        ("Place of opening", "You may use my rough location when I open a mail, to show a fitting picture."),
    ),
    "de": (
        ("Werbe-E-Mails", "Sie dürfen mir zu Produkten und Angeboten schreiben."),
        (
            "Persönliche Vorschläge",
            "Sie dürfen nutzen, was ich gekauft und angesehen habe und was mir gefällt, um Produkte und Texte für mich auszuwählen.",
        ),
        (
            "Öffnungen und Klicks messen",
            "Sie dürfen festhalten, ob ich eine E-Mail öffne oder einem Link darin folge.",
        ),
        (
            "Ort des Öffnens",
            "Sie dürfen meinen ungefähren Ort beim Öffnen nutzen, um ein passendes Bild zu zeigen.",
        ),
    ),
    "fr": (
        ("E-mails publicitaires", "Vous pouvez m’écrire au sujet de produits et d’offres."),
        (
            "Suggestions personnelles",
            "Vous pouvez utiliser mes achats, ce que je regarde et mes préférences pour choisir des produits et des textes pour moi.",
        ),
        (
            "Mesure des ouvertures et des clics",
            "Vous pouvez enregistrer si j’ouvre un e-mail ou si je suis un de ses liens.",
        ),
        (
            "Lieu d’ouverture",
            "Vous pouvez utiliser ma position approximative à l’ouverture pour montrer une image adaptée.",
        ),
    ),
    "es": (
        ("Correos publicitarios", "Pueden escribirme sobre productos y ofertas."),
        (
            "Sugerencias personales",
            "Pueden usar mis compras, lo que miro y mis gustos para elegir productos y textos para mí.",
        ),
        ("Medir aperturas y clics", "Pueden registrar si abro un correo o sigo un enlace suyo."),
        (
            "Lugar de apertura",
            "Pueden usar mi ubicación aproximada al abrir un correo para mostrar una imagen adecuada.",
        ),
    ),
    "no": (
        ("Reklame-e-poster", "Dere kan skrive til meg om produkter og tilbud."),
        (
            "Personlige forslag",
            "Dere kan bruke det jeg har kjøpt, det jeg ser på og det jeg liker, til å velge produkter og ord for meg.",
        ),
        (
            "Måling av åpninger og klikk",
            "Dere kan registrere om jeg åpner en e-post eller følger en lenke i den.",
        ),
        (
            "Sted for åpning",
            "Dere kan bruke omtrentlig sted når jeg åpner en e-post, for å vise et passende bilde.",
        ),
    ),
}
