"""What is said when something goes wrong."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "error_title": "This link leads nowhere",
        "error_text": "It may be incomplete or too old. Please use the link in the newest mail you have from us.",
        "busy_title": "One moment, please",
        "busy_text": "We could not do this just now. Please try the same link again in a minute.",
        "request_number": "Request number",
    },
    "de": {
        "error_title": "Dieser Link führt ins Leere",
        "error_text": "Er ist vielleicht unvollständig oder zu alt. Bitte nehmen Sie den Link aus unserer neuesten E-Mail.",
        "busy_title": "Einen Moment bitte",
        "busy_text": "Das ging gerade nicht. Bitte versuchen Sie denselben Link in einer Minute noch einmal.",
        "request_number": "Vorgangsnummer",
    },
    "fr": {
        "error_title": "Ce lien ne mène nulle part",
        "error_text": "Il est peut-être incomplet ou trop ancien. Utilisez le lien de notre e-mail le plus récent.",
        "busy_title": "Un instant, s’il vous plaît",
        "busy_text": "Cela n’a pas fonctionné. Veuillez réessayer le même lien dans une minute.",
        "request_number": "Numéro de la demande",
    },
    "es": {
        "error_title": "Este enlace no lleva a ninguna parte",
        "error_text": "Quizá esté incompleto o sea demasiado antiguo. Use el enlace de nuestro correo más reciente.",
        "busy_title": "Un momento, por favor",
        "busy_text": "No ha sido posible ahora. Vuelva a probar el mismo enlace dentro de un minuto.",
        "request_number": "Número de solicitud",
    },
    "no": {
        "error_title": "Denne lenken fører ingen steder",
        "error_text": "Den er kanskje ufullstendig eller for gammel. Bruk lenken i den nyeste e-posten fra oss.",
        "busy_title": "Et øyeblikk",
        "busy_text": "Det gikk ikke akkurat nå. Prøv den samme lenken igjen om et minutt.",
        "request_number": "Saksnummer",
    },
}
