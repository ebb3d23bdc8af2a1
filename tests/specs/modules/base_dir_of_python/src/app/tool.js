export const name = "tool";
