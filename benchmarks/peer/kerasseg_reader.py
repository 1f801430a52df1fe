"""Reads records with the kerasseg of a folder: one side for each version.

python kerasseg_reader.py FOLDER_OF_THE_REPOSITORY RECORDS (and what protocol.py adds)
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque

from protocol import serve

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def build(work, folder, records):
    sys.path.insert(0, folder)
    import kerasseg
    from kerasseg.data import pipeline

    def turn():
        batches = pipeline.batches(
            records, "train", batch_size=work.batch, training=True, threads=1
        )
        source = iter(batches.take(work.count // work.batch))
        next(source)
        began = time.process_time()
        deque(source, maxlen=0)
        return time.process_time() - began

    return turn, kerasseg.__path__[0]


serve(build)
