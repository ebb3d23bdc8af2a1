//! The one memory: growth in place, views that follow it, its end.

use crate::fixture::{MEMORY_BYTES_MAX, check};

const MEMORY: &str = "
import { mainModule } from 'taipan:webassembly';
const descriptors = WebAssembly.Module.imports(mainModule);
const imports = {};
for (const { module, name, kind } of descriptors) {
    (imports[module] ??= {})[name] = kind === 'global'
        ? new WebAssembly.Global({ value: 'i32', mutable: true }, 0) : () => { throw new Error(`${name} is not here`); };
}
const { memory, malloc, free } = new WebAssembly.Instance(mainModule, imports).exports;
";

#[track_caller]
fn case(source: &str, expected: &str) {
    check(&format!("{MEMORY}{source}"), expected);
}

#[test]
fn views_follow_growth() {
    case(
        "const buffer = memory.buffer;
         const views = [new Uint8Array(buffer), new Int32Array(buffer), new Float64Array(buffer), new DataView(buffer)];
         const part = new Uint8Array(buffer, 1024, 16);
         const before = buffer.byteLength;
         report(memory.grow(3) === before / 65536);
         report(memory.buffer === buffer); report(buffer.byteLength - before);
         report(views.map((view) => view.byteLength - before)); report(part.length);
         views[0][before + 5] = 77; report(views[3].getUint8(before + 5)); report(views[1].length * 4 - before);
         host.string_copy('ab', views[0], before + 6, 255); views[0].set(views[0].subarray(before + 5, before + 8), before);
         report(views[0].slice(before, before + 3));",
        "true\ntrue\n196608\n196608,196608,196608,196608\n16\n77\n196608\n77,97,98",
    );
}

#[test]
fn growth_by_the_main_module_is_seen() {
    case(
        "const view = new Uint8Array(memory.buffer), before = view.length;
         const address = malloc(256 << 20);
         report(view.length > before); view[address + (256 << 20) - 1] = 9;
         report(view.at(address + (256 << 20) - 1)); report(view.length === host.test_memory_bytes()); free(address);",
        "true\n9\ntrue",
    );
}

/// The engine's own allocation ends in growth, which adjusts the engine's views.
#[test]
fn growth_by_the_engine_is_seen() {
    case(
        "const view = new Uint8Array(memory.buffer), before = view.length;
         const texts = [], arrays = [];
         for (let i = 0; i < 40; i++) { texts.push('x'.repeat(1 << 20) + i); arrays.push(new Array(1 << 16).fill(i)); }
         report(view.length > before + (40 << 20)); report(view.length === host.test_memory_bytes());
         report(texts[39].slice(-3)); report(arrays[39][65535]); report(view.buffer === memory.buffer);",
        "true\ntrue\nx39\n39\ntrue",
    );
}

#[test]
fn a_slice_for_which_the_memory_grows() {
    case(
        "const count = 64 << 20, address = malloc(count);
         const view = new Uint8Array(memory.buffer), before = view.length;
         view[address] = 7; view[address + count - 1] = 8;
         const slice = view.slice(address, address + count);
         report(view.length > before); report(slice.length === count); report([slice[0], slice.at(-1)]);",
        "true\ntrue\n7,8",
    );
}

#[test]
fn the_buffer_cannot_be_resized_detached_or_shared() {
    case(
        "const name = (callback) => { try { callback(); return 'nothing'; } catch (error) { return error.name; } };
         const buffer = memory.buffer, before = buffer.byteLength;
         report(name(() => buffer.resize(0)));
         report(name(() => buffer.transfer()));
         report(name(() => buffer.transferToFixedLength(16)));
         report(buffer.byteLength === before); report(buffer.detached); report(memory.buffer === buffer);
         report(name(() => memory.grow(65536))); report(name(() => memory.grow(-1)));",
        "InternalError\nTypeError\nTypeError\ntrue\nfalse\ntrue\nRangeError\nTypeError",
    );
}

#[test]
fn the_end_of_memory_is_an_error_and_the_isolate_goes_on() {
    case(
        &format!(
            "const blocks = []; let failure;
             try {{ for (;;) blocks.push(new ArrayBuffer(64 << 20)); }} catch (error) {{ failure = error; }}
             report(failure.name); report(failure.message); report(host.test_memory_bytes() <= {MEMORY_BYTES_MAX});
             report(blocks.length > 25); blocks.length = 0;
             report(malloc(1 << 20) !== 0); report([1, 2, 3].map(String).join());"
        ),
        "InternalError\nout of memory\ntrue\ntrue\ntrue\n1,2,3",
    );
}

/// Where not even an error object can be made, there is one that was made before.
#[test]
fn small_things_until_the_end_of_memory() {
    case(
        "report(malloc(1900 << 20) !== 0);
         let list = null, failure;
         try { for (;;) list = { list }; } catch (error) { failure = error; }
         list = null;
         report(`${failure}`); report('still here');",
        "true\nInternalError: out of memory\nstill here",
    );
}
