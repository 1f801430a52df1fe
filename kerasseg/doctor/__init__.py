"""The doctor: finds what ruins a training in its data, before it starts.

Every image is read once and reduced to `facts` of some 600 bytes; `checks.CHECKS` are
pure functions of all facts; `report` and `table` tell what they found.
"""
