"""From nests of loops to native code; the only folder that knows llvmlite."""
