// The Python module: arrays come as buffers, are checked, and the interpreter is free while they are worked on.

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstring>

#include "image.h"

namespace {

using namespace iris;

// Buffers that are held until the end of a call; one that does not fit leaves a Python error.
class Buffers {
  public:
    ~Buffers() {
        for (int k = 0; k < count_; ++k) PyBuffer_Release(&views_[k]);
    }

    template <typename T>
    T* take(PyObject* object, std::int64_t number, const char* format, const char* name, bool writable = false) {
        if (failed_) return nullptr;
        if (count_ == kMost) return fail("too many arrays", name);
        Py_buffer& view = views_[count_];
        const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(object, &view, flags)) return fail(nullptr, name);
        ++count_;
        if (!view.format || std::strcmp(view.format, format)) return fail("another type of number", name);
        if (view.len != static_cast<Py_ssize_t>(number * sizeof(T))) return fail("another size", name);
        return static_cast<T*>(view.buf);
    }

    // The arrays of a tuple; their number, or -1.
    template <typename T>
    int take_all(PyObject* tuple, std::int64_t number, const char* format, const char* name, T** to, bool writable = false) {
        const Py_ssize_t size = PyTuple_Size(tuple);
        if (size < 0 || size > kMostComponents) return fail("at most 32 are taken", name), -1;
        for (Py_ssize_t k = 0; k < size; ++k) {
            to[k] = take<T>(PyTuple_GetItem(tuple, k), number, format, name, writable);
            if (failed_) return -1;
        }
        return static_cast<int>(size);
    }

    std::nullptr_t fail(const char* reason, const char* name) {
        if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "%s: %s", name, reason ? reason : "no array");
        failed_ = true;
        return nullptr;
    }

    bool failed() const { return failed_; }

  private:
    static constexpr int kMost = kMostImages * (kMostComponents + 2) + 16;
    Py_buffer views_[kMost];
    int count_ = 0;
    bool failed_ = false;
};

// Formats of numpy's types.
constexpr const char *kFloat = "f", *kDouble = "d", *kUint32 = "I", *kInt32 = "i", *kByte = "B", *kBool = "?", *kInt64 = "l";

bool runs(const Kernel& kernel) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (&kernel == &avx2) return __builtin_cpu_supports("avx2");
#endif
    return &kernel == &portable;
}

constexpr const Kernel* kKernels[] = {&avx2, &portable};

const Kernel* kernel_named(const char* name) {
    for (const Kernel* kernel : kKernels)
        if (runs(*kernel) && !std::strcmp(kernel->name, name)) return kernel;
    PyErr_Format(PyExc_ValueError, "this machine has no instructions %s", name);
    return nullptr;
}

PyObject* instructions(PyObject*, PyObject*) {
    PyObject* names = PyList_New(0);
    for (const Kernel* kernel : kKernels) {
        if (!names || !runs(*kernel)) continue;
        PyObject* name = PyUnicode_FromString(kernel->name);
        if (!name || PyList_Append(names, name)) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

// shape (ny, nx), pixel map (coefficients, pieces of rows, steps, pieces, quantum, x, y).
bool read_map(Buffers& buffers, PyObject* shape, PyObject* given, Map& map) {
    PyObject *coefficients, *piece, *step;
    long long ny, nx, pieces;
    if (!PyArg_ParseTuple(shape, "LL", &ny, &nx)) return false;
    if (!PyArg_ParseTuple(given, "OOOLddd", &coefficients, &piece, &step, &pieces, &map.quantum, &map.offset_x,
                          &map.offset_y))
        return false;
    map.ny = ny, map.nx = nx, map.pieces = pieces;
    if (ny < 3 || nx < 3) return buffers.fail("at least 3 x 3 pixels are needed", "shape"), false;
    map.coefficients = buffers.take<const double>(coefficients, 4 * pieces * nx * 2, kDouble, "coefficients");
    map.piece = buffers.take<const std::int32_t>(piece, ny, kInt32, "piece");
    map.step = buffers.take<const double>(step, ny, kDouble, "step");
    if (buffers.failed()) return false;
    for (std::int64_t row = 0; row < ny; ++row)
        if (map.piece[row] < 0 || map.piece[row] >= pieces) return buffers.fail("not in the map", "piece"), false;
    return true;
}

// planes (data, dq, variances), weight (constant, components or None), bits (unusable, hidden).
bool read_planes(Buffers& buffers, PyObject* planes, PyObject* weight, PyObject* bits, Input& in) {
    PyObject *data, *dq, *variances, *components;
    double constant;
    if (!PyArg_ParseTuple(planes, "OOO", &data, &dq, &variances)) return false;
    if (!PyArg_ParseTuple(weight, "dO", &constant, &components)) return false;
    if (!PyArg_ParseTuple(bits, "II", &in.unusable, &in.hidden)) return false;
    const std::int64_t size = in.map.ny * in.map.nx;
    in.data = buffers.take<const float>(data, size, kFloat, "data");
    in.dq = buffers.take<const std::uint32_t>(dq, size, kUint32, "dq");
    in.number = buffers.take_all<const float>(variances, size, kFloat, "variance", in.variance);
    in.weight.constant = static_cast<float>(constant);
    in.weight.number = -1;
    if (components != Py_None)
        in.weight.number = buffers.take_all<const float>(components, size, kFloat, "weight", in.weight.components);
    return !buffers.failed() && !PyErr_Occurred();
}

PyObject* find_bounds(PyObject*, PyObject* args) {
    const char* name;
    PyObject *shape, *given, *to;
    Map map = {};
    Buffers buffers;
    if (!PyArg_ParseTuple(args, "sOOO", &name, &shape, &given, &to)) return nullptr;
    const Kernel* kernel = kernel_named(name);
    if (!kernel || !read_map(buffers, shape, given, map)) return nullptr;
    const std::int64_t rows = (map.ny + kTileRows - 1) / kTileRows, columns = (map.nx + kTileColumns - 1) / kTileColumns;
    Bounds* bounds = buffers.take<Bounds>(to, rows * columns * 4, kDouble, "bounds", true);
    if (buffers.failed()) return nullptr;
    Py_BEGIN_ALLOW_THREADS
    kernel->bounds(map, bounds);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject* survey(PyObject*, PyObject* args) {
    const char* name;
    PyObject *shape, *planes, *weight, *bits, *unused, *sum, *weighted, *unweighted;
    long long ny, nx, first, last;
    Input in = {};
    Survey out = {};
    Buffers buffers;
    if (!PyArg_ParseTuple(args, "sOOOO(LL)(OOOO)", &name, &shape, &planes, &weight, &bits, &first, &last, &unused, &sum,
                          &weighted, &unweighted))
        return nullptr;
    const Kernel* kernel = kernel_named(name);
    if (!kernel || !PyArg_ParseTuple(shape, "LL", &ny, &nx)) return nullptr;
    in.map.ny = ny, in.map.nx = nx, out.first = first, out.last = last;
    if (first < 0 || last < first || last > ny) return buffers.fail("not in the image", "rows");
    if (!read_planes(buffers, planes, weight, bits, in)) return nullptr;
    const std::int64_t rows = last - first;
    out.unused = buffers.take<std::uint8_t>(unused, rows * nx, kByte, "unused", true);
    out.sum = buffers.take<double>(sum, rows, kDouble, "sum", true);
    out.weighted = buffers.take<std::int64_t>(weighted, rows, kInt64, "weighted", true);
    out.unweighted = buffers.take<std::int64_t>(unweighted, rows, kInt64, "unweighted", true);
    if (buffers.failed()) return nullptr;
    Py_BEGIN_ALLOW_THREADS
    kernel->survey(in, out);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

// out: data, weight, dq, variances, shape.
bool read_output(Buffers& buffers, PyObject* given, Output& out) {
    PyObject *data, *weight, *dq, *variances;
    long long ny, nx;
    if (!PyArg_ParseTuple(given, "OOOO(LL)", &data, &weight, &dq, &variances, &ny, &nx)) return false;
    out.ny = ny, out.nx = nx;
    const bool rows = 0 <= out.first && out.first <= out.last && out.last <= ny;
    if (!rows || out.left < 0 || out.right < out.left || out.right > nx)
        return buffers.fail("not on the grid", "block"), false;
    out.data = buffers.take<float>(data, ny * nx, kFloat, "data", true);
    out.weight = buffers.take<float>(weight, ny * nx, kFloat, "weight", true);
    out.dq = buffers.take<std::uint32_t>(dq, ny * nx, kUint32, "dq", true);
    out.number = buffers.take_all<float>(variances, ny * nx, kFloat, "variance", out.variance, true);
    return !buffers.failed() && !PyErr_Occurred();
}

PyObject* drizzle(PyObject*, PyObject* args) {
    const char* name;
    PyObject *shape, *planes, *weight, *bits, *given, *around, *to, *scratch;
    long long first, last, left, right;
    int total;
    Input in = {};
    Output out = {};
    Buffers buffers;
    if (!PyArg_ParseTuple(args, "sOOOOpdOOO(LLLL)O", &name, &shape, &planes, &weight, &bits, &total, &in.pixfrac, &given,
                          &around, &to, &first, &last, &left, &right, &scratch))
        return nullptr;
    const Kernel* kernel = kernel_named(name);
    in.total = total, out.first = first, out.last = last, out.left = left, out.right = right;
    if (!kernel || !read_map(buffers, shape, given, in.map) || !read_planes(buffers, planes, weight, bits, in))
        return nullptr;
    if (!read_output(buffers, to, out)) return nullptr;
    if (out.number != (total ? 1 : in.number)) return buffers.fail("another number of planes", "variance");
    const std::int64_t tiles = (in.map.ny + kTileRows - 1) / kTileRows * ((in.map.nx + kTileColumns - 1) / kTileColumns);
    const Bounds* bounds = buffers.take<const Bounds>(around, tiles * 4, kDouble, "bounds");
    const std::int64_t size = (last - first) * (right - left) * width_of(out.number);
    double* values = buffers.take<double>(scratch, size, kDouble, "scratch", true);
    if (buffers.failed()) return nullptr;
    Py_BEGIN_ALLOW_THREADS
    kernel->drizzle(in, bounds, values, out);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject* lay_out(PyObject*, PyObject* args) {
    PyObject *shape, *given, *y, *x, *flags, *share, *bits;
    long long number, ny, nx;
    Map map = {};
    Points points = {};
    Buffers buffers;
    if (!PyArg_ParseTuple(args, "OO(OOOL)id(OOLL)", &shape, &given, &y, &x, &flags, &number, &points.along,
                          &points.size, &share, &bits, &ny, &nx))
        return nullptr;
    if (!read_map(buffers, shape, given, map)) return nullptr;
    if (points.along < 1) return buffers.fail("at least one is needed", "points");
    points.y = buffers.take<const std::int64_t>(y, number, kInt64, "y");
    points.x = buffers.take<const std::int64_t>(x, number, kInt64, "x");
    points.flags = buffers.take<const std::uint32_t>(flags, number, kUint32, "flags");
    points.share = buffers.take<float>(share, ny * nx, kFloat, "share", true);
    points.bits = buffers.take<std::uint32_t>(bits, ny * nx, kUint32, "bits", true);
    if (buffers.failed()) return nullptr;
    points.number = number, points.ny = ny, points.nx = nx;
    for (std::int64_t k = 0; k < number; ++k)
        if (points.y[k] < 0 || points.y[k] >= map.ny || points.x[k] < 0 || points.x[k] >= map.nx)
            return buffers.fail("not in the image", "pixels");
    Py_BEGIN_ALLOW_THREADS
    portable.lay_out(map, points);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

// An image of a stack: (data, variances, hidden or None, factor, square, offset).
bool read_layer(Buffers& buffers, PyObject* given, std::int64_t size, Layer& layer) {
    PyObject *data, *variances, *hidden;
    if (!PyArg_ParseTuple(given, "OOOfff", &data, &variances, &hidden, &layer.factor, &layer.square, &layer.offset))
        return false;
    layer.data = buffers.take<const float>(data, size, kFloat, "data");
    layer.number = buffers.take_all<const float>(variances, size, kFloat, "variance", layer.variance);
    layer.hidden = nullptr;
    if (hidden != Py_None) layer.hidden = buffers.take<const std::uint8_t>(hidden, size, kBool, "hidden");
    return !buffers.failed() && !PyErr_Occurred();
}

PyObject* clip(PyObject*, PyObject* args) {
    const char* name;
    PyObject *images, *mean, *variance, *valid, *clipped;
    long long size;
    Layer layers[kMostImages];
    Stack stack = {};
    Buffers buffers;
    if (!PyArg_ParseTuple(args, "sOL(fff)(OOOO)", &name, &images, &size, &stack.tolerance, &stack.rounding,
                          &stack.unmeasured, &mean, &variance, &valid, &clipped))
        return nullptr;
    const Kernel* kernel = kernel_named(name);
    const Py_ssize_t number = PyTuple_Size(images);
    if (!kernel || number < 0) return nullptr;
    if (number > kMostImages) return buffers.fail("at most 64 are taken", "images");
    for (Py_ssize_t k = 0; k < number; ++k)
        if (!read_layer(buffers, PyTuple_GetItem(images, k), size, layers[k])) return nullptr;
    stack.layers = layers, stack.images = static_cast<int>(number), stack.size = size;
    stack.mean = buffers.take<float>(mean, size, kFloat, "mean", true);
    stack.variance = buffers.take<float>(variance, size, kFloat, "variance", true);
    stack.valid = buffers.take<std::int64_t>(valid, number, kInt64, "valid", true);
    stack.clipped = buffers.take<std::int64_t>(clipped, number, kInt64, "clipped", true);
    if (buffers.failed()) return nullptr;
    Py_BEGIN_ALLOW_THREADS
    kernel->clip(stack);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject* interpolate(PyObject*, PyObject* args) {
    const char* name;
    PyObject *image, *along, *cell, *share, *count, *values, *counts;
    long long ny, nx, rows, columns, nodes;
    Between in = {};
    Buffers buffers;
    if (!PyArg_ParseTuple(args, "sOO(LL)(OOO)(LLL)(ddf)(OO)", &name, &image, &count, &ny, &nx, &along, &cell, &share,
                          &rows, &columns, &nodes, &in.quantum, &in.first, &in.least, &values, &counts))
        return nullptr;
    const Kernel* kernel = kernel_named(name);
    if (!kernel) return nullptr;
    if (ny < 1 || nx < 1 || nodes < 2) return buffers.fail("at least one pixel and two nodes are needed", "image");
    in.ny = ny, in.nx = nx, in.rows = rows, in.columns = columns, in.nodes = nodes;
    in.image = buffers.take<const float>(image, ny * nx, kFloat, "image");
    in.along = buffers.take<const double>(along, 2 * rows * nodes, kDouble, "along");
    in.cell = buffers.take<const std::int32_t>(cell, columns, kInt32, "cell");
    in.share = buffers.take<const double>(share, columns, kDouble, "share");
    in.values = buffers.take<float>(values, rows * columns, kFloat, "values", true);
    if (count != Py_None) {
        in.count = buffers.take<const std::uint8_t>(count, ny * nx, kByte, "count");
        in.counts = buffers.take<std::uint8_t>(counts, rows * columns, kByte, "counts", true);
    }
    if (buffers.failed()) return nullptr;
    for (std::int64_t column = 0; column < columns; ++column)
        if (in.cell[column] < 0 || in.cell[column] > nodes - 2) return buffers.fail("not between nodes", "cell");
    Py_BEGIN_ALLOW_THREADS
    kernel->interpolate(in);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyMethodDef kMethods[] = {
    {"instructions", instructions, METH_NOARGS, "Names of the instruction sets that this machine has, fastest first."},
    {"bounds", find_bounds, METH_VARARGS, "Fill in where the tiles of an image may fall."},
    {"survey", survey, METH_VARARGS, "Find the pixels of some rows that are not used, and the weights of the others."},
    {"lay_out", lay_out, METH_VARARGS, "Lay out drops as points."},
    {"drizzle", drizzle, METH_VARARGS, "Make a block of a grid."},
    {"interpolate", interpolate, METH_VARARGS, "Give the values of an image at the pixels of another one."},
    {"clip", clip, METH_VARARGS, "Take the mean of a stack without what does not agree."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "_native", nullptr, 0, kMethods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() {
    PyObject* module = PyModule_Create(&kModule);
    if (module && (PyModule_AddIntConstant(module, "TILE_ROWS", kTileRows) ||
                   PyModule_AddIntConstant(module, "TILE_COLUMNS", kTileColumns) ||
                   PyModule_AddIntConstant(module, "MOST_COMPONENTS", kMostComponents) ||
                   PyModule_AddIntConstant(module, "MOST_IMAGES", kMostImages)))
        Py_CLEAR(module);
    return module;
}
