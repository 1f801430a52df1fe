"""The doctor: finds what ruins a training in its data, before it starts.

`survey` reads every pair of a source (`pair_source`: a folder or records) once and
keeps `facts` of some 600 bytes. `checks.CHECKS` are pure functions of all facts that
give `finding`s; `terminal_report` and `html_report` show them.
"""
