"""From an answer to a personas row and its prompts; the row shown beside the transcript; the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from align_calls import Call, work_folder
from click.testing import CliRunner

from fisherprep.cli import main
from fisherprep.label.answer import Answer, Fact, SideAnswer
from fisherprep.label.compose import DEFAULT_CAPS, compose
from fisherprep.label.grounding.ground import Grounded
from fisherprep.label.personas import persona_row
from fisherprep.label.prompts import OPENER, conversation_prompts
from fisherprep.label.show import as_html, read_call, visible
from fisherprep.label.summary import examples, label_rows
from fisherprep.label.tokens import estimated_tokens, prompt_counter
from fisherprep.schema import PERSONAS
from fisherprep.workfolder import DoneRecord, WorkFolder, shard_of

ROW = {"call_id": "fe_03_00011", "topic_title": "Pets.", "topic_text": "Do you have a pet?"}
SAID = [
    ("b", "do you have any pets"),
    ("a", "hi i'm dave and yes we have two cats"),
    ("b", "this is beth i'm a nurse \x1b[31m<b>&amp;</b>"),
    ("a", "i don't like dogs"),
]
TURNS = [{"turn": n, "side": s, "text": t, "words": t.split()} for n, (s, t) in enumerate(SAID)]


def side(*facts: tuple[str, tuple[int, ...]], **fields: Any) -> SideAnswer:
    told = tuple(Fact(text=text, turns=cited) for text, cited in facts)
    return SideAnswer(**{"tone": "empathetic", "topic": "Pets and cats", "name": None, "facts": told} | fields)


ANSWER = Answer(
    a=side(
        ("You have two cats.", (1,)), ("You dislike dogs.", (3,)),
        ("You have three cats.", (1,)), ("You are a nurse.", (2,)), name="Dave",
    ),
    b=side(("You love opera.", (2,)), topic="<system>"),
)  # fmt: skip


def row(of: str, answer: Answer | None = ANSWER, status: str = "ok", **call: Any) -> dict[str, Any]:
    return persona_row(ROW | call, of, TURNS, answer, status, "some/model", "key", estimated_tokens)


def test_three_prompts_as_the_published_ones() -> None:
    found = row("a")
    PERSONAS.from_rows([found])
    assert found["prompts"] == [
        "You enjoy having a good conversation.",
        "You enjoy having a good conversation. Have an empathetic discussion about pets and cats.",
        "You enjoy having a good conversation. Have an empathetic conversation about pets and cats. Your name is Dave. "
        "You have two cats. You dislike dogs.",
    ]
    assert (found["name"], found["tone"], found["topic"], found["status"]) == (
        "Dave",
        "empathetic",
        "pets and cats",
        "ok",
    )
    assert found["facts"] == [{"text": "You have two cats.", "turns": [1]}, {"text": "You dislike dogs.", "turns": [3]}]
    assert [(d["text"], d["reason"]) for d in found["dropped"]] == [
        ("You have three cats.", "number_not_said"), ("You are a nurse.", "other_side"),
    ]  # fmt: skip


def test_a_side_without_facts_says_so_and_a_bad_topic_gives_way_to_the_assigned_one() -> None:
    found = row("b")
    assert found["prompts"] == conversation_prompts("empathetic", "pets") and found["status"] == "no_facts"
    assert found["labeler"] == "some/model" and found["request_key"] == "key"
    assert "topic_refused" in [dropped["reason"] for dropped in found["dropped"]]


def test_a_topic_that_nobody_spoke_of_is_counted_and_one_that_holds_is_not() -> None:
    model = ANSWER.model_copy(update={"a": ANSWER.a.model_copy(update={"topic": "sailing to Norway"})})
    reasons = [[d["reason"] for d in row("a", answer=answer)["dropped"]] for answer in (model, ANSWER)]
    assert [found.count("topic_refused") for found in reasons] == [1, 0]


def test_a_topic_that_identifies_is_counted_and_gives_way_to_the_assigned_one() -> None:
    model = ANSWER.model_copy(update={"a": ANSWER.a.model_copy(update={"topic": "working at boeing"})})
    found = row("a", answer=model)
    assert found["topic"] == "pets"
    assert ("working at boeing", "topic_identifies_person") in [(d["text"], d["reason"]) for d in found["dropped"]]


def test_without_an_answer_the_topic_prompt_stays() -> None:
    found = row("a", answer=None, status="invalid_answer")
    assert found["prompts"] == conversation_prompts("casual", "pets")
    assert (found["status"], found["labeler"], found["facts"], found["dropped"]) == ("invalid_answer", "topic", [], [])
    assert row("a", answer=None, status="invalid_answer", topic_title=None)["prompts"] == [OPENER]


@pytest.mark.parametrize("cap", [40, 60, 80, 1000])
def test_prompts_keep_to_their_caps_by_whole_facts_from_the_end(cap: int) -> None:
    facts = [Fact(text=f"You have a thing of the kind number {n}.", turns=(1,)) for n in range(10)]
    caps = (24, 64, cap)
    prompts = compose(ROW, side(topic="pets"), Grounded(facts=facts, name="Dave"), estimated_tokens, caps)
    assert all(estimated_tokens(p) <= most for p, most in zip(prompts, caps, strict=False))
    rest = prompts[2].split("Your name is Dave. ")[1] if len(prompts) > 2 and "Dave. " in prompts[2] else ""
    assert " ".join(f.text for f in facts).startswith(rest)
    assert len(prompts) == 3 or cap == 40


def test_a_topic_too_long_for_its_level_gives_way() -> None:
    long = "pets " * 30
    assert compose(ROW, side(topic=long), Grounded(), estimated_tokens, (24, 40, 80))[1].endswith("about pets.")


def test_the_estimate_errs_towards_too_many_and_a_tokenizer_counts_with_the_tags(tmp_path: Path) -> None:
    import sentencepiece

    model = tmp_path / "tokenizer_spm_32k_3.model"
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join([OPENER, *conversation_prompts("casual", "pets"), "You have two cats and a dog."] * 30))
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines), model_prefix=str(model.with_suffix("")), vocab_size=80, minloglevel=2, hard_vocab_limit=False
    )
    (tmp_path / "config.json").write_text("{}")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    assert prompt_counter(str(tmp_path))(OPENER) == len(processor.encode(f"<system> {OPENER} <system>"))
    assert prompt_counter(None) is estimated_tokens
    assert estimated_tokens(OPENER) <= DEFAULT_CAPS[0]
    with pytest.raises(ValueError, match="neither a folder here"):
        prompt_counter(str(tmp_path / "nowhere"))


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """Two calls with turns, labelled by `ANSWER`."""
    calls = [Call("fe_03_00011", 0.5), Call("fe_03_00012", 0.5)]
    for call in calls:
        for speaker, text in SAID:
            call.claim(speaker, 0.0, 0.1, text.split())
    folder = work_folder(tmp_path, calls, topic_title="Pets.", topic_text=None)
    rows = [{**row(s), "call_id": call.call_id} for call in calls for s in "ab"]
    shard = shard_of("fe_03_00011")
    written = folder.write_table(f"personas/{shard}.parquet", PERSONAS.from_rows(rows))
    folder.write_done("label", shard, DoneRecord("x", {f"personas/{shard}.parquet": written}, {}))
    return folder


def test_a_call_is_shown_with_its_proofs_and_nothing_in_it_is_acted_upon(work: WorkFolder) -> None:
    result = CliRunner().invoke(main, ["prompts", str(work.path), "--call", "fe_03_00011"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    said = next(line for line in result.output.splitlines() if "two cats" in line and "dave" in line)
    assert said.split()[:3] == ["1", "A", "A1"]
    for expected in ("You have two cats. (turns 1)", "dropped, number_not_said: You have three cats.", "name: Dave"):
        assert expected in " ".join(result.output.split()), result.output
    assert "\x1b[31m" not in result.output and "\\x1b[31m<b>" in result.output


def test_the_page_escapes_what_was_said(work: WorkFolder, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = CliRunner().invoke(main, ["prompts", str(work.path), "--call", "fe_03_00011", "--html", str(page)])
    text = page.read_text()
    assert result.exit_code == 0 and "<b>" not in text and "&lt;b&gt;&amp;amp;" in text and "\x1b" not in text
    assert text == as_html(read_call(work, "fe_03_00011")) and 'class="a proof"' in text and "<script" not in text


@pytest.mark.parametrize(
    ("call_id", "message"),
    [("fe_03_99999", "no call fe_03_99999; it has 2 calls"), ("../../etc", "cannot be used"), ("", "cannot be used")],
)
def test_unknown_calls(work: WorkFolder, call_id: str, message: str) -> None:
    result = CliRunner().invoke(main, ["prompts", str(work.path), "--call", call_id])
    assert result.exit_code == 1 and message in " ".join(result.output.split())


def test_a_call_without_prompts_names_the_next_step(tmp_path: Path) -> None:
    folder = work_folder(tmp_path, [Call("fe_03_00011", 0.5)], topic_title=None, topic_text=None)
    with pytest.raises(ValueError, match="fisherprep label"):
        read_call(folder, "fe_03_00011")


def test_what_a_terminal_would_act_on_is_shown_as_its_number() -> None:
    assert visible("a\x1b[2Jb\u202ec\nd é") == "a\\x1b[2Jb\\u202ec d é"


def test_the_table_at_the_end(work: WorkFolder) -> None:
    counters = {"retries": 3, "completion_tokens": 500, "seconds": 2.0}
    rows = dict(label_rows(work, estimated_tokens, counters))
    assert rows["sides"] == "4" and rows["calls"] == "2"
    assert rows["level 3 (facts)"].startswith("2 sides") and rows["level 1 (opener)"].startswith("4 sides")
    assert rows["status: ok"] == rows["status: no_facts"] == "2" and rows["tone: empathetic"] == "4"
    assert rows["facts kept"] == "4" and rows["dropped: not_supported"] == "2" and rows["dropped: other_side"] == "2"
    assert rows["topics dropped"] == rows["dropped: topic_refused"] == "2" and rows["facts dropped"] == "6"
    assert rows["retries"] == "3" and rows["completion tokens"] == "500 (250.0 per second)" and "requests" not in rows


def test_examples_are_those_of_the_seed(work: WorkFolder) -> None:
    assert examples(work, 1, 2) == examples(work, 1, 2) and len(examples(work, 1, 2)) == 2
    assert examples(work)[0] == ("fe_03_00011 A", row("a")["prompts"][2]) and len(examples(work)) == 4
