"""Who asks for a picture, and where they are."""
