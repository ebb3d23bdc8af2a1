// The second argument of every handler, `env`: an object with a getter for each binding. What is behind one is asked of
// the host when it is first looked at, so that a snapshot holds of it what its top level has looked at and nothing else.

import { showValuesOf } from "taipan:webapi/inspect.js";
import host from "taipan:host";

/// kind of binding → what makes it of what the host tells (`bindings.rs`)
const kinds = { __proto__: null, value: JSON.parse };

/// An object with the bindings of this isolate.
export function makeEnvironment() {
  const environment = {};
  for (const [name, kind] of JSON.parse(host.bindings())) {
    let binding;
    const get = () => (binding ??= { made: kinds[kind](host.binding(name)) }).made;
    Object.defineProperty(environment, name, { get, enumerable: true });
  }
  showValuesOf.add(environment);
  return Object.freeze(environment);
}
