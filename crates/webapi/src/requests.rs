//! Requests that an isolate is answering.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use taipan_guest::Held;
use tokio::sync::oneshot;

use crate::body::BodyReader;
use crate::limits::Allowances;
use crate::{Error, Fault, Owner};

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// None.
    Empty,
    /// All of it.
    Bytes(Bytes),
    /// What comes.
    Stream(BodyReader),
}

/// What a worker answers.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, if the worker gave one.
    pub status_text: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The memory that the headers count as, of the isolate's; the body has its own.
    pub held: Held,
    /// The body.
    pub body: AnswerBody,
}

/// Where the answer goes.
pub type Reply = oneshot::Sender<Result<Answer, Fault>>;

/// A request that is not done.
#[derive(Debug)]
struct Open {
    /// Where its answer goes, until there is one.
    reply: Option<Reply>,
    /// Whether the body of its answer is still being sent.
    streams: bool,
}

/// The requests of an isolate.
#[derive(Debug, Default)]
pub struct Requests {
    open: HashMap<u32, Open>,
    /// What was not reported yet, with the request's number.
    faults: Vec<(u32, Fault, Option<Reply>)>,
    allowances: Allowances,
}

impl Requests {
    /// No requests yet; each gets its share of `allowances`.
    #[must_use]
    pub fn new(allowances: Allowances) -> Self {
        Self { allowances, ..Self::default() }
    }

    /// What the isolate may use.
    pub(crate) fn allowances(&self) -> &Allowances {
        &self.allowances
    }

    /// Whose it is what JavaScript begins that runs in the name of `number`.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] for a request that is not open any more.
    pub(crate) fn owner(&self, number: u32) -> Result<Owner, Error> {
        if number == Owner::ISOLATE.number() || number == 0 && self.open.is_empty() {
            Ok(Owner::ISOLATE)
        } else if number == 0 {
            Ok(Owner::UNKNOWN)
        } else if self.open.contains_key(&number) {
            Ok(Owner::request(number))
        } else {
            Err(Error::Ended)
        }
    }

    /// Takes a request on, under a number that no open one has.
    pub fn open(&mut self, id: u32, reply: Reply) {
        self.open.insert(id, Open { reply: Some(reply), streams: false });
        self.allowances.begin(id);
    }

    /// Answers; false when the client no longer waits for it.
    pub(crate) fn answer(&mut self, id: u32, answer: Answer) -> bool {
        let Some(request) = self.open.get_mut(&id) else { return false };
        request.streams = matches!(answer.body, AnswerBody::Stream(_));
        request.reply.take().is_some_and(|reply| reply.send(Ok(answer)).is_ok())
    }

    /// The body of an answer has been sent.
    pub fn sent(&mut self, id: u32) {
        if let Some(request) = self.open.get_mut(&id) {
            request.streams = false;
        }
    }

    /// The client no longer waits for its answer, nor for the rest of its body.
    pub fn gone(&mut self, id: u32) {
        if let Some(request) = self.open.get_mut(&id) {
            *request = Open { reply: None, streams: false };
        }
    }

    /// Says why there is no answer, or why its body ended early. Nothing is said of a request that is over: what it had
    /// under way was given up.
    pub fn fault(&mut self, id: u32, fault: Fault) {
        if let Some(request) = self.open.get_mut(&id) {
            self.faults.push((id, fault, request.reply.take()));
        }
    }

    /// Forgets a request, and what it waits for with `waitUntil`.
    pub fn done(&mut self, id: u32) {
        self.open.remove(&id);
        self.allowances.end(id);
    }

    /// Says to all clients that wait why there is no answer: the isolate has ended.
    pub fn end(&mut self, fault: &Fault) {
        let waiting = self.open.drain().filter_map(|(_, request)| request.reply);
        for reply in waiting.chain(self.faults.drain(..).filter_map(|(_, _, reply)| reply)) {
            // The client may be gone.
            let _ = reply.send(Err(fault.clone()));
        }
    }

    /// The requests that are answered, or whose clients have gone, and still wait for something.
    pub fn answered(&self) -> impl Iterator<Item = u32> {
        let waits = |request: &Open| request.reply.is_none() && !request.streams;
        self.open.iter().filter(move |(_, request)| waits(request)).map(|(id, _)| *id)
    }

    /// Whether there are faults that are not reported yet.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Tells `log` of the faults since the last call, and then the clients that wait: what is said of a request is said
    /// before it has ended.
    pub fn report_faults(&mut self, mut log: impl FnMut(u32, &mut Fault)) {
        for (id, mut fault, reply) in self.faults.drain(..) {
            log(id, &mut fault);
            if let Some(reply) = reply {
                // The client may be gone; the fault is logged in any case.
                let _ = reply.send(Err(fault));
            }
        }
    }

    /// Whether no request is open, nor anything that it waits for with `waitUntil`.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultKind;

    #[test]
    fn nothing_is_said_of_a_request_that_is_over() {
        let fault =
            || Fault { kind: FaultKind::Exception, message: "m".into(), detail: "d".into() };
        let mut requests = Requests::default();
        for id in [1, 2] {
            let (reply, _answer) = tokio::sync::oneshot::channel();
            requests.open(id, reply);
        }
        requests.done(1);
        requests.fault(1, fault());
        assert!(!requests.has_faults());
        // Its client has gone, but it is not over.
        requests.gone(2);
        requests.fault(2, fault());
        let mut told = Vec::new();
        requests.report_faults(|id, _| told.push(id));
        assert_eq!(told, [2]);
    }
}
