"""From tables to codes: Mimi, the text stream, voice prompts, and the encode stage."""

PRECISIONS = ("auto", "fp32")
"""What ``fisherprep.codec.precision`` chooses from; the first is the default."""
DEFAULT_VERIFY = 2
"""Calls that are encoded in plain float32 as well before a run relies on the batched encoder."""
