"""Floor 2, swapping at open: who fetches an image, where and in what weather, and so which picture.

    place/      who asks (requester.py: a client, Gmail, Apple, a scanner ...) and where they are (place.py), by
                consent, address (geo.py), Apple's list (apple_egress.py, gazetteer.py) or home
    weather/    place -> weather: Open-Meteo, MET Norway or fixed; forecast_cache.py is what asks them, within a time
                budget, for many processes
    slots/      what a slot can be: slots.py reads it from a campaign file, conditions.py has the language of its
                rules, slot_kinds.py what it can draw of its own; rules.py chooses
    drawing/    pictures.py checks files, drawing.py draws cards and countdowns, neutral.py has what is always there
    serving/    what is known of openers (known_states.py, state_shelf.py), and what was served to them, on its way
                to the database (serve_log.py)

The address of an opener passes through as an argument: nothing here stores, logs or returns it.
"""
