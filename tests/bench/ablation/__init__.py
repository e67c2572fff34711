"""Which way of learning a dog is best: every method side by side, on the same dogs, prompts, seeds and machine.

    python -m tests.bench.ablation --folder FOLDER [--hours 2] [method ...]

methods.py   the methods: values of one dataclass
trial.py     one method learns one dog, and paints it
table.py     what the reader sees in the pictures, summed up with standard errors
"""
