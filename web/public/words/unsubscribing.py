"""What the pages of `/u/` say."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "unsubscribe_title": "Unsubscribe from our mails?",
        "unsubscribe_text": "One press, and we send you no more marketing mails. It takes effect at once.",
        "unsubscribe_button": "Unsubscribe",
        "unsubscribe_changed_mind": "Changed your mind? Just close this page: nothing has happened.",
        "unsubscribed_title": "You are unsubscribed",
        "unsubscribed_text": "We will not send you any more marketing mails. There is nothing else to do.",
    },
    "de": {
        "unsubscribe_title": "Von unseren E-Mails abmelden?",
        "unsubscribe_text": "Ein Klick, und Sie bekommen keine Werbe-E-Mails mehr von uns. Das gilt sofort.",
        "unsubscribe_button": "Abmelden",
        "unsubscribe_changed_mind": "Doch nicht? Schließen Sie einfach diese Seite: Es ist nichts passiert.",
        "unsubscribed_title": "Sie sind abgemeldet",
        "unsubscribed_text": "Wir schicken Ihnen keine Werbe-E-Mails mehr. Mehr müssen Sie nicht tun.",
    },
    "fr": {
        "unsubscribe_title": "Vous désabonner de nos e-mails ?",
        "unsubscribe_text": "Un clic, et nous ne vous envoyons plus d’e-mails publicitaires. L’effet est immédiat.",
        "unsubscribe_button": "Me désabonner",
        "unsubscribe_changed_mind": "Vous avez changé d’avis ? Fermez cette page : rien n’a été modifié.",
        "unsubscribed_title": "Vous êtes désabonné",
        "unsubscribed_text": "Nous ne vous enverrons plus d’e-mails publicitaires. Vous n’avez rien d’autre à faire.",
    },
    "es": {
        "unsubscribe_title": "¿Darse de baja de nuestros correos?",
        "unsubscribe_text": "Un clic y no le enviaremos más correos publicitarios. Tiene efecto inmediato.",
        "unsubscribe_button": "Darme de baja",
        "unsubscribe_changed_mind": "¿Ha cambiado de idea? Cierre esta página: no ha cambiado nada.",
        "unsubscribed_title": "Se ha dado de baja",
        "unsubscribed_text": "No le enviaremos más correos publicitarios. No tiene que hacer nada más.",
    },
    "no": {
        "unsubscribe_title": "Melde deg av e-postene våre?",
        "unsubscribe_text": "Ett trykk, og vi sender deg ikke flere reklame-e-poster. Det gjelder med en gang.",
        "unsubscribe_button": "Meld meg av",
        "unsubscribe_changed_mind": "Ombestemt deg? Bare lukk siden: Ingenting er endret.",
        "unsubscribed_title": "Du er meldt av",
        "unsubscribed_text": "Vi sender deg ikke flere reklame-e-poster. Du trenger ikke gjøre noe mer.",
    },
}
