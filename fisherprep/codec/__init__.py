"""From tables to codes: Mimi, the text stream, voice prompts, and the encode stage."""

PRECISIONS = ("auto", "fp32")
"""What ``fisherprep.codec.precision`` chooses from; the first is the default."""
DEFAULT_VERIFY = 2
"""Calls that are encoded in plain float32 as well before a run relies on the batched encoder."""
DEFAULT_VOICES = 4
"""Candidate voice prompts of each side of a call, at the most."""
DEFAULT_LUFS = -24.0
"""Integrated loudness to which channels are brought: that of voice prompts (NVIDIA/personaplex,
moshi/moshi/models/lm.py, load_voice_prompt), so that the agent goes on as loud as its prompt was."""
