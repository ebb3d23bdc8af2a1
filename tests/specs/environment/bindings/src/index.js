import { env } from "cloudflare:workers";

const early = env.LIST;
early.push("top level");

export default {
  fetch(request, given) {
    given.LIST.push("request");
    let assigned;
    try {
      given.NAME = "Grace";
    } catch (error) {
      assigned = error.name;
    }
    console.log(given);
    const lines = [
      given === env,
      early === given.LIST,
      Object.keys(given),
      given,
      { ...given },
      "NAME" in given,
      "OTHER" in given,
      String(given.OTHER),
      assigned,
    ];
    return new Response(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  },
};
