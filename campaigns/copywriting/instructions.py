"""Sentences in product data that speak to a language model, taken out before one reads them.

A product's texts come from suppliers and their pages, and a customer's data from forms: whoever writes them may try
to give orders to the writer of a mail (OWASP LLM01, indirect prompt injection). What is found here is not shown to
the model. Nothing rests on it: whoever says the same in other words meets the guard, which reads what is answered.
"""

from __future__ import annotations

import re
from functools import lru_cache

from campaigns.copywriting.characters import fold
from campaigns.core.characters import clean

# The ends of sentences, and whatever else sets words apart from their neighbours.
_SENTENCE_ENDS = re.compile(r"(?<=[.!?…;。！？])\s+|\s+[|•·–—]\s+|\s*[\r\n]+\s*")

_LEAST_READ = 1000

# All in the folded form: lower case, without accents, on one line.
_TO_IGNORE = {
    "en": r"(?:ignor|disregard|forget|overrid|bypass|neglect|do not (?:follow|obey)|don't (?:follow|obey))\w*\b"
    r".{0,40}\b(?:instructions?|rules?|prompts?|guidelines?|directions?|commands?|brief"
    r"|(?:you were told|above|before this))",
    "de": r"(?:ignorier|vergiss|vergess|missacht|ubergeh|umgeh|uberschreib|befolg\w* nicht)\w*\b"
    r".{0,40}\b(?:anweisung|regel|vorgabe|instruktion|prompt|befehl|anleitung|briefing|alles (?:bisherige|vorherige))\w*",
    "fr": r"(?:ignor|oubli|neglig|contourn|ne (?:tiens|tenez) (?:pas|aucun) compte|ne (?:suis|suivez) pas)\w*\b"
    r".{0,40}\b(?:instruction|consigne|regle|directive|prompt|ordre|ce qui precede)\w*",
    "es": r"(?:ignor|olvid|omit|desatiend|haz caso omiso|haga caso omiso|no (?:sigas|siga|obedezcas))\w*\b"
    r".{0,40}\b(?:instruccion|regla|indicacion|directriz|directric|prompt|orden|lo anterior)\w*",
}
_TO_BECOME = {
    "en": r"(?:you are|you're|act as|pretend (?:to be|you are)|behave (?:as|like)) (?:now|an? (?:ai|assistant|bot"
    r"|(?:large )?language model|copywriter|different)|chatgpt|in (?:developer|debug|admin) mode)",
    "de": r"(?:du bist|sie sind|verhalte dich|tu so) (?:jetzt|nun|ab jetzt|als|wie|ein\w* (?:ki|assistent|bot|sprachmodell|texter))\b",
    "fr": r"(?:tu es|vous etes|agis|agissez|comporte-toi|fais comme si) (?:maintenant|desormais|en tant|comme"
    r"|une? (?:ia|assistant|bot|modele|redacteur))\w*",
    "es": r"(?:eres|usted es|actua|actue|comportate|finge) (?:ahora|como|una? (?:ia|asistente|bot|modelo|redactor))\w*",
}
_TO_WRITE = {
    "en": r"(?:write|say|answer|respond|reply|output|print|repeat|return|mention|include|add|insert|state|announce|put|use)\b"
    r".{0,30}\b(?:in (?:the|your|every|each) (?:subject|headline|preheader|intro|copy|answer|email|mail|text|line|button|reply"
    r"|response)|exactly|verbatim|word for word|the following|instead of|as the (?:subject|headline))",
    "de": r"(?:schreib|sag|antwort|gib|nenn|erwahn|fug|behaupt|wiederhol|benutz|verwend|setz)\w*\b"
    r".{0,30}\b(?:im betreff|in (?:den|die) (?:betreff|uberschrift)|in (?:der|deiner|ihrer) (?:mail|e-mail|antwort|uberschrift)"
    r"|im text|genau|wortlich|wort fur wort|folgende\w*|stattdessen|anstelle)",
    "fr": r"(?:ecri|dis|dites|repond|mentionn|ajout|indiqu|annonc|affirm|repet|utilis|mets|mettez|insere)\w*\b"
    r".{0,30}\b(?:(?:dans|en) (?:l'objet|le titre|le texte|la reponse|le mail|l'e-mail|ta reponse|votre reponse)|exactement"
    r"|mot pour mot|ce qui suit|la phrase suivante|a la place)",
    "es": r"(?:escrib|di|diga|respond|mencion|anad|agreg|incluy|anunci|afirm|repit|usa|use|pon|ponga)\w*\b"
    r".{0,30}\b(?:en (?:el asunto|el titulo|el texto|la respuesta|el correo|tu respuesta|su respuesta)|exactamente"
    r"|palabra por palabra|lo siguiente|la frase siguiente|en lugar de)",
}
_TO_A_MODEL = (
    r"(?:note|attention|message|instructions?|hinweis|achtung|nachricht|anweisung|nota|atencion|mensaje|note|consigne)\w*"
    r".{0,12}\b(?:the |the writing |die |das |den |an |a |la |el |l'|para |pour |al |aux? )*"
    r"(?:ai|ki|ia|llm|gpt|model|modell|modele|modelo|assistant|assistent|asistente|copywriter|bot)\b",
    r"\b(?:language model|sprachmodell|modele de langage|modelo de lenguaje|chatgpt|system prompt|systemprompt|jailbreak"
    r"|developer mode|(?:new|neue|nouvelles?|nuevas?) (?:instructions?|anweisung\w*|instruccion\w*|rules|regeln|regles|reglas))\b",
    # Who speaks, and what such programs read as the end of one speech and the beginning of the next.
    r"(?:^|[^\w\s]\s*)(?:system|assistant|user|developer|human|ai|systeme|sistema|asistente|benutzer)\s*:",
    r"<\|.{0,40}\|>|\[/?\s*inst\s*\]|<<\s*/?\s*sys\s*>>|</?\s*s\s*>|###\s*\w+",
    r"</?\s*(?:system|data|brief|user|assistant|instructions?|prompt|tool\w*)\s*/?>",
    r"\b(?:product_lines|call_to_action|preheader|must_mention|why_picked)\b",
)
_ORDERS = re.compile(
    "|".join(
        [
            *(
                rf"\b{pattern}"
                for family in (_TO_IGNORE, _TO_BECOME, _TO_WRITE)
                for pattern in family.values()
            ),
            *_TO_A_MODEL,
        ]
    )
)


def gives_orders(text: str) -> bool:
    """Whether a text speaks to the model that reads it, in one of the languages of copy."""
    return _ORDERS.search(fold(text)) is not None


@lru_cache(maxsize=16_384)
def told_to_a_model(text: str, longest: int) -> str:
    """`text` as a model may read it: one line, cut to `longest` characters, without sentences that give orders."""
    # Cleaned sentence by sentence, because line breaks are ends of sentences too, and cut when all is read: half an
    # order looks harmless. A text of megabytes is cut first.
    most = max(4 * longest, _LEAST_READ)
    sentences = [clean(sentence, most) for sentence in _SENTENCE_ENDS.split(text[:most])]
    told = " ".join(sentence for sentence in sentences if sentence and not gives_orders(sentence))
    # An order may stand across what sets sentences apart.
    return "" if gives_orders(told) else told[:longest].strip()
