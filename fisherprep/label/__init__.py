"""Persona prompts for both sides of a call, and the label stage."""
