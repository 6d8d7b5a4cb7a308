"""One module for each command: it parses, calls one function of a stage and prints the summary."""
