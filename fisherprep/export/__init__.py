"""A work folder in the forms that other tools read: one file a format, and what they share."""

FORMATS = ("moshi-finetune", "j-moshi", "lhotse")
AGENT_SIDES = ("auto", "a", "b", "both")
"""Who is the agent: the side that a call names, else side a (``auto``); that side; each side that may be, in turn."""
DEFAULT_SPLITS = ("train", "valid", "test")
SPLITS = (*DEFAULT_SPLITS, "excluded")
"""As in ``schema.py``, which the command line does not load before it must."""
