"""Places that point at no person: countries, states, regions, larger cities, landmarks. Lower case, word by word.

Towns that are not in the list may still follow "in", "near" or "from"; what one goes to, attends or works at may not.
"""

from __future__ import annotations

from fisherprep.label.grounding.lexicon import word_set

STATES = word_set("""
alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois indiana
iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska
nevada hampshire jersey mexico york carolina dakota ohio oklahoma oregon pennsylvania rhode tennessee texas utah
vermont virginia washington wisconsin wyoming
""")

PLACES = STATES | word_set("""
north south east west new northern southern eastern western upstate central island islands bay area coast midwest
northeast northwest southeast southwest panhandle delta plains valley mountains ozarks appalachia rockies catskills
poconos adirondacks hamptons cape cod keys everglades england
afghanistan africa albania algeria america argentina armenia asia australia austria bahamas bangladesh barbados belgium
belize bermuda bolivia bosnia brazil britain bulgaria cambodia cameroon canada caribbean chile china colombia costa rica
croatia cuba cyprus czech republic denmark dominican ecuador egypt el salvador ethiopia europe fiji finland france
germany ghana greece greenland guam guatemala guyana haiti honduras hong kong hungary iceland india indonesia iran iraq
ireland israel italy jamaica japan jordan kenya korea kuwait laos latvia lebanon liberia libya lithuania luxembourg
malaysia malta morocco nepal netherlands holland zealand nicaragua nigeria norway okinawa pakistan palestine panama
paraguay peru philippines poland portugal puerto rico romania russia rwanda samoa saudi arabia scandinavia scotland
senegal serbia siberia singapore slovakia slovenia somalia spain sri lanka sudan sweden switzerland syria taiwan
tanzania
thailand tibet tobago trinidad tunisia turkey uganda ukraine kingdom united states uruguay venezuela vietnam virgin
wales yemen yugoslavia zambia zimbabwe middle pacific atlantic mediterranean
akron albany albuquerque amsterdam anaheim anchorage arlington athens atlanta auckland augusta aurora austin baghdad
bakersfield baltimore bangkok barcelona baton rouge beijing berkeley berlin birmingham boise bombay boston boulder
bridgeport bronx brooklyn brussels buffalo burbank burlington cairo calgary cambridge cancun casablanca cedar rapids
charleston charlotte chattanooga chicago cincinnati cleveland cologne columbus compton corpus christi dallas dayton
daytona delhi denver des moines detroit dublin duluth durham edinburgh edmonton eugene evansville fargo fayetteville
flint florence fort worth lauderdale fresno geneva glendale grand rapids greensboro greenville hamburg harlem harrisburg
hartford havana hollywood honolulu houston huntsville independence indianapolis istanbul jackson jacksonville jerusalem
juneau kansas city knoxville kyoto lansing laredo las vegas lexington lima little rock london long beach los angeles
louisville lubbock madison madrid manhattan manila marietta melbourne memphis mesa miami milan milwaukee minneapolis
mobile modesto
montgomery montreal moscow mumbai munich naples nashville newark norfolk oakland omaha orlando osaka oslo ottawa oxford
palm springs paris pasadena pensacola peoria philadelphia philly phoenix pittsburgh portland prague providence queens
raleigh reno richmond rio de janeiro riverside rochester rockford rome sacramento saint paul salem salt lake san antonio
bernardino diego francisco jose juan santa ana barbara fe monica savannah scottsdale scranton seattle seoul shanghai
shreveport sioux falls spokane springfield st louis petersburg staten stockholm stockton syracuse sydney tacoma
tallahassee tampa tel aviv tijuana tokyo toledo topeka toronto trenton tucson tulsa twin cities vancouver vegas venice
vienna warsaw waco wichita wilmington winston worcester yonkers youngstown zurich
grand canyon yellowstone yosemite disneyland disney disneyworld sea tahoe niagara rushmore everest acapulco waikiki maui
oahu kauai wall times square broadway alcatraz branson graceland mexico
""")
