"""Synthetic speech with exact word times: voices, dialogues on two channels, and domain scripts."""
