// Is refused memory, and goes on without it.
let requests = 0;
const kept = [];

function fill(held) {
  try {
    for (;;) held.push(new Uint8Array(1e6));
  } catch {}
}

export default {
  async fetch(request) {
    requests += 1;
    switch (new URL(request.url).pathname) {
      case "/at_once":
        try {
          new Uint8Array(1e9);
        } catch {}
        break;
      case "/filled":
        fill([]);
        break;
      case "/kept":
        fill(kept);
    }
    return new Response(`${requests}\n`);
  },
};
