"""Load the base model and the parameters that are trained on it, and measure their memory."""
