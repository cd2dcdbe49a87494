"""A second judge of the guide, written from the catalogue alone: plain, slow, and without a line of the product's.

Read ``judge`` first. The product's engine is asked only by ``engine``; everything else knows nothing of it.
"""
