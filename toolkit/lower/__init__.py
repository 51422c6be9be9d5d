"""From an exported program to a planned list of typed steps."""
