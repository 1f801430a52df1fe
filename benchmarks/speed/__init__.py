"""Speed of kerasseg and of what a user would pick instead, both sides in one run.

`python -m benchmarks.speed` times this package and plain Keras. Packages of other
environments join with --peers, a folder that `benchmarks/peers.py` fills: each is a
process of its own that runs only when it is its turn.
"""
