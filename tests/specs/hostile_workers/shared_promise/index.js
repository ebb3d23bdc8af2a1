// Two requests wait for one promise. What the second does then is its own, not that of the first, which ends sooner.

let shared = null;
let turn = 0;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export default {
  async fetch() {
    const mine = turn++;
    shared ??= fetch("http://UPSTREAM_ADDRESS/slow").then((answer) => answer.text());
    const text = await shared;
    if (mine === 0) return new Response("done");
    // The first has ended by now.
    await pause(100);
    const answer = await fetch("http://UPSTREAM_ADDRESS/json");
    await pause(100);
    await answer.json();
    return new Response(text.length > 0 ? "done" : "nothing");
  },
};
