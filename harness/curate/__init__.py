"""What mining and curation are made of: near-duplicates, groups, splits, targets, caps, leak proof, prompts, clusters.

Plain functions over nouns; nothing here opens the store or knows a stage.
"""
