// Recurrent layers of float32: LSTM, GRU and the plain one, a direction at a time.
#pragma once

#include <memory>
#include <vector>

#include "engine/blob.h"
#include "engine/execution.h"
#include "kernels/table.h"

namespace pare {

enum class RecurrentKind : uint8_t { rnn, gru, lstm };

struct RecurrentActivation {
  enum class Extra : uint8_t { none, affine, scaledTanh };  // alpha · x + beta, alpha · tanh(beta · x)
  Unary function = Unary::tanh;
  Extra extra = Extra::none;
  UnaryParameters parameters = {};
};

// The right side of a product, [n, k] as ONNX keeps weights, perhaps packed.
struct RecurrentWeights {
  const UnalignedFloat* matrix = nullptr;
  const Blob* packed = nullptr;
};

struct RecurrentLayer {
  RecurrentKind kind = RecurrentKind::rnn;
  bool inputForget = false, linearBeforeReset = false, isBatchFirst = false;
  float clip = 0;  // of what activations take; 0: none
  size_t sequence = 0, batch = 0, input = 0, hidden = 0, directions = 1;

  size_t gates() const { return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1; }
  // Rows of the recurrence that are one product: the last gate of a GRU may wait for the one before it.
  size_t firstRows() const { return (kind == RecurrentKind::gru && !linearBeforeReset ? 2 : gates()) * hidden; }
};

// What one direction has of its own. Null: left out, or not wanted. Of y, yh and the others the first element is that
// of the direction; where the next step and batch are follows from the layer.
struct RecurrentDirection {
  size_t direction = 0;
  bool isReverse = false;
  const RecurrentActivation* activations = nullptr;  // f, g, h
  const UnalignedFloat* x = nullptr;
  RecurrentWeights w, r, rLast;               // rLast: the last gate, where firstRows leaves it out
  const UnalignedFloat* bias = nullptr;       // 2 · gates · hidden
  const UnalignedFloat* peepholes = nullptr;  // of LSTM: 3 · hidden
  const std::vector<size_t>* lengths = nullptr;
  const UnalignedFloat *initialH = nullptr, *initialC = nullptr;
  UnalignedFloat *y = nullptr, *yh = nullptr, *yc = nullptr;
};
Status runDirection(const Execution& execution, const RecurrentLayer& layer, const RecurrentDirection& direction);

}  // namespace pare
