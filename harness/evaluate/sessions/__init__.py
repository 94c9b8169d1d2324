"""Hold conversations of several turns with tools and simulated users."""
