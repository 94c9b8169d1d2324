"""Publish trained weights as an adapter folder that provably answers as the trained model did."""
