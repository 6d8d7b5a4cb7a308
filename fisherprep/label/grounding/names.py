"""Names of people and of months, and words that are no names. Everything is lower case."""

from __future__ import annotations

from fisherprep.label.grounding.lexicon import word_set

NOT_NAMES = word_set("""
married single divorced engaged widowed fine good great okay sorry glad happy tired sick sure afraid retired
working calling living from in at on here there home ready back done doing going just not really so very pretty
kind sort actually also still trying looking thinking talking sitting getting having watching american african
italian irish german jewish catholic christian muslim mexican chinese japanese indian russian british canadian
hispanic asian black white a an the my your his her it that this what who where always never about amazing crazy
funny hard interesting new old young student teacher nurse mom dad mother father grandma busy hungry lucky allergic
against all like well uh um yeah right wrong excited nervous curious surprised originally currently up down out off
over under
""")
"""Words after "i'm" or "this is" that are no name."""

FIRST_NAMES = word_set("""
james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark
donald steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary
nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory frank alexander raymond patrick
jack dennis jerry tyler aaron jose henry adam douglas nathan peter zachary kyle walter harold jeremy ethan carl
keith roger gerald christian terry sean arthur noah lawrence joe bryan billy albert bruce willie dave mike bill bob
tom jim steve dan matt chris greg pete sam ben nick tony mary patricia jennifer linda elizabeth barbara susan
jessica sarah karen lisa nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa
deborah stephanie rebecca laura sharon cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen
samantha katherine christine debra rachel carolyn janet maria catherine heather diane olivia julie joyce victoria
ruth lauren kelly christina joan evelyn judith andrea hannah megan cheryl jacqueline martha madison teresa gloria
sara janice ann kathryn abigail sophia frances jean alice judy isabella julia grace amber denise danielle marilyn
beverly theresa sue jane kim beth kate katie jenny cindy hillary oprah elvis madonna britney gwendolyn gwen hank
brock wendell tiffany karl carlos juan miguel antonio luis pedro francisco roberto eduardo fernando sergio javier
rafael diego hector oscar ruben alberto mario leonardo vincent victor eugene ralph roy russell bobby johnny randy
howard louis philip phillip alan allen craig todd sheila shannon tracy stacy wendy tina gina rita rosa carmen ana
elena lucia teresa yolanda wanda connie bonnie peggy penny becky vicky vicki debbie patty kathy cathy judi jodi
lori tammy tara erin megan molly allison alison caitlin brittany courtney crystal natalie vanessa veronica valerie
monica marcia marsha marie annie anne annette josephine eleanor esther edith edna ethel thelma florence mildred
lucille irene rose lillian doris dorothy marjorie norma phyllis lois roberta loretta geraldine stella alicia alexis
chloe zoe mia ella lucy leah rachael sylvia yvonne suzanne susie sally maggie meg liz lizzie betsy beatrice clara
bernice bertha agnes harriet hilda ida mabel maxine melanie melinda miranda monique nadia naomi nina nora olga
priscilla ramona regina rochelle ronda rhonda roxanne ruby sabrina sherry shelly sonia stacey tanya tonya trudy
ursula vera violet wilma yvette zelda abby bridget candace carla cassandra claire claudia colleen daisy dawn deanna
denice earl ernest ernie floyd fred freddie frederick gilbert glen glenn gordon guy harry harvey herb herbert
herman homer horace hubert hugh ira irving isaac ivan jared jay jerome jesse jim jimmy joel jon jorge josh julian
karim keenan ken kenny kirk kurt lance lee leo leon leonard leroy lester lewis lloyd lonnie lou luke luther lyle
malcolm manuel marcus marshall martin marvin maurice max melvin milton mitch mitchell morris murray nate nathaniel
neil ned nelson norman ollie omar orville otis otto owen pat perry phil preston quentin ramon ray reggie reginald
rex ricardo rick ricky rob robbie rodney roland ron ronnie ross rudy rusty salvatore sammy seth shane shawn sheldon
sherman sid sidney simon spencer stan stanley stewart stuart ted teddy terrence theodore tim tommy travis trevor
troy vernon wade wallace warren wayne wesley wilbur willis winston woody yusuf ahmed ali mohammed muhammad hassan
fatima aisha wei mei ming raj priya sanjay anita deepak vijay latoya lakisha shaniqua jamal tyrone darnell deshawn
keisha tamika ebony jermaine darryl daryl derek derrick duane dwayne dwight eddie edgar edwin eli elijah elliot
elmer emmett erik clarence clark claude clay clayton cliff clifford clint clyde cody cory curtis cecil cedric chad
chester chuck calvin cameron barry bart ben benny bernard bernie bert blake bob boris brad bradley brendan brent
brett alec alex alfred alvin andre andy angelo archie arnold austin abraham abe adrian
""") - word_set("""
christian madison victoria jack mark grace joy frank amber guy rose dawn penny daisy violet ruby crystal woody
rusty clay cliff austin florence chuck ray lance wade jay rob pat max bonnie sid reggie
""")  # fmt: skip
"""Common American first names that are neither places nor words, to tell a full name by."""

OWN_NAMES = FIRST_NAMES | word_set("""
jack mark grace joy amber madison victoria rose dawn penny daisy violet ruby crystal rusty clay cliff austin
florence chuck ray lance wade jay rob pat max bonnie sid reggie
""")
"""First names by which speakers may introduce themselves: some are places or words elsewhere."""

MONTHS = word_set("january february march april may june july august september october november december")
