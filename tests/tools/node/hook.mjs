// Loaded by `node --import`, before any script here. Packages are found in the tools folder, which is not an ancestor
// of this one; and the language service imports JSON without the attribute that Node asks for.
import { register } from "node:module";
import { pathToFileURL } from "node:url";

const packages = pathToFileURL(`${process.env.HEADRACE_NODE_MODULES}/../tools.mjs`).href;
register(`data:text/javascript,${encodeURIComponent(`
  export async function resolve(specifier, context, next) {
    const bare = !/^(\\.|\\/|[a-z]+:)/.test(specifier);
    const ours = context.parentURL && !context.parentURL.includes("/node_modules/");
    const found = await next(specifier, bare && ours ? { ...context, parentURL: ${JSON.stringify(packages)} } : context);
    return found.url.endsWith(".json") ? { ...found, importAttributes: { type: "json" } } : found;
  }
`)}`);
