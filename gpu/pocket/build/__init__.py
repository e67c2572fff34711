"""gpu/pocket/build: trains the pocket models on the drawn world, as a program of its own. No product file imports it.

__main__.py       the stages in their order
common.py         drawn pictures and captions, for all stages
training_loop.py  one training, whatever is learnt
vae.py  painter.py  fewstep.py  segmenter.py  likeness.py  rewriter.py      one model each
attention.py      a transformer that starts as a convolution, for the likeness model
litters.py        dogs and siblings that differ in one attribute, for the likeness model
wishes.py         wishes and their plans, for the rewriter
phrases.py        what people say when they wish, one file a language (languages/*.toml)
"""
