//! The web platform of a worker: fetch, Request, Response, Headers, streams, timers, crypto.
