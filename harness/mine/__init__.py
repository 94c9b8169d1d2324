"""Mine calls for failures, in clusters that are followed from night to night."""
