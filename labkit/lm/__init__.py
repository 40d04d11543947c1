"""A small language model in NumPy: tokens, forward pass, sampler. It knows nothing of HTTP."""
