"""What lhotse makes of an export: ``python lhotse_reads.py RECORDINGS SUPERVISIONS``.

Validates both, reads all audio, and prints each recording's shape and the words of each cut.
"""

import json
import sys

from lhotse import CutSet, RecordingSet, SupervisionSet
from lhotse.qa import validate_recordings_and_supervisions

recordings, supervisions = RecordingSet.from_file(sys.argv[1]), SupervisionSet.from_file(sys.argv[2])
validate_recordings_and_supervisions(recordings, supervisions, read_data=True)
for cut in CutSet.from_manifests(recordings=recordings, supervisions=supervisions):
    audio = cut.recording.load_audio()
    print(
        json.dumps(
            {
                "id": cut.recording.id,
                "shape": list(audio.shape),
                "rate": cut.recording.sampling_rate,
                "peak": float(abs(audio).max()),
                "turns": [[s.channel, s.text, s.speaker] for s in cut.supervisions],
                "words": [[w.symbol, w.start, w.duration] for s in cut.supervisions for w in s.alignment["word"]],
            }
        )
    )
