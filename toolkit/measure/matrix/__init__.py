"""Many models on many targets: a matrix is read, benched a few cells at a time, and stored beside earlier runs."""
