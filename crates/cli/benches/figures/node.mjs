// Runs a Python file in the npm package `pyodide` under Node: `node node.mjs FILE`.
// For comparison only; nothing of Taipan runs in Node.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

// Beside the working directory's node_modules, not beside this file.
const { loadPyodide } = createRequire(`${process.cwd()}/`)("pyodide");
const pyodide = await loadPyodide();
pyodide.runPython(await readFile(process.argv[2], "utf8"));
