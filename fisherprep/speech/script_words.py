"""Word lists of the checks: what people ask for and hand over that nobody sells, and what is said of a thing."""

from __future__ import annotations

import re

NOT_GOODS = frozenset(
    """
    ability account address advice afternoon amount answer apology appointment area back bag bathroom beat bill
    bit bottom box button bunch buddy bucks buzz call card cash cent chair chance change charge check choice
    class code colleague company complaint confirmation corner couple cup customer date day days deal deposit
    detail desk difference discount dollar dollars door driver drop drink drinks else email end error evening
    everything example eye fee feeling few file folks food fork form friend fun game  glance go guess guest
    half hand hang help hint hold home hour hours house hurry idea id info information issue item job joke kid
    kind kitchen knife label language last late lid light line link list little lot love luck lunch mail man
    manager matter meal meantime measure menu mess message method middle mind minute minutes mistake moment
    money month more morning most name napkin need network news next nice night noise note nothing notice number
    offer office okay one ones opening option order other outlet page pain part party password past pay payment
    pen penny people person  photo pick picture piece place plan plate pleasure plenty plug point policy
    possibility post price problem process quarter queue question rain rate reason receipt record refund repeat
    request reservation rest restroom result return ride room round row rule rush sale schedule screen seat
    second sec section sense service set shame shift shop shot side sign signal size sleeve slot smile something
    somebody someone son sort space spoon spot staff stamp start stay step store storm story straw street stuff
    style supervisor surprise switch system table tap team technician test text thank thanks thing things
    thought ticket time times tip today tomorrow tonight top total touch town train tray treat trip trouble try
    turn type update upgrade use visit voice wait walk wall way week weekend weeks while window wish word work
    worker world worry year years yourself parking lots anything pity chat break hello hi goodbye favor favour
     that this those these it they which who what him her them us me everyone anyone holiday birthday
    nobody both mine yours bite speed none all any internet wifi connection counter key  branch department
    agent specialist doctor dentist nurse hygienist mechanic barista owner boss busy  dog cat daughter wife
    husband mom dad mother father kids children neighbor heart head tooth teeth mouth license passport wallet

    """.split()  # noqa: SIM905
)
"""Heads of noun phrases that are no goods: time, people, papers, and what comes with a purchase."""
_NOT_GOODS_ENDING = re.compile(r"(?:tion|sion|ment|ness|ity|ance|ence|ship|ism|ure|ing|self|body)s?$")
LOOKS = frozenset(
    """
    another additional amazing awesome available beautiful best better big bigger black blue brand bright brown
    busy careful certain cheap cheaper clean cold cool couple crazy cute daily damaged dark decaf decent
    delicious different double easy empty entire excellent exact extra fair fast faster favorite few fine first
    flat free french fresh freshly full funny good gorgeous great green half happy hard heavy high hot huge iced
    important kind large larger last late light little local lovely long low lucky main many medium more much
    nice new next normal old only open orange other our own perfect plain pleasant popular pretty proper quick
    quiet rainy ready real really red regular right same second separate sharp short silver simple single sized
    slow small smaller smooth soft solid special spare strong sure sweet tall tasty terrible thick thin third
    three tiny tough triple two usual very warm weak wet white whole wonderful wrong yellow young your yummy
    house classic standard just of one four five six seven eight nine ten eleven twelve dozen hundred thirty
    forty fifty sixty with to go big-time
    """.split()  # noqa: SIM905
)
"""What may stand before a thing without making it another thing."""


def sells_nothing(head: str) -> bool:
    """Whether a noun phrase with this head is about no goods."""
    low = head.lower().removesuffix("'s")
    return low in NOT_GOODS or low.removesuffix("s") in NOT_GOODS or bool(_NOT_GOODS_ENDING.search(low)) or len(low) < 3
