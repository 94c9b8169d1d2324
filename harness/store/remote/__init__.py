"""Keep the store in a bucket: one root object that is swapped, content objects that never change, a working copy here."""
