"""What the public pages say, in the languages of the mails."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

from campaigns.compose.content import language_of
from campaigns.models import PURPOSES

FALLBACK = "en"

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "unsubscribe_title": "Unsubscribe from our mails?",
        "unsubscribe_text": "One press, and we send you no more marketing mails. It takes effect at once.",
        "unsubscribe_button": "Unsubscribe",
        "unsubscribe_changed_mind": "Changed your mind? Just close this page: nothing has happened.",
        "unsubscribed_title": "You are unsubscribed",
        "unsubscribed_text": "We will not send you any more marketing mails. There is nothing else to do.",
        "preferences_title": "Your choices",
        "preferences_text": "Tick what you agree to. You may change your mind at any time, and it counts at once.",
        "save": "Save my choices",
        "none": "Unsubscribe from all",
        "none_text": "Withdraws everything above and ends all marketing mails.",
        "saved": "Saved. Your choices apply from now on, also to mails you already have.",
        "error_title": "This link leads nowhere",
        "error_text": "It may be incomplete or too old. Please use the link in the newest mail you have from us.",
        "busy_title": "One moment, please",
        "busy_text": "We could not do this just now. Please try the same link again in a minute.",
        "request_number": "Request number",
    },
    "de": {
        "unsubscribe_title": "Von unseren E-Mails abmelden?",
        "unsubscribe_text": "Ein Klick, und Sie bekommen keine Werbe-E-Mails mehr von uns. Das gilt sofort.",
        "unsubscribe_button": "Abmelden",
        "unsubscribe_changed_mind": "Doch nicht? Schließen Sie einfach diese Seite: Es ist nichts passiert.",
        "unsubscribed_title": "Sie sind abgemeldet",
        "unsubscribed_text": "Wir schicken Ihnen keine Werbe-E-Mails mehr. Mehr müssen Sie nicht tun.",
        "preferences_title": "Ihre Einstellungen",
        "preferences_text": "Kreuzen Sie an, womit Sie einverstanden sind. Sie können das jederzeit ändern; es gilt sofort.",
        "save": "Einstellungen speichern",
        "none": "Von allem abmelden",
        "none_text": "Widerruft alles oben und beendet alle Werbe-E-Mails.",
        "saved": "Gespeichert. Ihre Einstellungen gelten ab jetzt, auch für E-Mails, die Sie schon haben.",
        "error_title": "Dieser Link führt ins Leere",
        "error_text": "Er ist vielleicht unvollständig oder zu alt. Bitte nehmen Sie den Link aus unserer neuesten E-Mail.",
        "busy_title": "Einen Moment bitte",
        "busy_text": "Das ging gerade nicht. Bitte versuchen Sie denselben Link in einer Minute noch einmal.",
        "request_number": "Vorgangsnummer",
    },
    "fr": {
        "unsubscribe_title": "Vous désabonner de nos e-mails ?",
        "unsubscribe_text": "Un clic, et nous ne vous envoyons plus d’e-mails publicitaires. L’effet est immédiat.",
        "unsubscribe_button": "Me désabonner",
        "unsubscribe_changed_mind": "Vous avez changé d’avis ? Fermez cette page : rien n’a été modifié.",
        "unsubscribed_title": "Vous êtes désabonné",
        "unsubscribed_text": "Nous ne vous enverrons plus d’e-mails publicitaires. Vous n’avez rien d’autre à faire.",
        "preferences_title": "Vos choix",
        "preferences_text": "Cochez ce que vous acceptez. Vous pouvez changer d’avis à tout moment, avec effet immédiat.",
        "save": "Enregistrer mes choix",
        "none": "Me désabonner de tout",
        "none_text": "Retire tous les accords ci-dessus et met fin à tous les e-mails publicitaires.",
        "saved": "C’est enregistré. Vos choix s’appliquent dès maintenant, y compris aux e-mails déjà reçus.",
        "error_title": "Ce lien ne mène nulle part",
        "error_text": "Il est peut-être incomplet ou trop ancien. Utilisez le lien de notre e-mail le plus récent.",
        "busy_title": "Un instant, s’il vous plaît",
        "busy_text": "Cela n’a pas fonctionné. Veuillez réessayer le même lien dans une minute.",
        "request_number": "Numéro de la demande",
    },
    "es": {
        "unsubscribe_title": "¿Darse de baja de nuestros correos?",
        "unsubscribe_text": "Un clic y no le enviaremos más correos publicitarios. Tiene efecto inmediato.",
        "unsubscribe_button": "Darme de baja",
        "unsubscribe_changed_mind": "¿Ha cambiado de idea? Cierre esta página: no ha cambiado nada.",
        "unsubscribed_title": "Se ha dado de baja",
        "unsubscribed_text": "No le enviaremos más correos publicitarios. No tiene que hacer nada más.",
        "preferences_title": "Sus preferencias",
        "preferences_text": "Marque lo que acepta. Puede cambiarlo cuando quiera, con efecto inmediato.",
        "save": "Guardar mis preferencias",
        "none": "Darme de baja de todo",
        "none_text": "Retira todo lo anterior y pone fin a todos los correos publicitarios.",
        "saved": "Guardado. Sus preferencias valen desde ahora, también para los correos que ya tiene.",
        "error_title": "Este enlace no lleva a ninguna parte",
        "error_text": "Quizá esté incompleto o sea demasiado antiguo. Use el enlace de nuestro correo más reciente.",
        "busy_title": "Un momento, por favor",
        "busy_text": "No ha sido posible ahora. Vuelva a probar el mismo enlace dentro de un minuto.",
        "request_number": "Número de solicitud",
    },
    "no": {
        "unsubscribe_title": "Melde deg av e-postene våre?",
        "unsubscribe_text": "Ett trykk, og vi sender deg ikke flere reklame-e-poster. Det gjelder med en gang.",
        "unsubscribe_button": "Meld meg av",
        "unsubscribe_changed_mind": "Ombestemt deg? Bare lukk siden: Ingenting er endret.",
        "unsubscribed_title": "Du er meldt av",
        "unsubscribed_text": "Vi sender deg ikke flere reklame-e-poster. Du trenger ikke gjøre noe mer.",
        "preferences_title": "Dine valg",
        "preferences_text": "Kryss av for det du samtykker til. Du kan ombestemme deg når som helst, og det gjelder med en gang.",
        "save": "Lagre valgene mine",
        "none": "Meld meg av alt",
        "none_text": "Trekker tilbake alt over og avslutter alle reklame-e-poster.",
        "saved": "Lagret. Valgene dine gjelder fra nå av, også for e-poster du allerede har.",
        "error_title": "Denne lenken fører ingen steder",
        "error_text": "Den er kanskje ufullstendig eller for gammel. Bruk lenken i den nyeste e-posten fra oss.",
        "busy_title": "Et øyeblikk",
        "busy_text": "Det gikk ikke akkurat nå. Prøv den samme lenken igjen om et minutt.",
        "request_number": "Saksnummer",
    },
}

# For each purpose in the order of PURPOSES: a short name and what agreeing means. Recorded as the wording
# of a consent given on the page, so a change of meaning needs new words here, not corrected old ones.
_PURPOSES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "en": (
        ("Marketing mails", "You may write to me about products and offers."),
        ("Personal suggestions", "You may use what I bought to choose products and words for me."),
        ("Measuring opens and clicks", "You may record whether I open a mail or follow a link in it."),
        ("Place of opening", "You may use my rough location when I open a mail, to show a fitting picture."),
    ),
    "de": (
        ("Werbe-E-Mails", "Sie dürfen mir zu Produkten und Angeboten schreiben."),
        (
            "Persönliche Vorschläge",
            "Sie dürfen meine Einkäufe nutzen, um Produkte und Texte für mich auszuwählen.",
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
            "Vous pouvez utiliser mes achats pour choisir des produits et des textes pour moi.",
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
        ("Sugerencias personales", "Pueden usar mis compras para elegir productos y textos para mí."),
        ("Medir aperturas y clics", "Pueden registrar si abro un correo o sigo un enlace suyo."),
        (
            "Lugar de apertura",
            "Pueden usar mi ubicación aproximada al abrir un correo para mostrar una imagen adecuada.",
        ),
    ),
    "no": (
        ("Reklame-e-poster", "Dere kan skrive til meg om produkter og tilbud."),
        ("Personlige forslag", "Dere kan bruke det jeg har kjøpt, til å velge produkter og ord for meg."),
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


def words_for(language: str) -> Mapping[str, str]:
    """All phrases in this language, in English where there are none."""
    return _WORDS.get(language_of(language), _WORDS[FALLBACK])


def purposes_in(language: str) -> dict[str, tuple[str, str]]:
    """For each purpose: its name and what agreeing means."""
    texts = _PURPOSES.get(language_of(language), _PURPOSES[FALLBACK])
    return dict(zip(PURPOSES, texts, strict=True))


def page_language() -> str:
    """For pages without a customer: what the browser asks for, as far as we speak it."""
    return request.accept_languages.best_match(list(_WORDS)) or FALLBACK
