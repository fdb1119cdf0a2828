"""Pictures: checked, stored, fetched and drawn."""
