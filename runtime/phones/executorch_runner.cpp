// SPDX-License-Identifier: Apache-2.0
// Run a .pte file on every sample of a file of float32 numbers, and time it:
//     executorch_runner model.pte input.bin output.bin [RUNS]
// Inputs lie one after the other, sample by sample, in the model's own layout and types; outputs likewise.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

using executorch::extension::from_blob;
using executorch::extension::Module;
using executorch::runtime::EValue;

int main(int count, char **arguments) {
    if (count < 4) {
        std::fprintf(stderr, "usage: executorch_runner model.pte input.bin output.bin [RUNS]\n");
        return 2;
    }
    Module module(arguments[1]);
    const auto meta = module.method_meta("forward");
    if (!meta.ok()) {
        std::fprintf(stderr, "error: %s cannot be loaded\n", arguments[1]);
        return 1;
    }
    std::ifstream input(arguments[2], std::ios::binary);
    std::ofstream output(arguments[3], std::ios::binary);
    const long runs = count > 4 ? std::strtol(arguments[4], nullptr, 10) : 100;
    std::vector<std::vector<char>> data;
    std::vector<EValue> values;
    std::vector<executorch::extension::TensorPtr> tensors;
    for (size_t i = 0; i < meta->num_inputs(); i++) {
        const auto tensor = meta->input_tensor_meta(i);
        data.emplace_back(tensor->nbytes());
        tensors.push_back(from_blob(data.back().data(), {tensor->sizes().begin(), tensor->sizes().end()},
                                    tensor->scalar_type()));
        values.emplace_back(*tensors.back());
    }
    for (;;) {
        for (auto &each : data) {
            input.read(each.data(), static_cast<std::streamsize>(each.size()));
        }
        if (!input) {
            break;
        }
        const auto found = module.forward(values);
        if (!found.ok()) {
            std::fprintf(stderr, "error: the model does not run\n");
            return 1;
        }
        for (const auto &value : *found) {
            const auto &tensor = value.toTensor();
            output.write(static_cast<const char *>(tensor.const_data_ptr()),
                         static_cast<std::streamsize>(tensor.nbytes()));
        }
    }
    std::vector<double> times;
    for (long i = 0; i < runs; i++) {
        const auto start = std::chrono::steady_clock::now();
        (void)module.forward(values);
        times.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    if (!times.empty()) {
        std::printf("median %.1f us of %zu runs, measured\n", times[times.size() / 2], times.size());
    }
    output.close();
    return output ? 0 : 1;
}
