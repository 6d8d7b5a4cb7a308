"""LDC Fisher, prepared for full-duplex speech models."""

import os

__version__ = "0.1.0"

# moshi decorates a few small functions with torch.compile when it is imported. Lengths vary, so they would be compiled
# again and again (18 s at the first step on a CPU) to fuse a normalisation: not worth it. Read at import by
# moshi/utils/compile.py; set NO_TORCH_COMPILE to an empty text to have the compilation back.
os.environ.setdefault("NO_TORCH_COMPILE", "1")

# On a CPU, torch threads wait for each other by spinning. Where another process takes one of the cores, work becomes
# about ten times slower (a training step of a toy on 2 cores: 16 s instead of 1.1 s); with sleeping threads it becomes
# twice as slow, and where the cores are free it costs a tenth. Read by OpenMP when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
