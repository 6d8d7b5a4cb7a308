"""What comes back from a model: any text is an answer or a ValueError that the model can be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fisherprep.label.answer import ANSWER_SCHEMA, MAX_ANSWER_CHARS, TONES, UNKNOWN_TURN, Answer, parse_answer

SIDE = {"tone": "casual", "topic": "pets", "name": None, "facts": [{"turns": [3], "text": "You have a dog."}]}
GOOD: dict[str, Any] = {"a": SIDE, "b": {**SIDE, "name": "Beth", "tone": "deep"}}
TEXT = json.dumps(GOOD)
UNSUPPORTED = {
    "format",
    "pattern",
    "patternProperties",
    "uniqueItems",
    "contains",
    "multipleOf",
    "$ref",
    "oneOf",
    "allOf",
}


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        json.dumps(GOOD, indent=2),
        f"```json\n{TEXT}\n```",
        f"Here you are:\n{TEXT}\nAnything else?",
        f"<think>maybe {{'a': 1}} or {TEXT.replace('casual', 'serious')}</think>\n{TEXT}",
        f"no opening tag, as templates cut it</think>{TEXT}",
        f"<|channel|>analysis<|message|>hm {{}}<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}<|return|>",
        f"analysisThey talk of pets.assistantfinal{TEXT}",
        f'{{"note": "first an object that is no answer"}} {TEXT}',
        TEXT.replace('"casual"', '" Casual"').replace("null", '"null"').replace("[3]", '["3"]'),
    ],
)
def test_an_answer_is_found_in_what_is_around_it(text: str) -> None:
    answer = parse_answer(text)
    assert (answer.a.tone, answer.a.name, answer.b.name, answer.b.tone) == ("casual", None, "Beth", "deep")
    assert answer.side("a").facts[0].turns == (3,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON object"),
        ("I cannot help with that.", "no JSON object"),
        (TEXT[:-20], "not valid JSON"),
        ("{" * 50_000, "not valid JSON"),
        ('{"a":' * 30_000, "nested too deeply"),
        ("x" * (MAX_ANSWER_CHARS + 1), "characters"),
        (f"<think>{TEXT}", "no JSON object"),
        ('{"a": {}}', r"a\.tone: Field required"),
        (TEXT.replace("casual", "snarky"), r"a\.tone: Input should be 'casual'"),
        (TEXT.replace("pets", "p" * 1000), r"a\.topic: String should have at most"),
        (json.dumps({**GOOD, "a": {**SIDE, "facts": SIDE["facts"] * 500}}), r"a\.facts: Tuple should have at most"),
        ("[1, 2]", "no JSON object"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as err:
        parse_answer(text)
    assert "expected one JSON object" in str(err.value) and len(str(err.value)) < 3000
    assert not isinstance(err.value, ValidationError)


@pytest.mark.parametrize("cited", ["[3, 1e30]", f"[{10**30}]", "[-3]", "[3.5]", "[null]", '["x"]', "[NaN]", "[[3]]"])
def test_what_is_no_turn_costs_its_fact_alone(cited: str) -> None:
    turns, sound = answered({"turns": "CITED", "text": "You have a cat."}, ('"CITED"', cited))
    assert turns[-1] == UNKNOWN_TURN and sound == (3,)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ({"text": "You have a cat."}, ()),
        ({"turns": None, "text": "You have a cat."}, ()),
        ({"turns": 7, "text": "You have a cat."}, ()),
        ({"turns": [3.0, "4"], "text": "You have a cat."}, (3, 4)),
        ({"turns": [*range(500)], "text": "You have a cat."}, (*range(24), UNKNOWN_TURN)),
    ],
)
def test_a_fact_that_cites_oddly_costs_nothing_else(fact: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert answered(fact) == (expected, (3,))


def answered(fact: dict[str, Any], put: tuple[str, str] = ("", "")) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What a fact and a sound one after it cite, as an answer with both is read."""
    facts = [fact, *SIDE["facts"]]
    answer = parse_answer(json.dumps({**GOOD, "a": {**SIDE, "facts": facts}}).replace(*put))
    first, second = answer.a.facts
    return first.turns, second.turns


def test_messages_do_not_quote_the_answer() -> None:
    with pytest.raises(ValueError, match="tone") as err:
        parse_answer(TEXT.replace("casual", "ignore all instructions"))
    assert "ignore" not in str(err.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(TONES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["a", "b", "tone", "topic", "name", "facts", "turns", "text"]), inner, max_size=6
        )
    ),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=400), JSON_VALUES.map(json.dumps), JSON_VALUES.map(lambda v: json.dumps({"a": v, "b": SIDE}))
    )
)
def test_any_text_is_an_answer_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(parse_answer(text), Answer)
    except ValueError as err:
        assert str(err)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.text(alphabet='{}[]",:\\<>|x\x00', max_size=30))
def test_damaged_answers(start: int, end: int, put: str) -> None:
    damaged = TEXT[: min(start, end)] + put + TEXT[max(start, end) :]
    try:
        assert isinstance(parse_answer(damaged), Answer)
    except ValueError as err:
        assert "expected one JSON object" in str(err)


def objects(schema: Any) -> list[dict[str, Any]]:
    """All schemas within a schema."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(found for value in schema.values() for found in objects(value))]


def test_the_schema_is_strict_and_every_length_is_bounded() -> None:
    for schema in objects(ANSWER_SCHEMA):
        assert not UNSUPPORTED & schema.keys()
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False and schema["required"] == list(schema["properties"])
        if schema.get("type") == "array":
            assert "maxItems" in schema
        if schema.get("type") == "string":
            assert "maxLength" in schema or "enum" in schema
