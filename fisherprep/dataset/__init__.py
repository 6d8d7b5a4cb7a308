"""The codes table as a dataset: windows of it, its card, and the way to a hub."""
