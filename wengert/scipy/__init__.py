"""SciPy's paths for code that wants to be explicit: `wengert.scipy.optimize`.

The functions are SciPy's, with the derivatives that they want supplied.
"""
