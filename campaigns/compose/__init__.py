"""The mail: a template compiled once and filled per customer, its signed links, MIME, DKIM and preflight.

MJML is turned into HTML when a template is loaded; from then on only Jinja runs, in a sandbox, and what
comes from customers, products or a language model is always a value, never markup. `content` says what a
mail holds, `template` makes HTML and text of it, `links` makes the signed URLs, `mime` the message,
`dkim` the signature, and `preflight` says what is wrong with it before anybody approves it.
"""
