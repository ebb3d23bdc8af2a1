//! Damaged and hostile modules: an error that says what is wrong, in little
//! time and memory, and never a panic.

use std::error::Error as _;

use taipan_link::{
    Options, Variant, check_stoppable, dylink, hidden_state, imports, link, translate_exceptions,
    window, wrapper_signature,
};
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, Instruction, Module, TagKind, TagSection,
    TagType, TypeSection, ValType,
};
use wasmparser::{Validator, WasmFeatures};

/// A module with a bit of everything.
const MODULE: &str = r#"
    (module
      (@dylink.0 (mem-info (memory 8 2)) (needed "a"))
      (import "e" "f" (func (param i32)))
      (tag $e (param i32))
      (table 1 funcref)
      (memory 1)
      (global (mut i32) i32.const 0)
      (func (export "g") (param i32) (result i32)
        try $t (result i32)
          try (result i32)
            try local.get 0 throw $e delegate $t
            i32.const 1
          catch_all
            rethrow 0
          end
        catch $e
        end)
      (data (i32.const 0) "abc"))"#;

fn module() -> Vec<u8> {
    wat::parse_str(MODULE).expect("text")
}

/// Runs everything that takes bytes. What was valid must stay so.
fn all(wasm: &[u8]) -> Result<(), taipan_link::Error> {
    let legacy = WasmFeatures::WASM3 | WasmFeatures::LEGACY_EXCEPTIONS;
    if Validator::new_with_features(legacy).validate_all(wasm).is_ok()
        && let Ok(translated) = translate_exceptions(wasm)
    {
        let mut validator = Validator::new_with_features(WasmFeatures::WASM3);
        validator.validate_all(&translated).expect("still valid");
    }
    if let Ok(rewritten) = window(wasm) {
        let mut validator = Validator::new_with_features(WasmFeatures::WASM3);
        validator.validate_all(&rewritten).expect("still valid");
        check_stoppable(&rewritten).expect("no bulk instructions");
    }
    let linked = [Variant::Boot, Variant::Resume].map(|variant| {
        let options = Options {
            memory_pages_max: Some(2),
            names: false,
            own_globals: true,
            own_memory: true,
            known_globals: vec![("__memory_base".into(), 1024), ("__table_base".into(), 1)],
            ..variant.into()
        };
        link(wasm, options).map(drop)
    });
    let _ = wrapper_signature(wasm);
    let described = [dylink(wasm).map(drop), imports(wasm).map(drop), hidden_state(wasm).map(drop)];
    linked.into_iter().chain(described).collect()
}

/// The errors of a module, outermost first.
#[track_caller]
fn check(wasm: &[u8], expected: &str) {
    let error = all(wasm).expect_err("damaged");
    let mut text = error.to_string();
    if let Some(cause) = error.source() {
        text += &format!(": {cause}");
    }
    assert_eq!(text, expected);
}

#[test]
fn whole() {
    all(&module()).expect("not damaged");
}

#[test]
fn nothing() {
    check(b"", "not a readable WebAssembly module: unexpected end-of-file (at offset 0x0)");
}

#[test]
fn text() {
    check(
        b"(module)",
        "not a readable WebAssembly module: magic header not detected: bad magic number - \
         expected=[\n    0x0,\n    0x61,\n    0x73,\n    0x6d,\n] actual=[\n    0x28,\n    \
         0x6d,\n    0x6f,\n    0x64,\n] (at offset 0x0)",
    );
}

#[test]
fn component() {
    check(b"\0asm\x0d\0\x01\0", "found a component, expected a core module");
}

#[test]
fn sections_out_of_order() {
    let wasm = b"\0asm\x01\0\0\0\x03\x01\x00\x01\x01\x00";
    check(wasm, "not a readable WebAssembly module: section out of order (at offset 0xd)");
}

#[test]
fn a_section_twice() {
    let wasm = b"\0asm\x01\0\0\0\x01\x01\x00\x01\x01\x00";
    check(wasm, "not a readable WebAssembly module: section out of order (at offset 0xd)");
}

#[test]
fn cut_inside_the_code() {
    let module = module();
    check(
        &module[..module.len() - 40],
        "the file ends inside section 10, which begins at offset 0x58",
    );
}

#[test]
fn linked_twice() {
    let linked = link(&module(), Variant::Boot).expect("linked");
    check(&linked, "export `taipan:table:0` has a name that the link step reserves");
}

#[test]
fn memory_too_large() {
    let wasm = wat::parse_str("(module (memory 3))").expect("text");
    check(&wasm, "memory 0 starts with 3 pages, at most 2 are allowed");
}

#[test]
fn branch_out_of_range() {
    check(
        &function(&[Instruction::Try(BlockType::Empty), Instruction::Br(7), Instruction::End]),
        "label 7 at offset 0x24 in function 0 is out of range, 2 are open",
    );
}

#[test]
fn rethrow_outside_of_a_handler() {
    check(
        &function(&[Instruction::Try(BlockType::Empty), Instruction::Rethrow(0), Instruction::End]),
        "label 0 of the rethrow at offset 0x24 in function 0 is not a handler",
    );
}

#[test]
fn delegate_out_of_range() {
    check(
        &function(&[Instruction::Try(BlockType::Empty), Instruction::Delegate(1)]),
        "label 1 at offset 0x24 in function 0 is out of range, 1 are open",
    );
}

#[test]
fn catch_outside_of_a_try() {
    check(
        &function(&[
            Instruction::Try(BlockType::Empty),
            Instruction::Block(BlockType::Empty),
            Instruction::CatchAll,
        ]),
        "not a readable WebAssembly module: `catch_all` found outside `LegacyTry` block (at offset 0x27)",
    );
}

#[test]
fn tag_out_of_range() {
    check(
        &function(&[Instruction::Try(BlockType::Empty), Instruction::Catch(9), Instruction::End]),
        "tag index 9 is out of range, the module has 2",
    );
}

#[test]
fn block_type_out_of_range() {
    check(
        &function(&[
            Instruction::Try(BlockType::FunctionType(9)),
            Instruction::CatchAll,
            Instruction::End,
        ]),
        "type index 9 is out of range, the module has 2",
    );
}

#[test]
fn both_forms_in_one_function() {
    check(
        &function(&[
            Instruction::Try(BlockType::Empty),
            Instruction::TryTable(BlockType::Empty, [].as_slice().into()),
            Instruction::End,
            Instruction::End,
        ]),
        "try_table at offset 0x24 in function 0, which also has legacy exceptions",
    );
}

#[test]
fn every_end() {
    let module = module();
    // Not every cut is an error: a module may end after any section.
    for end in 0..module.len() {
        let _ = all(&module[..end]);
    }
}

#[test]
fn every_bit() {
    let module = module();
    for position in 0..module.len() * 8 {
        let mut damaged = module.clone();
        damaged[position / 8] ^= 1 << (position % 8);
        let _ = all(&damaged);
    }
}

/// A body as large as engines accept, of nothing but `try`: each of these
/// would take minutes or gigabytes if anything were quadratic.
#[test]
fn hostile_nesting() {
    const COUNT: usize = 300_000;
    let open = Instruction::Try(BlockType::Empty);
    let nested = |close: &[Instruction<'static>]| {
        let mut body = vec![open.clone(); COUNT];
        for _ in 0..COUNT {
            body.extend(close.iter().cloned());
        }
        function(&body)
    };
    // As many that delegate far out, inside of blocks or past handlers.
    let inside = |outer: &Instruction<'static>| {
        let mut body = vec![outer.clone(); COUNT];
        for _ in 0..COUNT {
            body.extend([open.clone(), Instruction::Delegate(250_000)]);
        }
        for _ in 0..COUNT {
            if let Instruction::Try(_) = outer {
                body.push(Instruction::CatchAll);
            }
            body.push(Instruction::End);
        }
        function(&body)
    };
    for wasm in [
        nested(&[Instruction::CatchAll, Instruction::End]),
        nested(&[Instruction::Catch(1), Instruction::Drop, Instruction::End]),
        nested(&[Instruction::Delegate(0)]),
        inside(&Instruction::Block(BlockType::Empty)),
        inside(&open),
        nested(&[Instruction::CatchAll, Instruction::Rethrow(0), Instruction::End]),
    ] {
        all(&wasm).expect("within limits");
    }
}

#[test]
fn hostile_rethrows() {
    const COUNT: usize = 60_000;
    let mut body = Vec::new();
    for _ in 0..COUNT {
        body.extend([Instruction::Try(BlockType::Empty), Instruction::CatchAll]);
    }
    for depth in 0..COUNT {
        body.push(Instruction::Rethrow(u32::try_from(depth).expect("small")));
    }
    body.extend(vec![Instruction::End; COUNT]);
    check(&function(&body), "locals would be 60000, engines accept 50000");
}

#[test]
fn hostile_types() {
    // Each pair of a block type and a tag needs a type of two thousand values.
    const COUNT: u32 = 100;
    let mut types = TypeSection::new();
    let mut tags = TagSection::new();
    for number in 0..COUNT {
        let values = (0..999)
            .map(|bit| if number >> (bit % 10) & 1 == 1 { ValType::I32 } else { ValType::F32 });
        types.ty().function(values, []);
        tags.tag(TagType { kind: TagKind::Exception, func_type_idx: number });
    }
    let mut body = Vec::new();
    for block in 0..COUNT {
        for tag in 0..COUNT {
            body.push(Instruction::Try(BlockType::FunctionType(block)));
            body.extend([Instruction::Catch(tag), Instruction::End]);
        }
    }
    check(
        &with_code(&types, &tags, &body),
        "values of blocks would be 4195800, engines accept 4194304",
    );
}

/// A module whose one function consists of `body`.
fn function(body: &[Instruction<'_>]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], []);
    let mut tags = TagSection::new();
    for func_type_idx in 0..2 {
        tags.tag(TagType { kind: TagKind::Exception, func_type_idx });
    }
    with_code(&types, &tags, body)
}

fn with_code(types: &TypeSection, tags: &TagSection, body: &[Instruction<'_>]) -> Vec<u8> {
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut function = Function::new([]);
    for instruction in body {
        function.instruction(instruction);
    }
    function.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module.section(types).section(&functions).section(tags).section(&code);
    module.finish()
}
