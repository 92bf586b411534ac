"""What all features share; names no feature."""
