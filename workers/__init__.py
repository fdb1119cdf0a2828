"""Celery: the app, its tasks, and how the engine's hints become tasks.

A task parses ids, opens a unit of work and calls one flow; everything else is in `campaigns`.
"""
