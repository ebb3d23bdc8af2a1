// Python around a snapshot: what `_taipan/snapshots.py` does, as the host calls it.
//
// All of it is in the snapshot itself, so that a resumed isolate finds it without
// looking for it.

let python;
let resumed;

/// The worker's top level is about to run.
export function begin(pyodide) {
  python = pyodide.pyimport("_taipan.snapshots");
  python.begin();
}

/// The top level has run: makes Python ready for the snapshot. Answers JSON, see `prepare` there.
export async function prepare(pyodide) {
  python ??= pyodide.pyimport("_taipan.snapshots");
  const outcome = await python.prepare();
  resumed = python.resumed;
  return outcome;
}

/// To be called in each isolate before its first request, if `prepare` said so. Answers JSON, see `resumed` there.
export async function resume() {
  const outcome = resumed();
  return typeof outcome === "string" ? outcome : await outcome;
}

/// The variables that were assigned at `places` (JSON: [[file, line]]), as JSON: names and nulls.
export function variables(places) {
  const names = python.variables(JSON.parse(places));
  try {
    return JSON.stringify(names.toJs());
  } finally {
    names.destroy();
  }
}
