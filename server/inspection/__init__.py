"""The inspection: the red team that a regulator can run, against this platform or another one.

Read in this order: ``findings.py`` (what a finding is), ``adapter.py`` (what a platform must be able to do to be inspected),
``scenarios/`` (what is tried), ``run.py`` (the order of play), ``report.py`` (what is written and signed).
"""
