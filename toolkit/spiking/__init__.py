"""Spiking networks: neurons, what they are trained by, and spikes made of numbers."""
