// Peaks and times, for benchmarks. The GIL is released while they run.
#include "bind_kernels.hpp"
#include "engine/cpu/speed.hpp"

namespace py = pybind11;

namespace motorium {

namespace {

double measure_peak(OrText<Precision> precision, std::size_t threads, double seconds,
                    const std::string& isa) {
  const kernels::KernelTable& table = kernels::select_table(isa);
  const py::gil_scoped_release release;
  return peak_flops(table, precision.value, threads, seconds);
}

double measure_stream(std::size_t bytes, std::size_t threads, const std::string& isa) {
  const kernels::KernelTable& table = kernels::select_table(isa);
  const py::gil_scoped_release release;
  return stream_bytes_per_s(table, bytes, threads);
}

ProductTimes measure_product(std::size_t rows, std::size_t n, std::size_t k, bool gated, std::size_t copies,
                             std::size_t repeats, OrText<Precision> precision, std::size_t threads,
                             const std::vector<int>& cpus, const std::string& isa) {
  const kernels::KernelTable& table = kernels::select_table(isa);
  const EngineOptions options{precision.value, threads, cpus};
  const py::gil_scoped_release release;
  return time_product(table, {rows, n, k, gated, copies}, options, repeats);
}

}  // namespace

void bind_kernel_speed(py::module_& m) {
  const py::arg_v isa = py::arg("isa") = "";
  m.def("measure_peak", &measure_peak, py::arg("precision") = Precision::float32, py::arg("threads") = 1,
        py::arg("seconds") = 0.05, isa);
  m.def("measure_stream", &measure_stream, py::arg("bytes") = std::size_t{1} << 28, py::arg("threads") = 1,
        isa);
  m.def("measure_product", &measure_product, py::arg("rows"), py::arg("n"), py::arg("k"),
        py::arg("gated") = false, py::arg("copies") = 1, py::arg("repeats") = 20,
        py::arg("precision") = Precision::float32, py::arg("threads") = 1,
        py::arg("cpus") = std::vector<int>{}, isa);
}

}  // namespace motorium
