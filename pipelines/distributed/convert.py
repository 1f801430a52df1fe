"""`kerasseg.prepare` on Apache Beam: the same adapters, the same shards byte for byte.

    pip install 'kerasseg[beam]'
    python convert.py synthetic OUT --train 20000 -- --runner DirectRunner \\
        --direct_running_mode multi_processing --direct_num_workers 4

What is before "--" is the command line of `python -m kerasseg.prepare`, what follows it
are the options of Beam: another --runner (Flink, Spark, Dataflow) spreads the shards
over its machines. They all need SRC and OUT at the same path (a shared file system),
and kerasseg. An element is one shard, so a job that is killed and started again goes on
with those that are finished; a failed shard is tried again as the runner does.
"""

from __future__ import annotations

import functools
import pickle
import shlex
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from kerasseg import prepare
from kerasseg.console import command


class Write(beam.DoFn):
    """Writes the shard of a job."""

    def __init__(self, source: bytes, folder: str) -> None:
        self.source, self.folder = source, folder

    def setup(self) -> None:
        self.loaded = pickle.loads(self.source)  # once, not for each shard

    def process(self, job):
        from kerasseg.data.writing.shards import write_shard

        counter = beam.metrics.Metrics.counter("kerasseg", "entries")
        write_shard(self.loaded, job, Path(self.folder), counter.inc)


def engine(source, jobs: list, folder: Path, options: list[str]) -> None:
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        _ = (
            pipeline
            | beam.Create(jobs)
            | beam.Reshuffle()  # else a runner may give all to one worker
            | beam.ParDo(Write(pickle.dumps(source), str(folder)))
        )


@command
def main(argv: list[str]) -> None:
    words, options = argv, []
    if "--" in argv:
        place = argv.index("--")
        words, options = argv[:place], argv[place + 1 :]
    typed = shlex.join(["python", "pipelines/distributed/convert.py", *argv])
    prepare.run(words, typed, functools.partial(engine, options=options))


if __name__ == "__main__":
    main()
