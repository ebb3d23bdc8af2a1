/** So many chunks of one byte each. */
function chunks(count) {
  return new ReadableStream({
    pull(controller) {
      if (count-- > 0) controller.enqueue(new Uint8Array(1));
      else controller.close();
    },
  });
}

export default {
  async fetch() {
    const { length } = await new Response(chunks(300_000)).text();
    return new Response(`${length}\n`);
  },
};
