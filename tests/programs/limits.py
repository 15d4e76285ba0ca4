"""What random programs may not agree in, and why; a run prints this list."""

from __future__ import annotations

#: Every entry is honoured in the place that it names, and nowhere else.
LIMITS = (
    "Native results agree with NumPy to 1e-9 of the largest element (2e-4 in float32), "
    "eager ones to 4 units in the last place: `math.log1p` is NumPy's (compare.py).",
    "An array without axes may come back as NumPy's scalar of its dtype (compare.py).",
    "Programs with single numbers agree to single precision in whatever they total "
    "(judge.py).",
    "Where NumPy's own answer, or an eager gradient, moves more than that when the "
    "inputs and the arrays that variables hold move by their last digits, a native "
    "result may too, or miss a pole that NumPy hits (judge.py: ill-conditioned).",
    "So do they where they differ by less than 1e-9 of the largest number that a "
    "variable of the program held: native code contracts a*b + c (judge.py: is_small).",
    "A gradient that is not finite is one where the operation that made it so has, by "
    "differences, an infinite slope or none, as `(-2.0)**y` by y (differences.py).",
    "Compiled gradients differ from eager ones, and tangents from gradients, by 64 "
    "units in the last place of the largest number that their tape holds (judge.py: "
    "is_rounding; forward.py).",
    "A tangent that is NaN is one where a sum of products met 0 * inf (forward.py).",
    "Gradients are compared where one-sided differences of two sizes agree: not at "
    "kinks, jumps, or numbers that are not finite; nor where those of much smaller "
    "steps say what the gradient says, as inside a tooth of `x % y` (gradients.py).",
    "Nor where a number of the program is farther from 1 than 1e12 or 1e-12, as what "
    "`np.spacing` gives: sums of such products lose all digits (noise.py: FAR).",
    "The sign of a zero that `np.fmin` and its kin choose of two: NumPy chooses by "
    "the place in an array (judge.py: ZEROS).",
    "The sign of a NaN, where `signbit` or `copysign` asks for it (judge.py: SIGNS).",
    "`np.cumsum(x, out=...)` into another shape is refused also where it shares memory "
    "with `x`, in which case NumPy forgets to look (judge.py: OVERLAPPING).",
    "`x.flat[y] = z` writes at the places that `y` holds before, and NumPy at those "
    "that it holds meanwhile, where it is in the memory of `x` (judge.py: "
    "SELF_INDEXED).",
    "An empty array of floats that the function made is an index of plain arrays, as "
    "an empty list is: of arrays NumPy refuses it (judge.py: EMPTY_INDEX).",
    "The caller's arrays are never written; a program that writes into its arguments "
    "answers as if it had (judge.py: untouched).  Arguments that share memory are "
    "written where the program runs eagerly.",
    "`vmap` hands a function its rows, and what they share, in C order (mapped.py).",
    "A refusal that names a way out is an answer; its share is bounded (fuzz.py).",
)
