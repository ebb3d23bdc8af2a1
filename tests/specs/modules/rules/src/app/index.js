import add from "legacy/deep/add.js";
import data from "../data.json";
import note from "texts/note.md";
import page from "/page.html";

export default {
  async fetch() {
    const names = ["texts/deep/note.md", "data.bin", "../../outside.js"];
    const tried = names.map((name) => import(name).then(() => name, ({ message }) => message));
    return new Response([add(1, 2), data.byteLength, note.trim(), page.trim(), ...(await Promise.all(tried)), ""].join("\n"));
  },
};
