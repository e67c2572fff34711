"""What the pocket models can do, in figures with a known truth: the kennel knows every drawing's dog."""
