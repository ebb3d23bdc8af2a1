// The module "cloudflare:workers" (https://developers.cloudflare.com/workers/runtime-apis/): what there is of it here.

export { environment as env, waitUntil } from "taipan:webapi/dispatch.js";

/** What has a context and an environment: made for one request. */
export class WorkerEntrypoint {
  constructor(context, environment) {
    this.ctx = context;
    this.env = environment;
  }
}
