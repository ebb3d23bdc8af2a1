// https://xhr.spec.whatwg.org/#interface-formdata

import { blobOfBytes, isBlob } from "./blob.js";
import { fileOfBlob, isFile } from "./file.js";
import { languageOf } from "./foreign.js";
import { defineInterface, makeIteratorPrototype, requireArguments, toUSVString } from "./webidl.js";

const makeIterator = makeIteratorPrototype("FormData");

export class FormData {
  /** [name, string or File] in order of addition. */
  #entries = [];

  constructor(form = undefined) {
    if (form !== undefined) throw new TypeError("there are no forms in a worker");
  }

  append(name, value, filename = undefined) {
    requireArguments(arguments.length, 2, "append");
    this.#entries.push(makeEntry(name, value, filename));
  }
  delete(name) {
    requireArguments(arguments.length, 1, "delete");
    const key = toUSVString(name);
    this.#entries = this.#entries.filter(([other]) => other !== key);
  }
  get(name) {
    requireArguments(arguments.length, 1, "get");
    const key = toUSVString(name);
    return this.#entries.find(([other]) => other === key)?.[1] ?? null;
  }
  getAll(name) {
    requireArguments(arguments.length, 1, "getAll");
    const key = toUSVString(name);
    return this.#entries.filter(([other]) => other === key).map(([, value]) => value);
  }
  has(name) {
    requireArguments(arguments.length, 1, "has");
    const key = toUSVString(name);
    return this.#entries.some(([other]) => other === key);
  }
  set(name, value, filename = undefined) {
    requireArguments(arguments.length, 2, "set");
    const entry = makeEntry(name, value, filename);
    const first = this.#entries.findIndex(([other]) => other === entry[0]);
    if (first < 0) {
      this.#entries.push(entry);
    } else {
      this.#entries[first] = entry;
      this.#entries = this.#entries.filter(([other], index) => index <= first || other !== entry[0]);
    }
  }
  entries() { return this.#iterator("entries"); }
  forEach(callback, thisArgument = undefined) {
    requireArguments(arguments.length, 1, "forEach");
    if (typeof callback !== "function") throw new TypeError("the callback is not a function");
    for (let index = 0; index < this.#entries.length; index++) {
      const [name, value] = this.#entries[index];
      callback.call(thisArgument, value, name, this);
    }
  }
  keys() { return this.#iterator("keys"); }
  values() { return this.#iterator("values"); }

  #iterator(kind) {
    this.#entries;
    return makeIterator(() => this.#entries, kind);
  }
}

defineInterface(FormData);
Object.defineProperty(FormData.prototype, Symbol.iterator, {
  value: FormData.prototype.entries, writable: true, configurable: true,
});

/** https://xhr.spec.whatwg.org/#create-an-entry */
function makeEntry(name, given, filename) {
  const named = filename !== undefined;
  const bytes = languageOf(given)?.bytes(given) ?? null;
  const value = bytes === null ? given : blobOfBytes(bytes, "");
  if (!isBlob(value)) {
    if (named) throw new TypeError("only a Blob has a file name");
    return [toUSVString(name), toUSVString(value)];
  }
  if (isFile(value) && !named) return [toUSVString(name), value];
  return [toUSVString(name), fileOfBlob(value, named ? filename : "blob", isFile(value) ? value.lastModified : undefined)];
}
