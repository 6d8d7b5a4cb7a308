"""From codes tables to batches: datasets, windows of calls, their mixture, padded batches with resumable state."""
