"""Floor 3: the stories across stages. Faces call these; these conduct the stages."""
