// https://w3c.github.io/FileAPI/#file-section

import { Blob, isBlob, shareBlob } from "./blob.js";
import { defineInterface, requireArguments, toDictionary, toUSVString } from "./webidl.js";

/** Whether a value is a File. */
export let isFile;

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options = undefined) {
    requireArguments(arguments.length, 2, "File");
    super(parts, options);
    this.#name = toUSVString(name);
    const { lastModified } = toDictionary(options, "options");
    this.#lastModified = lastModified === undefined ? Date.now() : Math.trunc(Number(lastModified)) || 0;
  }

  get name() { return this.#name; }
  get lastModified() { return this.#lastModified; }

  static {
    isFile = (value) => typeof value === "object" && value !== null && #name in value;
  }
}

defineInterface(File);

/** A File with the contents of a blob. */
export function fileOfBlob(blob, name, lastModified = undefined) {
  return shareBlob(blob, new File([], name, { lastModified }));
}

/** The structured clone of a Blob or a File, or null for anything else. Blobs never change: bytes are shared. */
export function cloneOfBlob(value) {
  if (isFile(value)) return fileOfBlob(value, value.name, value.lastModified);
  return isBlob(value) ? shareBlob(value, new Blob()) : null;
}
