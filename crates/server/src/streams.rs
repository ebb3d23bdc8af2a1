//! Streams of HTTP/2, each of which can be closed alone.
//!
//! hyper runs each stream as a task of its own, which waits inside hyper while its client takes nothing: no body is asked
//! then for its next frame, so nothing of ours could end it. The task can be dropped, and h2 tells the client so.

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    /// Cancelled to close the stream that runs.
    static CLOSED: CancellationToken;
}

/// Runs what hyper does beside a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let closed = CancellationToken::new();
        tokio::spawn(CLOSED.scope(closed.clone(), async move {
            closed.run_until_cancelled(stream).await;
        }));
    }
}

/// What closes the stream that runs; none with HTTP/1, where the connection is all that there is.
pub(crate) fn current() -> Option<CancellationToken> {
    CLOSED.try_with(CancellationToken::clone).ok()
}
