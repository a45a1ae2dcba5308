// Prints what GitHub's own workflow parser and language service say to a workflow file, as a JSON array of
// {line, message}. Local reusable workflows and actions are read from the folder given second.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { validate } from "@actions/languageservice";
import { TextDocument } from "vscode-languageserver-textdocument";

const [path, root] = process.argv.slice(2);
const content = await readFile(path, "utf8");

const fileProvider = {
  async getFileContent(reference) {
    if ("repository" in reference) throw new Error(`not offline: ${reference.owner}/${reference.repository}`);
    return { name: reference.path, content: await readFile(join(root, reference.path), "utf8") };
  },
};

async function parserFindings() {
  const { context, value } = parseWorkflow({ name: path, content }, new NoOperationTraceWriter());
  if (value) {
    const template = await convertWorkflowTemplate(context, value, fileProvider, {
      fetchReusableWorkflowDepth: 1,
      errorPolicy: 1, // go on after an error
    });
    return (template.errors ?? []).map(({ Message }) => ({ line: lineOf(Message), message: Message }));
  }
  return context.errors.getErrors().map((error) => ({ line: error.range?.start.line ?? 0, message: error.message }));
}

// lineOf reads the line out of "FILE (Line: 7, Col: 9): …", the only place where the parser's template keeps it.
function lineOf(message) {
  return Number(/\(Line: (\d+), Col: \d+\)/.exec(message)?.[1] ?? 0);
}

async function serviceFindings() {
  const document = TextDocument.create(pathToFileURL(path).href, "yaml", 1, content);
  const diagnostics = await validate(document, { fileProvider });
  return diagnostics.map(({ range, message }) => ({ line: range.start.line + 1, message }));
}

// The language service runs the parser too: what both say is told once.
const parsed = await parserFindings();
const served = await serviceFindings();
const told = (one) => parsed.some((other) => other.line === one.line && other.message.endsWith(one.message));
console.log(JSON.stringify([...parsed, ...served.filter((one) => !told(one))]));
