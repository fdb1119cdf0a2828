"""The adversarial suite: what strangers try, and what must never come of it.

Cases are data (`*.toml` beside this file), read and checked by `cases.load_cases`. A case tells where in a product
or a customer the poison is, what a model that obeys it answers, and what must then never stand in a mail.
`obeying.obeys` is such a model for a scripted server, `asked.request_of` the request with the poison in it.
"""
