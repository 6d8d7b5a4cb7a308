"""From tables to codes: Mimi, the text stream, voice prompts, and the encode stage."""
