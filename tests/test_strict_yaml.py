"""YAML with places: what is refused, where it is said to be, and that no text does more than that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fisherprep.manifest import load_manifest
from fisherprep.strict_yaml import Node, build, read_yaml


def read(tmp_path: Path, text: str) -> Node:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    return read_yaml(file)


def test_values_know_their_lines_and_keys(tmp_path):
    root = read(tmp_path, "a: 1\nb:\n  - x\n  - {c: 2.5, d: ~}\n")
    assert root.plain() == {"a": 1, "b": ["x", {"c": 2.5, "d": None}]}
    second = root.mapping()["b"].items()[1]
    assert (second.line, second.where) == (4, "b[1]")
    assert second.mapping()["c"].where == "b[1].c"


def test_words_and_times_stay_texts(tmp_path):
    root = read(tmp_path, "[no, on, 6:30, 2026-11-30, '12', 12, true, 1e3, .5]")
    assert root.plain() == ["no", "on", "6:30", "2026-11-30", "12", 12, True, 1000.0, 0.5]


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("a: 1\na: 2\n", 2, "comes twice"),
        ("a: 1\nb: [\n", 3, "YAML"),
        ("a: &x 1\nb: *x\n", None, "alias"),
        ("? [a]\n: 1\n", 1, "plain key"),
        ("a: 1\n---\nb: 2\n", 2, "YAML"),
        ("[" * 60 + "]" * 60, 1, "nested"),
    ],
)
def test_what_is_refused_is_said_with_its_line(tmp_path, text, line, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "x.yaml") + (f":{line}:" if line else "") in str(caught.value)


@dataclass(frozen=True)
class Inner:
    size: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    title: str
    inner: Inner | None = None
    shares: dict[str, float] | None = None
    on: bool = False


def test_a_dataclass_is_built(tmp_path):
    node = read(tmp_path, "title: t\ninner: {size: 3, names: [a, b]}\nshares: {x: 1}\non: true\n")
    assert build(Outer, node) == Outer("t", Inner(3, ("a", "b")), {"x": 1.0}, True)


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("title: t\nwrong: 1", 2, "unknown key 'wrong'; known: inner, on, shares, title"),
        ("inner: ~", 1, "the key 'title' is missing"),
        ("title: 3", 1, "found 3, expected a text"),
        ("title: t\ninner:\n  size: big", 3, "inner.size: found 'big', expected a whole number"),
        ("title: t\ninner: {size: true}", 2, "expected a whole number"),
        ("title: t\ninner:\n  size: 1\n  names:\n    - a\n    - 7", 6, "names[1]: found 7, expected a text"),
        ("title: t\nshares: {x: .inf}", 2, "expected a finite number"),
        ("title: t\non: maybe", 2, "expected true or false"),
        ("title: t\nshares: [1]", 2, "expected keys and values"),
    ],
)
def test_mistakes_are_said_with_line_and_key(tmp_path, text, line, complaint):
    with pytest.raises(ValueError) as caught:
        build(Outer, read(tmp_path, text))
    assert complaint in str(caught.value) and f"x.yaml:{line}:" in str(caught.value)


_pieces = st.sampled_from(
    ["a: ", "b: ", "[", "]", "{", "}", "- ", "\n", "  ", "&x ", "*x ", "1", "'", '"', "!!python/x ", "#"]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=80), st.lists(_pieces, max_size=20).map("".join)))
def test_any_text_is_read_or_refused(tmp_path, text):
    try:
        assert isinstance(read(tmp_path, text), Node)
    except ValueError as err:
        assert "x.yaml" in str(err)


DOMAIN = "name: x\ntables: x\n{split}\ndomain:\n  agent_role: A\n  user_role: B\n{rest}"


@pytest.mark.parametrize(
    ("split", "rest", "line", "complaint"),
    [
        ("", "", 4, "scripts (a folder of .txt files), grammar"),
        ("", "  grammar: g\n", 4, "grammar and facts together"),
        ("", "  scripts: s\n  dialogues: 0\n", 8, "expected 1 or more"),
        ("", "  scripts: s\n  scripts_share: 2\n", 8, "from 0 to 1"),
        ("", "  grammar: g\n  facts: f\n  scripts_share: 0.5\n", 9, "no scripts folder"),
        ("", "  scripts: s\n  behaviours: {interruption: 3}\n", 8, "behaviours.interruption"),
        ("", "  scripts: s\n  behaviours: {yawn: 0.1}\n", 8, "unknown key 'yawn'"),
        ("", "  scripts: s\n  scenarios:\n    one: {weight: -1}\n", 9, "a weight of 0 or more"),
        ("", "  scripts: s\n  scenarios:\n    one: {prompts: [other]}\n", 9, "one of the prompts ['service']"),
        ("", "  scripts: s\n  scenarios:\n    one: {test_only: true}\n", 8, "not test_only"),
        ("split: {by: script}", "  grammar: g\n  facts: f\n", 3, "by: facts"),
    ],
)
def test_a_domain_is_checked(tmp_path, split, rest, line, complaint):
    file = tmp_path / "x.yaml"
    file.write_text(DOMAIN.format(split=split or "agent: a", rest=rest), encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        load_manifest(file)
    assert complaint in str(caught.value) and f"x.yaml:{line}:" in str(caught.value), caught.value
