"""From turns to words in time: pronunciations, forced alignment, and the align stage."""
