exports.names = Object.keys(require("./tool.cjs")).join();
