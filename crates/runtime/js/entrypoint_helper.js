// The module "pyodide:python-entrypoint-helper": what Cloudflare's SDK for Python asks of the runtime, which has it as
// `_pyodide_entrypoint_helper` (workers-runtime-sdk 1.9.5, `_pyodide_entrypoint_helper.pyi`).

import { overrideEnvironment } from "taipan:webapi/dispatch.js";
import * as cloudflareSocketsModule from "cloudflare:sockets";
import * as cloudflareWorkersModule from "cloudflare:workers";

export { cloudflareSocketsModule, cloudflareWorkersModule };
export { importModule as doAnImport } from "taipan:worker/modules.js";

/**
 * Until the generator is closed, whoever imports `env` finds the names of `patch`, a Map or an object, as well: the body of
 * the SDK's `patch_env`. Others that run meanwhile find them too, as with `withEnv`.
 */
export function* patch_env_helper(patch) {
  const changes = Object.getOwnPropertyDescriptors(patch instanceof Map ? Object.fromEntries(patch) : { ...patch });
  const end = overrideEnvironment((environment) => {
    const all = { ...Object.getOwnPropertyDescriptors(environment), ...changes };
    return Object.freeze(Object.defineProperties({}, all));
  });
  try {
    yield;
  } finally {
    end();
  }
}
