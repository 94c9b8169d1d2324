"""Prepare what a recipe trains on: cases as token ids, pairs, scored answers, and their order."""
