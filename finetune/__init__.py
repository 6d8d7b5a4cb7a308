"""Fine-tuning of PersonaPlex/Moshi on the codes that fisherprep writes."""

import os

# moshi decorates a few small functions with torch.compile when it is imported. Windows have many lengths, so training
# would compile them again and again (18 s at the first step on a CPU) to fuse a normalisation: not worth it. Read by
# moshi/utils/compile.py at import; set NO_TORCH_COMPILE to an empty text to have the compilation back.
os.environ.setdefault("NO_TORCH_COMPILE", "1")

# On a CPU, torch threads wait for each other by spinning. Where another process takes one of the cores, a step becomes
# about ten times slower (a toy on 2 cores: 16 s instead of 1.1 s); with sleeping threads it becomes twice as slow, and
# where the cores are free it costs a tenth. Read by OpenMP when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
