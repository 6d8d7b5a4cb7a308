"""``python -m fisherprep`` is the same as the ``fisherprep`` command."""

from fisherprep.cli import main

if __name__ == "__main__":
    main()
