//! Translated code does what the legacy code says: the scripts beside this
//! file, in the format of the specification's tests.
//!
//! What they expect was checked with V8, which runs the legacy form itself.

use taipan_link::translate_exceptions;
use wasmparser::{Validator, WasmFeatures};
use wasmtime::error::Context as _;
use wasmtime::{
    Config, Engine, Instance, Linker, Module, Result, Store, ThrownException, Trap, Val, bail,
    ensure,
};
use wast::core::{NanPattern, WastArgCore, WastRetCore};
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

/// Runs every directive of a script.
#[track_caller]
fn check(script: &str) {
    let buffer = ParseBuffer::new(script).expect("script is lexed");
    let wast: Wast<'_> = parser::parse(&buffer).expect("script is parsed");
    let mut run = Run::new();
    for directive in wast.directives {
        let (line, _) = directive.span().linecol_in(script);
        if let Err(error) = run.directive(directive) {
            panic!("line {}: {error:?}", line + 1);
        }
    }
}

#[test]
fn throw() {
    check(include_str!("exceptions/throw.wast"));
}

#[test]
fn rethrow() {
    check(include_str!("exceptions/rethrow.wast"));
}

#[test]
fn try_catch() {
    check(include_str!("exceptions/try_catch.wast"));
}

#[test]
fn try_delegate() {
    check(include_str!("exceptions/try_delegate.wast"));
}

#[test]
fn stack() {
    check(include_str!("exceptions/stack.wast"));
}

/// A script that runs: the instance it made last, and those it registered.
struct Run {
    linker: Linker<()>,
    store: Store<()>,
    instance: Option<Instance>,
}

impl Run {
    fn new() -> Self {
        let mut config = Config::new();
        config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true);
        let engine = Engine::new(&config).expect("engine");
        Self { linker: Linker::new(&engine), store: Store::new(&engine, ()), instance: None }
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<()> {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::Register { name, .. } => {
                let instance = self.instance.context("a module to register")?;
                self.linker.instance(&mut self.store, name, instance)?;
                Ok(())
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.invoke(&exec)?;
                ensure!(
                    found.len() == results.len()
                        && found.iter().zip(&results).all(|(found, result)| same(found, result)),
                    "returned {found:?}, expected {results:?}"
                );
                Ok(())
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let error = self.invoke(&exec).expect_err("a trap");
                let trap = error.downcast_ref::<Trap>().context("no trap")?.to_string();
                ensure!(trap.contains(message), "trapped with `{trap}`, expected `{message}`");
                Ok(())
            }
            WastDirective::AssertException { exec, .. } => {
                let error = self.invoke(&exec).expect_err("an exception");
                ensure!(error.is::<ThrownException>(), "{error:?}, expected an exception");
                Ok(())
            }
            other => bail!("no such directive here: {other:?}"),
        }
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Result<()> {
        let legacy = module.encode()?;
        let features = WasmFeatures::WASM3;
        let legacy_features = features | WasmFeatures::LEGACY_EXCEPTIONS;
        Validator::new_with_features(legacy_features).validate_all(&legacy)?;
        let standard = translate_exceptions(&legacy)?;
        Validator::new_with_features(features).validate_all(&standard)?;
        let module = Module::new(self.linker.engine(), standard)?;
        self.instance = Some(self.linker.instantiate(&mut self.store, &module)?);
        Ok(())
    }

    fn invoke(&mut self, execute: &WastExecute<'_>) -> Result<Vec<Val>> {
        let WastExecute::Invoke(WastInvoke { name, args, .. }) = execute else {
            bail!("no such action here: {execute:?}");
        };
        let instance = self.instance.context("a module to invoke")?;
        let function = instance.get_func(&mut self.store, name).context("no such function")?;
        let args = args.iter().map(value).collect::<Result<Vec<_>>>()?;
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &args, &mut results)?;
        Ok(results)
    }
}

fn value(argument: &WastArg<'_>) -> Result<Val> {
    Ok(match argument {
        WastArg::Core(WastArgCore::I32(value)) => Val::I32(*value),
        WastArg::Core(WastArgCore::I64(value)) => Val::I64(*value),
        WastArg::Core(WastArgCore::F32(value)) => Val::F32(value.bits),
        WastArg::Core(WastArgCore::F64(value)) => Val::F64(value.bits),
        WastArg::Core(WastArgCore::RefNull(_)) => Val::ExternRef(None),
        other => bail!("no such argument here: {other:?}"),
    })
}

fn same(found: &Val, expected: &WastRet<'_>) -> bool {
    match (found, expected) {
        (Val::I32(found), WastRet::Core(WastRetCore::I32(expected))) => found == expected,
        (Val::I64(found), WastRet::Core(WastRetCore::I64(expected))) => found == expected,
        (Val::F32(found), WastRet::Core(WastRetCore::F32(NanPattern::Value(expected)))) => {
            *found == expected.bits
        }
        (Val::F64(found), WastRet::Core(WastRetCore::F64(NanPattern::Value(expected)))) => {
            *found == expected.bits
        }
        _ => false,
    }
}
