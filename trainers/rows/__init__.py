"""What a recipe trains on: cases as token ids, pairs, scored answers, and the order they come in."""
