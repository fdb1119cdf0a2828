"""Floor 2, swapping at open: who fetches an image, where and in what weather, and so which picture.

    address.py          the client's address behind trusted load balancers
    requester.py        what fetched the image (a client, Gmail, Apple, a scanner ...)
    apple_egress.py     Apple's published list of egress addresses
    geo.py              address -> city, through an mmdb file
    place.py            consent, requester and address -> a coarse place
    weather.py          place -> weather (Open-Meteo; fixed for tests and offline)
    forecast_cache.py   the same within a time budget, for many processes
    conditions.py       the language of slot rules; rules.py chooses by it
    slots.py            reads slots from a campaign file; slot_definition.py says what a slot is
    pictures.py         checked picture files; neutral.py those that are always there
    headers.py          the answer's headers

The address of an opener passes through as an argument: nothing here stores, logs or returns it.
"""
