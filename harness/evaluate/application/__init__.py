"""Judge an application: whatever speaks the OpenAI API on behalf of a case, and whole programs."""
