"""What answers while recording: NumPy's makers of arrays, lists, and `math`."""
