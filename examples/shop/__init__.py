"""The back office of a web shop that sells prints of photographs: anyjob at work on real input.

`python -m examples.shop` runs it; README.md tells what happens. Read tasks.py first, then demo.py.
"""
