"""The whole story on the sample shop, played over the real parts: workers, captured mail, HTTP."""
