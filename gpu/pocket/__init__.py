"""gpu/pocket: the pocket profile. A drawn world of dogs, and small models of the real classes trained on it.

world/         draws the kennel: dogs, scenes, styles
build/         trains the models on it: `python -m gpu.pocket.build`
weights/       the trained models (their README says what each can do)
"""
