const UPSTREAM = "http://UPSTREAM_ADDRESS";

/** Reads it to its end, piece by piece. */
async function length(stream) {
  let total = 0;
  for await (const piece of stream) total += piece.byteLength;
  return total;
}

/** What is read of the request, and what is not. */
async function branches(request) {
  switch (new URL(request.url).pathname) {
    case "/tee":
      return request.body.tee();
    case "/clone": {
      const clone = request.clone();
      return [request.body, clone];
    }
    case "/fetched":
      return (await fetch(`${UPSTREAM}/large/90000000`)).body.tee();
  }
}

export default {
  async fetch(request) {
    const both = await branches(request);
    return new Response(both === undefined ? "fine\n" : `${await length(both[0])}\n`);
  },
};
