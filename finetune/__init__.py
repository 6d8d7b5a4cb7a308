"""Fine-tuning of PersonaPlex/Moshi on the codes that fisherprep writes."""
