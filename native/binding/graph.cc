// inferShapes(words, strings, bytes, options) → { words, dims, symbols }, and operators(): the op table for docs and
// tests.
#include <cmath>

#include "binding/description.h"
#include "binding/module.h"
#include "engine/inference.h"

namespace pare::binding {
namespace {

// → words: for every value dtype, rank (−1: unknown) and 1 where it is a tensor; dims: numbers, or −1 − i for
// symbols[i].
Napi::Value inferShapes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Graph graph;
  readDescription(info, graph);
  InferenceOptions options;
  if (info[3].IsObject()) options.strict = info[3].As<Napi::Object>().Get("strict").ToBoolean();
  SymbolTable symbols;
  std::vector<TensorType> types;
  check(env, pare::inferShapes(graph, symbols, options, types));

  size_t dimCount = 0;
  for (const TensorType& type : types) dimCount += type.dims.size();
  Napi::Int32Array words = Napi::Int32Array::New(env, types.size() * 3);
  Napi::Float64Array dims = Napi::Float64Array::New(env, dimCount);
  Napi::Array names = Napi::Array::New(env);
  std::unordered_map<uint32_t, uint32_t> indexOf;
  size_t word = 0, at = 0;
  for (const TensorType& type : types) {
    words[word++] = static_cast<int32_t>(type.dtype);
    words[word++] = type.ranked ? static_cast<int32_t>(type.dims.size()) : -1;
    words[word++] = type.isTensor ? 1 : 0;
    for (const Dim dim : type.dims) {
      if (dim.isNumber()) {
        dims[at++] = static_cast<double>(dim.number);
        continue;
      }
      const auto [found, isNew] = indexOf.try_emplace(dim.expression, static_cast<uint32_t>(indexOf.size()));
      if (isNew) names.Set(found->second, symbols.name(dim));
      dims[at++] = -1.0 - found->second;
    }
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("words", words);
  result.Set("dims", dims);
  result.Set("symbols", names);
  return result;
}

Napi::Array describeParameters(Napi::Env env, const OpDef& def, const std::vector<Parameter>& parameters) {
  static constexpr const char* arities[] = {"required", "optional", "variadic", "heterogeneous"};
  Napi::Array list = Napi::Array::New(env);
  for (const Parameter& parameter : parameters) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("name", parameter.name);
    one.Set("arity", arities[static_cast<unsigned>(parameter.arity)]);
    if (parameter.type.variable) one.Set("variable", parameter.type.variable);
    Napi::Array names = Napi::Array::New(env);
    for (int i = 0; i < dataTypeCount; ++i)
      if (def.typesOf(parameter.type).contains(static_cast<DataType>(i)))
        names.Set(names.Length(), dataTypeName(static_cast<DataType>(i)));
    one.Set("types", names);
    list.Set(list.Length(), one);
  }
  return list;
}

Napi::Value defaultOf(Napi::Env env, const AttributeDef& attribute) {
  if (!attribute.hasDefault) return env.Undefined();
  switch (attribute.kind) {
    case AttributeKind::text:
      return Napi::String::New(env, attribute.text);
    case AttributeKind::integers: {
      Napi::Array list = Napi::Array::New(env);
      for (const int64_t one : attribute.integers) list.Set(list.Length(), static_cast<double>(one));
      return list;
    }
    default:
      return Napi::Number::New(env, attribute.number);
  }
}

Napi::Value operators(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string wanted = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  Napi::Array list = Napi::Array::New(env);
  for (const OpDef* def : allOps()) {
    if (!wanted.empty() && wanted != def->name) continue;
    Napi::Object one = Napi::Object::New(env);
    one.Set("domain", def->domain);
    one.Set("name", def->name);
    one.Set("since", def->since);
    if (def->until != 0) one.Set("until", def->until);
    one.Set("inputs", describeParameters(env, *def, def->inputs));
    one.Set("outputs", describeParameters(env, *def, def->outputs));
    Napi::Array attributes = Napi::Array::New(env);
    for (const AttributeDef& attribute : def->attributes) {
      Napi::Object row = Napi::Object::New(env);
      row.Set("name", attribute.name);
      row.Set("kind", attributeKindName(attribute.kind));
      row.Set("required", attribute.isRequired);
      row.Set("default", defaultOf(env, attribute));
      attributes.Set(attributes.Length(), row);
    }
    one.Set("attributes", attributes);
    Napi::Array traits = Napi::Array::New(env);
    static constexpr const char* traitNames[] = {"elementwise", "inPlace", "view", "random", "subgraphs", "shapeOnly"};
    for (unsigned bit = 0; bit < 6; ++bit)
      if ((def->traits >> bit) & 1) traits.Set(traits.Length(), traitNames[bit]);
    one.Set("traits", traits);
    Napi::Array runs = Napi::Array::New(env);
    static constexpr const char* devices[deviceCount] = {"cpu", "cuda"};
    for (int device = 0; device < deviceCount; ++device)
      if (def->run[device]) runs.Set(runs.Length(), devices[device]);
    one.Set("run", runs);
    list.Set(list.Length(), one);
  }
  return list;
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("inferShapes", Napi::Function::New(env, inferShapes));
  exports.Set("operators", Napi::Function::New(env, operators));
});

}  // namespace
}  // namespace pare::binding
