//! Bodies: channels of bytes between an isolate, the server and the network,
//! and the table in which an isolate's operations find them by number.
//!
//! A read that must wait is not made under the table: the reader is taken out,
//! awaited elsewhere, and put back with what it read.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::limits::ResponseBody;
use crate::{Error, Owner};

/// Bodies that an isolate has open at once.
pub const BODIES_MAX: usize = 4096;

/// Chunks that wait in a channel before its writer must.
const CHUNKS_WAITING_MAX: usize = 4;

/// The end of a body that is read.
pub struct BodyReader(Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>);

impl fmt::Debug for BodyReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BodyReader").finish_non_exhaustive()
    }
}

impl BodyReader {
    /// A body made of any stream of chunks; dropping the reader drops the stream.
    pub fn new(stream: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(stream::empty())
    }

    /// The next bytes, or `None` at the end.
    ///
    /// # Errors
    ///
    /// What ended the body early.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.0.next().await.transpose()
    }

    /// The same body, which ends with an error where it is longer than `limit`.
    pub(crate) fn limited(self, limit: ResponseBody) -> Self {
        let state = Some((self, limit.bytes_max()));
        Self::new(stream::unfold(state, move |state| async move {
            let (mut reader, left) = state?;
            match reader.chunk().await.transpose()? {
                Ok(chunk) => match left.checked_sub(chunk.len() as u64) {
                    Some(left) => Some((Ok(chunk), Some((reader, left)))),
                    None => Some((Err(limit.exceeded().into()), None)),
                },
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// The body as a stream, to be sent on.
    #[must_use]
    pub fn into_stream(self) -> Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>> {
        self.0
    }
}

/// The end of a body that is written. Dropped before [`BodyWriter::close`], it aborts the body.
#[derive(Clone, Debug)]
pub struct BodyWriter(mpsc::Sender<Message>);

/// A chunk, or `None` at the end, or why the body ends early.
type Message = Result<Option<Bytes>, String>;

impl BodyWriter {
    /// Writes a chunk, once there is room for it.
    ///
    /// # Errors
    ///
    /// When the reader is gone.
    pub async fn write(&self, chunk: Bytes) -> Result<(), Error> {
        self.0.send(Ok(Some(chunk))).await.map_err(|_| Error::NotRead)
    }

    /// Writes a chunk if there is room for it; gives it back when the writer must wait.
    ///
    /// # Errors
    ///
    /// The chunk, when there is no room, or the reader is gone.
    pub fn write_now(&self, chunk: Bytes) -> Result<(), Bytes> {
        self.0.try_send(Ok(Some(chunk))).map_err(|refused| match refused.into_inner() {
            Ok(Some(chunk)) => chunk,
            _ => Bytes::new(),
        })
    }

    /// Ends the body, once there is room to say so.
    pub async fn close(self) {
        // A reader that has gone away needs no end.
        let _ = self.0.send(Ok(None)).await;
    }

    /// Ends the body with an error, once there is room to say so.
    pub async fn abort(self, message: String) {
        // A reader that has gone away needs no error.
        let _ = self.0.send(Err(message)).await;
    }
}

/// A new body: what is written to the one end is read at the other.
#[must_use]
pub fn channel() -> (BodyWriter, BodyReader) {
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
    let chunks =
        stream::unfold(Some(receiver), |receiver: Option<mpsc::Receiver<Message>>| async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Ok(Some(chunk))) => Some((Ok(chunk), Some(receiver))),
                Some(Ok(None)) => None,
                Some(Err(message)) => Some((Err(Error::Aborted { message }), None)),
                None => {
                    Some((Err(Error::Aborted { message: "its writer is gone".to_owned() }), None))
                }
            }
        });
    (BodyWriter(sender), BodyReader::new(chunks))
}

/// What a read finds without waiting.
#[derive(Debug, PartialEq, Eq)]
pub enum Now {
    /// These bytes.
    Chunk(Bytes),
    /// The end.
    End,
    /// Nothing yet.
    Wait,
}

/// The bodies of an isolate.
#[derive(Debug, Default)]
pub struct Bodies {
    last: u32,
    open: HashMap<u32, Ends>,
}

#[derive(Debug)]
struct Ends {
    owner: Owner,
    reader: Reader,
    writer: Option<BodyWriter>,
}

#[derive(Debug)]
enum Reader {
    /// No read is under way.
    Here(BodyReader),
    /// A read is under way: the operation, if it waits.
    Reading(Option<u32>),
    /// Read to its end, cancelled, or given away.
    Gone,
}

impl Bodies {
    /// A channel whose write end is the isolate's.
    ///
    /// # Errors
    ///
    /// More than [`BODIES_MAX`] bodies.
    pub fn open(&mut self, owner: Owner) -> Result<u32, Error> {
        let (writer, reader) = channel();
        self.insert(Ends { owner, reader: Reader::Here(reader), writer: Some(writer) })
    }

    /// A body that comes from elsewhere.
    ///
    /// # Errors
    ///
    /// More than [`BODIES_MAX`] bodies.
    pub fn adopt(&mut self, owner: Owner, reader: BodyReader) -> Result<u32, Error> {
        self.insert(Ends { owner, reader: Reader::Here(reader), writer: None })
    }

    /// The last number that was given.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// The next number is the one after `last`.
    pub(crate) fn go_on_after(&mut self, last: u32) {
        self.last = last & ID_MASK;
    }

    /// The numbers of the bodies that are open.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.open.keys().copied().collect()
    }

    /// Whose a body is.
    ///
    /// # Errors
    ///
    /// No such body.
    pub(crate) fn owner(&self, id: u32) -> Result<Owner, Error> {
        self.open.get(&id).map(|ends| ends.owner).ok_or_else(|| self.unknown(id))
    }

    /// Drops both ends of the bodies whose owners `whose` accepts.
    pub(crate) fn give_up(&mut self, whose: impl Fn(Owner) -> bool) {
        self.open.retain(|_, ends| !whose(ends.owner));
    }

    /// What is said of a body that is not there: it never was, or its request has ended.
    fn unknown(&self, id: u32) -> Error {
        if (1..=self.last).contains(&id) {
            Error::Ended
        } else {
            Error::Unknown { what: "body", id }
        }
    }

    fn insert(&mut self, ends: Ends) -> Result<u32, Error> {
        if self.open.len() >= BODIES_MAX {
            return Err(Error::TooMany { what: "bodies", maximum: BODIES_MAX });
        }
        self.last = self.last.wrapping_add(1) & ID_MASK;
        self.open.insert(self.last, ends);
        Ok(self.last)
    }

    /// What there is to read without waiting.
    ///
    /// # Errors
    ///
    /// No such body; a read is under way; what ended the body early.
    pub fn read_now(&mut self, id: u32) -> Result<Now, Error> {
        let mut reader = self.start_read(id)?;
        match reader.chunk().now_or_never() {
            Some(Ok(Some(chunk))) => {
                self.end_read(id, Some(reader));
                Ok(Now::Chunk(chunk))
            }
            Some(Ok(None)) => {
                self.end_read(id, None);
                Ok(Now::End)
            }
            Some(Err(error)) => {
                self.end_read(id, None);
                Err(error)
            }
            None => {
                self.end_read(id, Some(reader));
                Ok(Now::Wait)
            }
        }
    }

    /// Takes the read end out, to await it elsewhere.
    ///
    /// # Errors
    ///
    /// No such body; a read is under way.
    pub fn start_read(&mut self, id: u32) -> Result<BodyReader, Error> {
        let unknown = self.unknown(id);
        let ends = self.open.get_mut(&id).ok_or(unknown)?;
        match std::mem::replace(&mut ends.reader, Reader::Reading(None)) {
            Reader::Here(reader) => Ok(reader),
            reading @ Reader::Reading(_) => {
                ends.reader = reading;
                Err(Error::Busy { what: "body", id })
            }
            Reader::Gone => {
                ends.reader = Reader::Gone;
                Err(Error::Unknown { what: "body", id })
            }
        }
    }

    /// The read that was started goes on as this operation.
    pub fn reads(&mut self, id: u32, operation: u32) {
        if let Some(Ends { reader: reader @ Reader::Reading(_), .. }) = self.open.get_mut(&id) {
            *reader = Reader::Reading(Some(operation));
        }
    }

    /// Puts the read end back, or forgets it at the end of the body.
    pub fn end_read(&mut self, id: u32, reader: Option<BodyReader>) {
        let Some(ends) = self.open.get_mut(&id) else { return };
        // It may have been cancelled while it was read.
        if matches!(ends.reader, Reader::Reading(_)) {
            ends.reader = reader.map_or(Reader::Gone, Reader::Here);
        }
        self.forget_ended(id);
    }

    /// Takes the read end for good: the server or a fetch has it from now on.
    ///
    /// # Errors
    ///
    /// No such body; a read is under way.
    pub fn take_reader(&mut self, id: u32) -> Result<BodyReader, Error> {
        let reader = self.start_read(id);
        if reader.is_ok() {
            self.end_read(id, None);
        }
        reader
    }

    /// The write end, for a write that may wait.
    ///
    /// # Errors
    ///
    /// No such body, or one that the isolate does not write.
    pub fn writer(&self, id: u32) -> Result<BodyWriter, Error> {
        let writer = self.open.get(&id).and_then(|ends| ends.writer.clone());
        writer.ok_or_else(|| self.unknown(id))
    }

    /// Takes the write end for good, to close it or to abort it.
    ///
    /// # Errors
    ///
    /// No such body, or one that the isolate does not write.
    pub fn take_writer(&mut self, id: u32) -> Result<BodyWriter, Error> {
        let writer = self.open.get_mut(&id).and_then(|ends| ends.writer.take());
        self.forget_ended(id);
        writer.ok_or_else(|| self.unknown(id))
    }

    /// Drops the read end, if it is here; else gives the operation that has it.
    pub fn cancel(&mut self, id: u32) -> Option<u32> {
        let ends = self.open.get_mut(&id)?;
        let reader = std::mem::replace(&mut ends.reader, Reader::Gone);
        self.forget_ended(id);
        match reader {
            Reader::Reading(operation) => operation,
            Reader::Here(_) | Reader::Gone => None,
        }
    }

    fn forget_ended(&mut self, id: u32) {
        if self
            .open
            .get(&id)
            .is_some_and(|ends| matches!(ends.reader, Reader::Gone) && ends.writer.is_none())
        {
            self.open.remove(&id);
        }
    }
}

/// Numbers stay positive where JavaScript reads them as 32-bit integers.
const ID_MASK: u32 = 0x7fff_ffff;

#[cfg(test)]
mod tests;
