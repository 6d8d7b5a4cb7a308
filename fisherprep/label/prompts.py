"""The wording of conversation prompts, by level of detail (examples: README.md of NVIDIA/personaplex).

Level 1 is the opener; level 2 adds tone and topic; level 3 adds the speaker's first name and facts in the second
person.
The published prompts say "discussion" where tone and topic end the prompt and "conversation" where facts follow, and
give a first name as "Your name is Jane." (moshi/moshi/offline.py).
"""

from __future__ import annotations

from collections.abc import Sequence

OPENER = "You enjoy having a good conversation."


def conversation_prompts(
    tone: str | None, topic: str | None, name: str | None = None, facts: Sequence[str] = ()
) -> list[str]:
    """The prompts that the fields allow, from the least to the most detailed: one, two or three.

    Args:
        tone: an adjective, such as ``casual`` or ``empathetic``.
        topic: a noun phrase that can follow "about".
        name: a first name.
        facts: whole sentences in the second person.
    """
    if not tone or not topic:
        return [OPENER]
    article = "an" if tone[0].lower() in "aeiou" else "a"
    prompts = [OPENER, f"{OPENER} Have {article} {tone} discussion about {topic}."]
    details = [f"Your name is {name}."] if name else []
    details += facts
    if details:
        prompts.append(" ".join([OPENER, f"Have {article} {tone} conversation about {topic}.", *details]))
    return prompts
