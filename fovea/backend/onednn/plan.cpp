#include "fovea/backend/onednn/plan.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <unordered_map>

#include <fmt/format.h>
#include <omp.h>

#include "fovea/backend/cpu/engine.h"
#include "fovea/backend/cpu/gemm.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/core/errors.h"

namespace fovea::onednn {

namespace {

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// Plans are made for threads() threads, and the library asks OpenMP how many there are on the
// thread it runs on.
void use_our_threads() {
  if (omp_get_max_threads() != threads()) omp_set_num_threads(threads());
}

dnnl::stream& stream_of_this_thread() {
  thread_local dnnl::stream stream(cpu_engine());
  return stream;
}

struct KeyHash {
  size_t operator()(const PlanKey& key) const {
    uint64_t h = 0xcbf29ce484222325u;  // FNV-1a, a word at a time
    for (int64_t word : key.words) h = (h ^ uint64_t(word)) * 0x100000001b3u;
    return size_t(h ^ (h >> 29));
  }
};

// Least recently used plans are dropped first.
class PlanCache {
 public:
  std::shared_ptr<const Plan> find(const PlanKey& key) {
    std::lock_guard lock(mutex_);
    auto it = places_.find(key);
    if (it == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it->second);
    return entries_.front().second;
  }

  void insert(const PlanKey& key, std::shared_ptr<const Plan> plan) {
    std::lock_guard lock(mutex_);
    if (places_.contains(key)) return;
    entries_.emplace_front(key, std::move(plan));
    places_[key] = entries_.begin();
    if (entries_.size() <= capacity) return;
    places_.erase(entries_.back().first);
    entries_.pop_back();
  }

 private:
  static constexpr size_t capacity = 512;
  using Entries = std::list<std::pair<PlanKey, std::shared_ptr<const Plan>>>;
  std::mutex mutex_;
  Entries entries_;
  std::unordered_map<PlanKey, Entries::iterator, KeyHash> places_;
};

std::atomic<int64_t> plans_made = 0;

void* scratch_for(const dnnl::memory::desc& d, Run& run) {
  return d.get_size() ? run.scratch.get(d.get_size()) : nullptr;
}

}  // namespace

Plan::Plan(
    dnnl::primitive primitive, const dnnl::primitive_desc_base& pd, std::vector<PlanArgument> args)
    : implementation_(pd.impl_info_str()),
      primitive_(std::move(primitive)),
      scratch_(pd.query_md(dnnl::query::scratchpad_md)) {
  auto reorder = [](const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
    dnnl::reorder::primitive_desc r(cpu_engine(), from, cpu_engine(), to, plan_attributes());
    return Reorder{dnnl::reorder(r), r.query_md(dnnl::query::scratchpad_md)};
  };
  for (PlanArgument& a : args) {
    Argument& arg = args_.emplace_back(Argument{std::move(a), {}, {}});
    if (arg.a.ours == arg.a.theirs) continue;
    if (arg.a.access != Access::write) arg.before = reorder(arg.a.ours, arg.a.theirs);
    if (arg.a.access != Access::read) arg.after = reorder(arg.a.theirs, arg.a.ours);
  }
}

void Plan::execute(
    const Reorder& r, const dnnl::memory& from, const dnnl::memory& to, Run& run) const {
  dnnl::memory scratch(r.scratch, cpu_engine(), scratch_for(r.scratch, run));
  r.primitive.execute(
      stream_of_this_thread(),
      {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, scratch}});
}

int64_t Plan::scratch() const {
  size_t bytes = scratch_.get_size();
  for (const Argument& arg : args_) {
    if (arg.before || arg.after) bytes += arg.a.theirs.get_size();
    for (const auto* reorder : {&arg.before, &arg.after})
      if (*reorder) bytes += (*reorder)->scratch.get_size();
  }
  return int64_t(bytes);
}

std::shared_ptr<Storage> Plan::pack(int i, void* ours) const {
  const Argument& arg = args_[size_t(i)];
  if (!arg.before) return nullptr;
  use_our_threads();
  const Device device{Device::cpu};
  Workspace workspace(device);
  Run run{device, workspace};
  auto packed = std::make_shared<Storage>(arg.a.theirs.get_size(), device);
  execute(
      *arg.before,
      dnnl::memory(arg.a.ours, cpu_engine(), ours),
      dnnl::memory(arg.a.theirs, cpu_engine(), packed->data()),
      run);
  stream_of_this_thread().wait();
  return packed;
}

void Plan::execute(std::span<void* const> pointers, Run& run, int packed) const {
  FOVEA_ASSERT(pointers.size() == args_.size());
  use_our_threads();
  const dnnl::engine& engine = cpu_engine();
  dnnl::stream& stream = stream_of_this_thread();

  std::unordered_map<int, dnnl::memory> bound;
  for (size_t i = 0; i < args_.size(); ++i) {
    const Argument& arg = args_[i];
    const bool apart = (arg.before || arg.after) && int(i) != packed;
    dnnl::memory theirs(arg.a.theirs, engine, apart ? scratch_for(arg.a.theirs, run) : pointers[i]);
    if (apart && arg.before)
      execute(*arg.before, dnnl::memory(arg.a.ours, engine, pointers[i]), theirs, run);
    bound.emplace(arg.a.id, theirs);
  }
  bound.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratch_, engine, scratch_for(scratch_, run)));
  primitive_.execute(stream, bound);
  for (size_t i = 0; i < args_.size(); ++i)
    if (args_[i].after)
      execute(
          *args_[i].after,
          bound.at(args_[i].a.id),
          dnnl::memory(args_[i].a.ours, engine, pointers[i]),
          run);
  stream.wait();
}

std::shared_ptr<const Plan> cached_plan(
    const PlanKey& key, const std::function<Plan(const dnnl::engine&)>& make) {
  static PlanCache cache;
  if (auto plan = cache.find(key)) return plan;
  use_our_threads();
  auto plan = std::make_shared<const Plan>(make(cpu_engine()));
  ++plans_made;
  cache.insert(key, plan);
  return plan;
}

namespace {

// y (m, n) = op(a) op(b), row-major; on one thread inside a team.
void sgemm(
    char ta,
    char tb,
    int64_t m,
    int64_t n,
    int64_t k,
    const float* a,
    int64_t lda,
    const float* b,
    int64_t ldb,
    float* y,
    int64_t ldy) {
  const dnnl_status_t status = dnnl_sgemm(ta, tb, m, n, k, 1, a, lda, b, ldb, 0, y, ldy);
  FOVEA_ASSERT(status == dnnl_success);
}

// Without AVX-512, dnnl_sgemm does not copy its operands where one side is short, and reading them
// where they lie takes up to twice as long as our own product does.
bool reads_in_place(int64_t m, int64_t n) {
  constexpr int64_t least = int64_t(1) << 17;
  return !has_avx512() && m * n >= least && 10000 * (m + n) >= 38 * m * n;
}

}  // namespace

bool has_avx512() {
  static const bool has =
      (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
  return has;
}

std::string_view transposed_product_name(int64_t m, int64_t n) {
  return reads_in_place(m, n) ? "fovea:gemm" : "dnnl_sgemm";
}

int64_t transposed_product_scratch(int64_t m, int64_t n, int64_t k) {
  return reads_in_place(m, n) ? cpu::gemm_scratch({m, n, k}) : 0;
}

void transposed_product(
    int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* y, Run& run) {
  if (reads_in_place(m, n))
    return cpu::gemm(
        {m, n, k},
        cpu::strided_rows(a, 1, m),
        cpu::strided_rows(b, 1, n),
        {.y = y, .stride = n},
        run);
  use_our_threads();
  sgemm('T', 'N', m, n, k, a, m, b, n, y, n);
}

// dnnl_sgemm gives each thread rows of a and has all of them pack b; with few rows it is quicker to
// cut b.
void product_transposed(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* y) {
  constexpr int64_t grain = 16;
  const int64_t team = std::min<int64_t>(threads(), n / grain);
  if (team <= 1) {
    use_our_threads();
    return sgemm('N', 'T', m, n, k, a, k, b, k, y, n);
  }
  cpu::run_team(team, [&](int64_t t) {
    const int64_t begin = n / grain * t / team * grain;
    const int64_t end = t + 1 == team ? n : n / grain * (t + 1) / team * grain;
    sgemm('N', 'T', m, end - begin, k, a, k, b + begin * k, k, y + begin, n);
  });
}

dnnl::primitive_attr plan_attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

dnnl::memory::desc dense_desc(const dnnl::memory::dims& dims) {
  dnnl::memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return {dims, dnnl::memory::data_type::f32, strides};
}

dnnl::memory::desc any_desc(const dnnl::memory::dims& dims) {
  return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

}  // namespace fovea::onednn

std::string fovea::cpu::engine_name() {
  const dnnl_version_t& v = *dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", v.major, v.minor, v.patch);
}

int64_t fovea::cpu::primitives_made() { return onednn::plans_made; }
