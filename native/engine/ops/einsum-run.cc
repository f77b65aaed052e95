// Running Einsum: operands join from left to right, two at a time, as one product of matrices a batch.
#include <algorithm>
#include <array>
#include <atomic>

#include "engine/blob.h"
#include "engine/matmul.h"
#include "engine/run.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

// A dimension of the equation: a letter, or one of those under "...", which count from the last on.
using Label = int;
constexpr Label firstDots = 128;

struct Operand {
  std::vector<Label> labels;  // distinct
  std::vector<size_t> sizes, steps;
  const uint8_t* data = nullptr;
  std::unique_ptr<Blob> own;

  size_t stepOf(Label label) const {
    const auto found = std::find(labels.begin(), labels.end(), label);
    return found == labels.end() ? 0 : steps[static_cast<size_t>(found - labels.begin())];
  }
  bool has(Label label) const { return std::find(labels.begin(), labels.end(), label) != labels.end(); }
};

struct Equation {
  std::vector<std::vector<Label>> terms;
  std::vector<Label> result;
  std::array<size_t, 2 * firstDots> sizes;
};

bool isLetter(char one) { return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z'); }

// The shape rule has checked the equation against the inputs.
Status readEquation(const RunContext& c, Equation& equation) {
  const NodeReader reader = c.reader();
  std::string text;
  for (const char one : reader.text("equation"))
    if (one != ' ') text += one;
  const size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  equation.sizes.fill(1);
  size_t mostDots = 0, begin = 0;
  for (size_t input = 0; input < c.inputs.size(); input++) {
    const size_t end = std::min(left.find(',', begin), left.size());
    const TensorView& x = c.in(input);
    const auto letters = static_cast<size_t>(std::count_if(left.begin() + static_cast<ptrdiff_t>(begin),
                                                           left.begin() + static_cast<ptrdiff_t>(end), isLetter));
    if (letters > x.rank() || x.rank() - letters >= firstDots)
      return Status::shape(reader.label() + ": the equation names more dimensions than an input has");
    const size_t dots = x.rank() - letters;
    std::vector<Label> labels;
    for (size_t i = begin; i < end; i++) {
      if (isLetter(left[i])) labels.push_back(left[i]);
      if (left[i] != '.') continue;
      for (size_t dot = dots; dot-- > 0;) labels.push_back(firstDots + static_cast<Label>(dot));
      mostDots = std::max(mostDots, dots);
      i += 2;
    }
    if (labels.size() != x.rank())
      return Status::shape(reader.label() + ": the equation names fewer dimensions than an input has");
    for (size_t axis = 0; axis < labels.size(); axis++) {
      size_t& size = equation.sizes[static_cast<size_t>(labels[axis])];
      const auto given = static_cast<size_t>(x.dims[axis]);
      if (size == 1) size = given;
      if (given != size && given != 1) return Status::shape(reader.label() + ": sizes of one letter differ");
    }
    equation.terms.push_back(std::move(labels));
    begin = end + 1;
  }
  const auto addDots = [&] {
    for (size_t dot = mostDots; dot-- > 0;) equation.result.push_back(firstDots + static_cast<Label>(dot));
  };
  if (arrow == std::string::npos) {
    if (left.find('.') != std::string::npos) addDots();
    for (char one = 'A'; one <= 'z'; one++)
      if (isLetter(one) && std::count(left.begin(), left.end(), one) == 1) equation.result.push_back(one);
    return Status::success();
  }
  for (size_t i = arrow + 2; i < text.size(); i++) {
    if (isLetter(text[i])) equation.result.push_back(text[i]);
    if (text[i] != '.') continue;
    addDots();
    i += 2;
  }
  return Status::success();
}

// A letter that stands twice is a diagonal; one of size 1 that is larger elsewhere broadcasts.
Operand operandOf(const TensorView& x, const std::vector<Label>& labels, const Equation& equation) {
  Operand operand;
  operand.data = x.data;
  size_t step = 1;
  for (size_t axis = labels.size(); axis-- > 0;) {
    const auto size = static_cast<size_t>(x.dims[axis]);
    const size_t whole = equation.sizes[static_cast<size_t>(labels[axis])];
    const auto found = std::find(operand.labels.begin(), operand.labels.end(), labels[axis]);
    const size_t used = size == whole ? step : 0;
    if (found != operand.labels.end()) {
      operand.steps[static_cast<size_t>(found - operand.labels.begin())] += used;
    } else if (size == whole) {
      operand.labels.push_back(labels[axis]);
      operand.sizes.push_back(whole);
      operand.steps.push_back(used);
    }
    step *= size;
  }
  return operand;
}

// to = Σ over `summed` of x, row-major over `kept`; labels that x lacks repeat it.
template <class T>
void arrange(const Operand& x, const std::vector<Label>& kept, const std::vector<Label>& summed,
             const Equation& equation, uint8_t* to) {
  using Unaligned [[gnu::aligned(1), gnu::may_alias]] = T;
  std::vector<size_t> sizes, steps;
  size_t outer = 1, inner = 1;
  for (const auto* list : {&kept, &summed})
    for (const Label label : *list) {
      sizes.push_back(equation.sizes[static_cast<size_t>(label)]);
      steps.push_back(x.stepOf(label));
      (list == &kept ? outer : inner) *= sizes.back();
    }
  std::vector<size_t> index(sizes.size(), 0);
  const auto* from = reinterpret_cast<const Unaligned*>(x.data);
  auto* out = reinterpret_cast<Unaligned*>(to);
  size_t at = 0;
  for (size_t i = 0; i < outer; i++) {
    T sum = 0;
    for (size_t j = 0; j < inner; j++) {
      sum = static_cast<T>(sum + from[at]);
      for (size_t axis = sizes.size(); axis-- > 0;) {
        at += steps[axis];
        if (++index[axis] < sizes[axis]) break;
        at -= steps[axis] * sizes[axis];
        index[axis] = 0;
      }
    }
    out[i] = inner == 0 ? T(0) : sum;
  }
}

bool isRowMajor(const Operand& x, const std::vector<Label>& labels, const Equation& equation) {
  size_t step = 1;
  for (size_t i = labels.size(); i-- > 0;) {
    const size_t size = equation.sizes[static_cast<size_t>(labels[i])];
    if (size != 1 && x.stepOf(labels[i]) != step) return false;
    step *= size;
  }
  return true;
}

template <class T>
class EinsumRunner {
 public:
  EinsumRunner(const RunContext& context, const Equation& equation) : c_(context), equation_(equation) {}

  Status run() {
    if (c_.out(0).count() != countOf(equation_.result))
      return Status::shape(c_.reader().label() + ": the result's dimensions are not those of its equation");
    Operand left = operandOf(c_.in(0), equation_.terms[0], equation_);
    for (size_t input = 1; input < equation_.terms.size(); input++) {
      const Operand right = operandOf(c_.in(input), equation_.terms[input], equation_);
      if (Status status = join(left, right, input + 1); !status.ok()) return status;
    }
    std::vector<Label> summed;
    for (const Label label : left.labels)
      if (!contains(equation_.result, label)) summed.push_back(label);
    arrange<T>(left, equation_.result, summed, equation_, c_.out(0).data);
    return c_.execution->outcome();
  }

 private:
  static bool contains(const std::vector<Label>& labels, Label label) {
    return std::find(labels.begin(), labels.end(), label) != labels.end();
  }
  // SIZE_MAX / 16 where size_t cannot hold it.
  size_t countOf(const std::vector<Label>& labels) const {
    size_t count = 1;
    for (const Label label : labels)
      if (__builtin_mul_overflow(count, equation_.sizes[static_cast<size_t>(label)], &count)) return SIZE_MAX / 16;
    return std::min(count, SIZE_MAX / 16);
  }
  bool isNeeded(Label label, size_t nextInput) const {
    if (contains(equation_.result, label)) return true;
    for (size_t i = nextInput; i < equation_.terms.size(); i++)
      if (contains(equation_.terms[i], label)) return true;
    return false;
  }

  // What an operand is as [batch, …]: where it lies, or arranged and summed.
  Status ready(const Operand& x, const std::vector<Label>& kept, const std::vector<Label>& summed,
               std::unique_ptr<Blob>& own, const uint8_t*& data) const {
    data = x.data;
    if (summed.empty() && isRowMajor(x, kept, equation_)) return Status::success();
    own = Blob::allocate(std::max<size_t>(countOf(kept), 1) * sizeof(T));
    if (!own) return Status::memory("no memory for Einsum");
    arrange<T>(x, kept, summed, equation_, own->data());
    data = own->data();
    return Status::success();
  }

  // left becomes the product of both, over the labels that somebody needs after it.
  Status join(Operand& left, const Operand& right, size_t nextInput) const {
    std::vector<Label> batch, rows, columns, inner, onlyLeft, onlyRight;
    for (const Label label : left.labels) {
      const bool isShared = right.has(label), needed = isNeeded(label, nextInput);
      (isShared ? (needed ? batch : inner) : (needed ? rows : onlyLeft)).push_back(label);
    }
    for (const Label label : right.labels)
      if (!left.has(label)) (isNeeded(label, nextInput) ? columns : onlyRight).push_back(label);
    const auto joined = [](std::vector<Label> a, const std::vector<Label>& b, const std::vector<Label>& d) {
      a.insert(a.end(), b.begin(), b.end());
      a.insert(a.end(), d.begin(), d.end());
      return a;
    };
    std::unique_ptr<Blob> ownA, ownB;
    const uint8_t *a = nullptr, *b = nullptr;
    if (Status status = ready(left, joined(batch, rows, inner), onlyLeft, ownA, a); !status.ok()) return status;
    // The right side may lie either way.
    const bool isTransposed = onlyRight.empty() && isRowMajor(right, joined(batch, columns, inner), equation_);
    const auto kept = isTransposed ? joined(batch, columns, inner) : joined(batch, inner, columns);
    if (Status status = ready(right, kept, onlyRight, ownB, b); !status.ok()) return status;
    Operand product;
    product.labels = joined(batch, rows, columns);
    const size_t count = countOf(product.labels);
    product.own = Blob::allocate(std::max<size_t>(count, 1) * sizeof(T));
    if (!product.own) return Status::memory("no memory for Einsum");
    product.data = product.own->data();
    size_t step = 1;
    for (size_t i = product.labels.size(); i-- > 0;) {
      const size_t size = equation_.sizes[static_cast<size_t>(product.labels[i])];
      product.sizes.insert(product.sizes.begin(), size);
      product.steps.insert(product.steps.begin(), step);
      step *= size;
    }
    const size_t m = countOf(rows), n = countOf(columns), k = countOf(inner);
    Status status =
        count == 0 ? Status::success() : multiply(countOf(batch), m, n, k, a, b, isTransposed, product.own->data());
    left = std::move(product);
    return status;
  }

  Status multiply(size_t batch, size_t m, size_t n, size_t k, const uint8_t* a, const uint8_t* b, bool isTransposed,
                  uint8_t* to) const {
    using Unaligned [[gnu::aligned(1), gnu::may_alias]] = T;
    const auto *left = reinterpret_cast<const Unaligned*>(a), *right = reinterpret_cast<const Unaligned*>(b);
    auto* out = reinterpret_cast<Unaligned*>(to);
    if constexpr (std::is_same_v<T, float>) {
      const bool isSmall = m * n * k < (size_t{1} << 21);
      const Execution single{.kernels = c_.execution->kernels, .threads = 1, .cancelled = c_.execution->cancelled};
      std::atomic<bool> failed{false};
      const auto one = [&](const Execution& execution, size_t i) {
        const MatmulArguments of{.m = m,
                                 .n = n,
                                 .k = k,
                                 .transposeB = isTransposed,
                                 .a = left + i * m * k,
                                 .b = right + i * k * n,
                                 .c = out + i * m * n};
        if (!matmul(execution, of).ok()) failed = true;
      };
      if (isSmall)
        c_.execution->forEachPiece(batch, [&](size_t i) { one(single, i); });
      else
        for (size_t i = 0; i < batch; i++) one(*c_.execution, i);
      if (failed && !c_.execution->isCancelled()) return Status::memory("no memory for Einsum");
      return c_.execution->outcome();
    }
    c_.execution->forEachPiece(batch, [&](size_t i) {
      for (size_t row = 0; row < m; row++)
        for (size_t column = 0; column < n; column++) {
          T sum = 0;
          for (size_t j = 0; j < k; j++)
            sum = static_cast<T>(sum +
                                 static_cast<T>(left[(i * m + row) * k + j] *
                                                right[i * k * n + (isTransposed ? column * k + j : j * n + column)]));
          out[(i * m + row) * n + column] = sum;
        }
    });
    return c_.execution->outcome();
  }

  const RunContext& c_;
  const Equation& equation_;
};

Status runEinsum(RunContext& c) {
  Equation equation;
  if (Status status = readEquation(c, equation); !status.ok()) return status;
  switch (c.in(0).dtype) {
    case DataType::float32:
      return EinsumRunner<float>(c, equation).run();
    case DataType::float64:
      return EinsumRunner<double>(c, equation).run();
    case DataType::int32:
      return EinsumRunner<uint32_t>(c, equation).run();
    default:
      return EinsumRunner<uint64_t>(c, equation).run();  // wraps around as int64 does
  }
}
Status prepareEinsum(PrepareContext& c) { return c.needType(types::f32 | types::f64 | types::i32 | types::i64); }

const OpRuns runs({{"Einsum", runEinsum, prepareEinsum}});

}  // namespace
}  // namespace pare
