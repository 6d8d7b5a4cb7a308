"""LDC Fisher, prepared for full-duplex speech models."""

__version__ = "0.1.0"
