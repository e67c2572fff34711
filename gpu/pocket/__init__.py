"""The pocket profile: a drawn world of dogs, and small models of the real classes trained on it."""
