// Values of an image between its pixels, once for each instruction set: included by kernel.h.
//
// Places are linear between nodes along the rows of another image, with the sums of numpy in the order of numpy.

namespace iris {
namespace {

struct Places {
    double x[kRun], y[kRun];
};

void find_axis(const double* along, const Between& in, std::int64_t start, int size, double first, double* to) {
    for (int i = 0; i < size; ++i) {
        const double* node = along + in.cell[start + i];
        to[i] = (node[1] - node[0]) * in.share[start + i] + node[0];
    }
    for (int i = 0; i < size; ++i) to[i] = ((to[i] + kRounder) - kRounder) * in.quantum - first;
}

INLINE double clipped(double value, std::int64_t size) {
    const double last = static_cast<double>(size - 1);
    return value < 0 ? 0 : value > last ? last : value;
}

// Whether a place is on the image: the outer half of its outermost pixels is.
INLINE bool is_on(double x, double on_x, double y, double on_y) {
    return std::fabs(x - on_x) <= 0.5 && std::fabs(y - on_y) <= 0.5;
}

// The mean of those of four pixels that are valid; NaN where they have less than `least` of the weight.
float mean_of_valid(const float* pixels, float x, float y, float least) {
    const float weights[4] = {(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y};
    float sum = 0, weight = 0;
    for (int k = 0; k < 4; ++k) {
        const bool known = is_finite(pixels[k]);
        const float own = weights[k] * (known ? 1.0f : 0.0f);
        weight += own;
        sum += own * (known ? pixels[k] : 0.0f);
    }
    return weight >= least ? sum / weight : std::numeric_limits<float>::quiet_NaN();
}

float value_at(const Between& in, double x, double y) {
    const double on_x = clipped(x, in.nx), on_y = clipped(y, in.ny);
    if (!is_on(x, on_x, y, on_y)) return std::numeric_limits<float>::quiet_NaN();
    const std::int64_t column = static_cast<std::int64_t>(on_x), row = static_cast<std::int64_t>(on_y);
    const float u = static_cast<float>(on_x - static_cast<double>(column));
    const float v = static_cast<float>(on_y - static_cast<double>(row));
    const std::int64_t at = row * in.nx + column, last = in.ny * in.nx - 1;
    // Beyond the last row or column the weight is 0: any pixel will do.
    float pixels[4];
    for (int k = 0; k < 4; ++k) {
        const std::int64_t there = at + (k & 1) + (k >> 1) * in.nx;
        pixels[k] = in.image[there < last ? there : last];
    }
    const float low = pixels[0] + u * (pixels[1] - pixels[0]), high = pixels[2] + u * (pixels[3] - pixels[2]);
    const float value = low + v * (high - low);
    return value == value ? value : mean_of_valid(pixels, u, v, in.least);
}

std::uint8_t nearest_to(const Between& in, double x, double y) {
    const double on_x = clipped(x, in.nx), on_y = clipped(y, in.ny);
    if (!is_on(x, on_x, y, on_y)) return 0;
    return in.count[static_cast<std::int64_t>(on_y + 0.5) * in.nx + static_cast<std::int64_t>(on_x + 0.5)];
}

void interpolate_rows(const Between& in) {
    Places places;
    for (std::int64_t row = 0; row < in.rows; ++row) {
        const double *x = in.along + row * in.nodes, *y = in.along + (in.rows + row) * in.nodes;
        for (std::int64_t start = 0; start < in.columns; start += kRun) {
            const int size = static_cast<int>(in.columns - start < kRun ? in.columns - start : kRun);
            find_axis(x, in, start, size, 0, places.x);
            find_axis(y, in, start, size, in.first, places.y);
            const std::int64_t at = row * in.columns + start;
            for (int i = 0; i < size; ++i) in.values[at + i] = value_at(in, places.x[i], places.y[i]);
            for (int i = 0; in.count && i < size; ++i) in.counts[at + i] = nearest_to(in, places.x[i], places.y[i]);
        }
    }
}

}  // namespace
}  // namespace iris
