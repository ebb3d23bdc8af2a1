export default {
  fetch(request, env, ctx) {
    return new Response(`${request.method} ${typeof ctx.waitUntil} ${JSON.stringify(env)}\n`);
  },
};
