"""Train by recipe, one a file: each offers `train(request, on_point) -> Adapter`. The folders hold what recipes share."""
