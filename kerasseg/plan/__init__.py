"""A recipe made from the facts of records, with the reason of each choice.

fingerprint: the facts, seen in one pass. machine: the time and memory of a step,
measured. rules: the choices, each with its source. page: the reasons, for people.
folder: all of it for a folder of raw data.

What comes out is an ordinary recipe. Nothing else reads a plan.
"""
