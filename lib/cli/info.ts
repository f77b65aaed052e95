/** `pare info`: the version, the kernels and the threads that would run here. */
import { information } from "../index.js";
import { PareCommand } from "./command.js";
import { factsTable } from "../report/table.js";
import type { Terminal } from "./terminal.js";

export const info = (terminal: Terminal): PareCommand =>
  new PareCommand(terminal, "info", "what runs on this machine: version, kernels, threads")
    .example("pare info", "the level of kernels in use and why")
    .run(({ threads }) => {
      const found = information();
      const json = { ...found, threads: threads ?? found.threads };
      return {
        json,
        text: (format) =>
          factsTable(
            [
              ["pare", found.version],
              ["processor", found.processor],
              ["kernels", `${found.level} (this processor has ${found.levels.join(", ")}; PARE_ISA chooses)`],
              ["threads", `${json.threads} of ${found.processors} processors (PARE_THREADS or --threads chooses)`],
              ["platform", `${found.platform}, Node ${found.node}`],
              ["onnxruntime-node", found.onnxruntime ?? "not installed (compare and demo need it)"],
              ["warning", found.warning],
            ],
            format,
          ),
      };
    });
