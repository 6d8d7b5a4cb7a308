"""What the flags in the tables mean. A row that is flagged was kept; one that could not be is in ``rejects``."""

from __future__ import annotations

FLAGS = {
    # conversations
    "no_topic": "calldata gives no topic",
    "not_in_calldata": "the call has no row in calldata",
    "pin_sex_conflict": "a PIN of this call is male in one place of the tables and female in another: "
    "it may stand for two people",
    "channels_swapped": "side a is heard on channel 2 and side b on channel 1; kept as it is",
    "transcript_mismatch": "the turns do not fit the speech on either channel: another call's transcript, or shifted",
    "same_sound": "both channels hold the same sound, so sides cannot be told apart",
    "quiet_channel": "a channel is below -45 LUFS: a dead line or a voice that is hardly there",
    "clipped": "0.1 % of a channel's samples or more are clipped",
    "loud_crosstalk": "the other side is heard in a channel at -15 dB or louder",
    "shares_heldout_speaker": "left out of every split because a speaker is in a held-out call",
    "salvaged": "the audio file is damaged and was decoded as far as it goes (--salvage)",
    "checksum_mismatch": "the samples are not those of the header's checksum (--no-checksum)",
    "padded_side": "each side has a file of its own, and the shorter was filled with silence",
    "lossy_audio": "the audio is a lossy conversion (MP3, Ogg) of what LDC ships",
    "audio_ends_early": "lines of the transcript lie past the audio's end: it is cut, or its rate is wrong",
    "spare_file": "the file of the call that comes first is damaged, and the next was taken",
    "listed_bad_audio": "someone published that this recording is bad (errata.yaml)",
    "user_gain": "synthesised: the user's channel was made louder or quieter",
    "user_noise": "synthesised: noise was added to the user's channel",
    "user_echo": "synthesised: the agent's echo and a room's reverberation were added to the user's channel",
    "user_telephone": "synthesised: the user's channel went through a telephone line (300 to 3400 Hz, mu-law)",
    # turns
    "broke_off": "synthesised: interrupted, the last words of the text are not said",
    "erratum": "words or start were replaced by a known erratum (errata.yaml)",
    "uncertain": "words in (( )) were unclear to the transcriber (LDC), or (( )) is part of the turn",
    "rejected": "BBN: the whole turn is in (( )) because forced alignment scored it low",
    "empty": "no word is left once markup is removed",
    "mended_times": "start and end, or those of words, were mended (order, overlap, past the audio)",
    "mended_words": "an item of the transcript held several words, which share its time (recordings)",
    "guessed_times": "the transcript gives no times: the turn is where its side speaks, by order and length",
    # alignments
    "poorly_aligned": "fewer than 80 % of the side's words were heard, or the median of their scores is low: another "
    "call's transcript, or sound that cannot be followed",
}
