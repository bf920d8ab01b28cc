"""Scripts that train the zoo's small models: `python -m cedr.frontend.zoo.training.{digits,words,detection}`.

Each is deterministic for its seed on one machine, uses one thread, and writes `weights/<model>.safetensors` and
`data/<model>.npz`. `digits` and `detection` need scikit-learn, `words` the program espeak-ng.
"""
