// Prints what GitHub's own workflow parser and language service say to workflow files. Standard input is a JSON array of
// {path, root}; the answer is an array of {path, line, message}. Local reusable workflows and actions are read from root.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { validate } from "@actions/languageservice";
import { TextDocument } from "vscode-languageserver-textdocument";

const filesOf = (root) => ({
  async getFileContent(reference) {
    if ("repository" in reference) throw new Error(`not offline: ${reference.owner}/${reference.repository}`);
    return { name: reference.path, content: await readFile(join(root, reference.path), "utf8") };
  },
});

async function parserFindings(path, content, fileProvider) {
  const { context, value } = parseWorkflow({ name: path, content }, new NoOperationTraceWriter());
  if (!value) {
    return context.errors.getErrors().map((error) => located(error.message, error.range?.start.line));
  }
  const options = { fetchReusableWorkflowDepth: 1, errorPolicy: 1 }; // 1: go on after an error
  const template = await convertWorkflowTemplate(context, value, fileProvider, options);
  return (template.errors ?? []).map((error) => located(error.Message));
}

// The parser's template keeps a line only inside the message: "FILE (Line: 7, Col: 9): text".
function located(message, line = 0) {
  const prefix = /^.* \(Line: (\d+), Col: \d+\): /s.exec(message);
  return prefix ? { line: Number(prefix[1]), message: message.slice(prefix[0].length) } : { line, message };
}

async function serviceFindings(path, content, fileProvider) {
  const document = TextDocument.create(pathToFileURL(path).href, "yaml", 1, content);
  const diagnostics = await validate(document, { fileProvider });
  return diagnostics.map(({ range, message }) => ({ line: range.start.line + 1, message }));
}

async function findings({ path, root }) {
  const content = await readFile(path, "utf8");
  const parsed = await parserFindings(path, content, filesOf(root));
  const served = await serviceFindings(path, content, filesOf(root));
  // The language service runs the parser too: what both say is told once.
  const told = (one) => parsed.some((other) => other.line === one.line && other.message === one.message);
  return [...parsed, ...served.filter((one) => !told(one))].map((one) => ({ path, ...one }));
}

const found = [];
for (const file of JSON.parse(await text(process.stdin))) found.push(...(await findings(file)));
console.log(JSON.stringify(found));
