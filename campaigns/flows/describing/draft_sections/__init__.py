"""The steps of the editor as the engine knows them: what is typed, how it is checked, and where it is written."""
