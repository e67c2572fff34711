"""gpu/studio: learns a dog and paints it. Runs in the process that computes; the only torch of the product.

studio.py      look at photos, enrol a pet, paint a portrait: read this first
models.py      loads the models, owns the card's memory
hub.py         where a model's files come from (no torch)
device.py      which device, in which precision
segment.py     photos -> cut-outs, and what is wrong with each photo; its steps:
  segmenter.py     the network, and what it sees in a picture
  candidates.py    the animals in a picture, of several passes
  mask.py          where exactly one of them is
  embedding.py     what it looks like, as numbers
  identity.py      which of them is the pet: what the photos agree on
  turns.py         which photos lie on their side
  photo_checks.py  what is poor about one photo (no torch)
  occlusion.py     whether something straight stands before the pet (no torch)
  photo_sets.py    copies, photos of one place, what a set has nothing of (no torch)
  crop.py          the crop around the pet (no torch)
  sheet.py         the contact sheet (no torch)
convert.py     an ultralytics checkpoint -> a segmenter's folder; a program of its own
dataset.py     cut-outs -> samples
tokens.py      new tokens, and prompts to embeddings
objective.py   what one training step is about: pictures, caption, loss
train.py       the training, step by step
  step.py          one step: its losses and the descent
  shared_text.py   one caption for a whole batch
  state.py         all that changes in a training
  lora_layers.py   how its LoRA computes
  checkpoint.py    that in a file which proves that it is whole
  evaluation.py    how it gets on, by photos that are held out
  reminding.py     what the base model must not forget,
  class_pictures.py    and the pictures of it
denoise.py     guided denoising by hand: for previews, and to see what a picture would become
tensor_files.py  equal bytes for equal tensors
adapter.py     what was learnt, as files, and applied to a pipeline
lora.py        its layers, put into the UNet and taken out
plan.py        the picture as a plan, and the plan as a prompt (no torch)
exclusions.py  what a wish refuses (no torch)
phrases.py     English words without a thing, and without saying it twice (no torch)
things.py      what wishes name, in four languages (no torch)
gate.py        whether a plan is fit to be painted (no torch)
examples.py    wishes with good plans, and the nearest of them (no torch)
rewrite.py     wish -> plan, by Llama (prompts/)
decoding.py    its answer, token by token, inside a grammar
painter.py     what is asked for -> portraits with their recipes
few_step.py    painting in few steps
generate.py    prompt + adapter -> pictures
layout.py      the dog led to where it is asked to stand
surroundings.py  what is around it, and what it wears, by the base model
subjects.py    the pet in the words of a prompt (no torch)
places.py      where a wish wants the dog (no torch)
likeness.py    how much a picture looks like the pet
agreement.py   whether it shows what was asked for
copies.py      whether it is a photo again (no torch)
"""

import os
import tempfile
from pathlib import Path

# Before anything imports ultralytics: no look-ups, no installs, no foreign pickles, no settings in the user's home, and
# not one thread.
os.environ |= {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "ULTRALYTICS_SAFE_LOAD": "1"}
os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(tempfile.gettempdir()) / f"pawtrait-{os.getuid()}"))
os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
