"""Which kernel each layer gets, by counting instructions on the emulated core."""
