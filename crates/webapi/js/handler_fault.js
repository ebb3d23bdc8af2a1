// What a handler answers instead of throwing, when it has put its error into words itself.

export class HandlerFault {
  constructor(message, detail, kind = "exception") {
    this.message = message;
    this.detail = detail;
    this.kind = kind;
  }
}
