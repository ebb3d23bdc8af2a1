export function fetch() {}
