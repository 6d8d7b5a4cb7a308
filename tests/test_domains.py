"""Domains: fact sheets, grammars and their dialogues; the two that ship, and new ones from data alone."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from fisherprep.cli import main
from fisherprep.domain import Behaviours
from fisherprep.engine import InlineEngine
from fisherprep.manifest import SplitRule, load_manifest
from fisherprep.speech.behave import behave
from fisherprep.speech.dialogues import plan_dialogues
from fisherprep.speech.drafting import Drafter
from fisherprep.speech.facts_file import read_facts
from fisherprep.speech.grammar import read_grammar
from fisherprep.speech.grammar_run import SaidLine, tell
from fisherprep.speech.heard import MONEY, hear
from fisherprep.speech.planned import Planned
from fisherprep.speech.prompt_facts import prompt_facts
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_claims import says_total
from fisherprep.speech.script_files import script_text
from fisherprep.speech.script_splits import split_scripts
from fisherprep.speech.scripts import Script, parse_script
from fisherprep.speech.spoken import money_said
from fisherprep.speech.synthesize import synthesize
from fisherprep.workfolder import WorkFolder

MANIFESTS = Path(__file__).parent.parent / "manifests"
RULE = SplitRule("facts", 0.2, 0.2, 0)

FACTS = """
values:
  shop: {one_of: [North, South, East, West, Mid, Top], apart: true}
  business: {one_of: [stand]}
  agent: {one_of: [Ann, Ben, Cid, Dot, Eve], apart: true}
  opens: {clock: [6 am, 8 am]}
  wait: {number: [2, 9]}
tables:
  teas:
    take: [2, 2]
    sizes: [[small, large]]
    larger: [0.50, 0.90]
    sold_out: [1, 1]
    rows: [{name: green tea, price: [2.00, 3.00]}, {name: black tea, price: [2.00, 3.00]},
           {name: mint tea, price: [2, 3]}, {name: fruit tea, price: [2.50, 3.50]}]
"""
GRAMMAR = """
scenario: buy
rules:
  hi: [hi, hello]
  information: ["{teas.menu} Open {opens}."]
steps:
  - pick: tea
    from: teas
    count: [1, 3]
  - user: "<hi>, {tea}[, please|]."
  - order: tea
  - agent: "Sure, {order}. That's {total} in total."
  - user: ["Thanks.", {text: "I'll wait.", weight: 0}]
"""
MANIFEST = """
name: {name}
tables: {name}
split: {{by: facts, valid: 0.2, test: 0.2, seed: 0}}
agent: a
domain: {{agent_role: Seller, user_role: Buyer, grammar: grammar, facts: facts.yaml, dialogues: {dialogues}}}
"""


def write_domain(folder: Path, facts: str = FACTS, grammar: str = GRAMMAR, dialogues: int = 8, name: str = "teas"):
    (folder / "grammar").mkdir(parents=True, exist_ok=True)
    (folder / "facts.yaml").write_text(facts, encoding="utf-8")
    (folder / "grammar" / "buy.yaml").write_text(grammar, encoding="utf-8")
    (folder / f"{name}.yaml").write_text(MANIFEST.format(name=name, dialogues=dialogues), encoding="utf-8")
    return load_manifest(folder / f"{name}.yaml")


# -- the domains that ship ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def coffee() -> Planned:
    return plan_dialogues(load_manifest(MANIFESTS / "coffee.yaml"), 500, 0)


@pytest.fixture(scope="module")
def techsupport() -> Planned:
    return plan_dialogues(load_manifest(MANIFESTS / "techsupport.yaml"), 50, 0)


def test_nothing_that_ships_fails_its_checks(coffee, techsupport):
    for planned, count in ((coffee, 500), (techsupport, 50)):
        assert planned.dropped == []
        assert len(planned.dialogues) == count


@pytest.mark.parametrize("name", ["coffee", "techsupport"])
def test_checks_of_the_text_alone_raise_no_false_alarm(name, request):
    """As for scripts of other sources: without what the grammar knows of the order."""
    manifest = load_manifest(MANIFESTS / f"{name}.yaml")
    drafter, domain = Drafter(manifest, manifest.domain), manifest.domain
    checker = Checker((domain.agent_role, domain.user_role), *drafter.lexicon())
    for dialogue in request.getfixturevalue(name).dialogues[:150]:
        assert checker.check(dialogue.script, dialogue.prompts).violations == [], dialogue.call_id


def test_a_wrong_total_is_found_in_any_dialogue(coffee):
    """The last amount of a line with a total is changed; found where the order is not known, but for coincidences."""
    manifest = load_manifest(MANIFESTS / "coffee.yaml")
    drafter, rng = Drafter(manifest, manifest.domain), random.Random(0)
    checker = Checker(("Barista", "Customer"), *drafter.lexicon())
    tried = found = 0
    for dialogue in coffee.dialogues[:200]:
        lines = list(dialogue.script.lines)
        places = [i for i, line in enumerate(lines) if line.role == "Barista" and says_total(line.text)]
        if not places:
            continue
        line = lines[places[-1]]
        heard = [h for h in hear(line.text) if h.values(MONEY)][-1]
        wrong = money_said(heard.values(MONEY)[0] + rng.choice([-10, 10, 20, 35, 100]), rng)
        lines[places[-1]] = replace(line, text=line.text[: heard.start] + wrong + line.text[heard.end :])
        report = checker.check(replace(dialogue.script, lines=tuple(lines)), dialogue.prompts)
        tried, found = tried + 1, found + any(v.reason == "wrong_total" for v in report.violations)
    assert tried > 60 and found / tried > 0.95


def test_every_scenario_is_there_and_all_behaviours(coffee, techsupport):
    for planned, name in ((coffee, "coffee"), (techsupport, "techsupport")):
        scenarios = load_manifest(MANIFESTS / f"{name}.yaml").domain.scenarios
        assert {d.scenario for d in planned.dialogues} - {None} == set(scenarios)
        kinds = {line.kind for d in planned.dialogues for line in d.script.lines}
        assert kinds == {"turn", "backchannel", "interruption", "pause"}


def test_dialogues_are_varied(coffee):
    first = [d for d in coffee.dialogues[:200] if d.source == "grammar"]
    assert len({tuple(line.text for line in d.script.lines) for d in first}) == len(first)
    assert len({d.script.prompt for d in first if d.scenario != "casual"}) == sum(d.scenario != "casual" for d in first)
    turns = [line.text for d in first for line in d.script.lines if line.kind in ("turn", "interruption")]
    assert len(set(turns)) / len(turns) > 0.8


def test_totals_are_sums_of_prices_by_another_way_of_counting(coffee):
    """Every total said is what some prices of the prompt add up to; the checks' own arithmetic is not used."""
    counted = 0
    for dialogue in coffee.dialogues:
        prices = {c for sizes in prompt_facts(dialogue.script.prompt).offers.values() for c in sizes.values()}
        for line in dialogue.script.lines:
            if line.role == "Barista" and says_total(line.text) and dialogue.source == "grammar":
                totals = [v for h in hear(line.text) for v in h.values(MONEY)]
                sums = {0}
                for _ in range(6):
                    sums |= {s + p for s in sums for p in prices if s + p <= max(totals)}
                assert sums & set(totals), line.text
                counted += 1
    assert counted > 100


@pytest.mark.parametrize("name", ["coffee", "techsupport"])
def test_what_is_held_out_is_nowhere_else(name, request):
    planned = request.getfixturevalue(name)
    splits, scenarios = defaultdict(set), defaultdict(set)
    tables: dict[str, set] = defaultdict(set)
    for dialogue in planned.dialogues:
        scenarios[dialogue.split].add(dialogue.scenario)
        for own in dialogue.script.own_names:
            splits[own].add(dialogue.split)
        if offers := prompt_facts(dialogue.script.prompt).offers:
            tables[dialogue.split].add(json.dumps(offers, sort_keys=True))
    assert set(scenarios) == {"train", "valid", "test"}
    assert {own: found for own, found in splits.items() if len(found) > 1} == {}
    assert not tables["train"] & (tables["valid"] | tables["test"]) and not tables["valid"] & tables["test"]
    held_out = {n for n, s in load_manifest(MANIFESTS / f"{name}.yaml").domain.scenarios.items() if s.test_only}
    assert held_out and held_out <= scenarios["test"]
    assert not held_out & (scenarios["train"] | scenarios["valid"])
    shares = pd.Series([d.split for d in planned.dialogues]).value_counts(normalize=True)
    assert abs(shares["test"] - 0.15) < 0.03 and abs(shares["valid"] - 0.15) < 0.03


def test_prompts_have_the_published_forms(coffee):
    casual = 0
    for dialogue in coffee.dialogues:
        for prompt in dialogue.prompts:
            if prompt.startswith("You enjoy having a good conversation. Have a casual discussion about "):
                casual += 1
            else:
                assert prompt.startswith("You work for ") and ". Information: " in prompt
                assert " which is a " in prompt or " which is an " in prompt
            assert prompt.endswith(".") and "{" not in prompt and "<" not in prompt and "  " not in prompt
    assert casual > 50


def test_more_dialogues_leave_the_first_ones_as_they_are(coffee):
    few = plan_dialogues(load_manifest(MANIFESTS / "coffee.yaml"), 40, 0)
    assert [d for d in few.dialogues if d.source == "grammar"] == [
        d for d in coffee.dialogues[:40] if d.source == "grammar"
    ]


def test_drafts_are_the_same_under_any_hash_seed():
    code = (
        "from pathlib import Path; from fisherprep.manifest import load_manifest as m; import hashlib\n"
        "from fisherprep.speech.dialogues import plan_dialogues as p\n"
        f"print(hashlib.sha256(repr(p(m(Path({str(MANIFESTS / 'coffee.yaml')!r})), 30, 3)).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(MANIFESTS.parent)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1


def test_scripts_as_text_are_read_as_they_were(coffee, techsupport):
    for planned, roles in ((coffee, ("Barista", "Customer")), (techsupport, ("Agent", "Caller"))):
        for dialogue in planned.dialogues[:40]:
            parsed = parse_script(script_text(dialogue), "d.txt", roles)
            assert isinstance(parsed, Script), parsed
            assert parsed.prompt == dialogue.script.prompt
            told = [(li.role, li.kind, li.text, li.words) for li in parsed.lines]
            assert told == [(li.role, li.kind, li.text, li.words) for li in dialogue.script.lines]


# -- facts -------------------------------------------------------------------------------------------------------------


def test_a_sheet_holds_what_the_file_says(tmp_path):
    write_domain(tmp_path)
    source = read_facts(tmp_path / "facts.yaml")
    for seed in range(40):
        sheet = source.draw(random.Random(seed), "train", RULE)
        teas, gone, missing = (sheet.values[f"{kind}teas"].rows for kind in ("", "sold_out_", "missing_"))
        assert (len(teas), len(gone), len(missing)) == (2, 1, 1)
        for row in teas:
            assert list(row.prices) == ["small", "large"]
            assert 200 <= row.prices["small"] <= 350 and 50 <= row.prices["large"] - row.prices["small"] <= 90
            assert all(cents % 5 == 0 for cents in row.prices.values())
        assert 360 <= sheet.values["opens"].minutes <= 480 and sheet.values["opens"].minutes % 30 == 0


def test_pools_and_price_tables_are_divided(tmp_path):
    write_domain(tmp_path)
    source = read_facts(tmp_path / "facts.yaml")
    shops, keys = defaultdict(set), defaultdict(set)
    for split in ("train", "valid", "test"):
        for seed in range(60):
            sheet = source.draw(random.Random(seed), split, RULE, taken=frozenset({"North"}))
            shops[split].add(sheet.values["shop"].text)
            keys[split].add(sheet.key)
    for found in (shops, keys):
        assert not found["train"] & found["valid"] and not (found["train"] | found["valid"]) & found["test"]
    assert set().union(*shops.values()) == {"South", "East", "West", "Mid", "Top"}


@pytest.mark.parametrize(
    ("old", "new", "line", "complaint"),
    [
        ("[6 am, 8 am]", "[6 am, 25]", 6, "opens.clock[1]: found 25, expected a text"),
        ("[6 am, 8 am]", "[6 am, 8 xm]", 6, "a time such as 6:30 am"),
        ("{number: [2, 9]}", "{number: [9, 2]}", 7, "the lowest first"),
        ("{number: [2, 9]}", "{number: 2, digits: 3}", 7, "exactly one of"),
        ("{number: [2, 9]}", "{colour: red}", 7, "unknown key 'colour'"),
        ("take: [2, 2]", "take: [2, 4]", 10, "at most 4 rows"),
        ("    larger: [0.50, 0.90]\n", "", 11, "'larger' beside it"),
        ("price: [2, 3]", "price: [2.001, 3]", 15, "two decimals"),
        ("name: mint tea", "name: green tea", 14, "another name for every row"),
        ("  teas:", "  shop:", 9, "another name"),
        ("  wait:", "  Wait:", 7, "a name of small letters"),
        ("{number: [2, 9]}", "{number: [2, 9], step: 0}", 7, "a step above 0"),
        ("{number: [2, 9]}", "{number: [2, 9], apart: true}", 7, "'apart' beside one_of only"),
        ("one_of: [stand]", "one_of: [stand], apart: perhaps", 4, "true or false"),
        ("one_of: [stand]", "one_of: ['stand of {shop}']", 4, "a text without '{'"),
        ("wait: {number: [2, 9]}", "closes: {clock: [7 am, 9 am]}", 7, "times after 8 am"),
    ],
)
def test_mistakes_in_facts_are_said_with_their_line(tmp_path, old, new, line, complaint):
    assert old in FACTS
    write_domain(tmp_path, facts=FACTS.replace(old, new))
    with pytest.raises(ValueError) as caught:
        read_facts(tmp_path / "facts.yaml")
    assert complaint in str(caught.value) and f"facts.yaml:{line}:" in str(caught.value), caught.value


def test_a_bar_may_close_in_the_night(tmp_path):
    write_domain(tmp_path, facts=FACTS.replace("wait: {number: [2, 9]}", "closes: {clock: [1 am, 2 am]}"))
    assert "closes" in read_facts(tmp_path / "facts.yaml").names()


def test_rows_that_are_apart_are_in_one_split(tmp_path):
    rows = "{name: a}, {name: b}, {name: c}, {name: d}, {name: e}"
    write_domain(tmp_path, facts=FACTS + f"  topics: {{take: [1, 1], apart: true, rows: [{rows}]}}\n")
    source = read_facts(tmp_path / "facts.yaml")
    found = {
        split: {source.draw(random.Random(seed), split, RULE).values["topics"].rows[0].name for seed in range(40)}
        for split in ("train", "valid", "test")
    }
    assert sorted(map(len, found.values())) == [1, 1, 3] and len(set().union(*found.values())) == 5
    write_domain(tmp_path, facts=FACTS + f"  topics: {{take: [2, 2], apart: true, rows: [{rows}]}}\n")
    with pytest.raises(ValueError, match=r"facts.yaml:16: tables.topics: found 5 rows that are apart, of which test"):
        read_facts(tmp_path / "facts.yaml").draw(random.Random(0), "test", RULE)


def test_no_prompt_with_facts_is_in_two_splits(coffee):
    splits = defaultdict(set)
    for dialogue in coffee.dialogues:
        for prompt in dialogue.prompts:
            splits[prompt].add(dialogue.split)
    assert any("casual discussion" in prompt and found == {"test"} for prompt, found in splits.items())
    assert all(len(found) == 1 for found in splits.values())


def test_scripts_of_a_shop_are_in_one_split():
    def script(file: str, prompt: str, split: str | None = None) -> Script:
        return Script(file, prompt, (), file, split)

    shop = "You work for {} which is a cafe and your name is {}. Information: {}"
    scripts = [script(f"{n}.txt", shop.format(f"Shop {n // 3}", f"Ann{n}", n)) for n in range(18)]
    scripts += [script("the.txt", shop.format("shop  0", "Bo", "x")), script("own.txt", "You like tea.", "test")]
    scripts += [script("own2.txt", "You like tea.")]
    found = split_scripts(scripts, SplitRule("facts", 0.2, 0.2, 0))
    assert {len({found[f"{n}.txt"] for n in range(k, k + 3)}) for k in range(0, 18, 3)} == {1}
    assert found["the.txt"] == found["0.txt"] and found["own2.txt"] == "test"
    assert set(found.values()) == {"train", "valid", "test"}
    alone = split_scripts(scripts[:3], SplitRule("facts", 0.2, 0.2, 0))
    assert set(alone.values()) == {"train"}


def test_a_misspelt_name_is_said_with_what_it_may_be(tmp_path):
    write_domain(tmp_path, facts=FACTS.replace("business:", "buisness:"))
    with pytest.raises(ValueError, match=r"teas.yaml:\d+: .*'\{business\}'.*'buisness': is it meant"):
        plan_dialogues(load_manifest(tmp_path / "teas.yaml"), 3, 0)


def test_facts_that_cannot_be_divided_are_an_error(tmp_path):
    manifest = write_domain(tmp_path, facts=FACTS.replace("[North, South, East, West, Mid, Top]", "[North]"))
    with pytest.raises(ValueError, match="give at least 3"):
        plan_dialogues(manifest, 8, 0)
    fixed = FACTS.replace("price: [2.00, 3.00]", "price: 2").replace("price: [2, 3]", "price: 2")
    fixed = fixed.replace("price: [2.50, 3.50]", "price: 2").replace("[0.50, 0.90]", "0.5")
    manifest = write_domain(tmp_path / "fixed", facts=fixed.replace("tea, price: 2", "tea, price: 2"))
    with pytest.raises(ValueError, match="prices vary too little"):
        plan_dialogues(replace(manifest, split=SplitRule("facts", 0.01, 0.01, 5)), 200, 0)


# -- grammar -----------------------------------------------------------------------------------------------------------


def grammar_of(tmp_path: Path, text: str, facts: str = FACTS):
    write_domain(tmp_path, facts=facts, grammar=text)
    source = read_facts(tmp_path / "facts.yaml")
    (grammar,) = read_grammar(tmp_path / "grammar", Behaviours(), source.names()).values()
    return grammar, source


def told(tmp_path: Path, steps: str, seed: int = 0) -> list[SaidLine]:
    grammar, source = grammar_of(tmp_path, f"scenario: s\nsteps:\n{steps}")
    rng = random.Random(seed)
    return list(tell(grammar, source.draw(rng, "train", RULE).values, rng).lines)


def test_orders_add_up_through_changes(tmp_path):
    steps = """
  - pick: tea
    from: teas
  - order: tea
  - change: tea
    count: [2, 2]
  - pick: other
    from: teas
    not: tea
  - order: other
  - agent: "{total}"
  - unorder: other
  - change: tea
    size: other
  - agent: "{total} for {order}"
  - round_up: paid
    from: total
    to: 10
  - sum: {back: [paid, -total]}
  - agent: "{back} of {paid}"
"""
    for seed in range(20):
        first, second, third = told(tmp_path, steps, seed)
        tea, other = first.order.picks
        assert tea.count == 2 and tea.row.name != other.row.name
        cents = [[v for h in hear(line.text) for v in h.values(MONEY)] for line in (first, second, third)]
        assert cents[0][0] == 2 * tea.row.prices[tea.size] + other.row.prices[other.size]
        (changed,) = second.order.picks
        assert changed.size != tea.size and cents[1][0] == 2 * changed.row.prices[changed.size]
        assert cents[2][0] + cents[1][0] == cents[2][1] and cents[2][1] % 1000 == 0


def test_conditions_branches_and_repeats(tmp_path):
    steps = """
  - set: {greeted: shop}
  - if: nothing_here
    then: [{user: "wrong"}]
    else: [{user: "right"}]
  - if: wait > 1 and not nothing_here and business is 'stand' and shop is greeted
    then: [{agent: "right"}]
  - repeat: 3
    steps:
      - chance: 1
        then: [{user (backchannel): "again"}]
  - either:
      - {weight: 0, steps: [{user: "never"}]}
      - [{agent (interrupts): "always"}]
  - pick: nothing_here
    from: teas
"""
    lines = told(tmp_path, steps)
    assert [(line.kind, line.text) for line in lines] == [
        ("turn", "Right"), ("turn", "Right"), *[("backchannel", "Again")] * 3, ("interruption", "Always")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "line", "complaint"),
    [
        ('  - user: "<nothing>"', 3, "one of the rules"),
        ('  - user: "{nothing}"', 3, "a fact or of something picked"),
        ('  - user: "{shop"', 3, "stands alone"),
        ('  - user: "[a|b"', 3, "a ] for every ["),
        ('  - user: "{shop.__class__}"', 3, "a value such as drink"),
        ("  - call: nothing", 3, "one of the blocks"),
        ("  - chance: yawn\n    then: []", 3, "a chance from 0 to 1"),
        ("  - chance: 0.5", 3, "'then' with steps"),
        ("  - if: shop = 3\n    then: []", 3, "a condition such as"),
        ("  - pick: x", 3, "'from' a table"),
        ("  - shout: x", 3, "one of the keys user, agent"),
        ("  - order: nothing", 3, "something picked before"),
        ("  - repeat: [3, 1]\n    steps: []", 3, "[fewest, most]"),
        ("  - sum: {x: [shop]}\n  - user: \"a\"\n    more: b", 5, "unknown key 'more'"),
        ("  - call: a\nblocks:\n  a: [{call: a}]", 5, "found 'a > a', expected no circle of calls"),
        ("  - user: x\nblocks:\n  a: [{chance: 0.5, then: [{call: b}]}]\n  b: [{call: c}]\n  c: [{call: a}]", 7,
         "no circle of calls"),
        ("  - user: x\nrules:\n  a: [y, 'z [<b>|]']\n  b: x <a>", 6, "no circle of rules"),
    ],
)  # fmt: skip
def test_mistakes_in_a_grammar_are_said_with_their_line(tmp_path, steps, line, complaint):
    with pytest.raises(ValueError) as caught:
        grammar_of(tmp_path, f"scenario: s\nsteps:\n{steps}\n")
    assert complaint in str(caught.value) and f"buy.yaml:{line}:" in str(caught.value), caught.value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "scenario: s\nsteps: [{repeat: 20, steps: [{repeat: 20, steps: [{user: a}]}]}]",
            "at most 120 lines",
        ),
        ("scenario: s\nsteps: [{pick: t, from: shop}]", "a table with a row to pick"),
        ('scenario: s\nsteps: [{user: "{teas.nothing}"}]', "a value that is there by then"),
        ("scenario: s\nsteps: [{sum: {x: [shop]}}]", "amounts of money only"),
    ],
)
def test_a_grammar_that_cannot_end_or_be_said_is_an_error_with_its_place(tmp_path, text, complaint):
    grammar, source = grammar_of(tmp_path, text)
    rng = random.Random(0)
    sheet = source.draw(rng, "train", RULE)
    with pytest.raises(ValueError) as caught:
        tell(grammar, sheet.values, rng)
    assert complaint in str(caught.value) and "buy.yaml:" in str(caught.value), caught.value


def test_behaviours_come_at_their_shares():
    long = "well this is a rather long turn with many words in it really"
    lines = [SaidLine(role, "turn", long) for _ in range(300) for role in ("user", "agent")]
    done = behave(lines, Behaviours(0.2, 0.3, 0.1, 0.0), random.Random(0), lambda rule: None)
    kinds = pd.Series([line.kind for line in done]).value_counts()
    assert abs(kinds["interruption"] / 300 - 0.2) < 0.06
    assert abs(kinds["backchannel"] / 600 - 0.3) < 0.08
    assert abs(kinds["pause"] / 300 - 0.08) < 0.05
    assert behave(lines, Behaviours(0, 0, 0, 0), random.Random(0), lambda rule: None) == lines


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_drafts_that_break_their_prompt_are_dropped_and_counted(tmp_path):
    """Half of the drafts name a price that the prompt does not give: those are dropped, the others are kept."""
    lying = GRAMMAR.replace('"Sure, {order}. That', '"[Sure|Ten ninety-nine each], {order}. That')
    planned = plan_dialogues(write_domain(tmp_path, grammar=lying), 20, 0)
    assert {d.reason for d in planned.dropped} == {"wrong_price"}
    assert len(planned.dialogues) + planned.counters["dialogues without a draft that passes"] == 20
    assert all("each" not in line.text for d in planned.dialogues for line in d.script.lines)
    always = GRAMMAR.replace('"Sure, {order}. That', '"Ten ninety-nine each, {order}. That')
    with pytest.raises(ValueError, match="none of 5 dialogues passes"):
        plan_dialogues(write_domain(tmp_path / "always", grammar=always), 5, 0)


def test_a_step_that_some_draws_cannot_do_costs_those_drafts_only(tmp_path):
    either = GRAMMAR.replace("steps:\n  - pick", "steps:\n  - either: [[{pick: x, from: nobody}], []]\n  - pick", 1)
    facts = FACTS.replace("tables:", "tables:\n  nobody: {take: [1, 1], rows: [{name: x}]}")
    planned = plan_dialogues(write_domain(tmp_path, facts, either.replace("nobody", "sold_out_nobody")), 12, 0)
    assert {d.reason for d in planned.dropped} == {"cannot_be_told"}
    assert "buy.yaml:" in planned.dropped[0].problem.found
    assert len(planned.dialogues) + planned.counters["dialogues without a draft that passes"] == 12


def test_names_of_scripts_are_taken_from_the_pools(tmp_path):
    write_domain(tmp_path)
    (tmp_path / "scripts").mkdir()
    for i, shop in enumerate(("North", "South", "East")):
        prompt = f"You work for {shop} which is a stand and your name is Ann. Information: Green tea: $2.{i}0."
        text = f"Prompt: {prompt}\n\nBuyer: Hi.\nSeller: Hello, this is Ann.\n"
        (tmp_path / "scripts" / f"{shop}.txt").write_text(text, encoding="utf-8")
    file = tmp_path / "teas.yaml"
    file.write_text(file.read_text().replace("dialogues: 8", "scripts: scripts, scripts_share: 0.3, dialogues: 30"))
    planned = plan_dialogues(load_manifest(file), 30, 0)
    assert sum(d.source == "scripts" for d in planned.dialogues) == 9
    drafted = {own for d in planned.dialogues if d.source == "grammar" for own in d.script.own_names}
    assert not drafted & {"North", "South", "East", "Ann"}


def test_each_dropped_script_is_named_by_file_and_line(tmp_path):
    file = tmp_path / "stand.yaml"
    file.write_text(
        "name: stand\ntables: stand\nsplit: {by: script}\n"
        "domain: {agent_role: Seller, user_role: Buyer, scripts: told, dialogues: 3}\n"
    )
    (tmp_path / "told" / "train").mkdir(parents=True)
    prompt = "Prompt: You work for North which is a stand and your name is Ann. Information: Green tea: $2.20.\n\n"
    lines = "Buyer: A green tea, please.\nSeller: That's two PRICE, please.\n"
    for i in range(25):
        (tmp_path / "told" / f"{i:02d}.txt").write_text(prompt + lines.replace("PRICE", "fifty"))
    (tmp_path / "told" / "train" / "bad.txt").write_text(f"{prompt}Nobody: Hi.\n")
    result = CliRunner().invoke(main, ["scripts", str(file)])
    assert result.exit_code == 1
    assert "no script can be used:" in result.output
    assert "told/train/bad.txt:3: found" in result.output and "told/18.txt:4: found" in result.output

    (tmp_path / "told" / "right.txt").write_text(prompt + lines.replace("PRICE", "twenty"))
    told = [line for line in CliRunner().invoke(main, ["scripts", str(file)]).stderr.splitlines() if "dropped" in line]
    assert len(told) == 21
    assert told[1].startswith("dropped, wrong_price: told/00.txt:4: found \"'two fifty' in: That's two fifty, please.")
    assert told[20] == "and 6 more that were dropped: give --all to see them"
    whole = CliRunner().invoke(main, ["scripts", str(file), "--all"])
    assert whole.stderr.count("dropped, wrong_price: told/") == 25
    assert plan_dialogues(load_manifest(file), 3, 0).counters["script files in use"] == 1


def test_a_folder_of_a_split_is_that_split(tmp_path):
    runner = CliRunner()
    manifest = write_domain(tmp_path)
    result = runner.invoke(
        main, ["scripts", str(manifest.path), "--dialogues", "20", "--out", str(tmp_path / "drafts")]
    )
    assert result.exit_code == 0, result.output
    file = tmp_path / "again.yaml"
    file.write_text(
        "name: again\ntables: again\nsplit: {by: script, valid: 0.2, test: 0.2}\n"
        "domain: {agent_role: Seller, user_role: Buyer, scripts: drafts}\n"
    )
    first, again = plan_dialogues(manifest, 20, 0), plan_dialogues(load_manifest(file), 20, 0)
    assert again.dropped == []
    assert {(d.split, d.script.prompt) for d in again.dialogues} == {
        (d.split, d.script.prompt) for d in first.dialogues
    }
    (tmp_path / "drafts" / "mine.txt").write_text("Prompt: x\n")
    result = runner.invoke(main, ["scripts", str(manifest.path), "--out", str(tmp_path / "drafts")])
    assert result.exit_code == 1 and "mine.txt: found a script of something else" in result.output


def test_a_new_domain_is_spoken_without_new_code(tmp_path):
    """From two data files to the tables, with what was dropped among the rejects."""
    manifest = write_domain(tmp_path, dialogues=4)
    summary = synthesize(manifest, tmp_path / "work", None, None, InlineEngine())
    assert summary.counters["dialogues from grammar"] == 4
    work = WorkFolder.open(tmp_path / "work")
    calls = work.read("conversations").to_pandas()
    assert list(calls.topic_title) == ["buy"] * 4
    assert set(calls.transcript_file) == {"grammar/buy.yaml"}
    personas = work.read("personas").to_pandas()
    prompts = personas[personas.side == "a"].prompts.map(list).tolist()
    assert prompts == [[p] for p in calls.role_prompt]
    assert synthesize(manifest, tmp_path / "work", None, None, InlineEngine()).ran == 0
    shutil.rmtree(tmp_path / "work")


CLINIC = """
values:
  shop: {apart: true, one_of: [Lakeview Dental, Bright Smile Clinic, Oak Street Dental, Harbor Dental]}
  business: {one_of: [dental clinic]}
  agent: {apart: true, one_of: [Rita, Tom, Sara, Ken]}
  customer: {one_of: [Moreno, Patel, Schmidt, Lee]}
  opens: {clock: [7 am, 9 am]}
  closes: {clock: [4 pm, 6 pm]}
tables:
  offers:
    take: [3, 3]
    rows:
      - {name: cleaning, price: {money: [80, 140], step: 10}}
      - {name: check-up, price: {money: [50, 90], step: 10}}
      - {name: filling, price: [120.00, 220.00]}
      - {name: whitening, price: [150.00, 300.00]}
"""


def test_facts_alone_are_a_domain(tmp_path):
    """With the grammar that comes with the package: the way of a team that has only a role and its facts."""
    write_domain(tmp_path, facts=CLINIC, name="clinic", dialogues=60)
    file = tmp_path / "clinic.yaml"
    file.write_text(file.read_text().replace("grammar: grammar", "grammar: default"))
    planned = plan_dialogues(load_manifest(file), 60, 0)
    assert planned.dropped == [] and len(planned.dialogues) == 60
    assert {d.scenario for d in planned.dialogues} == {"order", "change_of_mind", "hours", "not_offered"}
    assert all(
        cents % 1000 == 0
        for d in planned.dialogues
        for cents in prompt_facts(d.script.prompt).offers.get("cleaning", {}).values()
    )


def test_scripts_alone_are_divided_by_shop(tmp_path):
    (tmp_path / "s").mkdir()
    for n in range(8):
        shop = f"You work for Shop {n // 2} which is a cafe and your name is Ann."
        prompt = f"{shop} Information: Tea: $2.00. Cake: ${n}.50."
        (tmp_path / "s" / f"{n}.txt").write_text(f"Prompt: {prompt}\n\nBuyer: A tea.\nSeller: Two dollars.\n")
    file = tmp_path / "m.yaml"
    file.write_text(
        "name: m\ntables: m\nsplit: {by: facts, valid: 0.25, test: 0.25}\n"
        "domain: {agent_role: Seller, user_role: Buyer, scripts: s, dialogues: 8}\n"
    )
    planned = plan_dialogues(load_manifest(file), 8, 0)
    shops = defaultdict(set)
    for dialogue in planned.dialogues:
        shops[dialogue.script.own_names[0]].add(dialogue.split)
    assert planned.dropped == [] and all(len(found) == 1 for found in shops.values())
    assert sorted(next(iter(found)) for found in shops.values()) == ["test", "train", "train", "valid"]
    for n in range(2, 8):
        (tmp_path / "s" / f"{n}.txt").unlink()
    planned = plan_dialogues(load_manifest(file), 2, 0)
    assert any("none is held out" in name for name in planned.counters)
