"""gpu/pocket/world: the drawn world that the pocket models know. Pillow and numpy only.

kennel.py      a dog in a scene, as a picture with masks and a caption: read this first
dogs.py        who a dog is, and how it is seen
anatomy.py     draws the dog
scenes.py      draws the place around it
styling.py     the ten styles, as filters
pencil.py      shapes on a canvas
"""
