import { WorkerEntrypoint, env, waitUntil } from "cloudflare:workers";
import greeting from "./greeting.txt";
import { routes } from "./routes.mjs";

let requests = 0;

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/") {
      requests += 1;
      const entrypoint = this.env.NAME === env.NAME && typeof this.ctx.waitUntil;
      return new Response(`${greeting.trim()}, ${env.NAME}; ${entrypoint}\n`, { headers: { "x-method": request.method } });
    }
    if (pathname === "/later") {
      waitUntil(new Promise((resolve) => setTimeout(resolve, 10)).then(() => console.log("after the response")));
      return new Response("soon\n");
    }
    if (pathname === "/echo") return new Response(request.body);
    const route = routes[pathname.slice(1)];
    return route ? (await import(`./${route}`)).default() : new Response("nothing here\n", { status: 404 });
  }
}
