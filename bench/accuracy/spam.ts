/**
 * all-MiniLM-L6-v2 as a spam filter: the sentence encoder's mean of the last hidden state, a head of two classes, and SpamAssassin's
 * mails. The head alone is trained, then the whole net.
 *
 * A mail is what its reader sees: the sender's name and host, the subject, without the tag of a mailing list, and the first text of
 * the body, decoded, without signatures and list footers. Words stand for what it looks like: "html", "image", "link", "form",
 * "quoted" for quotations; "email" for addresses, "year" for years; of a page's address the host is left. No other header and none
 * of the hosts that the corpus's makers have put there. Mails of one subject or with the same beginning lie in the same part of the
 * split, so that no thread and no circular is both trained on and tested. Validation data chooses the epoch; the test mails are
 * read once.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as pare from "../../lib/index.js";
import { Tensor, Weight, type Model } from "../../lib/index.js";
import { PareError } from "../../lib/errors.js";
import { findParameters } from "../../lib/train/parameters.js";
import { readMails, splitMails, type Mail } from "../frame/mail.js";
import { formatSeconds } from "../frame/race.js";
import type { BenchReport } from "../frame/report.js";

export const title = "all-MiniLM-L6-v2 fine-tuned as a spam filter";

/** Tokens of a mail; what is longer is cut. */
const length = 80;
const batchSize = 16;

/** Token numbers and their masks [mails, length]; 1 for spam. */
interface Part {
  x: Record<string, Tensor>;
  y: Uint8Array;
}

export async function run(report: BenchReport): Promise<void> {
  const folder = process.env.PARE_MINILM;
  if (folder === undefined || !existsSync(join(folder, "tokenizer.json"))) {
    report.note(
      "Left out: it needs $PARE_MINILM, a folder made by bench/oracle/minilm.py (Python, torch, transformers).",
    );
    return;
  }
  let mails: Mail[];
  try {
    mails = readMails();
  } catch (error) {
    if (!(error instanceof PareError)) throw error;
    report.note(`Left out: ${error.message}`);
    return;
  }
  const parts = splitMails(mails, report.quick ? [64, 32, 32] : [4400, 300, 1000], 1);
  const tokenizer = readTokenizer(folder);
  const [training, validation, test] = parts.map((part) => encode(part, tokenizer)) as [Part, Part, Part];
  const source = pooled(await pare.load(join(folder, "model.onnx")));
  await compare(report, source, { training, validation, test });
  const spam = parts.map((part) => part.filter(({ isSpam }) => isSpam).length);
  report.note(
    `Of ${mails.length} mails with a text ${parts[0]!.length} are trained on (${spam[0]} spam), ${parts[1]!.length} choose the epoch (${spam[1]}) ` +
      `and ${parts[2]!.length} are the test (${spam[2]}), which is read once; the first ${length} tokens of each. ` +
      "A step's time is the training's, measuring and all, over its steps.",
  );
}

async function compare(
  report: BenchReport,
  source: Model,
  { training, validation, test }: { training: Part; validation: Part; test: Part },
): Promise<void> {
  const threads = report.threads.at(-1)!;
  const share = (accuracy: number): string => `${(100 * accuracy).toFixed(2)} %`;
  const row = report.table(`${test.y.length} mails held out`, [
    ...[
      "net",
      "parameters trained",
      "right on validation data",
      "right on test data",
      "ham taken for spam",
      "spam let through",
    ],
    ...["test, onnxruntime-node", "time of training", `a step of ${batchSize}`],
  ]);
  const ham = test.y.filter((label) => label === 0).length;
  row("everything taken for ham", "–", "–", share(ham / test.y.length), "0.00 %", "100.00 %", "–", "–", "–");
  const common = { head: pare.dense(2), feature: "sentence", validation, threads, seed: 1, batchSize };
  const ways: [name: string, options: pare.FinetuneOptions][] = [
    ["head alone (linear probe)", { probe: true, epochs: 60, optimizer: pare.adam({ lr: 1e-2 }) }],
    [
      "whole net",
      {
        ...{ epochs: report.quick ? 1 : 3, optimizer: pare.adamw({ lr: 1e-4, weightDecay: 0.01 }), clipNorm: 1 },
        schedule: pare.oneCycle(),
      },
    ],
  ];
  for (const [name, options] of ways) {
    const start = performance.now();
    const model = await pare.finetune(source, training, {
      ...common,
      ...options,
      onProgress: ({ done, total, what }) => {
        report.progress(`${name}: ${done} of ${total}, ${what}`);
      },
    });
    const seconds = (performance.now() - start) / 1e3;
    if (!options.probe)
      for (const { epoch, trainLoss, validationLoss, accuracy } of model.epochs)
        report.log(
          `${name}, epoch ${epoch}: ${trainLoss.toFixed(4)}, ${validationLoss.toFixed(4)}, ${share(accuracy!)}`,
        );
    const best = model.epochs.filter(({ isBest }) => isBest).at(-1)!;
    const { accuracy, classes } = await pare.evaluate(model, test, { threads });
    const other = await pare.evaluate(model, test, { runtime: "onnxruntime", threads });
    const trained = findParameters(model.graph).filter((one) => !options.probe || one.name.startsWith("head/"));
    const count = trained.reduce((sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1), 0);
    const wrong = classes!.map(({ count: all, right }) => share(1 - right / all));
    row(
      ...([name, count, share(best.accuracy!), share(accuracy!), ...wrong, share(other.accuracy!)] as const),
      ...([formatSeconds(seconds), formatSeconds(seconds / model.epochs.at(-1)!.steps)] as const),
    );
    report.log(`${name}: validation ${share(best.accuracy!)}, test ${share(accuracy!)}`);
  }
}

interface Tokenizer {
  encode(text: string): { ids: number[] };
}

function readTokenizer(folder: string): Tokenizer {
  const package_ = createRequire(__filename)("@huggingface/tokenizers") as {
    Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
  };
  const read = (name: string): object => JSON.parse(readFileSync(join(folder, name), "utf8")) as object;
  return new package_.Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
}

/** Token numbers between [CLS] and [SEP], cut and filled up to one length. */
function encode(mails: readonly Mail[], tokenizer: Tokenizer): Part {
  const dims = [mails.length, length];
  const ids = new BigInt64Array(mails.length * length);
  const mask = new BigInt64Array(mails.length * length);
  for (const [i, { text }] of mails.entries()) {
    // Far more characters than the tokens can have.
    const { ids: tokens } = tokenizer.encode(text.slice(0, 20 * length));
    const kept = tokens.length > length ? [...tokens.slice(0, length - 1), tokens.at(-1)!] : tokens;
    ids.set(kept.map(BigInt), i * length);
    mask.fill(1n, i * length, i * length + kept.length);
  }
  return {
    x: {
      input_ids: new Tensor("int64", ids, dims),
      attention_mask: new Tensor("int64", mask, dims),
      token_type_ids: new Tensor("int64", new BigInt64Array(mails.length * length), dims),
    },
    y: Uint8Array.from(mails, ({ isSpam }) => Number(isSpam)),
  };
}

/** With the mean of the last hidden state over a sentence's tokens as the value "sentence" [batch, 384]. */
function pooled(model: Model): Model {
  const { graph } = model;
  const add = (opType: string, inputs: string[], output: string, attributes: Record<string, number> = {}): string => {
    graph.addNode({ opType, inputs, outputs: [output], attributes });
    return output;
  };
  const tokens = graph.addWeight("pool/tokens", Weight.of("int64", [1], [1]));
  const last = graph.addWeight("pool/last", Weight.of("int64", [1], [2]));
  const mask = add("Unsqueeze", [add("Cast", ["attention_mask"], "pool/mask", { to: 1 }), last], "pool/column");
  const sum = add("ReduceSum", [add("Mul", ["last_hidden_state", mask], "pool/kept"), tokens], "pool/sum", {
    keepdims: 0,
  });
  const count = add("ReduceSum", [mask, tokens], "pool/count", { keepdims: 0 });
  add("Div", [sum, count], "sentence");
  return model;
}
