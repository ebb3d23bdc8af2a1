export { default as tool } from "./tool.cjs";
