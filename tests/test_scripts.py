"""Domain scripts as people write them: what is read, what is refused, and the coffee scripts that ship."""

from __future__ import annotations

import re
from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.speech.scripts import Problem, Script, parse_script, read_script

ROLES = ("Barista", "Customer")
COFFEE = Path(__file__).parent.parent / "manifests" / "coffee"
PROMPT = "Prompt: You work for Cup which is a coffee shop and your name is Ida. Information: tea $2.00.\n\n"


def parse(text: str) -> Script:
    parsed = parse_script(text, "s.txt", ROLES)
    assert isinstance(parsed, Script), parsed
    return parsed


def problems(text: str) -> list[Problem]:
    parsed = parse_script(text, "s.txt", ROLES)
    assert isinstance(parsed, list)
    assert parsed
    return parsed


def test_a_script_as_people_write_it():
    script = parse(
        "# tea\r\n"
        "Prompt: You work for Cup which is a coffee shop and your name is Ida.\r\n"
        "Information: Tea is $2.00.\r\n"
        "  Open until 5 pm.\r\n"
        "\r\n"
        "Customer: Hi, um, one tea,\r\n"
        "please -- with milk?\r\n"
        "\r\n"
        "  barista : Sure, [smiles] that's $2.00.\r\n"
        "# they know each other\r\n"
        "CUSTOMER (Backchannel): mm-hm\r\n"
        "Barista (interrupts): Oh,\r\n"
        "   wait: the milk (oat) is *sighs* gone!\r\n"
    )
    assert script.name == "s"
    assert script.prompt == (
        "You work for Cup which is a coffee shop and your name is Ida. Information: Tea is $2.00. Open until 5 pm."
    )
    assert [(li.number, li.role, li.kind) for li in script.lines] == [
        (6, "Customer", "turn"),
        (9, "Barista", "turn"),
        (11, "Customer", "backchannel"),
        (12, "Barista", "interruption"),
    ]
    assert [li.text for li in script.lines] == [
        "Hi, um, one tea, please -- with milk?",
        "Sure, [smiles] that's $2.00.",
        "mm-hm",
        "Oh, wait: the milk (oat) is *sighs* gone!",
    ]
    assert script.lines[0].words == ("Hi,", "um,", "one", "tea,", "please", "with", "milk?")
    assert script.lines[1].words == ("Sure,", "that's", "$2.00.")
    assert script.lines[3].words == ("Oh,", "wait:", "the", "milk", "is", "gone!")


@pytest.mark.parametrize(
    ("text", "place", "found", "expected"),
    [
        ("", "s.txt:1", "no prompt", "Prompt:"),
        ("Prompt:\n\nCustomer: Hi.\nBarista: Hi.\n", "s.txt:1", "no prompt", "Prompt:"),
        ("Customer: Hi.\nBarista: Hi.\n", "s.txt:1", "Customer: Hi.", "role prompt first"),
        (PROMPT + "Customer: Hi.\nCashier: Hi.\n", "s.txt:4", "Cashier: Hi.", "'Barista: ...' or 'Customer: ...'"),
        (PROMPT + "Customer: Hi.\ncashier: Hi.\n", "s.txt:4", "cashier: Hi.", "'Barista: ...' or 'Customer: ...'"),
        (PROMPT + "Customer: Hi.\n\nHow are you?\nBarista: Hi.\n", "s.txt:5", "How are you?", "'Barista: ...'"),
        (PROMPT + "Customer (shouts): Hi.\nBarista: Hi.\n", "s.txt:3", "Customer (shouts): Hi.", "(backchannel)"),
        (PROMPT + "Customer: Hi.\nBarista: [nods]\n", "s.txt:4", "[nods]", "one word that can be spoken"),
        (PROMPT + "Customer:\nBarista: Hi.\n", "s.txt:3", "nothing", "one word that can be spoken"),
        (PROMPT + "Customer: Hi.\n", "s.txt:1", "no line of Barista", "lines of both roles"),
        (PROMPT + "Customer: Hi\x07.\nBarista: Hi.\n", "s.txt:3", "Customer: Hi\x07.", "printable"),
    ],
)
def test_a_line_that_does_not_parse_is_named(text, place, found, expected):
    (problem,) = problems(text)
    assert problem.place == place
    assert problem.found == found
    assert expected in problem.expected
    assert problem.fix


def test_every_bad_line_is_reported():
    found = problems(PROMPT + "Cashier: Hi.\nCustomer: Hi.\nBarista (yells): Hi.\n\nstray words\n")
    assert [p.place for p in found] == ["s.txt:3", "s.txt:5", "s.txt:7"]


def test_files_that_are_not_text(tmp_path):
    (tmp_path / "latin.txt").write_bytes(PROMPT.encode() + b"Customer: caf\xe9\n")
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "bom.txt").write_text("\ufeff" + PROMPT + "Customer: Hi.\nBarista: Hi.\n", encoding="utf-8")
    for name in ("latin.txt", "folder.txt", "absent.txt"):
        (problem,) = read_script(tmp_path / name, ROLES)
        assert problem.place == name
        assert "UTF-8" in problem.expected
    assert isinstance(read_script(tmp_path / "bom.txt", ROLES), Script)


_PIECES = "Prompt:|Prompt: You|Customer:|Barista|(interrupts)|(|):|: Hi|\n|\n\n|  |#|[x|*|\x00|\u2028|4:30 ok|Cashier: "
_piece = st.sampled_from(_PIECES.split("|"))


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=200), st.lists(_piece, max_size=25).map("".join)))
def test_any_text_is_a_script_or_has_problems(text):
    parsed = parse_script(text, "s.txt", ROLES)
    if isinstance(parsed, Script):
        assert parsed.prompt
        assert {li.role for li in parsed.lines} == set(ROLES)
        assert all(li.words and li.text for li in parsed.lines)
    else:
        assert parsed
        assert all(p.place.startswith("s.txt:") and p.found and p.expected and p.fix for p in parsed)


_word = st.sampled_from(["Hi", "so,", "tea?", "Mm", "don't", "$4.50", "it's", "n.", "OK!"])
_utterance = st.tuples(
    st.sampled_from(ROLES), st.sampled_from(["", "backchannel", "interrupts"]), st.lists(_word, min_size=1, max_size=9)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_utterance, min_size=1, max_size=8), st.integers(0, 3))
def test_what_is_written_is_read(utterances, breaks):
    both = [("Customer", "", ["Hi."]), ("Barista", "", ["Hello."]), *utterances]
    text = PROMPT
    for role, mark, words in both:
        head = f"{role} ({mark}):" if mark else f"{role}:"
        at = min(breaks, len(words))
        text += f"{head} {' '.join(words[:at])}\n" + (f"    {' '.join(words[at:])}\n" if words[at:] else "")
    kinds = {"": "turn", "backchannel": "backchannel", "interrupts": "interruption"}
    read = [(li.role, li.kind, list(li.words)) for li in parse(text).lines]
    assert read == [(role, kinds[mark], words) for role, mark, words in both]


# -- the scripts that ship -----------------------------------------------------------------------------------------

SCRIPTS = sorted(COFFEE.glob("*.txt"))
SERVICE = re.compile(r"You work for (.+?) which is an? (.+?) and your name is ([A-Z]\w+)\. Information: .+")


def coffee(path: Path) -> Script:
    script = read_script(path, ROLES)
    assert isinstance(script, Script), script
    return script


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_coffee_script_has_the_stated_form(path):
    script = coffee(path)
    assert SERVICE.fullmatch(script.prompt)
    assert 8 <= len(script.lines) <= 16


def test_coffee_scripts_differ_in_shop_and_name():
    assert len(SCRIPTS) >= 12
    roles = [SERVICE.fullmatch(coffee(path).prompt) for path in SCRIPTS]
    assert len({m[1] for m in roles if m}) == len({m[3] for m in roles if m}) == len(SCRIPTS)
    kinds = {line.kind for path in SCRIPTS for line in coffee(path).lines}
    assert kinds == {"turn", "backchannel", "interruption"}


_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ONES = _SMALL.split()
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_NUMBERS = {
    **{word: value for value, word in enumerate(_ONES)},
    **_TENS,
    **{f"{t}-{o}": value + _ONES.index(o) for t, value in _TENS.items() for o in _ONES[1:10]},
}
_NUMBER = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_AMOUNT = re.compile(rf"\$(\d+)\.(\d\d)|\b({_NUMBER}) (dollars?|cents|{_NUMBER})\b", re.IGNORECASE)


def amounts_in_cents(text: str) -> list[int]:
    found = []
    for match in _AMOUNT.finditer(text.lower()):
        if match[1]:
            found.append(100 * int(match[1]) + int(match[2]))
        elif match[4].startswith("dollar"):
            found.append(100 * _NUMBERS[match[3]])
        elif match[4] == "cents":
            found.append(_NUMBERS[match[3]])
        elif _NUMBERS[match[4]] >= 10:
            found.append(100 * _NUMBERS[match[3]] + _NUMBERS[match[4]])
    return found


def test_amounts_are_read_from_speech():
    said = "eight fifty, $8.20, three twenty-five, five dollars, sixty cents, three ten, in three minutes, seven a.m."
    assert amounts_in_cents(said) == [850, 820, 325, 500, 60, 310]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_the_barista_names_no_amount_that_the_menu_does_not_give(path):
    """An amount is a price, a sum of up to three, or change: what the customer paid less a sum. A full card pays 5."""
    script = coffee(path)
    prices = amounts_in_cents(script.prompt)
    sums = {0, *(sum(c) for n in (1, 2, 3) for c in combinations_with_replacement(prices, n))}
    paid = [100 * _NUMBERS[n] for n in re.findall(rf"Here's ({_NUMBER})\b", " ".join(li.text for li in script.lines))]
    sums |= {total - 500 for total in sums if "up to $5.00" in script.prompt}
    for line in script.lines:
        for amount in amounts_in_cents(line.text) if line.role == "Barista" else []:
            change = "back" in line.text and any(p - amount in sums for p in paid)
            assert amount in sums or change, line.text
