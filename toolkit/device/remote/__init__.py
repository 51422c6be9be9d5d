"""Bundles on devices of their own: copied there, run there, and compared here with the golden outputs."""
