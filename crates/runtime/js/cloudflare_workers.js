// The module "cloudflare:workers" (https://developers.cloudflare.com/workers/runtime-apis/): what there is of it here.

import { overrideEnvironment } from "taipan:webapi/dispatch.js";

export { importedEnvironment as env, waitUntil } from "taipan:webapi/dispatch.js";

/**
 * Calls `run`, and gives what it gives; until that has settled, whoever imports `env` finds `environment`. There are no
 * contexts of asynchronous calls here: others that run meanwhile find it as well.
 */
export function withEnv(environment, run) {
  const end = overrideEnvironment(() => environment);
  let result;
  try {
    result = run();
  } catch (error) {
    end();
    throw error;
  }
  if (typeof result?.then === "function") return Promise.resolve(result).finally(end);
  end();
  return result;
}

/** What has a context and an environment. */
class Entrypoint {
  constructor(context, environment) {
    this.ctx = context;
    this.env = environment;
  }
}

/** Made for one call. */
export class WorkerEntrypoint extends Entrypoint {}

/** There are no namespaces of these yet: none is made. */
export class DurableObject extends Entrypoint {}

/** There is no engine for these yet: none is made. */
export class WorkflowEntrypoint extends Entrypoint {}

/** Marks a class whose instances another worker gets stubs of. */
export class RpcTarget {}
