#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "fovea/onnx/call.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

// Einstein's sums: "bhqd,bhkd->bhqk".
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

// A tensor with a label for each axis.
struct Labelled {
  Tensor t;
  std::string labels;
};

bool has(const std::string& labels, char label) { return labels.find(label) != labels.npos; }

// The axes that "..." stands for are labelled with digits, which end at '7' for the last of them.
std::string labels_of(const std::string& term, int rank) {
  const size_t dots = term.find("...");
  const std::string before = term.substr(0, dots);
  const std::string after = dots == term.npos ? "" : term.substr(dots + 3);
  std::string labels = before;
  const int open = rank - int(before.size() + after.size());
  if (open < 0 || (open > 0 && dots == term.npos))
    throw std::invalid_argument(fmt::format("equation: \"{}\" for {} axes", term, rank));
  for (int i = Shape::max_rank - open; i < Shape::max_rank; ++i) labels += char('0' + i);
  labels += after;
  for (char label : before + after)
    if (!std::isalpha(static_cast<unsigned char>(label)))
      throw std::invalid_argument(fmt::format("equation: \"{}\"", term));
  return labels;
}

void expect_each_once(std::string labels) {
  std::ranges::sort(labels);
  if (std::ranges::adjacent_find(labels) != labels.end()) throw Unsupported("a label met twice");
}

// Without the axes whose labels are not in `kept`.
Labelled summed(const Labelled& x, const std::string& kept) {
  std::vector<int> gone;
  std::string left;
  for (size_t i = 0; i < x.labels.size(); ++i)
    if (has(kept, x.labels[i]))
      left += x.labels[i];
    else
      gone.push_back(int(i));
  return gone.empty() ? x : Labelled{sum(x.t, gone), left};
}

Tensor ordered(const Labelled& x, const std::string& labels) {
  std::vector<int> order;
  for (char label : labels) order.push_back(int(x.labels.find(label)));
  return std::ranges::is_sorted(order) ? x.t : transpose(x.t, order);
}

// The product of two, summed over labels that are not in `kept`, as one matrix product for each
// place of those that both have and keep.
Labelled product(Labelled a, Labelled b, const std::string& kept) {
  a = summed(a, kept + b.labels);
  b = summed(b, kept + a.labels);
  std::string both, inner, left, right;
  for (char label : a.labels)
    (!has(b.labels, label) ? left : has(kept, label) ? both : inner) += label;
  for (char label : b.labels)
    if (!has(a.labels, label)) right += label;
  std::map<char, int64_t> extents;
  for (const Labelled* x : {&a, &b})
    for (size_t i = 0; i < x->labels.size(); ++i) extents[x->labels[i]] = x->t.dim(int(i));
  auto count = [&](const std::string& labels) {
    int64_t n = 1;
    for (char label : labels) n *= extents[label];
    return n;
  };
  const Tensor rows =
      reshape(ordered(a, both + left + inner), Shape{count(both), count(left), count(inner)});
  const Tensor columns =
      reshape(ordered(b, both + inner + right), Shape{count(both), count(inner), count(right)});
  Shape shape;
  for (char label : both + left + right) shape.push_back(extents[label]);
  return {reshape(matmul(rows, columns), shape), both + left + right};
}

// Axes of extent 1 that "..." stands for, grown to those of the other inputs.
void broadcast_open_axes(std::vector<Labelled>& in) {
  std::map<char, int64_t> extents;
  for (const Labelled& x : in)
    for (size_t i = 0; i < x.labels.size(); ++i) {
      int64_t& n = extents.emplace(x.labels[i], 1).first->second;
      const int64_t own = x.t.dim(int(i));
      if (n == 1) n = own;
    }
  for (Labelled& x : in) {
    Shape shape = x.t.shape();
    for (size_t i = 0; i < x.labels.size(); ++i) {
      const int64_t n = extents[x.labels[i]];
      const bool open = !std::isalpha(static_cast<unsigned char>(x.labels[i]));
      if (shape[int(i)] != n && !(open && shape[int(i)] == 1))
        throw std::invalid_argument(fmt::format(
            "equation: label {} is {} in one input and {} in another",
            x.labels[i],
            n,
            shape[int(i)]));
      shape[int(i)] = n;
    }
    if (!(shape == x.t.shape())) x.t = broadcast_to(x.t, shape);
  }
}

Values einsum(const Call& c) {
  std::string equation = c.text("equation", "");
  std::erase(equation, ' ');
  const size_t arrow = equation.find("->");
  std::vector<Labelled> in;
  std::string all, open;
  size_t begin = 0;
  const std::string terms = equation.substr(0, arrow);
  for (size_t i = 0; i < c.in.size(); ++i) {
    const size_t end = std::min(terms.find(',', begin), terms.size());
    if ((end == terms.size()) != (i + 1 == c.in.size()))
      throw std::invalid_argument(
          fmt::format("equation: \"{}\" for {} inputs", equation, c.in.size()));
    if (!is_float(c[i].dtype()))
      throw Unsupported("numbers of type " + std::string(name_of(c[i].dtype())));
    const std::string labels = labels_of(terms.substr(begin, end - begin), c[i].rank());
    expect_each_once(labels);
    in.push_back({c[i].plain(), labels});
    all += labels;
    begin = end + 1;
  }
  if (in.empty()) throw std::invalid_argument("expected an input");
  for (char label = '0'; label < '0' + Shape::max_rank; ++label)
    if (has(all, label)) open += label;
  std::string out;
  if (arrow == equation.npos) {  // all that is met once, in order
    out = open;
    std::string letters = all;
    std::ranges::sort(letters);
    for (char label : letters)
      if (!has(open, label) && std::ranges::count(all, label) == 1) out += label;
  } else {
    const std::string term = equation.substr(arrow + 2);
    const bool dots = term.find("...") != term.npos;
    const int letters = int(term.size()) - (dots ? 3 : 0);
    out = labels_of(term, letters + (dots ? int(open.size()) : 0));
    for (char label : out)
      if (!has(all, label))
        throw std::invalid_argument(fmt::format("equation: no input has the label {}", label));
    expect_each_once(out);
  }
  broadcast_open_axes(in);
  Labelled y = in[0];
  for (size_t i = 1; i < in.size(); ++i) {
    std::string kept = out;
    for (size_t k = i + 1; k < in.size(); ++k) kept += in[k].labels;
    y = product(y, in[i], kept);
  }
  return {{ordered(summed(y, out), out)}};
}

}  // namespace

std::vector<Operator> einsum_operators() { return {{"Einsum", einsum, "equation", 12}}; }

}  // namespace fovea::onnx
