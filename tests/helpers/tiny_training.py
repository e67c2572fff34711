"""A training of tiny models that can be ended anywhere and gone on with, marked at every step, and over by itself.

Knows: where it lies on disk. Does not know: what a test asks of it.
"""

from dataclasses import replace
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline

from gpu.learning import Learning
from gpu.studio import adapter, dataset, evaluation, train
from gpu.studio.evaluation import Evaluator
from gpu.studio.state import State
from tests.helpers import tiny_models

LEARNING = replace(tiny_models.pool().profile.learning, lora_steps=6, evaluate_every=1, patience=2)


class Run:
    """A training of six photos in a folder of its own."""

    def __init__(self, pipe: StableDiffusionXLPipeline, folder: Path, learning: Learning = LEARNING) -> None:
        learnt, held = evaluation.split(tiny_models.cutouts(folder / "cutouts", 6), learning, 7)
        self.folder, pool = folder, tiny_models.pool()
        self.state = State(pipe, learning, adapter.recipe(pool, learnt, "dog", 7, held, learning))
        self.state.resume(folder / "kept" / "training.safetensors")
        evaluator = Evaluator(pool, learnt, held, folder / "previews")
        samples = dataset.samples(pipe, learnt, 64)
        self.steps = train.train(self.state, samples, torch.device("cpu"), evaluator=evaluator)

    def files(self) -> dict[str, bytes]:
        """What it learnt, once it is over."""
        folder = adapter.save(self.state, self.folder / "adapter").folder
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def kill(self, after: int) -> bool:
        """Whether there was so much progress; a checkpoint is left."""
        heard = [progress for _, progress in zip(range(after), self.steps, strict=False)]
        self.state.save(self.folder / "kept" / "training.safetensors")
        self.state.close()
        return len(heard) == after
