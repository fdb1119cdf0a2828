"""Flask: the public pages that mails point to, and the console for marketers.

A view reads the request, calls one flow of `campaigns.runtime.Runtime` and renders what it returned.
"""
