// The module "pyodide:python", behind the gate `python_from_javascript`: Python's modules for JavaScript.

import { pyodide } from "taipan:worker/worker.js";

/** The Python module, or the attribute of one, with this name. */
export function pyimport(name) {
  return pyodide.pyimport(name);
}
