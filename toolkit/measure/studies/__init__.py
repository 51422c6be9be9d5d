"""Studies of whole methods, each beside a baseline: rules, continual learning, attacks, activity."""
