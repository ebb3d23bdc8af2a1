import { pyimport } from "pyodide:python";

const { sqrt } = pyimport("math");
const { join } = pyimport("words");

export default {
  fetch: () => new Response(`${sqrt(9)} ${join("a", "b")}\n`),
};
