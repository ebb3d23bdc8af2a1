/** A promise for each frame, of which the innermost is rejected when the stack is used up. */
const nested = async (depth) => (depth > 0 ? await nested(depth - 1) : depth);

function rejecting() {
  Promise.reject(1).catch(() => 0);
  return rejecting();
}

const nestedPromises = (depth) => new Promise((resolve) => resolve(depth > 0 ? nestedPromises(depth - 1) : depth));

const WAYS = { "/async": () => nested(20_000), "/reject": rejecting, "/promise": () => nestedPromises(20_000) };

export default {
  async fetch(request) {
    const way = WAYS[new URL(request.url).pathname];
    try {
      return new Response(way === undefined ? "fine\n" : `${await way()}\n`);
    } catch (error) {
      return new Response(`${error}\n`);
    }
  },
};
