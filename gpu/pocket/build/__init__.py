"""gpu/pocket/build: trains the pocket models on the drawn world, as a program of its own. No product file imports it.

__main__.py    the stages in their order
common.py      drawn pictures and captions, for all stages
fit.py         one training, whatever is learnt
attention.py   attention inside a region only, for the segmenter and the likeness model
vae.py  painter.py  refiner.py  fewstep.py  segmenter.py  likeness.py  rewriter.py      one model each
litters.py     twins that differ in one thing, for the likeness model
wishes.py      wishes and their plans, for the rewriter (wishes.toml)
"""
