//! One worker: set up, dispatch, stop.
