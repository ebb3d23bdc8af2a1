function inner() {
  throw new RangeError("out of range");
}

export default function outer() {
  inner();
}
