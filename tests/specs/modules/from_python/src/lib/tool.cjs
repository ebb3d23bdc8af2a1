let count = 0;
exports.name = __filename;
exports.count = () => ++count;
exports.others = require("./cycle.cjs").names + require("../data.json").greeting + require("./double.mjs").double(3);
