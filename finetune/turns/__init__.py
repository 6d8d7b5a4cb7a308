"""Turn-taking of a model on held-out calls, by Full-Duplex-Bench's definitions.

heard.py     who speaks when: from a text row's tokens, from a waveform
moments.py   where in a call a turn ends, pauses, runs long or is interrupted
talks.py     the model talks through such moments, the real history before them
scores.py    takeover rate, latency, backchannels; means and the table
"""
