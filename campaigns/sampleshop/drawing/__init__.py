"""How the sample shop's pictures are drawn: shapes on a canvas, no text, no photographs, no outside files."""
