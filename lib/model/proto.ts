/** ONNX's messages (onnx.proto, ONNX 1.20), in one place so that the build can bundle them. */
export * from "onnx-buf";
