"""Attacks that are kept: harmed files, and kills and failures of every operation on a file.

`bench` has the files before they are harmed, one trial of `check` and `run`, and its judge; the modules of mutations
harm them, each function in one way; `test_fuzz` draws the harm by seed. Of each trial is demanded: no exception but an
`IrisError` (also none that a plugin is blamed for), no hang, no product that is not whole and valid, nothing left
behind, and no product that differs from that of the unharmed files without an error or a warning.

A trial that fails says how to repeat it alone::

    IRIS_ATTACK=bytes:117 IRIS_ATTACK_SEED=0 python -m pytest tests/attack/test_fuzz.py -k harmed

Another ``IRIS_ATTACK_SEED`` makes other trials. What was found is kept as a sentence of its own in `test_found`.
"""
