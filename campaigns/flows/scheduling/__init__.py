"""When campaigns go out: their beginning, their series, the calendar, and the audience frozen into sends."""
