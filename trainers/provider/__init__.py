"""Talk to a provider that tunes for us."""
