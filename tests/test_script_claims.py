"""What hand-written dialogues may claim: those of ``claims/right.txt`` pass, those of ``claims/wrong.txt`` do not.

In both files a dialogue begins with the key of its prompt (``claims/prompts.txt``: key, roles,
prompt); ``A`` is the agent.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.speech.script_checks import Checker, Report
from fisherprep.speech.scripts import Script, parse_script

CLAIMS = Path(__file__).parent / "claims"
PROMPTS = {line.split("|")[0]: line.split("|")[1:] for line in (CLAIMS / "prompts.txt").read_text().splitlines()}


def dialogues(name: str) -> list[str]:
    return [text.strip() for text in (CLAIMS / name).read_text().split("---\n")]


def check(text: str) -> Report:
    key, *lines = text.splitlines()
    agent, user, prompt = PROMPTS[key]
    told = "\n".join({"A": agent, "U": user}[line[0]] + line[1:] for line in lines)
    script = parse_script(f"Prompt: {prompt}\n\n{told}\n", "s.txt", (agent, user))
    assert isinstance(script, Script), script
    return Checker((agent, user), frozenset()).check(script, (script.prompt,))


@pytest.mark.parametrize("text", dialogues("right.txt"))
def test_what_the_prompt_gives_passes(text):
    assert check(text).violations == []


@pytest.mark.parametrize("text", dialogues("wrong.txt"))
def test_what_the_prompt_does_not_give_is_found(text):
    assert check(text).violations


_WORDS = """
a the one two half free small large latte muffin oat milk is for so that's $4.00 four dollars fifty open until from to
seven eight Monday Sunday every day here's we have of with and , . ? ! total back no yes sure percent hour a dollar more
less cheaper than then Saturday tonight which ten
""".split()  # noqa: SIM905


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(PROMPTS)),
    st.lists(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=25), min_size=2, max_size=6),
)
def test_any_words_are_checked(key, lines):
    told = "\n".join(f"{'AU'[i % 2]}: so {' '.join(words)}" for i, words in enumerate(lines))
    check(f"{key}\n{told}")
