// Fills its memory, and keeps what it made.
const kept = [];

function fill() {
  for (;;) kept.push({ a: 1, b: [2] });
}

export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/caught":
        try {
          fill();
        } catch {}
        break;
      case "/raises":
        fill();
        break;
      case "/timer":
        setTimeout(fill, 0);
        await new Promise((resolve) => setTimeout(resolve, 10_000));
        break;
      case "/body":
        return new Response(`${(await request.text()).length}\n`);
    }
    return new Response("fine\n");
  },
};
