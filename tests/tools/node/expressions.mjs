// Evaluates GitHub expressions with GitHub's own evaluator. Standard input is a JSON array of
// {expression, contexts, functions}; the answer is an array of {value} or {error}. `functions` maps a name to the
// constant that it returns: success(), failure(), hashFiles() and their like depend on a run, so the caller decides.
import { text } from "node:stream/consumers";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";

const revive = (value) => JSON.parse(JSON.stringify(value), data.reviver);

function definitions(constants) {
  return Object.entries(constants).map(([name, value]) => ({
    name,
    minArgs: 0,
    maxArgs: Number.MAX_SAFE_INTEGER,
    call: () => revive(value),
  }));
}

function evaluate({ expression, contexts, functions }) {
  const { tokens } = new Lexer(expression).lex();
  const known = definitions(functions);
  const tree = new Parser(tokens, Object.keys(contexts), known).parse();
  const table = new Map(known.map((one) => [one.name.toLowerCase(), one]));
  const value = new Evaluator(tree, revive(contexts), table).evaluate();
  return { value: JSON.parse(JSON.stringify(value, data.replacer)) };
}

function answer(one) {
  try {
    return evaluate(one);
  } catch (error) {
    return { error: error.message };
  }
}

console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(answer)));
