// The kernel, once for each instruction set: the file that includes this one sets LANES and NAME.
//
// An input pixel, shrunk by pixfrac, is a convex quadrilateral on the grid. Its overlap with an output pixel is exact:
// the area of the part of a polygon that lies below y and right of X is the sum over its edges of the integral of
// max(x - X, 0) dy along the edge (Green), and differences between whole X and y are the overlaps.
// All lanes do the same sums, in the same order, without fused operations: the bits do not depend on LANES.

#include "image.h"

namespace iris {
namespace {

typedef double Doubles __attribute__((vector_size(8 * LANES)));
typedef std::int64_t Longs __attribute__((vector_size(8 * LANES)));
typedef double Four __attribute__((vector_size(32)));

#define INLINE inline __attribute__((always_inline))

// Overlaps below this part of a drop are rounding errors; those of true slivers are lost with them.
constexpr double kSliver = 1.0 / (std::int64_t{1} << 36);
// Stands for the slope of an edge that has none.
constexpr double kSteep = 1e300;
// Adding and subtracting it rounds to whole numbers.
constexpr double kRounder = 6755399441055744.0;
// Columns of overlaps that are found at a time.
constexpr int kColumns = 4;
// A tile with a pixel around it.
constexpr int kRows = kTileRows + 2;
constexpr int kStride = kTileColumns + 16;

INLINE Doubles all(double value) { return Doubles{} + value; }
INLINE Doubles least(Doubles a, Doubles b) { return a < b ? a : b; }
INLINE Doubles most(Doubles a, Doubles b) { return a > b ? a : b; }
INLINE Doubles load(const double* from) {
    Doubles result;
    std::memcpy(&result, from, sizeof(result));
    return result;
}
// Whole numbers below values of less than 2^51.
INLINE Doubles floor_of(Doubles value) {
    const Doubles nearest = (value + kRounder) - kRounder;
    return nearest > value ? nearest - 1.0 : nearest;
}
INLINE double highest(Doubles values) {
    double result = values[0];
    for (int lane = 1; lane < LANES; ++lane) result = values[lane] > result ? values[lane] : result;
    return result;
}

// ---------------------------------------------------------------------------------------------------------------------
// Pixels: which are used, with what weight

struct Pixel {
    float data, weight;
    bool usable;
};

INLINE float total_of(const Input& in, std::int64_t at) {
    float total = in.variance[0][at];
    for (int k = 1; k < in.number; ++k) total += in.variance[k][at];
    return total;
}

INLINE bool is_finite(float value) { return std::fabs(value) <= std::numeric_limits<float>::max(); }

INLINE float weight_of(const Weight& weight, std::int64_t at) {
    if (weight.number < 0) return weight.constant;
    float sum = weight.constant;
    for (int k = 0; k < weight.number; ++k) sum += weight.components[k][at];
    return 1.0f / sum;
}

INLINE Pixel pixel_at(const Input& in, std::int64_t at, float total) {
    const float data = in.data[at];
    const bool usable = (in.dq[at] & in.unusable) == 0 && is_finite(data) && (in.number == 0 || is_finite(total));
    const float weight = usable ? weight_of(in.weight, at) : 0.0f;
    return {data, weight > 0 && is_finite(weight) ? weight : 0.0f, usable};
}

void survey_rows(const Input& in, const Survey& out) {
    const std::int64_t nx = in.map.nx;
    for (std::int64_t row = out.first; row < out.last; ++row) {
        const std::int64_t to = row - out.first;
        double sum = 0;
        std::int64_t weighted = 0, usable = 0;
        for (std::int64_t x = 0; x < nx; ++x) {
            const std::int64_t at = row * nx + x;
            const Pixel pixel = pixel_at(in, at, in.number ? total_of(in, at) : 0.0f);
            sum += pixel.weight;
            weighted += pixel.weight > 0;
            usable += pixel.usable;
            out.unused[to * nx + x] = !(pixel.weight > 0);
        }
        out.sum[to] = sum;
        out.weighted[to] = weighted;
        out.unweighted[to] = usable - weighted;
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The pixel map

// Coordinates x and y, in turn, of the pixels of a row, edges of output pixels at whole numbers.
INLINE void map_row(const Map& map, std::int64_t row, std::int64_t first, std::int64_t count, double* to) {
    const std::int64_t size = map.pieces * map.nx * 2;
    const double* c = map.coefficients + (map.piece[row] * map.nx + first) * 2;
    const double s = map.step[row], s2 = s * s, s3 = s2 * s, inverse = 1 / map.quantum;
    const double shift[2] = {map.offset_x + 0.5, map.offset_y + 0.5};
    Doubles shifts;
    for (int lane = 0; lane < LANES; ++lane) shifts[lane] = shift[lane & 1];
    std::int64_t i = 0;
    for (; i + LANES <= 2 * count; i += LANES) {
        const Doubles cubic = load(c + i), square = load(c + size + i), linear = load(c + 2 * size + i);
        const Doubles value = ((load(c + 3 * size + i) + linear * s) + square * s2) + cubic * s3;
        const Doubles place = ((value * inverse + kRounder) - kRounder) * map.quantum + shifts;
        std::memcpy(to + i, &place, sizeof(place));
    }
    for (; i < 2 * count; ++i) {
        const double value = ((c[3 * size + i] + c[2 * size + i] * s) + c[size + i] * s2) + c[i] * s3;
        to[i] = ((value * inverse + kRounder) - kRounder) * map.quantum + shift[i & 1];
    }
}

struct Range {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    void add(double value) {
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
};

// Adds what a cubic can reach between two steps: the four points of its Bezier form.
INLINE void add_reach(Range& range, const double c[4], double from, double to) {
    const double third = (to - from) / 3;
    const auto value = [&](double s) { return ((c[0] * s + c[1]) * s + c[2]) * s + c[3]; };
    const auto slope = [&](double s) { return (3 * c[0] * s + 2 * c[1]) * s + c[2]; };
    range.add(value(from));
    range.add(value(to));
    range.add(value(from) + third * slope(from));
    range.add(value(to) - third * slope(to));
}

void bounds_of_tile(const Map& map, std::int64_t row, std::int64_t column, Bounds* bounds) {
    const std::int64_t first = row > 0 ? row - 1 : 0, last = row + kTileRows < map.ny ? row + kTileRows : map.ny - 1;
    const std::int64_t left = column > 0 ? column - 1 : 0;
    const std::int64_t right = column + kTileColumns < map.nx ? column + kTileColumns : map.nx - 1;
    const std::int64_t size = map.pieces * map.nx * 2;
    Range ranges[2];
    for (std::int64_t from = first, to; from <= last; from = to + 1) {
        for (to = from; to < last && map.piece[to + 1] == map.piece[from]; ++to) {}
        for (std::int64_t x = left; x <= right; ++x) {
            for (int axis = 0; axis < 2; ++axis) {
                const double* c = map.coefficients + (map.piece[from] * map.nx + x) * 2 + axis;
                const double cubic[4] = {c[0], c[size], c[2 * size], c[3 * size]};
                add_reach(ranges[axis], cubic, map.step[from], map.step[to]);
            }
        }
    }
    // Beyond the edges of the image corners are extrapolated, by less than what one of its tiles spans.
    const bool edge = row == 0 || column == 0 || last == map.ny - 1 || right == map.nx - 1;
    for (int axis = 0; axis < 2; ++axis) {
        const double shift = (axis ? map.offset_y : map.offset_x) + 0.5;
        const double more = 0.01 + (edge ? ranges[axis].high - ranges[axis].low : 0);
        bounds[2 * axis] = ranges[axis].low + shift - more;
        bounds[2 * axis + 1] = ranges[axis].high + shift + more;
    }
}

void bounds_of_tiles(const Map& map, Bounds* bounds) {
    for (std::int64_t row = 0; row < map.ny; row += kTileRows)
        for (std::int64_t column = 0; column < map.nx; column += kTileColumns, bounds += 4)
            bounds_of_tile(map, row, column, bounds);
}

// What the place of a pixel changes by along an axis, from its neighbours.
INLINE void slope_of(const Map& map, std::int64_t y, std::int64_t x, bool along_x, double* slope) {
    const std::int64_t at = along_x ? x : y, size = along_x ? map.nx : map.ny;
    const std::int64_t low = at > 0 ? at - 1 : 0, high = at + 1 < size ? at + 1 : at;
    double first[2], last[2];
    map_row(map, along_x ? y : low, along_x ? low : x, 1, first);
    map_row(map, along_x ? y : high, along_x ? high : x, 1, last);
    for (int axis = 0; axis < 2; ++axis) slope[axis] = (last[axis] - first[axis]) / (high - low);
}

void lay_out_points(const Map& map, const Points& points) {
    const float part = static_cast<float>(1.0 / (points.along * points.along));
    for (std::int64_t k = 0; k < points.number; ++k) {
        double place[2], by_x[2], by_y[2];
        map_row(map, points.y[k], points.x[k], 1, place);
        slope_of(map, points.y[k], points.x[k], true, by_x);
        slope_of(map, points.y[k], points.x[k], false, by_y);
        for (int point = 0; point < points.along * points.along; ++point) {
            const double u = ((point % points.along + 0.5) / points.along - 0.5) * points.size;
            const double v = ((point / points.along + 0.5) / points.along - 0.5) * points.size;
            const double x = place[0] + u * by_x[0] + v * by_y[0], y = place[1] + u * by_x[1] + v * by_y[1];
            if (!(x > 0 && y > 0 && x < points.nx && y < points.ny)) continue;
            const std::int64_t at = static_cast<std::int64_t>(y) * points.nx + static_cast<std::int64_t>(x);
            points.share[at] += part;
            points.bits[at] |= points.flags[k];
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Drops and their overlaps

// Corners of the drops of a tile, row by row.
struct Tile {
    std::int64_t row, column, rows, columns;
    double x[kRows][kStride], y[kRows][kStride];  // centres; a pixel around the tile, extrapolated beyond the image
    double left[2][kRows][kStride], right[2][kRows][kStride];  // middles of the left and right sides of drops
};

// Lays a line of centres out, with what lies beyond its ends.
INLINE void fill_row(const Map& map, Tile& tile, int to, std::int64_t row) {
    double line[2 * kStride];
    const std::int64_t left = tile.column > 0, right = tile.column + tile.columns < map.nx;
    const std::int64_t count = tile.columns + left + right;
    map_row(map, row, tile.column - left, count, line);
    double* x = tile.x[to] + 1 - left;
    double* y = tile.y[to] + 1 - left;
    for (std::int64_t i = 0; i < count; ++i) {
        x[i] = line[2 * i];
        y[i] = line[2 * i + 1];
    }
    for (double* plane : {tile.x[to], tile.y[to]}) {
        if (!left) plane[0] = 2 * plane[1] - plane[2];
        if (!right) plane[tile.columns + 1] = 2 * plane[tile.columns] - plane[tile.columns - 1];
    }
}

INLINE void extrapolate_row(Tile& tile, int to, int near, int far) {
    for (int i = 0; i < tile.columns + 2; ++i) {
        tile.x[to][i] = 2 * tile.x[near][i] - tile.x[far][i];
        tile.y[to][i] = 2 * tile.y[near][i] - tile.y[far][i];
    }
}

// Finds the middles of the sides of the drops: `part` of the way to the neighbours.
INLINE void fill_tile(const Map& map, Tile& tile, double part) {
    const int rows = static_cast<int>(tile.rows);
    const bool below = tile.row > 0, above = tile.row + tile.rows < map.ny;
    for (int j = below ? 0 : 1; j < rows + 1 + above; ++j) fill_row(map, tile, j, tile.row + j - 1);
    // A tile of one row has its neighbour on the other side: no image has less than three.
    if (!below) extrapolate_row(tile, 0, 1, 2);
    if (!above) extrapolate_row(tile, rows + 1, rows, rows - 1);
    for (int j = 0; j < rows + 2; ++j) {
        for (int axis = 0; axis < 2; ++axis) {
            const double* from = axis ? tile.y[j] : tile.x[j];
            double* left = tile.left[axis][j];
            double* right = tile.right[axis][j];
            for (int i = 0; i < kTileColumns; ++i) {
                const double own = (1 - part) * from[i + 1];
                left[i] = own + part * from[i];
                right[i] = own + part * from[i + 2];
            }
        }
    }
}

// An edge, turned such that y grows from its first end. Half of its slope dx/dy and x have the sign of the turn.
struct Edge {
    Doubles x, y0, y1, half, sign, inverse;  // inverse: dy/dx
    Doubles start;                           // x of the first end, without sign
    Longs right;                             // whether x grows, too
    Doubles way;                             // -1 where it does, 1 elsewhere
};

struct Drops {
    Doubles column, row;  // of the first output pixel
    Doubles per_area;     // one over the area, with the sign of its orientation
    int rows, columns;
    Edge edges[4];
};

INLINE Edge edge_of(Doubles x0, Doubles y0, Doubles x1, Doubles y1) {
    const Longs turned = y1 < y0;
    Edge edge;
    edge.start = turned ? x1 : x0;
    edge.y0 = turned ? y1 : y0;
    edge.y1 = turned ? y0 : y1;
    edge.sign = turned ? all(-1) : all(1);
    const Doubles dx = (turned ? x0 : x1) - edge.start, dy = edge.y1 - edge.y0;
    edge.right = dx >= 0.0;
    edge.way = edge.right ? all(-1) : all(1);
    edge.half = edge.sign * 0.5 * (dy == 0.0 ? all(0) : dx / (dy == 0.0 ? all(1) : dy));
    edge.inverse = dx == 0.0 ? all(kSteep) : dy / (dx == 0.0 ? all(1) : dx);
    edge.x = edge.sign * edge.start;
    return edge;
}

// Where the edges of the drops cross the left edges of some columns (y), and how far their ends lie from these.
template <int COLUMNS>
struct Borders {
    Doubles crossing[4][COLUMNS + 1], distance[4][COLUMNS + 1];
    Doubles below[COLUMNS];  // what falls into the columns, below the rows that are still to come
};

template <int COLUMNS, bool FIRST, bool LAST>
INLINE void find_borders(const Drops& drops, double column, Borders<COLUMNS>& borders) {
    for (int e = 0; e < 4; ++e) {
        const Edge& edge = drops.edges[e];
        for (int k = FIRST ? 1 : 0; k < COLUMNS + !LAST; ++k) {
            const Doubles crossing = edge.y0 + (column + k - edge.start) * edge.inverse;
            borders.crossing[e][k] = most(least(crossing, edge.y1), edge.y0);
            borders.distance[e][k] = edge.x - edge.sign * (column + k);
        }
    }
    for (int k = 0; k < COLUMNS; ++k) borders.below[k] = all(0);
}

// Overlaps of the drops with some output pixels of a row, in parts of the drops; rows have to come in order.
//
// The area of a drop below y with x > X is the sum over its edges of the integral of max(x - X, 0) dy: of an edge that
// goes right from where it crosses X, and of one that goes left up to there.
template <int COLUMNS, bool FIRST, bool LAST>
INLINE void overlap(const Drops& drops, Borders<COLUMNS>& borders, int row, Doubles* parts) {
    Doubles sums[COLUMNS + 1] = {};
    for (int e = 0; e < 4; ++e) {
        const Edge& edge = drops.edges[e];
        const Doubles stop = least(most(edge.y0, all(row + 1)), edge.y1), height = stop - edge.y0;
        const Doubles from = edge.right ? height : all(0);
        if (FIRST) sums[0] += height * (edge.x + edge.half * height);
        for (int k = FIRST ? 1 : 0; k < COLUMNS + !LAST; ++k) {
            const Doubles there = least(borders.crossing[e][k], stop) - edge.y0;
            sums[k] += (from + edge.way * there) * (borders.distance[e][k] + edge.half * (from + there));
        }
    }
    for (int k = 0; k < COLUMNS; ++k) {
        const Doubles below = sums[k] - sums[k + 1];
        const Doubles part = (below - borders.below[k]) * drops.per_area;
        borders.below[k] = below;
        parts[k] = part > kSliver ? part : all(0);
    }
}

INLINE Drops drops_of(Doubles* x, Doubles* y) {
    Drops drops;
    drops.column = floor_of(least(least(x[0], x[1]), least(x[2], x[3])));
    drops.row = floor_of(least(least(y[0], y[1]), least(y[2], y[3])));
    for (int k = 0; k < 4; ++k) {
        x[k] -= drops.column;
        y[k] -= drops.row;
    }
    drops.columns = static_cast<int>(std::ceil(highest(most(most(x[0], x[1]), most(x[2], x[3])))));
    drops.rows = static_cast<int>(std::ceil(highest(most(most(y[0], y[1]), most(y[2], y[3])))));
    drops.per_area = 2.0 / ((x[2] - x[0]) * (y[3] - y[1]) - (x[3] - x[1]) * (y[2] - y[0]));
    for (int k = 0; k < 4; ++k) drops.edges[k] = edge_of(x[k], y[k], x[(k + 1) & 3], y[(k + 1) & 3]);
    return drops;
}

// ---------------------------------------------------------------------------------------------------------------------
// Sums by output pixel: weights, weighted data, and variances times squared weights

struct Lane {
    Four plain[1 + kMostComponents / 4];  // weight, weighted data, weighted variances
    std::int64_t column, row;
    std::uint32_t dq;
    bool used;
};

struct Sums {
    double* values;  // (last - first, right - left, width)
    int width;
    const Output& out;
};

template <int FOURS>
INLINE void add_overlap(const Sums& sums, const Lane& lane, std::int64_t row, std::int64_t column, double part) {
    const std::int64_t at = (row - sums.out.first) * (sums.out.right - sums.out.left) + column - sums.out.left;
    const double square = part * part;
    const Four first = {part, part, square, square};
    double* values = sums.values + at * sums.width;
    const int fours = FOURS ? FOURS : sums.width / 4;
    for (int k = 0; k < fours; ++k) {
        Four sum;
        std::memcpy(&sum, values + 4 * k, sizeof(sum));
        sum += lane.plain[k] * (k ? Four{} + square : first);
        std::memcpy(values + 4 * k, &sum, sizeof(sum));
    }
    if (lane.dq && part > 0) sums.out.dq[row * sums.out.nx + column] |= lane.dq;
}

// Reads a pixel; false where it is not used.
INLINE bool read_lane(const Input& in, std::int64_t at, Lane& lane) {
    const float total = in.number ? total_of(in, at) : 0.0f;
    const Pixel pixel = pixel_at(in, at, total);
    if (!(pixel.weight > 0)) return false;
    const double weight = pixel.weight, square = weight * weight;
    // Whole vectors are written: their parts would have to reach memory before they are read again.
    lane.plain[0] = Four{weight, weight * pixel.data, in.total ? square * total : 0, 0};
    if (!in.total) {
        double values[4 * (1 + kMostComponents / 4)] = {weight, weight * pixel.data};
        for (int k = 0; k < in.number; ++k) values[2 + k] = square * in.variance[k][at];
        std::memcpy(lane.plain, values, sizeof(double) * width_of(in.number));
    }
    lane.dq = in.dq[at] & ~in.hidden;
    return true;
}

// Whether all that overlap() gives for some columns lies in the block, and is wanted.
template <int COLUMNS>
INLINE bool inside(const Output& out, const Drops& drops, const Lane* lanes, int column) {
    bool result = true;
    for (int lane = 0; lane < LANES; ++lane) {
        const std::int64_t x = lanes[lane].column + column, y = lanes[lane].row;
        result &= lanes[lane].used & (x >= out.left) & (x + COLUMNS <= out.right) & (y >= out.first);
        result &= y + drops.rows <= out.last;
    }
    return result;
}

template <int COLUMNS, bool FIRST, bool LAST, int FOURS>
INLINE void fall(const Sums& sums, const Drops& drops, const Lane* lanes, int column) {
    const Output& out = sums.out;
    Borders<COLUMNS> borders;
    find_borders<COLUMNS, FIRST, LAST>(drops, column, borders);
    // Adding nothing changes no bit, and is faster than to find out that it is nothing.
    if (inside<COLUMNS>(out, drops, lanes, column)) {
        for (int row = 0; row < drops.rows; ++row) {
            Doubles parts[COLUMNS];
            overlap<COLUMNS, FIRST, LAST>(drops, borders, row, parts);
            for (int lane = 0; lane < LANES; ++lane)
                for (int k = 0; k < COLUMNS; ++k)
                    add_overlap<FOURS>(sums, lanes[lane], lanes[lane].row + row, lanes[lane].column + column + k,
                                       parts[k][lane]);
        }
        return;
    }
    for (int row = 0; row < drops.rows; ++row) {
        Doubles parts[COLUMNS];
        overlap<COLUMNS, FIRST, LAST>(drops, borders, row, parts);
        for (int lane = 0; lane < LANES; ++lane) {
            const std::int64_t y = lanes[lane].row + row;
            if (!lanes[lane].used || y < out.first || y >= out.last) continue;
            for (int k = 0; k < COLUMNS; ++k) {
                const std::int64_t x = lanes[lane].column + column + k;
                if (x >= out.left && x < out.right && parts[k][lane] > 0) add_overlap<FOURS>(sums, lanes[lane], y, x, parts[k][lane]);
            }
        }
    }
}

template <int FOURS>
INLINE void fall_all(const Sums& sums, const Drops& drops, const Lane* lanes) {
    if (drops.columns <= 2) return fall<2, true, true, FOURS>(sums, drops, lanes, 0);
    if (drops.columns <= 3) return fall<3, true, true, FOURS>(sums, drops, lanes, 0);
    int column = 0;
    for (; column + kColumns < drops.columns; column += kColumns)
        fall<kColumns, false, false, FOURS>(sums, drops, lanes, column);
    fall<kColumns, false, true, FOURS>(sums, drops, lanes, column);
}

// The drops of some neighbours in a row of a tile.
template <int FOURS>
INLINE void drizzle_group(const Input& in, const Sums& sums, const Tile& tile, int j, int i, Lane* lanes) {
    const double part = in.pixfrac / 2;
    Doubles x[4], y[4];
    for (int axis = 0; axis < 2; ++axis) {
        Doubles* to = axis ? y : x;
        const auto corner = [&](const double (*side)[kStride], int other) {
            return (1 - part) * load(side[j] + i) + part * load(side[other] + i);
        };
        to[0] = corner(tile.left[axis], j - 1);
        to[1] = corner(tile.right[axis], j - 1);
        to[2] = corner(tile.right[axis], j + 1);
        to[3] = corner(tile.left[axis], j + 1);
    }
    const Output& out = sums.out;
    const Doubles low = least(least(y[0], y[1]), least(y[2], y[3])), high = most(most(y[0], y[1]), most(y[2], y[3]));
    const Doubles west = least(least(x[0], x[1]), least(x[2], x[3])), east = most(most(x[0], x[1]), most(x[2], x[3]));
    const Longs where = (low < static_cast<double>(out.last)) & (high > static_cast<double>(out.first)) &
                        (west < static_cast<double>(out.right)) & (east > static_cast<double>(out.left));
    int number = 0;
    const std::int64_t at = (tile.row + j - 1) * in.map.nx + tile.column + i;
    for (int lane = 0; lane < LANES; ++lane) {
        lanes[lane].used = where[lane] && i + lane < tile.columns && read_lane(in, at + lane, lanes[lane]);
        number += lanes[lane].used;
    }
    if (!number) return;
    // What is not used may lie anywhere, and must not make the others loop.
    for (int lane = 0; number < LANES && lane < LANES; ++lane)
        for (int k = 0; k < 4 && !lanes[lane].used; ++k) x[k][lane] = y[k][lane] = 0;
    const Drops drops = drops_of(x, y);
    for (int lane = 0; lane < LANES; ++lane) {
        lanes[lane].column = static_cast<std::int64_t>(drops.column[lane]);
        lanes[lane].row = static_cast<std::int64_t>(drops.row[lane]);
    }
    fall_all<FOURS>(sums, drops, lanes);
}

template <int FOURS>
void drizzle_tiles(const Input& in, const Bounds* bounds, const Sums& sums) {
    const Map& map = in.map;
    const Output& out = sums.out;
    Tile tile = {};
    Lane lanes[LANES] = {};
    for (tile.row = 0; tile.row < map.ny; tile.row += kTileRows) {
        tile.rows = map.ny - tile.row < kTileRows ? map.ny - tile.row : kTileRows;
        for (tile.column = 0; tile.column < map.nx; tile.column += kTileColumns, bounds += 4) {
            if (bounds[1] < out.left || bounds[0] > out.right || bounds[3] < out.first || bounds[2] > out.last) continue;
            tile.columns = map.nx - tile.column < kTileColumns ? map.nx - tile.column : kTileColumns;
            fill_tile(map, tile, in.pixfrac / 2);
            for (int j = 1; j <= tile.rows; ++j)
                for (int i = 0; i < tile.columns; i += LANES) drizzle_group<FOURS>(in, sums, tile, j, i, lanes);
        }
    }
}

void finish(const Sums& sums) {
    const Output& out = sums.out;
    const double* values = sums.values;
    for (std::int64_t row = out.first; row < out.last; ++row) {
        for (std::int64_t at = row * out.nx + out.left; at < row * out.nx + out.right; ++at, values += sums.width) {
            const float weight = static_cast<float>(values[0]);
            const double inverse = weight > 0 ? 1 / values[0] : 0, square = inverse * inverse;
            out.weight[at] = weight;
            out.data[at] = static_cast<float>(values[1] * inverse);
            for (int k = 0; k < out.number; ++k) out.variance[k][at] = static_cast<float>(values[2 + k] * square);
        }
    }
}

void drizzle_block(const Input& in, const Bounds* bounds, double* values, const Output& out) {
    const Sums sums = {values, width_of(out.number), out};
    const std::int64_t columns = out.right - out.left;
    std::memset(values, 0, sizeof(double) * (out.last - out.first) * columns * sums.width);
    for (std::int64_t row = out.first; row < out.last; ++row)
        std::memset(out.dq + row * out.nx + out.left, 0, sizeof(*out.dq) * columns);
    if (sums.width == 4) drizzle_tiles<1>(in, bounds, sums);
    else drizzle_tiles<0>(in, bounds, sums);
    finish(sums);
}

}  // namespace
}  // namespace iris

#include "stack.h"
#include "between.h"

namespace iris {

extern const Kernel NAME;
const Kernel NAME = {KERNEL_NAME, drizzle_block, survey_rows, bounds_of_tiles, lay_out_points, clip_stack, interpolate_rows};

}  // namespace iris
