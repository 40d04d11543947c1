"""The benchmark of the lab models: asking (a model, in worker processes), judging, and the parts that are measured.

Needs numpy and the repository itself, no torch; `training/evaluate.py` is its command.
"""
