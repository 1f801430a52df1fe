"""What `benchmarks/chaos.py` is made of: the walk, its end, and the three fires."""
