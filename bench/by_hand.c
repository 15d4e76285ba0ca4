/* Values and gradients by hand, for `bench/arrays.py` and `bench/loops.py`.

   A call takes arrays of doubles that are contiguous, allocates its results, and
   returns a value and a tuple of gradients, as a jitted function does.  Built by
   `by_hand.py` with -O3 -march=native -ffast-math, so that loops over `exp`, `sin` and
   their kin call libmvec. */

#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <Python.h>
#include <math.h>
#include <numpy/arrayobject.h>
#include <stdlib.h>
#include <string.h>

typedef PyObject *const *Args;

static double *data(PyObject *array) {
    return PyArray_DATA((PyArrayObject *)array);
}

static npy_intp size(PyObject *array) {
    return PyArray_SIZE((PyArrayObject *)array);
}

static PyObject *like(PyObject *array) {
    PyArrayObject *x = (PyArrayObject *)array;
    return PyArray_SimpleNew(PyArray_NDIM(x), PyArray_DIMS(x), NPY_DOUBLE);
}

/* Ten elementwise operations and a sum. */
static PyObject *chain(PyObject *self, Args args, Py_ssize_t count) {
    npy_intp n = size(args[0]);
    const double *restrict x = data(args[0]);
    PyObject *result = like(args[0]);
    double *restrict g = data(result);
    double total = 0.0;
    for (npy_intp k = 0; k < n; k++) {
        double e = exp(-(x[k] * 1.5 + x[k]));
        double r = 1 / (1 + e * e), y = r - 0.3 * x[k], s = sqrt(y * y + 0.1);
        double m = s > 0.2 ? s : 0.2;
        double by_y = s > 0.2 ? x[k] * y / s : 0.0;
        total += m * x[k];
        g[k] = m + by_y * (5 * e * e * r * r - 0.3);
    }
    return Py_BuildValue("d(N)", total, result);
}

/* The logarithm of a sum of exponentials. */
static PyObject *logsumexp(PyObject *self, Args args, Py_ssize_t count) {
    npy_intp n = size(args[0]);
    const double *restrict x = data(args[0]);
    PyObject *result = like(args[0]);
    double *restrict g = data(result);
    double top = -INFINITY, total = 0.0;
    for (npy_intp k = 0; k < n; k++) top = x[k] > top ? x[k] : top;
    for (npy_intp k = 0; k < n; k++) {
        g[k] = exp(x[k] - top);
        total += g[k];
    }
    double scale = 1 / total;
    for (npy_intp k = 0; k < n; k++) g[k] *= scale;
    return Py_BuildValue("d(N)", log(total) + top, result);
}

/* A Gaussian log-likelihood, by its data and both parameters. */
static PyObject *likelihood(PyObject *self, Args args, Py_ssize_t count) {
    npy_intp n = size(args[0]);
    const double *restrict x = data(args[0]);
    double mean = PyFloat_AsDouble(args[1]), log_scale = PyFloat_AsDouble(args[2]);
    PyObject *result = like(args[0]);
    double *restrict g = data(result);
    double inverse = exp(-log_scale), squares = 0.0, sum = 0.0;
    for (npy_intp k = 0; k < n; k++) {
        double z = (x[k] - mean) * inverse;
        squares += z * z;
        sum += z;
        g[k] = -z * inverse;
    }
    double value = -(0.5 * squares + n * log_scale);
    return Py_BuildValue("d(Ndd)", value, result, sum * inverse, squares - n);
}

/* Points side by side. */
enum { LANES = 16 };
typedef double Lanes __attribute__((vector_size(8 * LANES)));

/* Half the squares of what a polynomial misses at n points. */
static PyObject *llsq(PyObject *self, Args args, Py_ssize_t count) {
    npy_intp n = PyLong_AsSsize_t(args[0]), m = size(args[1]);
    const double *restrict x = data(args[1]);
    PyObject *result = like(args[1]);
    double *restrict g = data(result);
    double total = 0.0;
    Lanes *sums = aligned_alloc(sizeof(Lanes), m * sizeof(Lanes));
    memset(sums, 0, m * sizeof(Lanes));
    for (npy_intp first = 0; first < n; first += LANES) {
        Lanes t, residual, power;
        for (int k = 0; k < LANES; k++) {
            t[k] = -1 + 2.0 * (first + k) / (n - 1);
            residual[k] = first + k < n ? (t[k] > 0) - (t[k] < 0) : 0.0;
            power[k] = first + k < n ? 1.0 : 0.0;
        }
        for (npy_intp j = 0; j < m; j++) {
            residual -= x[j] * power;
            power *= t;
        }
        for (int k = 0; k < LANES; k++) {
            total += residual[k] * residual[k];
            power[k] = first + k < n ? -residual[k] : 0.0;
        }
        for (npy_intp j = 0; j < m; j++) {
            sums[j] += power;
            power *= t;
        }
    }
    for (npy_intp j = 0; j < m; j++) {
        g[j] = 0.0;
        for (int k = 0; k < LANES; k++) g[j] += sums[j][k];
    }
    free(sums);
    return Py_BuildValue("d(N)", 0.5 * total, result);
}

static inline double rate(double y) { return sin(y) - 0.5 * y; }
/* A sine, since GCC makes of a cosine beside one what libmvec does not have. */
static inline double slope(double y) { return sin(y + M_PI_2) - 0.5; }

/* The sum of a system's state after some steps of the Runge-Kutta method. */
static PyObject *runge_kutta(PyObject *self, Args args, Py_ssize_t count) {
    npy_intp steps = PyLong_AsSsize_t(args[0]), n = size(args[1]);
    PyObject *result = like(args[1]);
    double *restrict g = data(result);
    double *restrict states = malloc((steps + 1) * n * sizeof(double));
    double h = 1.0 / steps, total = 0.0;
    memcpy(states, data(args[1]), n * sizeof(double));
    for (npy_intp t = 0; t < steps; t++) {
        const double *restrict y = states + t * n;
        double *restrict next = states + (t + 1) * n;
        for (npy_intp k = 0; k < n; k++) {
            double a = rate(y[k]), b = rate(y[k] + h / 2 * a);
            double c = rate(y[k] + h / 2 * b), d = rate(y[k] + h * c);
            next[k] = y[k] + h / 6 * (a + 2 * b + 2 * c + d);
        }
    }
    for (npy_intp k = 0; k < n; k++) total += states[steps * n + k];
    for (npy_intp k = 0; k < n; k++) g[k] = 1.0;
    for (npy_intp t = steps - 1; t >= 0; t--) {
        const double *restrict y = states + t * n;
        for (npy_intp k = 0; k < n; k++) {
            double a = rate(y[k]), b = rate(y[k] + h / 2 * a);
            double c = rate(y[k] + h / 2 * b);
            double by_d = g[k] * h / 6 * slope(y[k] + h * c);
            double by_c = (g[k] * h / 3 + by_d * h) * slope(y[k] + h / 2 * b);
            double by_b = (g[k] * h / 3 + by_c * h / 2) * slope(y[k] + h / 2 * a);
            double by_a = (g[k] * h / 6 + by_b * h / 2) * slope(y[k]);
            g[k] += by_a + by_b + by_c + by_d;
        }
    }
    free(states);
    return Py_BuildValue("d(N)", total, result);
}

/* The squares of what the heat equation makes of a state, the ends fixed. */
static PyObject *heat(PyObject *self, Args args, Py_ssize_t count) {
    npy_intp steps = PyLong_AsSsize_t(args[0]), n = size(args[1]);
    PyObject *result = like(args[1]);
    double *restrict one = malloc(n * sizeof(double));
    double *restrict other = malloc(n * sizeof(double));
    double total = 0.0;
    memcpy(one, data(args[1]), n * sizeof(double));
    other[0] = one[0], other[n - 1] = one[n - 1];
    for (npy_intp t = 0; t < steps; t++) {
        for (npy_intp k = 1; k < n - 1; k++)
            other[k] = one[k] + 0.2 * (one[k + 1] - 2 * one[k] + one[k - 1]);
        double *swap = one;
        one = other, other = swap;
    }
    for (npy_intp k = 0; k < n; k++) total += one[k] * one[k], one[k] *= 2;
    for (npy_intp t = 0; t < steps; t++) {
        for (npy_intp k = 2; k < n - 2; k++)
            other[k] = one[k] + 0.2 * (one[k + 1] - 2 * one[k] + one[k - 1]);
        other[0] = one[0] + 0.2 * one[1];
        other[n - 1] = one[n - 1] + 0.2 * one[n - 2];
        other[1] = one[1] + 0.2 * (one[2] - 2 * one[1]);
        other[n - 2] = one[n - 2] + 0.2 * (one[n - 3] - 2 * one[n - 2]);
        double *swap = one;
        one = other, other = swap;
    }
    memcpy(data(result), one, n * sizeof(double));
    free(one), free(other);
    return Py_BuildValue("d(N)", total, result);
}

#define METHOD(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}

static PyMethodDef methods[] = {
    METHOD(chain), METHOD(logsumexp),   METHOD(likelihood),
    METHOD(llsq),  METHOD(runge_kutta), METHOD(heat),
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "in_c", NULL, -1, methods};

PyMODINIT_FUNC PyInit_in_c(void) {
    import_array();
    return PyModule_Create(&module);
}
