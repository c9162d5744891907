// What goes in and what comes out: plain pointers, filled by module.cpp and read by kernel.h.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>

namespace iris {

constexpr int kMostComponents = 32;

// Rows and columns of the input are worked on in tiles of this size; no result depends on it being whole.
constexpr int kTileRows = 16;
constexpr int kTileColumns = 64;

// Where pixel centres fall: a cubic spline in y for each column, with the layout of scipy's PPoly.
struct Map {
    const double* coefficients;  // (4, pieces, nx, 2): highest power first; x and y on the grid
    const std::int32_t* piece;   // (ny): which piece holds the row
    const double* step;          // (ny): how far the row lies from the beginning of its piece
    std::int64_t pieces;
    std::int64_t ny, nx;
    double quantum;              // coordinates are rounded to multiples of it
    double offset_x, offset_y;   // what is added then
};

// The weight of a usable pixel: `constant`, or the inverse of `constant` plus some variance components.
struct Weight {
    float constant;
    int number;  // of these components; -1: the constant itself
    const float* components[kMostComponents];
};

struct Input {
    const float* data;            // (ny, nx)
    const std::uint32_t* dq;      // (ny, nx)
    int number;                   // of variance components
    const float* variance[kMostComponents];
    std::uint32_t unusable;       // bits of pixels that are not used
    std::uint32_t hidden;         // bits that are not handed on
    Weight weight;
    bool total;                   // the sum of the components is wanted, not each of them
    double pixfrac;
    Map map;
};

// The block of the grid from row `first` to `last` and column `left` to `right`.
struct Output {
    float* data;  // (ny, nx), as the others
    float* weight;
    std::uint32_t* dq;
    int number;  // of variance planes
    float* variance[kMostComponents];
    std::int64_t ny, nx;
    std::int64_t first, last, left, right;
};

// What is known of the pixels of some rows before they fall: which have a weight, and its sum for each row.
struct Survey {
    std::uint8_t* unused;         // (rows, nx)
    double* sum;                  // (rows)
    std::int64_t* weighted;       // (rows)
    std::int64_t* unweighted;     // (rows): usable, but without weight
    std::int64_t first, last;
};

// Drops that are laid out as points: pixels, their flags, how many points along a side, size over that of a pixel.
struct Points {
    const std::int64_t *y, *x;
    const std::uint32_t* flags;
    std::int64_t number;
    int along;
    double size;
    float* share;         // (ny, nx): of the grid, one over the square of `along` for each point
    std::uint32_t* bits;  // (ny, nx)
    std::int64_t ny, nx;
};

// Low and high x and y of the drops of each tile, on the grid, edges of pixels at whole numbers: (rows, columns, 4).
using Bounds = double;

// The most images of a stack.
constexpr int kMostImages = 64;
// Pixels of a stack, or of a row between pixels, that are worked on at a time.
constexpr int kRun = 256;

// An image of a stack: its values are data * factor + offset, NaN where they are hidden.
struct Layer {
    const float* data;
    int number;                   // of variance components; 0: unknown
    const float* variance[kMostComponents];
    const std::uint8_t* hidden;   // or null
    float factor, square, offset; // the variance is multiplied by `square`
};

// Images of `size` pixels each, and what comes out.
struct Stack {
    const Layer* layers;
    int images;
    std::int64_t size;
    float tolerance;              // of a value, in its standard deviations
    float rounding;               // what is added to it
    float unmeasured;             // the variance of a value for which there is none
    float *mean, *variance;
    std::int64_t *valid, *clipped;  // of each image
};

// An image, and the rows of another one: the places of their pixels are linear between nodes along the rows.
struct Between {
    const float* image;           // (ny, nx), NaN where there is no value
    std::int64_t ny, nx;
    const double* along;          // (2, rows, nodes): x and y at the nodes, in units of `quantum`
    const std::int32_t* cell;     // (columns): the node before each pixel
    const double* share;          // (columns): the place between it and the next
    std::int64_t rows, columns, nodes;
    double quantum, first;        // the row of y that is the first of the image
    float least;                  // weight that the valid pixels of a value have to have
    const std::uint8_t* count;    // (ny, nx), or null
    float* values;                // (rows, columns)
    std::uint8_t* counts;         // (rows, columns): those of the nearest pixels
};

struct Kernel {
    const char* name;
    void (*drizzle)(const Input&, const Bounds*, double* accumulators, const Output&);
    void (*survey)(const Input&, const Survey&);
    void (*bounds)(const Map&, Bounds*);
    void (*lay_out)(const Map&, const Points&);
    void (*clip)(const Stack&);
    void (*interpolate)(const Between&);
};

extern const Kernel portable, avx2;

// Doubles that an output pixel needs while it grows.
inline int width_of(int components) { return 4 * ((2 + components + 3) / 4); }

}  // namespace iris
