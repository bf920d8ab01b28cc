"""The reference interpreter: the meaning of every level in NumPy, slow and independent of the emitters."""
