"""``fisherprep check``: the invariants of a work folder's tables."""

from fisherprep.check.report import CheckReport, check_work

__all__ = ["CheckReport", "check_work"]
