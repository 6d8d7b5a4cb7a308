"""Words that say the same, and general words that special ones prove; American telephone talk, lower case."""

from __future__ import annotations

EQUAL = tuple(
    tuple(group.split())
    for group in """
kid child
childhood boyhood girlhood
son boy
daughter girl
grandchild grandkid
mother mom mama mommy
father dad daddy papa
parent folk
vet veterinarian
grandmother grandma nana granny
grandfather grandpa granddad
spouse partner
marry marriage wed married
widow widower widowed
divorce divorced
engage engaged fiance
dog puppy
cat kitty kitten tomcat
car vehicle automobile
truck pickup
van minivan
motorcycle motorbike
tv tvs television set
teacher teach
degree major
doctor physician
attorney lawyer
nurse nursing
programmer program programming
engineer engineering
retire retirement
layoff lay
house home
apartment condo
town city
country rural
movie film
book novel
cook cooking
vacation trip
travel trip
visit trip
fly flight
exercise workout
jog run
smoke smoker cigarette
drink alcohol
quit stop
old elderly
begin start
buy purchase
new recent brand
expensive pricey costly
cheap inexpensive
tired exhausted
scary scared afraid frighten scare
sick ill illness
funny humor hilarious
upset angry mad
glad happy
computer pc
cellphone cell mobile
photo photograph picture photography
garden gardener
volunteer volunteering
grocery groceries
america us usa states
raise increase
wage pay salary
job work employment
often frequent
adopt rescue
fish angling
allergic allergy
immigrate immigrant
watch see
read reader
dinner supper
terrible awful horrible
crowd crowded
believe think
paralegal para
play player
fix repair mend
pick choose
earn make
fireman firefighter
mailman postman
policeman policewoman cop police
salesman saleswoman salesperson
waitress waiter server
stewardess steward
hairdresser stylist
hog pig
pregnant expecting
diabetic diabetes
asthmatic asthma
religious religion
friend buddy pal
theater movie cinema
dealer dealership
quilt quilting
adult grown
annoy irritate
argue quarrel
bike bicycle cycling biking cyclist
boss supervisor
cab taxi
carpenter carpentry
church congregation
cold chilly freezing
company firm outfit
crazy nuts insane
daycare childcare
deceased dead died late
dispatcher dispatch
electrician electrical
fat overweight obese
fired fire
friend buddy pal guy
garbage trash
gift present
grandkid grandbaby
gun rifle pistol firearm
hairdresser barber haircut
highway freeway interstate
hike hiking trail
hire employ
horse pony
hunt hunting hunter
hurt injure injury
internet online web
join enlist
journey trip
lawn yard
lonely alone
loud noisy noise
meal food
nap sleep
overseas abroad
pain ache sore hurt
paint painter painting
pastor preacher minister reverend
poor broke
relative relation
rent lease renter renting
rich wealthy
roommate housemate
sad unhappy depressed
schoolteacher teacher
secretary receptionist
single unmarried
small little tiny
smart intelligent bright
spice spicy
stepdad stepfather
stepmom stepmother
store shop
strange weird odd
suburb suburban
supervise manage oversee
surgery operation operate
sweets candy dessert
teen teenager teenage
thin skinny
trucker truck
unemployed unemployment jobless
vegetable veggie
wait waiting
walk stroll
worker employee staff guy
write writer writing
violent violence
bathroom restroom
""".strip().splitlines()
)
"""Words of which each says as much as the others."""
BROADER = {
    general: frozenset(special.split())
    for general, special in {
        "family": "we our us parent wife husband kid child sister brother son daughter",
        "child": "son daughter boy girl baby toddler teenager teen twin kid stepson stepdaughter",
        "kid": "son daughter boy girl baby toddler teenager teen twin child stepson stepdaughter",
        "son": "boy stepson", "daughter": "girl stepdaughter",
        "grandchild": "grandson granddaughter grandkid grandbaby",
        "parent": "mother father mom dad folk mama", "spouse": "husband wife", "marry": "husband wife spouse",
        "partner": "husband wife boyfriend girlfriend spouse fiance", "sibling": "brother sister",
        "grandparent": "grandmother grandfather grandma grandpa",
        "pet": "dog cat bird fish goldfish iguana hamster rabbit parakeet poodle beagle collie dachshund retriever "
        "shepherd puppy kitten horse pig parrot tomcat turtle snake ferret",
        "animal": "dog cat bird fish iguana hamster rabbit parakeet horse pig",
        "dog": "beagle poodle collie dachshund retriever shepherd labrador terrier mutt lab pug boxer rottweiler",
        "cat": "tabby calico siamese persian",
        "car": "minivan hatchback sedan suv honda toyota ford truck pickup",
        "vehicle": "minivan hatchback sedan suv car truck pickup motorcycle van",
        "relative": "cousin uncle aunt niece nephew sister brother",
        "sport": "football baseball basketball hockey soccer tennis golf nascar", "travel": "cruise flight",
        "military": "army navy marines marine corps", "quit": "anymore",
        "weekend": "saturday sunday", "weight": "pound", "employee": "person guy", "young": "little",
        "school": "grade teach",
        "meal": "dinner lunch breakfast supper", "instrument": "piano guitar banjo violin drums flute trumpet",
    }.items()
}  # fmt: skip
"""General words, and the special ones that prove them; never the other way round."""
