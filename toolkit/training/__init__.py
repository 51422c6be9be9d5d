"""One training step as an exported program, for devices that learn."""
