"""Recordings of one's own: stereo files with transcripts, as conversations and turns (docs/recordings.md)."""
