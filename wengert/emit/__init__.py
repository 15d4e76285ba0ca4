"""From plain scalar programs to native code; the only folder that knows llvmlite."""
