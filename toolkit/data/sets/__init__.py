"""One module per dataset: its name is the dataset's, its docstring's first line says what it is.

A module has one function, ``load(limit: int | None) -> Dataset``.
"""
