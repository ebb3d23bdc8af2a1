import "./broken.js";

export default { fetch() {} };
