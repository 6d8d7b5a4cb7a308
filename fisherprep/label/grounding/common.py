"""Common nouns of American telephone talk and names that point at nobody: what may fill a slot where names stand.

Everything is lower case. ``COMMON`` is no dictionary: a rare trade's workplace is taken for a name, and the fact is
lost.
"""

from __future__ import annotations

from fisherprep.label.grounding.lexicon import word_set

COMMON = word_set("""
airline airlines arena aquarium archery arthritis artist arts assembly asthma attic auction auditorium authority
automotive backyard bachelor's balcony ballet ballpark band barbershop barn baseball basement basketball bath bathroom
beef beer bible bicycle bike bikes bingo biology birthday birthdays blind blocks blood board boat boats body
bookkeeping border bowling boxing boys' breakfast brewery brick bridge broadcasting brokerage brother's building
business cab cabin cable call campaign campus cancer candidate candidates canoe canyon car card cards cargo carpet
cars cash catering cattle cell cemetery ceramics chain change charities charity chemical chemistry chess chicken
chiropractor choir chores christmas church chess classes classical classroom clean clients coast coaster coffee coins
coming commission commissioner committee communications competition concert concerts condo congregation conservation
construction contract convention cooking cookies copy corner corps cosmetics costume cottage council counseling
country couple court cows craft crafts crew criminal crisis cross crossing cruise customers dance dancing data date
debt deli delivery democrat democrats department design desk diabetes diner dinner disabled discount distribution
divorce dog dogs dollar dollars door dorm downstairs drama drawing dress drink driving drug drugs early earth eastern
economics elderly elections electric electrical electronics elevator emergency employees energy engine environment
equipment evening evenings everybody exam exams exchange exercise exhibit factories fair fairs farm fashion fees field
finance financial finishing fire fish fishing fitness flag flea floor floors florist flowers food foods foot football
foreign forest forty freight front fruit fun funeral fundraisers furniture future games garage garden gardens gate
general geography girls' glass goats gold golf goods graduate grandparents grass groceries ground group guests guitar
gun gymnastics hair hall handicapped hardware harvest headache health heart heating heavy herself high highway hill
hills hockey holiday holidays homeless homework honeymoon hope horse horses hotels hour hours house household housing
human hunting hurricane independent industrial inside instance interior internet inventory investment island itself
japanese jazz jewelry jobs journalism juice junior karate kids kitchen lake land landlord language laundry lawn
lawyers leasing leather legal leisure lesson lessons license lifeguard light line linguistics literature livestock
living loan logistics longer love lumber lunch machines mail maintenance management map marathon marina marine market
marriage math mathematics meals meat media medicine meeting meetings men mentally metal midnight military milk minimum
mission mobile model money mountain mountains moving museum music names nature neighborhood neighbors network night
nights nonprofits noon north nothing ocean oil older operations orchard orders outdoors outside overnight packaging
packages paint painting paper parades parents parking parks part party passenger patients pay peace pedestrian pension
people performing pets philosophy phone photography physical physics piano pipeline pizza plane plant plants plastic
play playground plumbing poetry poker police political politics pond pool poor porch port pottery preschool president
pride print production property psychology public publisher publishing quarry race racetrack radio railroad railway
rain reading reasons reception recording recreation rehab religion rent rental rentals repair republican research
reservation residence resort retirement rice rink river road rodeo roofing rugby running safety sailing sale sales
salon sand school schools science sciences scratch seafood season seating security seniors september service services
shelters shipping shore shows sick side sign singing site skating ski skiing sleep snack soccer social society
softball soil someone something son's soup south space spanish special speech speed sports spouse spring stable
stadium staff stage statistics steak steel stock stockyard stories street students suburb suburbs subway sugar summer
sunset supervisors support surgery swim swimming synagogue system table tailor talent tax taxes tea teachers team
technology teens telecommunications telephone television temple tennis terms textile theater theatre therapy thirty
thrift tickets timber tire tires tobacco today tools top tourism toys track tractors trade traffic trail trailer
training trains transit translation transportation trash travel treatment trees trips trouble truck trucks tuition
tutoring tv twenty uncle underwear union university upstairs utilities utility vacation vacations valley vegetables
vehicles veterans video village violin visitation volleyball vote wages waste water wedding weddings weekend weekends
weight welfare west wheat white wholesale wildlife wind window wine winter wives women wood woods work workers
workplace workplaces workshop world worship wrestling writing yoga youth
walks sewing gym walk hikes concerts rides supper picnics
barbecues mass services prayer confession rehearsal practice choir appointments auctions casinos clubs bars bakery
cafe cleaners laundromat nightclub pub tavern pawnshop barber greenhouse ranch dairy vineyard winery orchard
slaughterhouse cannery refinery sawmill foundry smelter powerplant smokehouse steakhouse diner buffet catering hospice
hospital orphanage monastery convent parish mosque chapel cathedral synagogue minimum-wage surgeon's orthodontist
orthodontist's chiropractor's veterinarian's attorney's contractor's printer's florist's dentist's accountant's
grandmother's grandparents' sister's brother's mother's father's parents' daughter's friend's uncle's aunt's cousin's
vegan vegetarian widow widower democrat republican libertarian independent liberal conservative moderate cowboy
morning person early bird night owl pack rat homebody twin triplet grandparent atheist agnostic deacon elder veteran
vet marine soldier sailor citizen native immigrant tomboy cheerleader quarterback athlete perfectionist workaholic
smoker nonsmoker alcoholic couch potato news junkie bachelor bachelorette hermit loner scout klutz optimist pessimist
sucker survivor diabetic redhead blonde brunette vegetarian hypochondriac saint wreck coward chocoholic fanatic buff
nut amateur novice professional freelance freelancer guitar guitarist pianist drummer bassist vocalist soprano tenor
musician magician mathematician physician politician technician optician dietitian librarian guardian comedian
""")

CALENDAR = word_set("""
monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays
sundays january february march april may june july august september october november december christmas thanksgiving
halloween hanukkah ramadan easter passover kwanzaa valentine's valentine day new year year's years eve fourth memorial
labor independence mother's father's lent noon
""")

PEOPLES = word_set("""
african american arab arabic asian australian austrian armenian bosnian brazilian british bulgarian cambodian canadian
caribbean chinese colombian croatian cuban czech danish dominican dutch ecuadorian egyptian english ethiopian european
filipino finnish french german greek guatemalan guyanese haitian hawaiian hebrew hindi hindu hispanic honduran
hungarian indian indonesian iranian iraqi irish israeli italian jamaican japanese jewish korean laotian latin latina
latino lebanese lithuanian mandarin cantonese mexican moroccan muslim navajo cherokee sioux apache nicaraguan nigerian
norwegian pakistani palestinian panamanian persian peruvian polish portuguese puerto rican romanian russian salvadoran
samoan saudi scandinavian scottish serbian sicilian slovak somali spanish swahili swedish swiss syrian tagalog
taiwanese thai trinidadian turkish ukrainian urdu vietnamese welsh yiddish italians germans americans mexicans texan
californian southerner northerner midwestern southern northern western eastern yankee cajun creole catholic christian
christianity protestant baptist methodist lutheran presbyterian episcopalian episcopal pentecostal evangelical mormon
quaker amish mennonite unitarian orthodox buddhist islam judaism jew jews muslims catholics christians pagan wiccan
atheist agnostic democrat democrats republican republicans democratic libertarian green independent
""")

KNOWN_CAPITALS = word_set("""
i tv vcr dvd cd cds dvds pc pcs internet web phd mba ged bs ba ma ms md rn lpn cna cpa emt it hr pta pto ptsd adhd add
aids hiv ra md esl suv rv rvs dj ac gi gis atv uk us usa dc ny nyc la sat sats act lsat gre pe am pm aa na std mri er
icu or army navy marines marine corps air force coast guard national reserve reserves rotc military vietnam war world
gulf desert storm iraq korea peace medicare medicaid social security welfare congress senate god jesus christ bible
koran quran torah lord buddha boy boys girl girls cub scout scouts scouting brownie brownies little league pop warner
special olympics olympic super bowl series cup final four stanley masters earth internet mom dad mother father grandma
grandpa mass advent communion sunday school bachelor's master's labrador retriever golden german shepherd shih tzu
yorkshire terrier boston chihuahua rottweiler doberman pinscher great dane st bernard siamese persian maine coon
siberian husky australian cocker spaniel jack russell bichon dalmatian pomeranian maltese alzheimer's parkinson's
crohn's hodgkin's republican thai cajun creole chardonnay merlot spanish first second third fourth fifth north south
east west
""")

BRANDS = word_set("""
ford chevy chevrolet honda toyota nissan dodge jeep gmc buick cadillac chrysler lincoln mercury pontiac oldsmobile
saturn plymouth volkswagen vw bmw mercedes benz audi volvo saab subaru mazda mitsubishi hyundai kia lexus acura
infiniti jaguar porsche corvette mustang camaro civic accord camry corolla taurus explorer escort harley davidson
kawasaki yamaha suzuki beetle bug mac ipod playstation xbox nintendo
""")
"""Cars and things one owns: no employer where something is driven or owned."""
