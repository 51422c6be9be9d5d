"""Files for what runs models on computers and phones: written, executed here in their own runtimes, and compared."""
