"""Turn failures and passing calls into a dataset.

Plain functions over nouns; nothing here opens the store or knows a stage.
"""
