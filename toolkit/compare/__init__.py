"""Models, targets and meters side by side: what ``toolkit compare`` reads, and what is best of it."""
