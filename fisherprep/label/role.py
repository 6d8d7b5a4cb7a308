"""Personas of a call that came with its agent's role prompt: the prompt is the agent's, the user gets none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from fisherprep.schema import PERSONAS, SIDES

ROLE_LABELER = "role"
NOT_AN_AGENT = "not an agent"


def has_role(call: Mapping[str, Any]) -> bool:
    """Whether the call says who the agent is, and what its prompt is."""
    return bool(call["role_prompt"]) and call["agent_side"] in SIDES


def role_persona(call: Mapping[str, Any], side: str) -> dict[str, Any]:
    """The row of one side; ``call`` holds call_id, agent_side and role_prompt."""
    empty: dict[str, Any] = {c.name: [] if pa.types.is_list(c.type) else None for c in PERSONAS.columns}
    said = {"call_id": call["call_id"], "side": side, "labeler": ROLE_LABELER}
    if side != call["agent_side"]:
        return empty | said | {"status": NOT_AN_AGENT}
    return empty | said | {"prompts": [call["role_prompt"]], "status": "ok"}
