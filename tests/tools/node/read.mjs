// Prints the documents of a YAML stream as GitHub's parser reads them (npm yaml, version 2), as one JSON array. A key
// that is not text is written with its type, so that no reader of the JSON takes it for text.
import { text } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";

function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [name(key), plain(item)]));
  if (typeof value === "number" && !Number.isFinite(value)) return `!number ${value}`;
  return value;
}

const name = (key) => (typeof key === "string" ? key : `!${key === null ? "null" : typeof key} ${key}`);

const documents = parseAllDocuments(await text(process.stdin));
const errors = documents.flatMap((document) => document.errors);
if (errors.length > 0) {
  console.error(errors[0].message);
  process.exit(1);
}
console.log(JSON.stringify([...documents].map((document) => plain(document.toJS({ mapAsMap: true })))));
