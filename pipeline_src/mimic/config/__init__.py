"""The config as closed, frozen models: one a step, every key with its range, unit and source.

There are no defaults and no extra keys: a typo or an omission fails before the first job. The flow is
``config.yaml`` -> `whole.load` -> the step's section as JSON in a rule's ``params`` -> the same model in the
stage's ``main`` -> the function. Library code never sees the whole config.

A module a section, so that a stage's fingerprint holds its own section alone. No code here.
"""
