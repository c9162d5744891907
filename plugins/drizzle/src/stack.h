// The clipped mean of a stack of images, once for each instruction set: included by kernel.h.
//
// Pixels are taken in short runs, image after image, with the sums of numpy in the order of numpy: the bits are those of
// whole planes that are added one by one.

namespace iris {
namespace {

struct Run {
    float values[kMostImages][kRun], variances[kMostImages][kRun];
    float sum[kRun], total[kRun], low[kRun], high[kRun], tolerance[kRun];
    std::int32_t number[kRun], far[kRun];
};

void load_values(const Layer& layer, std::int64_t at, int size, float* to) {
    const float factor = layer.factor, offset = layer.offset;
    for (int i = 0; i < size; ++i) to[i] = layer.data[at + i] * factor;
    if (offset != 0)
        for (int i = 0; i < size; ++i) to[i] += offset;
    if (layer.hidden)
        for (int i = 0; i < size; ++i) to[i] = layer.hidden[at + i] ? std::numeric_limits<float>::quiet_NaN() : to[i];
}

void load_variances(const Layer& layer, float unmeasured, std::int64_t at, int size, float* to) {
    const float square = layer.square;
    for (int i = 0; i < size; ++i) to[i] = layer.number ? layer.variance[0][at + i] : unmeasured;
    if (!layer.number) return;
    for (int k = 1; k < layer.number; ++k)
        for (int i = 0; i < size; ++i) to[i] += layer.variance[k][at + i];
    if (square != 1)
        for (int i = 0; i < size; ++i) to[i] *= square;
    for (int i = 0; i < size; ++i) to[i] = to[i] == 0 ? unmeasured : to[i];
}

// Sums of all valid values of each pixel, and the lowest and the highest of them: those of one image are added.
void add_valid(const float* __restrict__ values, const float* __restrict__ variances, int size, Run& run) {
    float *__restrict__ sum = run.sum, *__restrict__ total = run.total;
    float *__restrict__ low = run.low, *__restrict__ high = run.high;
    std::int32_t* __restrict__ number = run.number;
    for (int i = 0; i < size; ++i) {
        const float value = values[i];
        const bool valid = is_finite(value);
        sum[i] += valid ? value : 0.0f;
        total[i] += valid ? variances[i] : 0.0f;
        number[i] += valid;
        low[i] = valid & (value < low[i]) ? value : low[i];
        high[i] = valid & (value > high[i]) ? value : high[i];
    }
}

// Which of the values of a pixel agree: see consistent() of iris-background, whose rules these are.
std::uint64_t agreeing(const float* values, int images, float tolerance) {
    float sorted[kMostImages];
    int number = 0;
    for (int k = 0; k < images; ++k) {
        if (!is_finite(values[k])) continue;
        int at = number++;
        for (; at > 0 && sorted[at - 1] > values[k]; --at) sorted[at] = sorted[at - 1];
        sorted[at] = values[k];
    }
    if (!number) return 0;
    const float low = sorted[(number - 1) / 2], high = sorted[number / 2], middle = 0.5f * (low + high);
    const float square = tolerance * tolerance, both = number == 2 ? square + square : square;
    const bool apart = number == 2 && high - low > 1.25f * std::sqrt(both);
    std::uint64_t kept = 0, lower = 0, pair = 0;
    for (int k = 0; k < images; ++k) {
        if (!is_finite(values[k])) continue;
        const std::uint64_t bit = std::uint64_t{1} << k;
        if (std::fabs(values[k] - middle) <= tolerance) kept |= bit;
        if (std::fabs(values[k] - low) <= tolerance) lower |= bit;
        if (values[k] <= (apart ? low : high)) pair |= bit;
    }
    return number < 3 ? pair : kept ? kept : lower;
}

// Clip a pixel: its sums are those of the values that are left.
void clip_pixel(const Stack& stack, int i, Run& run) {
    float values[kMostImages];
    for (int k = 0; k < stack.images; ++k) values[k] = run.values[k][i];
    const std::uint64_t kept = agreeing(values, stack.images, run.tolerance[i]);
    run.sum[i] = run.total[i] = 0, run.number[i] = 0;
    for (int k = 0; k < stack.images; ++k) {
        if (!(kept >> k & 1)) {
            stack.clipped[k] += is_finite(values[k]);
            continue;
        }
        run.sum[i] += values[k], run.total[i] += run.variances[k][i], ++run.number[i];
    }
}

// The tolerance of each pixel, and whether its values may differ by more: of most pixels not, which saves to sort them.
void find_far(float tolerance, float rounding, int size, Run& run) {
    for (int i = 0; i < size; ++i) {
        const float number = static_cast<float>(run.number[i] > 1 ? run.number[i] : 1);
        run.tolerance[i] = tolerance * std::sqrt(run.total[i] / number) + rounding;
        run.far[i] = !(run.high[i] - run.low[i] <= run.tolerance[i]);
    }
}

void finish_run(int size, const Run& run, float* __restrict__ mean, float* __restrict__ variance) {
    for (int i = 0; i < size; ++i) {
        const float number = run.number[i] ? static_cast<float>(run.number[i]) : std::numeric_limits<float>::quiet_NaN();
        mean[i] = run.sum[i] / number;
        variance[i] = run.total[i] / (number * number);
    }
}

void clip_run(const Stack& stack, std::int64_t start, int size, Run& run) {
    for (int i = 0; i < size; ++i) {
        run.sum[i] = run.total[i] = 0, run.number[i] = 0;
        run.low[i] = std::numeric_limits<float>::infinity(), run.high[i] = -run.low[i];
    }
    for (int k = 0; k < stack.images; ++k) {
        load_values(stack.layers[k], start, size, run.values[k]);
        load_variances(stack.layers[k], stack.unmeasured, start, size, run.variances[k]);
        int number = 0;
        for (int i = 0; i < size; ++i) number += is_finite(run.values[k][i]);
        stack.valid[k] += number;
        add_valid(run.values[k], run.variances[k], size, run);
    }
    find_far(stack.tolerance, stack.rounding, size, run);
    for (int i = 0; i < size; ++i)
        if (run.far[i]) clip_pixel(stack, i, run);
    finish_run(size, run, stack.mean + start, stack.variance + start);
}

void clip_stack(const Stack& stack) {
    Run run;
    for (std::int64_t start = 0; start < stack.size; start += kRun)
        clip_run(stack, start, static_cast<int>(stack.size - start < kRun ? stack.size - start : kRun), run);
}

}  // namespace
}  // namespace iris
