import data from "../data.json";

export default () => Response.json(data);
