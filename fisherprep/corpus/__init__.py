"""A release on disk: its files, audio, transcripts and tables, read into the conversations and turns tables."""
