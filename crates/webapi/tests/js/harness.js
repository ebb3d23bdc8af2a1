// What the conformance tests assert with. A test file exports `cases`, a list
// of [name, function]; a case fails by throwing or by a rejected promise. The
// shape follows testharness.js of the web-platform tests, from where most come.

function describe(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return `${Object.prototype.toString.call(value)} ${JSON.stringify(value)}`;
  return String(value);
}

export function assertTrue(value, what = "the condition") {
  if (value !== true) throw new Error(`${what}: expected true, found ${describe(value)}`);
}

export function assertEquals(found, expected, what = "the value") {
  if (!Object.is(found, expected)) throw new Error(`${what}: expected ${describe(expected)}, found ${describe(found)}`);
}

/** Arrays and typed arrays, element by element; nested arrays too. */
export function assertArrayEquals(found, expected, what = "the array") {
  assertEquals(found.length, expected.length, `${what}: length of ${describe([...found])}`);
  for (let index = 0; index < expected.length; index++) {
    if (Array.isArray(expected[index])) assertArrayEquals(found[index], expected[index], `${what}[${index}]`);
    else assertEquals(found[index], expected[index], `${what}[${index}]`);
  }
}

/** `expected`: an error class, or the name of a DOMException. */
function checkThrown(error, expected, what) {
  if (typeof expected === "string") {
    assertTrue(error instanceof DOMException, `${what}: ${error} is a DOMException`);
    assertEquals(error.name, expected, `${what}: name`);
  } else {
    assertTrue(error instanceof expected, `${what}: ${error} is a ${expected.name}`);
  }
}

export function assertThrows(expected, callback, what = "the call") {
  try {
    callback();
  } catch (error) {
    checkThrown(error, expected, what);
    return;
  }
  throw new Error(`${what}: nothing was thrown`);
}

export function assertThrowsExactly(expected, callback, what = "the call") {
  try {
    callback();
  } catch (error) {
    assertEquals(error, expected, what);
    return;
  }
  throw new Error(`${what}: nothing was thrown`);
}

export async function assertRejects(expected, promise, what = "the promise") {
  try {
    await promise;
  } catch (error) {
    checkThrown(error, expected, what);
    return;
  }
  throw new Error(`${what}: was not rejected`);
}

export async function assertRejectsExactly(expected, promise, what = "the promise") {
  try {
    await promise;
  } catch (error) {
    assertEquals(error, expected, what);
    return;
  }
  throw new Error(`${what}: was not rejected`);
}

/** Resolves after the timers that were due before it. */
export function turn() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
