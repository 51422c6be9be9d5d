"""Targets, toolchains, building an image and running it on an emulated core."""
