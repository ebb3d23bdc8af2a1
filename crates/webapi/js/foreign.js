// Values of another language that runs beside JavaScript, where an interface of the platform converts what it is given.
//
// Nothing is known of the language here: the crate that brings it says what its values mean. Until then there are none.

/**
 * owns(value)            whether an object or a function stands for a value of the language
 * text(value, encoding)  its text; bytes are text in `encoding`
 * bytes(value)           a copy of its bytes, or null when it is no buffer
 * borrow(value, use)     use(typed array), over the value's own bytes, which are to be written
 * body(value, json)      what a body takes of it: a copy of its bytes, or text; `json` is how JSON is given there
 * pairs(value, encoding) [[key, value]] of a mapping or of a sequence of pairs: strings, or what JavaScript has itself
 * items(value)           the items of a sequence, as an array: buffers as bytes
 * keep(value)            the same value, which lives on when the call to which it was given has ended
 * members(value)         an object with the members of a mapping; `value` itself when it has attributes
 * plain(value)           a copy of it in JavaScript's own objects
 * json(value)            its JSON
 * show(value)            how a log shows it
 *
 * Each throws a TypeError for a value that has no such meaning, which says what to give instead.
 */
let language = null;

/** Says what the values of the language mean. */
export function setForeignValues(hook) {
  language = hook;
}

/** The language that `value` is of, or null for JavaScript's own. */
export function languageOf(value) {
  if (language === null || value === null || (typeof value !== "object" && typeof value !== "function")) return null;
  return language.owns(value) ? language : null;
}

/**
 * Refuses what is an object of options where an argument without a name belongs: another language gives arguments that
 * have names as one object, the last. JavaScript's own programs make a text of it, as the standards say.
 */
export function refuseOptions(value, names, call, what = "the first argument is missing, which has no name") {
  if (language === null || typeof value !== "object" || value === null) return;
  if (Object.getPrototypeOf(value) !== Object.prototype) return;
  const name = names.find((name) => Object.hasOwn(value, name));
  if (name !== undefined) throw new TypeError(`${what}: ${call}`);
}

/**
 * The members of an object of options that is looked at after the call to which it is given: what of it is another
 * language's lives on.
 */
export function keptMembers(value) {
  if (language === null) return value;
  const members = languageOf(value)?.members(value) ?? value;
  if (languageOf(members) !== null) throw new TypeError("an object with attributes holds no options here: give a mapping");
  if (typeof members !== "object" || members === null || Object.getPrototypeOf(members) !== Object.prototype) return members;
  const properties = Object.entries(Object.getOwnPropertyDescriptors(members));
  const functions = properties.filter(([, property]) => typeof property.value === "function" && languageOf(property.value) !== null);
  if (functions.length === 0) return members;
  return { ...members, ...Object.fromEntries(functions.map(([name, property]) => [name, language.keep(property.value)])) };
}
