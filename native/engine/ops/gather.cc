// Reading and writing by index: Gather*, Scatter*, OneHot.
#include <algorithm>

#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status gather(ShapeContext& c) {
  const Dims *data = c.dims(0), *indices = c.dims(1);
  if (!data) return Status::success();
  size_t axis = 0;
  if (Status status = c.axis(c.integer("axis"), data->size(), axis); !status.ok()) return status;
  if (!indices) return Status::success();
  Dims result(data->begin(), data->begin() + static_cast<ptrdiff_t>(axis));
  result.insert(result.end(), indices->begin(), indices->end());
  result.insert(result.end(), data->begin() + static_cast<ptrdiff_t>(axis) + 1, data->end());
  const auto picked = c.numbers(1);
  if ((*data)[axis].isNumber() && picked) {
    const int64_t size = (*data)[axis].number;
    for (const int64_t one : *picked)
      if (one < -size || one >= size)
        return c.shapeError("index " + std::to_string(one) + " lies outside axis " + std::to_string(axis));
  }
  const Elements* elements = c.elements(0) ? c.elements(0) : picked ? c.integerElements(0) : nullptr;
  if (elements && picked) {
    const auto from = smallShape(*data), to = smallShape(result);
    if (from && to) {
      const size_t indexRank = indices->size();
      const auto indexShape = smallShape(*indices);
      c.setElements(0, arrange(*to, *elements, [&](auto index) {
                      int64_t at = 0;
                      for (size_t i = 0; i < indexRank; ++i) at = at * indexShape->dims[i] + index[axis + i];
                      int64_t row = (*picked)[static_cast<size_t>(at)];
                      if (row < 0) row += from->dims[axis];
                      int64_t position = 0;
                      for (size_t i = 0; i < from->dims.size(); ++i) {
                        const int64_t step = i < axis ? index[i] : i == axis ? row : index[i + indexRank - 1];
                        position = position * from->dims[i] + step;
                      }
                      return position;
                    }));
    }
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status gatherElements(ShapeContext& c) {
  const Dims *data = c.dims(0), *indices = c.dims(1);
  size_t axis = 0;
  if (data) {
    if (Status status = c.axis(c.integer("axis"), data->size(), axis); !status.ok()) return status;
    if (Status status = c.needRank(1, data->size(), data->size(), "as many as data"); !status.ok()) return status;
  }
  if (indices) c.setDims(0, *indices);
  return Status::success();
}

// Each row of indices, along their last dimension, names a place in data after batch_dims.
Status gatherNd(ShapeContext& c) {
  if (Status status = c.needRank(1, 1, SIZE_MAX); !status.ok()) return status;
  const Dims *data = c.dims(0), *indices = c.dims(1);
  if (!data || !indices || !indices->back().isNumber()) return Status::success();
  const int64_t batch = c.integer("batch_dims"), depth = indices->back().number;
  if (batch < 0 || batch >= static_cast<int64_t>(indices->size()) || depth < 0 ||
      depth > static_cast<int64_t>(data->size()) - batch)
    return c.shapeError("with batch_dims " + std::to_string(batch) + " the last dimension of indices names " +
                        std::to_string(depth) + " dimensions of data");
  Dims result(indices->begin(), indices->end() - 1);
  result.insert(result.end(), data->begin() + static_cast<ptrdiff_t>(batch + depth), data->end());
  c.setDims(0, std::move(result));
  return Status::success();
}

Status scatterElements(ShapeContext& c) {
  const Dims* data = c.dims(0);
  size_t axis = 0;
  if (data) {
    if (Status status = c.axis(c.integer("axis"), data->size(), axis); !status.ok()) return status;
    for (const size_t input : {1, 2})
      if (Status status = c.needRank(input, data->size(), data->size(), "as many as data"); !status.ok()) return status;
  }
  return rules::sameAsFirst(c);
}

Status scatterNd(ShapeContext& c) {
  if (Status status = c.needRank(1, 1, SIZE_MAX); !status.ok()) return status;
  return rules::sameAsFirst(c);
}

Status oneHot(ShapeContext& c) {
  const Dims* indices = c.dims(0);
  if (!indices) return Status::success();
  size_t axis = 0;
  if (Status status = c.axis(c.integer("axis"), indices->size() + 1, axis); !status.ok()) return status;
  Dim depth = c.fresh();
  if (const Elements* given = c.elements(1); given && given->size() == 1) {
    if (const auto whole = given->front().whole())
      depth = *whole;
    else if (given->front().kind == Element::Kind::integer)
      depth = given->front().integer;
  }
  Dims result(*indices);
  result.insert(result.begin() + static_cast<ptrdiff_t>(axis), depth);
  c.setDims(0, std::move(result));
  return Status::success();
}

OpDef scatterOp(const char* name, int since, int until, bool hasAxis) {
  OpDef def{.name = name,
            .since = since,
            .until = until,
            .inputs = {{"data", "T"}, {"indices", "Tind"}, {"updates", "T"}},
            .outputs = {{"output", "T"}},
            .types = {{"T", any}, {"Tind", index}},
            .traits = trait::inPlace,
            .shape = hasAxis ? scatterElements : scatterNd};
  if (hasAxis) def.attributes.push_back({"axis", row::integer, 0});
  if (since >= 16) def.attributes.push_back({"reduction", text, "none"});
  return def;
}
OpDef gatherOp(const char* name, int since, int until, std::vector<AttributeDef> attributes, ShapeFunction shape) {
  return {.name = name,
          .since = since,
          .until = until,
          .inputs = {{"data", "T"}, {"indices", "Tind"}},
          .outputs = {{"output", "T"}},
          .attributes = std::move(attributes),
          .types = {{"T", any}, {"Tind", index}},
          .shape = shape};
}

const OpRows rows({
    gatherOp("Gather", 1, 0, {{"axis", row::integer, 0}}, gather),
    gatherOp("GatherElements", 11, 0, {{"axis", row::integer, 0}}, gatherElements),
    gatherOp("GatherND", 11, 11, {}, gatherNd),
    gatherOp("GatherND", 12, 0, {{"batch_dims", row::integer, 0}}, gatherNd),
    scatterOp("Scatter", 9, 10, true),
    scatterOp("ScatterElements", 11, 15, true),
    scatterOp("ScatterElements", 16, 0, true),
    scatterOp("ScatterND", 11, 15, false),
    scatterOp("ScatterND", 16, 0, false),
    {.name = "OneHot",
     .since = 9,
     .inputs = {{"indices", "T1"}, {"depth", "T2"}, {"values", "T3"}},
     .outputs = {{"output", "T3"}},
     .attributes = {{"axis", integer, -1}},
     .types = {{"T1", numbers}, {"T2", numbers}, {"T3", any}},
     .shape = oneHot},
});

}  // namespace
}  // namespace pare
