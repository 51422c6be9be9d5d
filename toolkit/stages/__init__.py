"""The stages of ``toolkit make``, one module each; ``toolkit.make`` lists them in their order."""
