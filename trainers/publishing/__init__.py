"""From trained weights to an adapter folder that provably answers as the trained model did."""
