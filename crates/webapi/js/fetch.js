// https://fetch.spec.whatwg.org/#fetch-method
//
// The request is made in Rust (src/fetch.rs): connections, TLS, redirects,
// content decoding. Here are the arguments, the abort and the response.

import { abortReason, addAbortAlgorithm, isAborted } from "./abort_algorithms.js";
import { abortBody, handOver } from "./body.js";
import { fetchData } from "./data_url.js";
import { headersToHost } from "./headers.js";
import { cancel, host, whenCompleted } from "./operations.js";
import { Request, requestParts } from "./request.js";
import { responseFromHost, responseParts } from "./response.js";
import { requireArguments } from "./webidl.js";

export async function fetch(input, init = undefined) {
  requireArguments(arguments.length, 1, "fetch");
  const request = new Request(input, init);
  const { method, url, signal, body, options } = requestParts(request);
  if (signal !== null && isAborted(signal)) {
    abortBody(body, abortReason(signal));
    throw abortReason(signal);
  }
  if (url.startsWith("data:")) return fetchData(url);
  return start({ method, url, headers: headersToHost(request.headers), body, redirect: options.redirect, signal });
}

function start({ method, url, headers, body, redirect, signal }) {
  const { data, id, sent, stop } = handOver(body);
  let operation;
  try {
    operation = host.fetch_start(method, url, headers, id < 0 ? data : id, redirect);
  } catch (error) {
    // One fetch too many: the body will not be read.
    if (id >= 0) host.body_cancel(id);
    stop?.(error);
    sent?.catch(() => {});
    throw error;
  }
  return new Promise((resolve, reject) => {
    let response = null;
    const forget = signal === null ? () => {} : addAbortAlgorithm(signal, (reason) => {
      if (response === null) cancel(operation);
      else abortBody(responseParts(response).body, reason);
      stop?.(reason);
      reject(reason);
    });
    whenCompleted(operation, (json) => {
      response = responseFromHost(JSON.parse(json));
      if (responseParts(response).body === null) forget();
      resolve(response);
    }, (error) => {
      forget();
      reject(error);
    });
    // A request body that fails is why the fetch fails.
    sent?.catch((error) => {
      if (response !== null) return;
      cancel(operation);
      reject(error);
    });
  });
}
