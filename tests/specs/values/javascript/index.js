import { pyimport } from "pyodide:python";

const held = pyimport("held");

const answers = {
  "/python": async () => {
    const blob = new Blob([held.BYTES, "text"]);
    const clone = structuredClone({ held: held.DATA });
    const values = [[...new Headers(held.HEADERS)], `${new URLSearchParams(held.HEADERS)}`, blob.size, clone];
    const bytes = await new Response(held.BYTES).bytes();
    console.log(held.DATA);
    return new Response(JSON.stringify([...values, [...bytes], await Response.json(held.DATA).text()]) + "\n", held.OPTIONS);
  },
  "/refused": () => {
    try {
      return new Response(held.DATA);
    } catch (error) {
      return new Response(`${error}\n`);
    }
  },
  "/dict": () => held.DATA,
  "/text": () => "text",
  "/object": () => ({ a: 1 }),
  "/nothing": () => undefined,
  "/number": () => 1,
};

export default {
  fetch: (request) => answers[new URL(request.url).pathname](),
};
