"""Which of the facts a model claims of a speaker the speaker's own turns prove: words and a little grammar."""
