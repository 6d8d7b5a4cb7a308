"""Fine-tuning of PersonaPlex/Moshi on the codes that fisherprep writes."""

import fisherprep  # noqa: F401  (sets what torch and moshi read from the environment when they are imported)
