"""`python -m kerasseg`: the commands."""

import importlib
import sys
import textwrap

from kerasseg import __version__
from kerasseg.console import IN_HELP

COMMANDS = {
    "prepare": "turn a dataset, or a folder of images and masks, into records",
    "doctor": "find what would ruin a training, in records or a folder",
    "records": "verify records: every shard and every sample",
    "plan": "write a recipe made from the facts of records, with the reasons",
    "preview": "draw augmented samples of records, to see what a policy does",
    "train": "train, score and export a network; with no argument on synthetic scenes",
    "evaluate": "score a run on a split of records",
    "predict": "draw label maps and overlays of pictures, folders or a video",
    "models": "list the networks: parameters, multiply-adds, memory, receptive field",
    "models.import": "make a network of a trained one of torchvision and others",
    "export": "write SavedModel and LiteRT files of a run, and score them again",
    "adjust": "shift class logits for the best mIoU, into a new run (also: rebalance)",
    "finetune_int8": "fine-tune a run's network to lose less in int8, into a new run",
    "demo": "run a LiteRT file in your browser, on pictures or the camera",
    "serve": "serve a run as TensorFlow Serving does, on this machine: REST and gRPC",
    "serve.client": "have a server segment pictures, by REST or gRPC",
}
PACKAGES = (
    *("demo", "doctor", "export", "models", "models.import", "plan", "serve"),
    "serve.client",
)
"""Commands that are packages: their `main` stands in NAME/__main__.py."""
ALIASES = {"rebalance": "adjust"}
"""Other names of commands."""


def main() -> None:
    """Runs the command that the first word names; without one, lists them all."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    name = ALIASES.get(name, name)
    if name == "--version":
        print(f"kerasseg {__version__}")
        return
    if name in COMMANDS:
        sys.argv[1:] = sys.argv[2:]
        module = f"{name}.__main__" if name in PACKAGES else name
        importlib.import_module(f"kerasseg.{module}").main()
        return
    print("usage: python -m kerasseg COMMAND ...   (COMMAND --help tells more)\n")
    for command, what in COMMANDS.items():
        print(textwrap.fill(f"  {command:15}{what}", 80, subsequent_indent=" " * 17))
    print("\n" + textwrap.fill(IN_HELP, 80))
    if name not in ("", "-h", "--help"):
        known = ", ".join(COMMANDS)
        print(f"kerasseg: error: unknown '{name}'. Known: {known}.", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
