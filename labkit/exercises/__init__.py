"""Predictions and exercises: what the learner commits to, and what becomes of it. Each is handed what it needs."""
