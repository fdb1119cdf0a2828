"""Tailormail, the engine: it knows neither Flask nor Celery (see README, "The house")."""

__version__ = "0.1.0"
