"""What is counted of a run: instructions, cycles, spikes."""
