"""The items of ``planted_facts``: what is said, and true and false statements about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """Something a caller says, the question before it, and statements about the caller."""

    said: str
    true: tuple[str, ...]
    false: tuple[str, ...] = ()
    ask: str = ""
    about: str = ""
    """Items about the same thing are never in one call, where one would prove the other's statements."""


_FIRST = (
    Item(
        "i live in {c} now but i grew up in {s}",
        ("You live in {c} and grew up in {s}.", "You grew up in {s}.", "You currently live in {c}."),
        ("You grew up in {c}.", "You live in {s}.", "You do not live in {c}."),
        "where are you calling from",
        about="home",
    ),
    Item(
        "i'm a substitute teacher i've been doing that for {n} years",
        ("You work as a substitute teacher.", "You have been a substitute teacher for {n} years."),
        ("You are a substitute nurse.", "You are not a substitute teacher.", "You have {n} teachers."),
        "what do you do for a living",
    ),
    Item(
        "i have two boys and a little girl they keep me busy",
        ("You have two sons and a daughter.", "You have children.", "Your children keep you busy."),
        ("You have three sons.", "You have two daughters.", "You have no children.", "You have a little boy."),
        "do you have any kids",
        about="kids",
    ),
    Item(
        "no we don't have any kids yet just the two of us",
        ("You have no kids yet.", "You do not have any children."),
        ("You have kids.", "You have two kids."),
        "do you have any children",
        about="kids",
    ),
    Item(
        "i've got an old german shepherd named duke",
        ("You have an old German shepherd named Duke.", "Your German shepherd is called Duke.", "You own a dog."),
        ("You have a poodle named Duke.", "You have a German shepherd named Smokey.", "You have no dog."),
        "do you have any pets",
        about="pets",
    ),
    Item(
        "my sister is a nurse she lives in {c}",
        ("Your sister is a nurse.", "Your sister lives in {c}."),
        ("You are a nurse.", "You live in {c}.", "Your brother is a nurse.", "Your sister is a doctor."),
        about="sisters",
    ),
    Item(
        "i don't like meetings they're such a waste of time",
        ("You dislike meetings.", "You don't like meetings."),
        ("You enjoy meetings.", "You like meetings."),
    ),
    Item(
        "i used to smoke a pack a day but i quit {n} years ago",
        ("You quit smoking {n} years ago.", "You used to smoke a pack a day."),
        ("You smoke a pack a day.", "You never smoked."),
    ),
    Item(
        "if i won a million dollars i'd move to scotland and buy a castle",
        ("You would move to Scotland if you won a million dollars.",),
        ("You moved to Scotland.", "You won a million dollars.", "You live in a castle in Scotland."),
        "what would you do with the money",
    ),
    Item(
        "i think the minimum wage is way too low nobody can live on that",
        ("You think the minimum wage is too low.", "You believe that the minimum wage is too low."),
        ("You think the minimum wage is not too low.", "You earn the minimum wage at a diner."),
        "so what do you think",
    ),
    Item(
        "mostly quilting and i sing in the choir at church",
        ("You enjoy quilting.", "You sing in a church choir.", "You like to quilt and you sing in the choir."),
        ("You enjoy knitting.", "You do not sing in the choir.", "You conduct a jazz band."),
        "what do you do for fun",
    ),
    Item(
        "we went to niagara falls last summer with the whole family",
        ("You went to Niagara Falls last summer.", "You visited Niagara Falls with your family."),
        ("You live near Niagara Falls.", "You went to Yellowstone last summer.", "You never went to Niagara Falls."),
        "have you taken any trips lately",
    ),
    Item(
        "my husband watches football from morning to night",
        ("Your husband watches football.", "Your husband watches football from morning to night."),
        ("You watch football from morning to night.", "Your husband hates football."),
        about="spouse",
    ),
    Item(
        "i studied accounting for a while at night school and then i dropped out",
        ("You studied accounting at night school.", "You dropped out of night school."),
        ("You studied nursing at night school.", "You never studied accounting."),
        "did you go to college",
    ),
    Item(
        "i drive a minivan with two hundred thousand miles on it",
        (
            "You drive a minivan.",
            "Your minivan has two hundred thousand miles on it.",
            "Your minivan has 200,000 miles on it.",
        ),
        ("You drive a motorcycle.", "Your minivan has 300,000 miles on it."),
    ),
    Item(
        "yeah i have {n} of them all cats",
        ("You have {n} cats.", "You have cats."),
        ("You have {n} dogs.", "You have no cats."),
        "do you have any animals",
        about="pets",
    ),
    Item(
        "i'm married with {n} grandchildren and one more on the way",
        ("You are married and have {n} grandchildren.", "You are married.", "You have {n} grandchildren."),
        ("You are divorced.", "You have no grandchildren.", "You are not married."),
        "are you married",
        about="spouse",
    ),
    Item(
        "i work nights at a warehouse and i hate it",
        (
            "You work nights at a warehouse.",
            "You hate working nights at a warehouse.",
            "You dislike your job at a warehouse.",
        ),
        ("You work days at a bakery.", "You love your job at the warehouse."),
        "do you work outside the home",
    ),
    Item(
        "i'm allergic to cats so we never had any",
        ("You are allergic to cats.",),
        ("You have cats.", "You are allergic to dogs."),
        about="pets",
    ),
    Item(
        "i've never been to europe but i'd love to see italy some day",
        ("You have never been to Europe.", "You would love to see Italy.", "You hope to see Italy some day."),
        ("You have been to Europe.", "You live in Italy.", "You went to Italy."),
        "do you travel much",
    ),
    Item(
        "i make a mean lasagna my grandmother taught me",
        ("You make a mean lasagna.", "Your grandmother taught you to make lasagna.", "You cook lasagna."),
        ("You make a mean gumbo.", "You cannot make lasagna.", "Your grandfather taught you to make lasagna."),
        "do you cook much",
    ),
    Item(
        "my daughter {f} just started college in {c}",
        (
            "Your daughter {f} just started college.",
            "Your daughter started college in {c}.",
            "You have a daughter in college.",
        ),
        ("You just started college in {c}.", "Your son started college.", "Your daughter lives in Paris."),
        about="kids",
    ),
    Item(
        "i don't watch much t.v. except for the news",
        ("You do not watch much TV.", "You don't watch much television except for the news."),
        ("You watch a lot of television.", "You watch soap operas on TV."),
        about="tv",
    ),
    Item(
        "i retired from teaching in {s} about {n} years ago and moved down here",
        ("You retired from teaching {n} years ago.", "You are a retired teacher.", "You used to teach in {s}."),
        ("You teach in {s}.", "You retired from nursing.", "You have taught for {n} months."),
    ),
    Item(
        "i run about {n} miles every morning before work",
        ("You run {n} miles every morning.", "You run every morning before work.", "You enjoy running in the morning."),
        ("You run {n} marathons.", "You never run.", "You swim every morning."),
        "do you get any exercise",
    ),
    Item(
        "the holidays are hard for me since my dad died",
        ("Your father died.", "You find the holidays hard since your father died."),
        ("Your mother died.", "You do not find the holidays hard."),
    ),
    Item(
        "i was born in puerto rico but i've been in {c} since i was {n}",
        ("You were born in Puerto Rico.", "You have been in {c} since you were {n}."),
        ("You were born in {c}.", "You were born in Costa Rica.", "You were not born in Puerto Rico."),
        about="home",
    ),
    Item(
        "our schools are terrible so we send our kids to private school",
        ("You send your kids to private school.", "You think that your schools are terrible."),
        ("You send your kids to public school.", "You do not send your kids to private school."),
        about="kids",
    ),
    Item(
        "i play the banjo in a little bluegrass band on weekends",
        ("You play the banjo in a bluegrass band.", "You play the banjo on weekends.", "You are in a bluegrass band."),
        ("You play the piano in a bluegrass band.", "You listen to opera on weekends."),
        "do you have any hobbies",
    ),
    Item(
        "my wife and i have been married {n} years and we met in {c}",
        ("You have been married for {n} years.", "You met your wife in {c}.", "You have a wife."),
        ("You have been married for {n} months.", "You met your wife in Rome.", "You have never married."),
        "how long have you been together",
        about="spouse",
    ),
    Item(
        "i'm saving up for a trip to alaska",
        ("You are saving up for a trip to Alaska.", "You want to take a trip to Alaska."),
        ("You took a trip to Hawaii.", "You live in Alaska."),
    ),
    Item(
        "i root for the packers even though i'm from {s}",
        ("You root for the Packers.", "You are from {s}.", "You are a Packers fan from {s}."),
        ("You root for the Cowboys.", "You are not from {s}.", "You play for the Giants."),
        "which team do you follow",
    ),
)

_SECOND = (
    Item(
        "well i was raised on a farm outside of {c} we had cows and chickens and all that",
        ("You were raised on a farm outside of {c}.", "You grew up on a farm.", "Your family had cows and chickens."),
        (
            "You were raised in an apartment.",
            "You own a farm in Brazil.",
            "You grew up on a farm with horses and goats.",
        ),
        "did you grow up in the city",
    ),
    Item(
        "i do claims for an insurance company and before that i tended bar for {n} years",
        ("You do claims for an insurance company.", "You tended bar for {n} years.", "You work in insurance."),
        ("You sell cars.", "You have worked in insurance for forty years.", "You are an accountant at a hospital."),
        "what kind of work do you do",
    ),
    Item(
        "there's {n} of us i've got sisters all over the place one's in {c} one's in {s}",
        ("You have a sister in {c}.", "Your sisters are in {c} and {s}.", "You have several sisters."),
        ("You have a brother in {c}.", "You live in {c} with your parents.", "You are an only child."),
        "do you come from a big family",
        "sisters",
    ),
    Item(
        "nope never married and no plans to either",
        ("You have never married.", "You have no plans to marry.", "You are not married."),
        ("You are married.", "You have a husband.", "You plan to get married."),
        "are you married",
        about="spouse",
    ),
    Item(
        "we just put our dog to sleep last month she was {n}",
        ("You put your dog to sleep last month.", "Your dog was {n}."),
        ("Your cat was put to sleep.", "You put your dog to sleep yesterday in Denver.", "You have {n} dogs."),
        about="pets",
    ),
    Item(
        "her brother works for the post office and he hates it",
        (),
        ("You work for the post office.", "Your brother works for the post office.", "You hate the post office."),
    ),
    Item(
        "oh i can't stand reality shows i turn them right off",
        ("You cannot stand reality shows.", "You dislike reality shows.", "You can't stand reality shows."),
        ("You love reality shows.", "You enjoy watching reality shows.", "You star in a reality show."),
        "do you watch any of those shows",
    ),
    Item(
        "yeah i gave up drinking when my son was born",
        (
            "You gave up drinking when your son was born.",
            "You have a son.",
            "You stopped drinking when your son was born.",
        ),
        ("You drink.", "You gave up smoking.", "You gave up drinking when your daughter was born."),
        about="kids",
    ),
    Item(
        "i wish we had a pool it gets so hot here in {s}",
        ("You wish you had a pool.", "You live in {s}, where it gets so hot."),
        ("You have a pool.", "You swim in your pool every day.", "You think it is too cold in {s}."),
    ),
    Item(
        "people ought to mind their own business if you ask me",
        ("You think people should mind their own business.", "You believe people ought to mind their own business."),
        ("You own a business.", "You do not think people should mind their own business."),
    ),
    Item(
        "i bowl on thursdays and sometimes i'll go fishing with my brother in law",
        (
            "You bowl on Thursdays.",
            "You sometimes go fishing with your brother-in-law.",
            "You like bowling and fishing.",
        ),
        ("You bowl on Mondays.", "You go hunting with your brother-in-law.", "You never go fishing."),
        "what do you do with your free time",
    ),
    Item(
        "we drove out to yellowstone with the kids back in june it took us {n} days",
        (
            "You drove to Yellowstone with your kids in June.",
            "You took a trip to Yellowstone.",
        ),
        ("You drove to Yosemite in June.", "You live in Yellowstone.", "You flew to Yellowstone in August."),
        "where did you go on your vacation",
        about="kids",
    ),
    Item(
        "my dad he was a coal miner he died when i was {n}",
        ("Your father was a coal miner.", "Your father died when you were {n}.", "Your dad worked as a coal miner."),
        ("You are a coal miner.", "Your father is a lawyer.", "Your mother died when you were {n}."),
    ),
    Item(
        "i'm going back to school for my masters in social work",
        (
            "You are going back to school for a master's in social work.",
            "You will go back to school for a master's in social work.",
        ),
        ("You have a master's in history.", "You dropped out of school.", "You teach social studies."),
        "are you a student",
    ),
    Item(
        "i take the bus to work 'cause i don't have a license",
        ("You take the bus to work.", "You do not have a license.", "You don't have a license."),
        ("You have a license.", "You drive to work.", "You take the train to work."),
    ),
    Item(
        "yeah {n} of them they're all girls",
        ("You have {n} daughters.", "Your children are all girls.", "You have {n} girls."),
        ("You have {n} boys.", "You have no children."),
        "do you have kids",
        about="kids",
    ),
    Item(
        "i got divorced about {n} years ago and i've been on my own ever since",
        ("You got divorced {n} years ago.", "You are divorced.", "You have been on your own since your divorce."),
        ("You are married.", "You have been married for {n} years.", "You never got divorced."),
        about="spouse",
    ),
    Item(
        "i cut hair out of my basement and i've got some regulars i've known forever",
        (
            "You cut hair in your basement.",
            "You have known some of your regulars forever.",
        ),
        ("You cut grass for a living.", "You rent out your garage."),
        "so what do you do",
    ),
    Item(
        "i break out in hives if i eat shrimp",
        ("You break out in hives if you eat shrimp.", "You break out in hives when you eat shrimp."),
        ("You love eating shrimp.", "You break out in hives if you eat peanuts."),
    ),
    Item(
        "i lived in germany for {n} years when i was in the army",
        ("You lived in Germany for {n} years.", "You were in the army.", "You lived in Germany while in the Army."),
        ("You live in Germany.", "You were born in Germany.", "You were never in the army.", "You lived in France."),
        "have you ever lived overseas",
    ),
    Item(
        "my son {f} he plays the trumpet and it drives us all crazy",
        ("Your son {f} plays the trumpet.", "You have a son named {f}."),
        ("You play the trumpet.", "Your daughter plays the trumpet.", "Your son plays the drums."),
        about="kids",
    ),
    Item(
        "i don't eat red meat haven't for {n} years",
        ("You do not eat red meat.", "You have not eaten red meat for {n} years."),
        ("You eat red meat.", "You love red meat.", "You do not eat fish."),
    ),
    Item(
        "i'm from {c} originally but my husband got transferred so now we're in {s}",
        ("You are originally from {c}.", "You are now in {s}.", "Your husband was transferred.", "You live in {s}."),
        ("You are originally from {s}.", "You got transferred to Alaska.", "Your wife was transferred."),
        "where are you from",
        about="spouse",
    ),
    Item(
        "i garden a lot tomatoes peppers you name it",
        ("You garden a lot.", "You grow tomatoes and peppers.", "You enjoy gardening."),
        ("You grow roses and tulips.", "You hate gardening.", "You never garden."),
        "any hobbies",
    ),
    Item(
        "i think they should've had more security before all that happened",
        ("You think there should have been more security.",),
        ("You work in airport security.", "You think there was enough security."),
    ),
    Item(
        "we're expecting our first in march",
        ("You are expecting your first child in March.", "You are expecting in March."),
        ("You are expecting twins in March.", "You have {n} children.", "You are expecting your first child in July."),
        "do you two have kids",
        about="kids",
    ),
    Item(
        "my knees are shot so i can't run anymore i just walk the dog",
        ("You can't run anymore because of your knees.", "You walk your dog.", "Your knees are shot."),
        ("You run every day.", "You walk your cat.", "Your back is bad."),
        "do you exercise",
        about="pets",
    ),
    Item(
        "i've read every book that stephen guy wrote i can't get enough horror",
        ("You read a lot of horror.", "You enjoy horror books.", "You cannot get enough horror."),
        ("You write horror books.", "You dislike horror.", "You read romance novels."),
    ),
    Item(
        "i'm {n} so i remember when gas was thirty cents",
        ("You are {n} years old.", "You remember when gas was thirty cents.", "You remember gas at 30 cents."),
        ("You remember when gas was sixty cents.", "You work at a gas station."),
    ),
    Item(
        "we keep kosher at home but i cheat when i'm out",
        (
            "You keep kosher at home.",
            "You cheat when you are out.",
            "You keep kosher at home but cheat when you are out.",
        ),
        ("You do not keep kosher at home.", "You are a vegetarian at home."),
        "do you eat out much",
    ),
)

TUNED = _FIRST + _SECOND
"""What rules and word lists were written against: the second half was held out until the rules stood."""

HELD_OUT = (
    Item(
        "i deliver mail out in the country i've had the same route for {n} years",
        (
            "You deliver mail in the country.",
            "You have had the same mail route for {n} years.",
            "You are a mail carrier in the country.",
        ),
        ("You deliver pizza.", "You have had the same route for two months.", "You used to deliver mail."),
        "what's your job",
        "job",
    ),
    Item(
        "my folks split up when i was {n} and i went to live with my grandma in {s}",
        ("Your parents split up when you were {n}.", "You went to live with your grandmother in {s}."),
        (
            "Your parents are still together.",
            "You live with your uncle.",
            "Your grandmother split up with your grandfather.",
        ),
    ),
    Item(
        "i'm not much for sports but my boyfriend's a huge yankees fan",
        ("You are not much for sports.", "Your boyfriend is a huge Yankees fan."),
        ("You are a huge Yankees fan.", "Your boyfriend is a huge Mets fan.", "You love sports."),
        "do you follow any teams",
        "sports",
    ),
    Item(
        "i collect old records i must have about {n} hundred of them",
        ("You collect old records.", "You have about {n} hundred records."),
        ("You collect old coins.", "You do not collect records.", "You sell records on the internet."),
        "what are you into",
    ),
    Item(
        "we homeschool all {n} of ours and i wouldn't have it any other way",
        ("You homeschool your {n} children.", "You homeschool your children."),
        ("You send your children to school.", "You have never homeschooled.", "You homeschool your nieces."),
        "where do your kids go to school",
        "kids",
    ),
    Item(
        "i was laid off from the plant in {c} and i've been looking ever since",
        (
            "You were laid off from a plant in {c}.",
            "You lost your job at the plant.",
            "You have been looking since you were laid off.",
        ),
        ("You work at a plant in {c}.", "You own a plant.", "You were promoted at the plant."),
        "so what do you do",
        "job",
    ),
    Item(
        "i can't swim i've been scared of the water ever since i fell in a lake",
        ("You can't swim.", "You are scared of the water.", "You have been afraid of water since you fell in a lake."),
        ("You can swim.", "You are not scared of the water.", "You love to swim in the ocean."),
    ),
    Item(
        "we foster dogs for the shelter right now we've got {n} in the house",
        ("You foster dogs for a shelter.", "You have {n} dogs in the house."),
        ("You foster children.", "You have {n} cats in the house.", "You never foster dogs."),
        "any animals",
        "pets",
    ),
    Item(
        "my mother in law moved in with us after her stroke so it's pretty crowded",
        (
            "Your mother-in-law moved in with you after her stroke.",
            "Your mother-in-law had a stroke.",
            "Your mother-in-law lives with you.",
        ),
        ("You had a stroke.", "Your father-in-law moved in with you.", "You moved in with your mother-in-law."),
    ),
    Item(
        "i voted for the other guy but i support the troops no matter what",
        ("You support the troops.",),
        ("You do not support the troops.", "You served with the troops in Korea."),
    ),
    Item(
        "i teach third grade here in {c} and believe me those kids need more than they get",
        (
            "You teach third grade in {c}.",
            "You are a third grade teacher.",
            "You believe your kids at school need more than they get.",
        ),
        ("You teach fifth grade in {c}.", "You do not teach.", "You teach third grade in London."),
        "what do you do",
        "job",
    ),
    Item(
        "i'd rather stay in and rent a movie than go out to the theater",
        ("You would rather stay in and rent a movie.", "You prefer renting a movie to going out to the theater."),
        ("You own a theater.", "You never rent a movie.", "You would rather stay in and read a novel."),
        "do you go to the movies",
    ),
    Item(
        "i've been sober {n} years this june one day at a time you know",
        ("You have been sober for {n} years.", "You are sober."),
        ("You are not sober.", "You have been sober for {n} weeks.", "You have been married for {n} years."),
    ),
    Item(
        "i married my high school sweetheart {f} we've been in the same house since we got back from the honeymoon",
        ("You married your high school sweetheart {f}.", "You have been in the same house since your honeymoon."),
        (
            "You divorced your high school sweetheart.",
            "You married your college roommate.",
            "Your sweetheart never married you.",
        ),
        "are you married",
        "spouse",
    ),
    Item(
        "i get up at four in the morning to bake bread for the restaurant",
        (
            "You get up at four in the morning to bake bread.",
            "You bake bread for a restaurant.",
            "You get up at 4 in the morning.",
        ),
        ("You get up at nine in the morning.", "You never bake bread.", "You bake cakes for weddings."),
        "do you work",
        "job",
    ),
    Item(
        "i'm half irish and half italian so we eat all day and argue all night",
        ("You are half Irish and half Italian.", "You are part Italian.", "You have Irish and Italian roots."),
        ("You are half German.", "You are not Italian.", "You were born in Dublin."),
    ),
    Item(
        "i don't fly i take the train everywhere even down to see my brother in florida",
        ("You do not fly.", "You take the train to see your brother in Florida.", "You have a brother in Florida."),
        (
            "You fly everywhere.",
            "You live in Florida.",
            "You have a sister in Florida.",
            "You take the bus everywhere.",
        ),
    ),
    Item(
        "my oldest just got his license god help me and the other two aren't far behind",
        ("Your oldest just got his license.",),
        ("You just got your license.", "Your youngest just got his license.", "Your oldest lost his license."),
        "how old are yours",
        "kids",
    ),
    Item(
        "i lost about {n} pounds on that low carb thing but i gained it all back",
        (
            "You lost {n} pounds on a low carb diet.",
            "You gained back all the weight you lost.",
            "You lost about {n} pounds.",
        ),
        ("You never lost any pounds.", "You lost {n} dollars.", "You weigh {n} pounds."),
        "have you ever been on a diet",
    ),
    Item(
        "no no pets the landlord won't allow it",
        ("You have no pets.", "Your landlord does not allow pets."),
        ("You have pets.", "Your landlord allows pets.", "You have two cats."),
        "do you have any pets",
        "pets",
    ),
)
