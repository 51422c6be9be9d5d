"""Whether the host and the device compute what the reference computes, and how far other runtimes are from it."""
