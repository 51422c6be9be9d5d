"""Training methods whose weights come out with few bits.

One module each, with ``METHOD`` and three functions: ``apply(model, options)`` makes the model train with
low-bit weights, ``bake(model)`` leaves plain layers that hold exactly those weights, ``sparsity(model)``
tells the zeros.
"""
