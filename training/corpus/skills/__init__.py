"""The skills: each a function that takes a `Draw` and returns one `Exchange` (or raw text) of its kind."""
