"""Names that point at nobody, and what the dictionary lacks: what may fill a slot where names stand.

Everything is lower case.
"""

from __future__ import annotations

from fisherprep.label.grounding.lexicon import word_set

COMMON = word_set("""
bachelorette barbershop bible casinos chocoholic forty freelancer fundraisers homebody homeschool klutz laundromat
minimum-wage oncologist pawnshop powerplant pub rehab rugby stockyard survivor thirty twenty
""")
"""Plain words that the dictionary lacks."""

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
kawasaki yamaha suzuki beetle bug mac ipod playstation xbox nintendo dominos
""")
"""Cars and things one owns: no employer where something is driven or owned."""
