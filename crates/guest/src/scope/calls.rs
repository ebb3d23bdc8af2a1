//! Calls of JavaScript by the host.

use wasmtime::Val;

use super::{Argument, Scope};
use crate::handle::Handle;
use crate::value::{Kind, RawValue};
use crate::{Error, Throw};

impl<'a> Scope<'a> {
    /// Calls a function; its result is held by the host.
    ///
    /// # Errors
    ///
    /// What it throws, as [`Error::Exception`]; a trap.
    pub fn call(&mut self, function: &Handle, arguments: &[Argument<'_>]) -> Result<Handle, Error> {
        let value = self.call_raw(function.index(), arguments)?;
        self.new_handle(value)
    }

    /// Calls a function for what it does.
    ///
    /// # Errors
    ///
    /// What it throws, as [`Error::Exception`]; a trap.
    pub fn invoke(&mut self, function: &Handle, arguments: &[Argument<'_>]) -> Result<(), Error> {
        self.invoke_index(function.index(), arguments)
    }

    pub(crate) fn invoke_index(
        &mut self,
        function: i32,
        arguments: &[Argument<'_>],
    ) -> Result<(), Error> {
        let value = self.call_raw(function, arguments)?;
        Ok(self.free(value)?)
    }

    fn call_raw(&mut self, function: i32, arguments: &[Argument<'_>]) -> Result<RawValue, Error> {
        let javascript = self.javascript()?;
        let count =
            u32::try_from(arguments.len()).map_err(|_| Error::OutOfMemory { what: "arguments" })?;
        self.with_frame(count + 1, |scope, frame| {
            for (slot, argument) in (0..).zip(arguments) {
                let value = scope.new_value(*argument)?;
                scope.write_value(frame.slot(slot), value)?;
            }
            let result = frame.slot(count);
            let call = (function, count.cast_signed(), frame.address, result);
            if javascript.call.call(&mut scope.store, call)? < 0 {
                return Err(scope.exception());
            }
            scope.read_value(result)
        })
    }

    /// Calls a function that the main module exports, of words: its result, 0 if it gives none.
    ///
    /// # Errors
    ///
    /// [`Error::Link`] when it exports no such function; a trap, and arguments of other types.
    pub fn call_main(&mut self, name: &str, arguments: &[u32]) -> Result<u32, Error> {
        let main = self.linked()?.main;
        let function = main.get_func(&mut self.store, name).ok_or_else(|| Error::Link {
            module: "the main module",
            what: format!("it exports no function `{name}`"),
        })?;
        let arguments: Vec<_> = arguments.iter().map(|word| Val::I32(word.cast_signed())).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &arguments, &mut results)?;
        Ok(results.first().and_then(Val::i32).unwrap_or(0).cast_unsigned())
    }

    /// Tells JavaScript what came of an operation: calls what `host.on_completion` was given.
    ///
    /// # Errors
    ///
    /// What that function throws; a trap.
    pub fn complete(
        &mut self,
        id: u32,
        error: Option<&str>,
        value: Argument<'_>,
    ) -> Result<(), Error> {
        let Some(hook) = self.state().on_completion.as_ref().map(|hook| hook.index()) else {
            return Ok(());
        };
        let error = error.map_or(Argument::Null, Argument::Text);
        self.invoke_index(hook, &[Argument::Number(id.into()), error, value])
    }

    /// The text of a value that the host holds.
    ///
    /// # Errors
    ///
    /// What its conversion throws; a trap.
    pub fn text(&mut self, handle: &Handle) -> Result<String, Error> {
        let value = self.value_of(handle.index())?;
        let text = self.to_text(value, u32::MAX);
        self.free(value)?;
        match text {
            Ok(text) => Ok(text),
            Err(Throw::Fatal(error)) => Err(error.into()),
            Err(_) => Err(self.exception()),
        }
    }

    /// The number of a value that the host holds; `None` when it is not a number.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn number(&mut self, handle: &Handle) -> Result<Option<f64>, Error> {
        let value = self.value_of(handle.index())?;
        let number = match value.kind() {
            Kind::Integer(value) => Some(value.into()),
            Kind::Number(value) => Some(value),
            _ => None,
        };
        self.free(value)?;
        Ok(number)
    }
}
