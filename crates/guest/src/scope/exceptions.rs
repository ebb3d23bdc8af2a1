//! The engine's pending exception.

use super::Scope;
use crate::js_error::JsError;
use crate::operation::TEXT_BYTES_MAX;
use crate::value::{Kind, RawValue};
use crate::{Error, Throw};

impl<'a> Scope<'a> {
    pub(crate) fn take_exception(&mut self) -> wasmtime::Result<RawValue> {
        let javascript = self.javascript()?;
        self.with_frame(1, |scope, frame| {
            javascript.take_exception.call(&mut scope.store, frame.address)?;
            Ok(scope.read_value(frame.address)?)
        })
    }

    pub(crate) fn throw_value(&mut self, value: RawValue) -> wasmtime::Result<()> {
        let javascript = self.javascript()?;
        self.with_frame(1, |scope, frame| {
            scope.write_value(frame.address, value)?;
            javascript.throw.call(&mut scope.store, frame.address)
        })
    }

    /// Makes `throw` the engine's pending exception.
    pub(crate) fn raise(&mut self, throw: Throw) -> wasmtime::Result<()> {
        let (class, message) = match throw {
            Throw::Pending => return Ok(()),
            Throw::Fatal(error) => return Err(error),
            Throw::Error { class, message } => (class, message),
        };
        let javascript = self.javascript()?;
        let lengths =
            (u32::try_from(class.len()).unwrap_or(0), u32::try_from(message.len()).unwrap_or(0));
        let class = self.allocate(class.as_bytes())?;
        let message = self.allocate(message.as_bytes())?;
        javascript.throw_error.call(&mut self.store, (class, lengths.0, message, lengths.1))?;
        self.deallocate(class)?;
        self.deallocate(message)?;
        Ok(())
    }

    /// The engine's pending exception as text.
    pub(crate) fn exception(&mut self) -> Error {
        match self.describe_exception() {
            Ok(error) => Error::Exception(error),
            Err(error) => error,
        }
    }

    fn describe_exception(&mut self) -> Result<JsError, Error> {
        let value = self.take_exception()?;
        let mut described = JsError {
            name: self.text_property(value, c"name")?.unwrap_or_default(),
            message: self.text_property(value, c"message")?.unwrap_or_default(),
            stack: self.text_property(value, c"stack")?.unwrap_or_default(),
        };
        if described.name.is_empty() {
            described.name = "Uncaught".into();
            described.message = match self.to_text(value, TEXT_BYTES_MAX) {
                Ok(text) | Err(Throw::Error { message: text, .. }) => text,
                Err(Throw::Fatal(error)) => return Err(error.into()),
                Err(_) => {
                    let second = self.take_exception()?;
                    self.free(second)?;
                    "a value without text".into()
                }
            };
        }
        self.free(value)?;
        Ok(described)
    }

    fn text_property(
        &mut self,
        object: RawValue,
        name: &std::ffi::CStr,
    ) -> Result<Option<String>, Error> {
        if !matches!(object.kind(), Kind::Counted(_)) {
            return Ok(None);
        }
        let javascript = self.javascript()?;
        let name = self.allocate(name.to_bytes())?;
        let text = self.with_frame::<_, Error>(2, |scope, frame| {
            scope.write_value(frame.address, object)?;
            let status = javascript
                .get_property
                .call(&mut scope.store, (frame.address, name, frame.slot(1)))?;
            if status < 0 {
                let error = scope.take_exception()?;
                scope.free(error)?;
                return Ok(None);
            }
            let value = scope.read_value(frame.slot(1))?;
            if value == RawValue::UNDEFINED {
                return Ok(None);
            }
            let text = match scope.to_text(value, TEXT_BYTES_MAX) {
                Ok(text) | Err(Throw::Error { message: text, .. }) => Some(text),
                Err(Throw::Fatal(error)) => return Err(error.into()),
                Err(_) => {
                    let error = scope.take_exception()?;
                    scope.free(error)?;
                    None
                }
            };
            scope.free(value)?;
            Ok(text)
        })?;
        self.deallocate(name)?;
        Ok(text)
    }
}
