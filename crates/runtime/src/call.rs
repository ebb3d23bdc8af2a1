//! What a worker is asked to do: a call of one of the kinds that `dispatch.js` knows by the same names.

use std::fmt;
use std::sync::Arc;

use taipan_guest::{Argument, Scope};
use taipan_webapi::Owner;
use taipan_webapi::body::{Bodies, BodyReader};
use taipan_webapi::requests::Reply;

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// `GET`.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// "name: value\r\n" for each header, one character a byte.
    pub headers: String,
}

/// What a worker is asked to do.
pub struct Call {
    /// The number by which the caller knows it, too.
    pub id: u32,
    /// Which entrypoint of the worker is asked; `None` is the default one.
    pub entrypoint: Option<Arc<str>>,
    /// What it is asked.
    pub kind: CallKind,
    /// Where its answer goes.
    pub reply: Reply,
    /// Its place here, if others choose it.
    pub lease: Option<Arc<dyn Lease>>,
}

/// A kind of call, with what its handler is given.
#[non_exhaustive]
pub enum CallKind {
    /// To answer a request (`fetch`).
    Fetch {
        /// Its head.
        request: Incoming,
        /// Its body.
        body: Option<BodyReader>,
    },
    /// To do what is due at a time of its schedule (`scheduled`).
    Scheduled(Scheduled),
}

/// A time of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled {
    /// When it was due, in milliseconds since 1970.
    pub time: f64,
    /// The expression of the schedule, as the configuration has it; empty for none.
    pub cron: String,
}

/// The place of a call at an isolate. It is free again when its last holder drops it.
pub trait Lease: Send + Sync {
    /// Gives the call, which was not begun, to another isolate.
    fn move_call(self: Arc<Self>, call: Call);
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Call({})", self.id)
    }
}

impl fmt::Debug for CallKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch { .. } => formatter.write_str("Fetch"),
            Self::Scheduled(_) => formatter.write_str("Scheduled"),
        }
    }
}

impl CallKind {
    /// Has `tell` tell JavaScript the name of the kind, and what makes the handler's first argument in the call of this
    /// number.
    pub(crate) fn told<T>(
        self,
        scope: &mut Scope<'_>,
        id: u32,
        tell: impl FnOnce(&mut Scope<'_>, &str, &[Argument<'_>]) -> T,
    ) -> T {
        match self {
            Self::Fetch { request: Incoming { method, url, headers }, body } => {
                let body = adopt(scope, Owner::request(id), body);
                let told = [(&*method).into(), (&*url).into(), (&*headers).into(), body.into()];
                tell(scope, "fetch", &told)
            }
            Self::Scheduled(Scheduled { time, cron }) => {
                tell(scope, "scheduled", &[Argument::Number(time), (&*cron).into()])
            }
        }
    }
}

/// The number of a body, now that it is the isolate's; -1 for none.
fn adopt(scope: &mut Scope<'_>, owner: Owner, body: Option<BodyReader>) -> i32 {
    let Some(body) = body else { return -1 };
    let bodies = scope.extensions_mut().of_mut::<Bodies>();
    match bodies.map(|bodies| bodies.adopt(owner, body)) {
        Some(Ok(id)) => i32::try_from(id).unwrap_or(-1),
        Some(Err(_)) | None => -1,
    }
}
