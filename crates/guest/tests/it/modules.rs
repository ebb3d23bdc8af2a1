//! What JavaScript imports: a host that resolves names itself, modules as text, and modules with a value of JavaScript's.

use std::collections::BTreeMap;
use std::sync::Arc;

use taipan_guest::{ModuleRecord, Modules, join};

use crate::fixture::{check_isolate, program, with_isolate};

/// Modules as text by name; those that end in `.value` are synthetic, and names with a colon are refused.
struct Texts(BTreeMap<&'static str, &'static str>);

impl Modules for Texts {
    fn resolve(&self, referrer: &str, specifier: &str) -> Result<String, String> {
        if specifier.contains(':') && specifier != "taipan:host" {
            return Err(format!("{referrer} may not import {specifier}"));
        }
        join(referrer, specifier).ok_or_else(|| "too far up".to_owned())
    }

    fn load(&self, name: &str) -> Option<ModuleRecord> {
        let text = self.0.get(name)?;
        Some(match name.ends_with(".value") {
            true => ModuleRecord::Synthetic,
            false => ModuleRecord::Source(text.as_bytes().into()),
        })
    }
}

/// What a module reports that can import `modules`.
#[track_caller]
fn check(modules: &[(&'static str, &'static str)], source: &str, expected: &str) {
    let modules = Arc::new(Texts(modules.iter().copied().collect()));
    with_isolate(program(), |isolate| {
        isolate.scope().set_modules(modules);
        check_isolate(isolate, source, expected);
    });
}

const ATTEMPT: &str = "const attempt = async (name) => {
    try { return report(Object.keys(await import(name)).join()); } catch (e) { return report(`${e.name}: ${e.message}`); }
};";

#[test]
fn modules_are_compiled_from_text_when_they_are_imported() {
    check(
        &[
            ("a/b.js", "import { c } from '../c.js'; export const b = c + import.meta.url;"),
            ("c.js", "export let c = 'c'; export { b } from './a/b.js';"),
        ],
        "import { b } from 'a/b.js'; report(b); report((await import('a/b.js')).b === b);",
        "cfile://a/b.js\ntrue",
    );
}

#[test]
fn who_resolves_says_why_there_is_no_module() {
    check(
        &[
            ("a.js", "import 'other:b';"),
            ("b.js", "import '../../c.js';"),
            ("c.js", "import './d.js';"),
        ],
        &format!(
            "{ATTEMPT} for (const name of ['other:x', './a.js', './b.js', './c.js']) await attempt(name);"
        ),
        "Error: test.js may not import other:x\n\
         Error: a.js may not import other:b\n\
         Error: too far up\n\
         ReferenceError: no module named 'd.js'",
    );
}

#[test]
fn a_module_that_cannot_be_imported_cannot_be_imported_again_either() {
    check(
        &[
            ("syntax.js", "export const a = 1;\nconst = 2;"),
            ("import.js", "export const a = 1; import './absent.js';"),
            ("name.js", "export const a = 1; import { b } from './value.js';"),
            ("throws.js", "export const a = 1; throw new RangeError('here');"),
            ("value.js", "export const a = 1;"),
        ],
        &format!(
            "{ATTEMPT} for (const name of ['syntax.js', 'import.js', 'name.js', 'throws.js'])
                 for (let time = 0; time < 2; time++) await attempt(name);"
        ),
        "SyntaxError: variable name expected\n\
         SyntaxError: variable name expected\n\
         ReferenceError: no module named 'absent.js'\n\
         ReferenceError: no module named 'absent.js'\n\
         SyntaxError: Could not find export 'b' in module 'value.js'\n\
         SyntaxError: Could not find export 'b' in module 'value.js'\n\
         RangeError: here\n\
         RangeError: here",
    );
}

#[test]
fn a_synthetic_module_has_the_value_that_the_factory_gives() {
    check(
        &[("a.value", ""), ("bad.value", ""), ("early.value", ""), ("b.js", "export { default } from './a.value';")],
        &format!(
            "{ATTEMPT}
             await attempt('early.value');
             host.set_synthetic_factory((name) => {{ if (name[0] === 'b') throw new RangeError(name); return {{ name }}; }});
             const a = await import('b.js');
             report(a.default.name);
             await attempt('bad.value');
             await attempt('bad.value');"
        ),
        "TypeError: not a function\na.value\nRangeError: bad.value\nRangeError: bad.value",
    );
}

#[test]
fn modules_are_imported_at_once_if_they_wait_for_nothing() {
    check(
        &[
            ("a.js", "export const a = 1;"),
            ("throws.js", "throw new RangeError('here');"),
            ("waits.js", "await new Promise(() => {}); export const a = 1;"),
        ],
        "let unhandled = 0;
         host.on_rejection((promise, reason, handled) => { unhandled += handled ? -1 : 1; });
         report(host.import_now('a.js').a);
         report(host.import_now('a.js') === await import('a.js'));
         for (const name of ['throws.js', 'waits.js', 'absent.js']) {
             try { host.import_now(name); } catch (e) { report(`${e.name}: ${e.message}`); }
         }
         report(unhandled);",
        "1\ntrue\nRangeError: here\n\
         TypeError: the module awaits at its top level: use import()\n\
         ReferenceError: no module named 'absent.js'\n0",
    );
}

#[test]
fn a_script_is_evaluated_under_its_name() {
    check(
        &[],
        "report(host.evaluate('1 + 1', 'a.js'));
         report(host.evaluate('(function () {\\n  return new Error().stack; })', '/x/a.js')().includes('/x/a.js:2:'));
         for (const text of ['var', 'throw 5', 'import(\"other:c\").catch((e) => { throw e; })']) {
             try { report(await host.evaluate(text, 'b.js')); } catch (e) { report(String(e)); }
         }",
        "2\ntrue\nSyntaxError: variable name expected\n5\nError: b.js may not import other:c",
    );
}

#[test]
fn code_that_is_made_at_run_time_is_no_module() {
    check(
        &[],
        "for (const make of [eval, (text) => new Function(`return ${text}`)(), (text) => (0, eval)(text)]) {
             try { await make('import(\"other:c\")'); } catch (e) { report(e.message); }
         }",
        "<input> may not import other:c\n<input> may not import other:c\n<input> may not import other:c",
    );
}

/// A name that is no UTF-8 when it comes to the host, a zero character, a very long one.
#[test]
fn names_that_no_module_has() {
    check(
        &[],
        &format!(
            "{ATTEMPT} for (const name of ['\\ud800', 'a\\0b', './' + '../'.repeat(1000)]) await attempt(name);"
        ),
        "ReferenceError: no module named ''\nReferenceError: no module named 'a'\nError: too far up",
    );
}
