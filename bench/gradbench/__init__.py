"""The evals of GradBench, as plain NumPy that wengert differentiates."""
