/** What onnxruntime-node exports beside onnxruntime-common, for those that take pare in its place. */

/** Devices that sessions may name in `executionProviders`, as onnxruntime-node lists them. */
export function listSupportedBackends(): { name: string; bundled: boolean }[] {
  return [{ name: "cpu", bundled: true }];
}
