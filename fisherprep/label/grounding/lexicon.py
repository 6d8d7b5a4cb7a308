"""Closed word lists of the grounding rules, for American telephone talk. Everything is lower case.

``STOP`` words carry no fact. ``SOFT`` words are those with which a sentence is turned into the second person (enjoy,
work, usually): a fact may use them unsaid, but must have something besides. Every other word is *hard*: it has to be
said.
"""

from __future__ import annotations

from fisherprep.label.grounding.synonyms import BROADER


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


STOP = word_set("""
a an the this that these those some any all both each every either another other such same own you your yours yourself
i me my mine myself we us our ours he him his she her hers it its they them their theirs who whom whose which what
where when why how there here am is are was were be been being do does did doing done have has had having will would
shall should can could may might must ought of in on at by for from to into onto with without within about as than
then so and or but nor if because since while until though although though's after before during over under up down
out off through between around near along across toward towards per via not no never n't 's 'd 'll 're 've s t d ll re
ve m just also too only even still instead very really quite pretty rather more most much many few several lot lots
bit little less least again ever always often sometimes usually yet already now currently today once one's etc like
kind sort used uh um mhm er ah oh well yeah yes okay ok sure please thanks
""")
SOFT = word_set("""
enjoy like love prefer favor appreciate value care hope want wish need believe think feel consider find see view know
understand agree disagree say mention describe express share discuss talk tell admit recall remember learn get go come
make take give keep put let use try start begin become end turn stay remain continue bring spend hold live reside move
relocate settle work own have raise grow bear born originate base employ serve act help look seem appear call name
know happen mean deal handle manage dislike hate despise avoid mind worry concern bother thing something anything
everything stuff way time place people person someone anyone everyone part type kind reason lot life day year month
week age old young new good great nice fine big small large long short early late whole main currently recently
previously formerly originally generally mostly mainly primarily frequently regularly occasionally rarely seldom
especially particularly actually simply truly deeply highly strongly strong personally away back ago later soon daily
every former previous past current fond fan avid big enthusiastic interested interest passionate certain different
various important opinion view concerned able willing job profession occupation career living home hobby activity
experience prefer favorite around approximately nearly almost roughly least per yourself own describe include involve
relate regard free spare lately nowadays originally ago total
""")
NEGATORS = word_set("not n't never no none nor neither without hardly barely nothing nobody nowhere cannot instead")
AGAINST = word_set("hate dislike despise detest loathe")
"""Verbs that turn a liking round; "i don't like it" and "you dislike it" are the same."""
LIKINGS = word_set("like love enjoy prefer fond fan favorite adore appreciate")
ENDING = word_set("retire quit stop")
"""What these are said of is over."""
BEING = word_set("am is are was were been 's")
WITHOUT_POLARITY = word_set("quit stop avoid refuse lack rarely seldom only miss former formerly except unable less")
"""Where one of these stands, words agree whether denied or not."""
IRREGULAR = {
    form: base
    for base, forms in {
        "go": "went gone goes going gonna", "get": "got gotten", "have": "has had", "be": "am is are was were been",
        "do": "does did done", "grow": "grew grown", "drive": "drove driven", "teach": "taught", "buy": "bought",
        "think": "thought", "know": "knew known", "see": "saw seen", "take": "took taken", "make": "made",
        "come": "came", "give": "gave given", "find": "found", "feel": "felt", "leave": "left", "keep": "kept",
        "begin": "began begun", "write": "wrote written", "run": "ran", "eat": "ate eaten", "drink": "drank drunk",
        "speak": "spoke spoken", "break": "broke broken", "choose": "chose chosen", "fly": "flew flown",
        "swim": "swam swum", "sing": "sang sung", "ride": "rode ridden", "sell": "sold", "tell": "told",
        "say": "said", "spend": "spent", "lose": "lost", "meet": "met", "pay": "paid", "bring": "brought",
        "build": "built", "fight": "fought", "fall": "fell fallen", "hear": "heard", "hold": "held", "sleep": "slept",
        "stand": "stood", "understand": "understood", "win": "won", "wear": "wore worn", "send": "sent",
        "become": "became", "bite": "bit bitten", "catch": "caught", "bear": "born bore", "child": "children",
        "person": "people",
        "man": "men", "woman": "women", "wife": "wives", "life": "lives", "foot": "feet", "tooth": "teeth",
        "good": "better best", "bad": "worse worst", "die": "died dying", "lie": "lying", "lay": "laid",
        "marry": "married", "raise": "raised raising", "grandchild": "grandchildren", "fiance": "fiancee",
        "quit": "quitting", "bore": "bored boring", "own": "owned owner", "live": "living lived",
        "blow": "blew blown", "tear": "tore torn", "throw": "threw thrown", "steal": "stole stolen",
        "forget": "forgot forgotten",
    }.items()
    for form in forms.split()
}  # fmt: skip
KIN = word_set("""
wife husband spouse mother mom mommy mama father dad daddy papa parent parents folks sister brother sibling son
daughter kid kids child children boy boys girl girls baby grandmother grandma grandfather grandpa grandson
granddaughter grandchild grandchildren grandkids uncle aunt cousin cousins niece nephew friend friends buddy roommate
neighbor neighbors boss coworker boyfriend girlfriend landlord landlady fiance fiancee partner ex guy lady man woman
teacher doctor family in-laws inlaws law stepson stepdaughter stepmother stepfather stepdad stepmom twin twins
sisterinlaw brotherinlaw motherinlaw fatherinlaw dog cat dogs cats puppy pet pets bird horse sisters brothers sons
daughters owner manager pop pops girlfriends boyfriends nieces nephews uncles aunts grandmothers grandfathers
""")
KIN |= BROADER["dog"] | BROADER["cat"]
"""Whose doings are not the speaker's own."""
THIRD_VERBS = word_set("""
is was has had does did 's works worked lives lived likes liked loves loved goes went gets got says said tells told
wants wanted makes made takes took plays played thinks thought used comes came teaches taught drives drove smokes
smoked hates hated keeps kept watches watched owns owned knows knew moved moves grew started starts died passed never
always just studies studied runs ran travels traveled retired eats ate bought buys will can can't won't doesn't didn't
isn't wasn't are were have cooks cooked calls called sells sold served serves raised sheds chews sleeps live work want
run own
""")
OTHERS = word_set("he she they somebody someone everybody everyone nobody people anybody anyone who")
PRONOUNS = OTHERS
MEN = word_set(
    "husband father dad brother son boy boys grandfather grandpa grandson uncle nephew boyfriend guy man stepson "
    "stepfather stepdad brotherinlaw fatherinlaw brothers sons daddy"
)
WOMEN = word_set(
    "wife mother mom sister daughter girl girls grandmother grandma aunt niece girlfriend lady woman stepdaughter "
    "granddaughter stepmother stepmom sisterinlaw motherinlaw sisters daughters"
)
COPULA_BEFORE = word_set("a an the not been in at from so very going gonna also really just always still my")
"""What follows "is" rather than what is owned."""
LEADS = word_set("that well oh yeah no think say said know guess mean okay right you")
"""What a sentence about somebody may begin after."""
IRREGULAR_PAST = word_set(
    "went grew taught drove bought thought knew saw took made came gave found felt left kept began wrote ran "
    "ate spoke broke chose flew sold told said spent lost met paid brought built heard held slept stood won "
    "wore sent got"
)
IRREGULAR_PAST |= frozenset(
    form
    for form, base in IRREGULAR.items()
    if not form.endswith(("s", "ing"))
    and base not in ("be", "good", "bad", "person", "man", "woman", "wife", "foot", "tooth")
    and base not in ("child", "grandchild", "fiance", "life", "do", "own")
) - word_set("has have had gonna born run")
SELF = word_set("i we")
BOUNDARIES = word_set(
    "and but so because then when while although though cause instead except where since until after before"
)
AUXILIARIES = word_set("do did are were have would could can will should does is was had has am")
SUPPOSING = word_set(
    "trying dreamed dreaming due if wish would 'd could might want wanna hope hoping plan planning gonna saving"
)
SUPPOSING_FACT = SUPPOSING | word_set(
    "maybe learning try trying getting will consider imagine dream think believe interested going save when whenever "
    "look looking"
)
FILLED = (
    "you know", "i mean", "i don't know", "i do not know", "you never know", "who knows", "don't get me wrong",
    "i can't believe", "i would say", "i'd say", "would say", "no kidding", "no lie", "no joke",
    "no doubt", "no problem", "can't wait",
    "can not wait", "believe it or not", "not only", "why not", "if you ask me", "if you will",
    "or something like that",
    "or anything", "or whatever", "no wonder", "can't complain", "can't get enough", "can't help but",
    "let me see", "you see", "nothing but", "no matter", "good for you", "there you go", "thank you", "thanks to you",
    "how about you", "what about you", "i don't blame you", "i tell you", "i'll tell you", "bless your heart",
)  # fmt: skip
"""Set phrases whose words mean nothing by themselves; they are taken out before clauses are read."""
PAST_FORMS = {
    "have": "had", "live": "lived", "work": "worked", "are": "was were", "own": "owned had", "play": "played",
    "teach": "taught", "drive": "drove", "smoke": "smoked", "study": "studied", "run": "ran", "attend": "attended",
    "coach": "coached", "manage": "managed", "collect": "collected",
}  # fmt: skip
"""Present verbs of facts that the past tense does not prove."""
