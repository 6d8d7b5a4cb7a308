"""Names of people and of months, and words that are no names. Everything is lower case."""

from __future__ import annotations

from fisherprep.label.grounding.lexicon import word_set

NOT_NAMES = word_set("""
married single divorced engaged widowed fine good great okay sorry glad happy tired sick sure afraid retired working
calling living from in at on here there home ready back done doing going just not really so very pretty kind sort
actually also still trying looking thinking talking sitting getting having watching american african italian irish
german
jewish catholic christian muslim mexican chinese japanese indian russian british canadian hispanic asian black white a
an
the my your his her it that this what who where always never about amazing crazy funny hard interesting new old young
student teacher nurse mom dad mother father grandma busy hungry lucky allergic against all like well uh um yeah right
wrong excited nervous curious surprised originally currently up down out off over under
""")
"""Words after "i'm" or "this is" that are no name."""

FIRST_NAMES = word_set("""
james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald
steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric
jonathan stephen larry justin scott brandon benjamin samuel gregory frank alexander raymond patrick jack dennis jerry
tyler aaron jose henry adam douglas nathan peter zachary kyle walter harold jeremy ethan carl keith roger gerald
christian terry sean arthur noah lawrence joe bryan billy albert bruce willie dave mike bill bob tom jim steve dan matt
chris greg pete sam ben nick tony mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy
betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca laura sharon
cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen samantha katherine christine debra rachel
carolyn janet maria catherine heather diane olivia julie joyce victoria ruth lauren kelly christina joan evelyn judith
andrea hannah megan cheryl jacqueline martha madison teresa gloria sara janice ann kathryn abigail sophia frances jean
alice judy isabella julia grace amber denise danielle marilyn beverly theresa sue jane kim beth kate katie jenny cindy
hillary oprah michael elvis madonna britney
""") - {"christian", "madison", "victoria", "jack", "mark", "grace", "joy", "frank", "amber"}  # fmt: skip
"""Common American first names that are neither places nor words, to tell a full name by."""

MONTHS = word_set("january february march april may june july august september october november december")
