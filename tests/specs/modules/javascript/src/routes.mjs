export const routes = { json: "lib/json.js", throws: "lib/throws.js", loops: "lib/loops.js", absent: "lib/absent.js" };
