"""Whose copy is this recording? The recipient mark, and the blind reading of it.

A child's own device adds a faint pattern to the picture before it is encoded, another one for each person who receives it. The pattern
carries 32 bits: an opaque random id, new for each call, sender and recipient, never a name. If a recording of the call turns up,
``ringfence trace CLIP`` looks for the pattern without knowing the original, the scale, the crop or the moment, and says which id it
carries, or "no reading". It never offers the closest match: an id is read only if the codeword fits (``RHO``) *and* was issued.

Read in this order:

``code.py``     32 bits become 192 signs that survive a third of them being wrong.
``pattern.py``  the signs become a tile of 16 x 16 cells, the tile a picture whose polarity swings once a second. All of it follows from a
                32-byte key of the deployment; every number is a whole number, so that another language makes the same bytes.
``bound.py``    how improbable it is that chance alone reads like this.
``reader.py``   frames out of a file that a stranger made: in a process of its own, with bounds.
``motion.py``   what each frame brings anew, the scene's own movement taken out.
``lattice.py``  where the tile is: scale, stretch and turn, from the spectrum of what swings once a second.
``detect.py``   the whole reading.

What this is not: a proof against somebody who has the sender's code and wants the mark gone, and not a name. A reading is a lead.

It needs numpy, OpenCV and PyAV, which only ``pip install 'ringfence[trace]'`` brings. So nothing else in the house imports this package,
and importing it imports none of them.
"""
