"""The wording of conversation prompts, by level of detail (examples: README.md of NVIDIA/personaplex).

Level 1 is the opener; level 2 adds tone and topic.
"""

from __future__ import annotations

OPENER = "You enjoy having a good conversation."


def conversation_prompts(tone: str | None, topic: str | None) -> list[str]:
    """The prompts that the fields allow, from the least to the most detailed.

    Args:
        tone: an adjective, such as ``casual`` or ``empathetic``.
        topic: a noun phrase that can follow "about".
    """
    if not tone or not topic:
        return [OPENER]
    article = "an" if tone[0].lower() in "aeiou" else "a"
    return [OPENER, f"{OPENER} Have {article} {tone} discussion about {topic}."]
