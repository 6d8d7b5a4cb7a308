"""The checks of a dialogue: what is planted is found, what is right passes, numbers are heard as they are meant."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.speech.heard import CLOCK, DIGITS, MONEY, NUMBER, hear
from fisherprep.speech.prompt_facts import prompt_facts
from fisherprep.speech.script_checks import Checker, Report
from fisherprep.speech.script_sums import OrderLine
from fisherprep.speech.scripts import Script, parse_script, read_scripts
from fisherprep.speech.spoken import clock_said, clock_written, digit_words, money_said, money_written, number_words

ROLES = ("Barista", "Customer")
COFFEE = Path(__file__).parent.parent / "manifests" / "coffee"
OFFERS = frozenset({"latte", "mocha", "blueberry muffin", "bagel", "croissant"})
PROMPT = (
    "You work for Corner Cup which is a coffee shop and your name is Ida. Information: Latte: small $4.00, "
    "large $4.75. Oat milk: $0.50. Blueberry muffin: $3.25. Sold out today: croissants. Open 6:30 am to 5 pm. "
    "Drinks take 4 minutes."
)
DIALOGUE = """
Customer: Hi, could I get a large latte, please?
Barista: Sure. Would you like oat milk for fifty cents?
Customer: Yes, please. And two blueberry muffins.
Barista: So that's a large latte with oat milk and two muffins. Your total is eleven seventy-five.
Customer: Here's fifteen. Until when are you open?
Barista: Until five. And three twenty-five back.
Customer: It's for Marcus.
Barista: Thanks, Marcus. It takes four minutes.
"""


def check(text: str, prompt: str = PROMPT, orders=None) -> Report:
    script = parse_script(f"Prompt: {prompt}\n{text}", "s.txt", ROLES)
    assert isinstance(script, Script), script
    return Checker(ROLES, OFFERS).check(script, (script.prompt,), orders)


def reasons(text: str, **how) -> list[str]:
    return [v.reason for v in check(text, **how).violations]


def test_a_sound_dialogue_passes():
    assert check(DIALOGUE).violations == []


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        ("Your total is eleven seventy-five", "Your total is eleven eighty-five", "wrong_total"),
        ("Your total is eleven seventy-five", "Your total is $12.00", "wrong_total"),
        ("Your total is eleven seventy-five", "That comes to fifty dollars", "wrong_total"),
        ("oat milk for fifty cents", "oat milk for sixty cents", "wrong_price"),
        ("three twenty-five back", "three fifty back", "wrong_price"),
        ("Until five.", "Until nine.", "invented_time"),
        ("Until five.", "Until six thirty p.m.", "invented_time"),
        ("Until five.", "We close at 8 pm.", "invented_time"),
        ("takes four minutes", "takes seven minutes", "invented_number"),
        ("Thanks, Marcus.", "Thanks, Peter.", "invented_name"),
        ("Until five.", "Until five. Come to our shop on Elm Street, too.", "invented_name"),
        ("Sure. Would", "Sure, I'm Nora. Would", "wrong_name"),
        ("Sure. Would", "Sure, my name is Paul. Would", "wrong_name"),
        ("Sure. Would", "Sure, and a mocha for you. Would", "off_menu"),
        ("Sure. Would", "Sure, here's a fresh croissant. Would", "sold_out"),
        ("Sure. Would", "Sure, two bagels. Would", "off_menu"),
    ],
)
def test_what_is_planted_is_found(right, wrong, reason):
    assert right in DIALOGUE
    assert reason in reasons(DIALOGUE.replace(right, wrong))


def test_refusing_is_not_selling():
    assert reasons(DIALOGUE.replace("Sure. Would", "Sorry, we don't have a mocha. Would")) == []
    assert reasons(DIALOGUE.replace("Sure. Would", "The croissants are sold out, I'm afraid. Would")) == []


def test_something_nobody_knows_of_is_sold_off_the_menu():
    wanted = "\nCustomer: Hi, can I get a unicorn shake, please?\n"
    assert reasons(wanted + "Barista: Sure, one unicorn shake, coming up.\n") == ["off_menu"]
    assert reasons(wanted + "Barista: I'm sorry, we have no unicorn shakes.\n") == []


def test_what_the_user_said_may_be_repeated():
    text = "\nCustomer: I'm Zelda, we are nine people, and we come at eight.\nBarista: Nine at eight, Zelda. Fine.\n"
    assert reasons(text) == []


def test_a_price_is_that_of_what_is_named():
    asked = "\nCustomer: What's a muffin?\n"
    assert reasons(asked + "Barista: The blueberry muffin is three twenty-five.\n") == []
    assert reasons(asked + "Barista: The blueberry muffin is four dollars.\n") == ["wrong_price"]
    two = asked.replace("a muffin", "the price of two muffins")
    assert reasons(two + "Barista: Two blueberry muffins are six fifty.\n") == []


def test_a_known_order_has_to_be_what_the_total_says():
    order = (OrderLine("latte", "large", 1, ("oat milk",)), OrderLine("blueberry muffin", "", 2))
    assert reasons(DIALOGUE, orders={3: order}) == []
    assert "wrong_total" in reasons(DIALOGUE, orders={3: order[:1]})
    assert "off_menu" in reasons(DIALOGUE, orders={3: (OrderLine("mocha"),)})
    assert "off_menu" in reasons(DIALOGUE, orders={3: (OrderLine("latte", "huge"),)})


def test_the_sides_take_turns():
    four = "Barista: Hi.\n" * 4
    assert reasons(f"\nCustomer: Hi.\n{four}") == ["turn_order"]
    assert reasons("\nCustomer (backchannel): Mm-hm.\nBarista: Hi.\n") == ["turn_order"]
    assert reasons("\nBarista: Hello there.\nBarista (interrupts): Hi.\nCustomer: Hi.\n") == ["turn_order"]
    assert reasons("\nCustomer: Hi.\nBarista: " + "well " * 91 + "\n") == ["length"]
    assert reasons("\n" + "Customer: Hi.\nBarista: Hi.\n" * 41) == ["length"]


def test_what_cannot_be_checked_is_counted_and_kept():
    report = check("\nCustomer: Hi.\nBarista: Hello.\n", prompt="You enjoy having a good conversation.")
    assert report.violations == []
    assert sum(report.unchecked.values()) == 2


def test_the_scripts_that_ship_pass():
    scripts, problems = read_scripts(COFFEE, ROLES)
    assert len(scripts) == 12 and problems == []
    checker = Checker(ROLES, OFFERS)
    for script in scripts:
        assert checker.check(script, (script.prompt,)).violations == [], script.name


@pytest.mark.parametrize(
    ("prompt", "offers"),
    [
        ("Tea: $2.00.", {"tea": {"": 200}}),
        ("Drip coffee: small $2.50, large $3.00.", {"drip coffee": {"small": 250, "large": 300}}),
        ("Oat milk adds $0.50.", {"oat milk": {"": 50}}),
        ("Fall menu until November 30th: pumpkin latte $5.25, maple scone $3.50.",
         {"pumpkin latte": {"": 525}, "maple scone": {"": 350}}),
        ("Seasonal: Apple cider: $3.10.", {"apple cider": {"": 310}}),
        ("Black coffee $2.40 and tea $2.10 are free of nuts.", {"black coffee": {"": 240}, "tea": {"": 210}}),
        ("Cold brew, 16 ounces: $4.20, refills $1.00.", {"cold brew": {"": 420}, "refills": {"": 100}}),
        ("Tune-up: basic $60.00, full $95.00.", {"tune-up": {"basic": 6000, "full": 9500}}),
        ("A technician visit is $49.00.", {"technician visit": {"": 4900}}),
        ("Ten stamps pay for a drink of up to $5.00.", {}),
    ],
)  # fmt: skip
def test_prices_are_read_from_prompts(prompt, offers):
    assert prompt_facts(f"Information: {prompt}").offers == offers


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("that's eight fifty", MONEY, [850]),
        ("$8.20 and $1,200", MONEY, [820, 120_000]),
        ("five dollars and five cents, or sixty cents", MONEY, [505, 60]),
        ("one hundred one dollars and seventy-five cents", MONEY, [10_175]),
        ("four oh five", MONEY, [405]),
        ("a dollar seventy-five, a dollar five back, two dollars", MONEY, [175, 105, 200]),
        ("until six thirty", CLOCK, [390]),
        ("nine to six, between eight and seven", CLOCK, [540, 360, 480, 420]),
        ("two to three minutes, between four and five people", NUMBER, [2, 3, 4, 5]),
        ("at seven on Friday, from 8 am to 4:30 pm", CLOCK, [420, 480, 990]),
        ("seven in the evening, noon", CLOCK, [1140, 720]),
        ("two hundred and five people, the 30th, the twenty-first", NUMBER, [205, 30, 21]),
        ("a hundred, sixteen ounces", NUMBER, [100, 16]),
    ],
)
def test_numbers_are_heard(text, kind, values):
    assert [v for heard in hear(text) for v in heard.values(kind)] == values


def test_an_hour_is_no_count():
    assert [h.values(NUMBER) for h in hear("we open at seven")] == [[]]
    assert [h.values(CLOCK) for h in hear("in seven minutes")] == [[]]


@settings(max_examples=300)
@given(st.integers(1, 99_999), st.integers(0, 47), st.integers(0, 9999), st.integers(0, 1000))
def test_what_is_said_is_heard(cents, half_hour, digits, seed):
    rng = random.Random(seed)
    for text in (money_said(cents, rng), money_written(cents)):
        assert cents in {v for h in hear(text) for v in h.values(MONEY)}, text
    minutes = half_hour * 30
    for text in (f"until {clock_said(minutes, rng)}", clock_written(minutes)):
        heard = {v for h in hear(text) for v in h.values(CLOCK)}
        assert {v % 720 for v in heard} == {minutes % 720}, text
    number = f"{digits:04d}"
    assert (DIGITS, number) in {r for h in hear(digit_words(number)) for r in h.readings}
    assert [h.values(NUMBER) for h in hear(f"{number_words(digits)} people")] == [[digits]] or digits >= 1000


@settings(max_examples=200)
@given(st.text(max_size=120))
def test_any_text_is_heard_and_read_as_a_prompt(text):
    assert all(0 <= h.start < h.end <= len(text) + 8 for h in hear(text))
    prompt_facts(text)


NAMES = ["José", "Renée", "Zoë", "Anaïs", "Jean-Luc", "McKay", "O'Neill", "Łukasz", "Rene\u0301e"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_letters_is_one_name(name):
    """Of the agent, of the shop and of the user; another's is still found."""
    prompt = PROMPT.replace("Ida", name).replace("Corner Cup", f"Café {name}")
    told = (
        f"\nBarista: Café {name}, hello, my name is {name}.\nCustomer: Hi. Is this {name}?\nBarista: Yes, I'm {name}.\n"
    )
    assert reasons(told, prompt=prompt) == []
    assert reasons(told, prompt=PROMPT) != []
    assert "wrong_name" in reasons(told.replace(f"I'm {name}", "I'm Éva-Marie"), prompt=prompt)
    thanked = f"\nCustomer: It's {name} Müller-Peña.\nBarista: Thanks, {name}. And {name}'s order is for Müller-Peña.\n"
    assert reasons(thanked) == []
    assert reasons(thanked.replace(f"It's {name} M", "It's M")) == ["invented_name"]


def test_goods_of_any_letters_are_one_thing():
    prompt = PROMPT + " Éclair: $3.00. Crème brûlée: small $4.00, large $6.00."
    assert prompt_facts(prompt).offers["éclair"] == {"": 300}
    asked = "\nCustomer: Could I get an éclair and a large crème brûlée, please?\nBarista: Sure. That's {}, then.\n"
    assert reasons(asked.format("nine dollars"), prompt=prompt) == []
    assert reasons(asked.format("eight dollars"), prompt=prompt) == ["wrong_price"]
    assert reasons(asked.format("nine dollars")) != []


LIBRARY = (
    "You work for Pine Library which is a public library and your name is Rita. Information: Book reservation: $1.00. "
    "Room booking: $10.00. Books may be kept for 3 weeks."
)


def test_an_order_is_counted_by_what_the_user_orders_and_named():
    """A question orders nothing, what a word means elsewhere in the prompt is no item, and what was counted is said."""
    told = (
        "\nCustomer: Hi, {}\nBarista: Three weeks.\nCustomer: And I would like a room booking.\nBarista: That's {}.\n"
    )
    assert reasons(told.format("how long may I keep a book?", "ten dollars"), prompt=LIBRARY) == []
    assert reasons(told.format("please tell me of the books.", "ten dollars"), prompt=LIBRARY) == []
    assert reasons(told.format("I'd like a book reservation.", "eleven dollars"), prompt=LIBRARY) == []
    found = check(told.format("I'd like a book reservation.", "ten dollars"), prompt=LIBRARY).violations
    assert [v.reason for v in found] == ["wrong_price"]
    assert "book reservation and room booking" in found[0].expected
    changed = (
        "\nCustomer: I'd like a book reservation, I mean, a room booking.\nBarista: Sure. That'll be ten dollars.\n"
    )
    assert reasons(changed, prompt=LIBRARY) == []


def test_what_is_known_of_an_order_licenses_nothing():
    """The same dialogue gets the same verdict when it is read from a file, where no order is known."""
    told = "\nCustomer: Hi, a large latte, please.\nBarista: Sure. That's {}.\nCustomer: Thanks.\n"
    order = {1: (OrderLine("latte", "large"), OrderLine("blueberry muffin"))}
    assert "wrong_price" in reasons(told.format("eight dollars"), orders=order)
    assert reasons(told.format("eight dollars")) == ["wrong_price"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Three bagels is nine, plus two seventy-five, so eleven seventy-five.", []),
        ("Three bagels is eight, plus two seventy-five, so eleven seventy-five.", ["invented_number"]),
        ("Three bagels is nine, plus two fifty, so eleven seventy-five.", ["wrong_price"]),
        ("Three bagels is nine, plus two seventy-five, so twelve seventy-five.", ["wrong_price"]),
    ],
)
def test_what_several_come_to_may_be_said_in_dollars_alone(said, expected):
    prompt = PROMPT + " Bagel: $3.00. Drip coffee: small $2.00, large $2.75."
    assert reasons(f"\nCustomer: Three bagels and a large drip.\nBarista: {said}\n", prompt=prompt) == expected
