// The module "pyodide:python-entrypoint-helper": what Cloudflare's SDK for Python asks of the runtime, which has it as
// `_pyodide_entrypoint_helper` (workers-runtime-sdk 1.9.5, `_pyodide_entrypoint_helper.pyi`).

import * as cloudflareWorkersModule from "cloudflare:workers";

export { cloudflareWorkersModule };
export { importModule as doAnImport } from "taipan:worker/modules.js";

/** Nothing needs to be done: our `waitUntil` holds what it is given. */
export function patchWaitUntil() {}
