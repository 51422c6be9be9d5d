"""What to ask of a dataset besides its labels, one module each with ``make(dataset, window)``, found by its file."""
