// The reading end of a byte channel in the host: a request's body, or that of
// a fetched response. Knows nothing of streams until it is asked for one.

import { cancel, host, whenCompleted } from "./operations.js";
import { ReadableStream } from "./streams.js";

/** Bodies that were dropped unread: the host need not keep them until their request ends. */
const abandoned = new FinalizationRegistry((id) => host.body_cancel(id));

export class HostBody {
  constructor(id) {
    this.id = id;
    /** The read under way: { operation, resolve, reject }. */
    this.pending = null;
    /** Why there is nothing more to read: { reason }. */
    this.failure = null;
    /** Told of an abort: the stream, once there is one. */
    this.onAbort = null;
    abandoned.register(this, id, this);
  }

  /** The next bytes, or null at the end. */
  read() {
    if (this.failure !== null) return Promise.reject(this.failure.reason);
    const now = host.body_read_now(this.id);
    if (now !== undefined) return Promise.resolve(now);
    const operation = host.body_read(this.id);
    return new Promise((resolve, reject) => {
      this.pending = { operation, resolve, reject };
      whenCompleted(operation, (chunk) => {
        this.pending = null;
        resolve(chunk);
      }, (error) => {
        this.pending = null;
        reject(error);
      });
    });
  }

  /** The rest is not wanted: a read under way is at the end. */
  cancel() {
    abandoned.unregister(this);
    host.body_cancel(this.id);
    this.stopReading()?.resolve(null);
  }

  /** Takes the read under way, if there is one, which will not be completed. */
  stopReading() {
    const { pending } = this;
    if (pending !== null) cancel(pending.operation);
    this.pending = null;
    return pending;
  }

  /** The rest is withheld: readers get `reason`. */
  abort(reason) {
    if (this.failure !== null) return;
    this.failure = { reason };
    this.stopReading()?.reject(reason);
    this.cancel();
    this.onAbort?.(reason);
  }

  /** Gives the channel to the host, which reads it from now on. */
  release() {
    abandoned.unregister(this);
    return this.id;
  }

  stream() {
    return new ReadableStream({
      type: "bytes",
      start: (controller) => {
        if (this.failure !== null) controller.error(this.failure.reason);
        this.onAbort = (reason) => controller.error(reason);
      },
      pull: async (controller) => {
        const chunk = await this.read();
        if (chunk !== null) {
          controller.enqueue(chunk);
        } else {
          controller.close();
          // A reader that brought its own buffer waits for an answer.
          controller.byobRequest?.respond(0);
        }
      },
      cancel: () => this.cancel(),
    }, { highWaterMark: 0 });
  }
}
