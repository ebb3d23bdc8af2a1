//! The client of a case: requests by HTTP/1.1 and HTTP/2, and raw conversations.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::case::{Last, Step, Turn};
use crate::process::{PATIENCE, Process, difference};

/// Requests at a time in one HTTP/2 connection: fewer than the server takes, so that none waits for another.
const STREAMS_MAX: usize = 100;

/// Asks as many times at once as the step says. The whole answers as text: status, headers, empty line, body.
pub(crate) async fn ask(address: &str, step: &Step, http2: bool) -> Vec<Result<String, String>> {
    let times = step.times.unwrap_or(1);
    let share = if http2 { STREAMS_MAX } else { 1 };
    let patience = step.leave_ms.map_or(PATIENCE, Duration::from_millis);
    let asked = (0..times).step_by(share).map(|first| async move {
        let exchange = exchange(address, step, http2, share.min(times - first));
        match timeout(patience, exchange).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => vec![Err(error)],
            Err(_elapsed) => vec![Err("there is no answer".to_owned())],
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Asks so many times at once in one connection.
async fn exchange(
    address: &str,
    step: &Step,
    http2: bool,
    times: usize,
) -> Result<Vec<Result<String, String>>, String> {
    let request = request(address, step, http2)?;
    let stream = TcpStream::connect(address).await.unwrap();
    // As all clients of HTTP/2 have it: else a window of it ends with a wait for the other system's acknowledgement.
    stream.set_nodelay(true).unwrap();
    let stream = TokioIo::new(stream);
    if http2 {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), stream).await.map_err(text)?;
        tokio::spawn(connection);
        let asked = (0..times).map(|_| {
            let (mut sender, request) = (sender.clone(), request.clone());
            async move { describe(sender.send_request(request).await.map_err(text)?).await }
        });
        Ok(join_all(asked).await)
    } else {
        let (mut sender, connection) = http1::handshake(stream).await.map_err(text)?;
        tokio::spawn(connection);
        Ok(vec![describe(sender.send_request(request).await.map_err(text)?).await])
    }
}

fn request(address: &str, step: &Step, http2: bool) -> Result<Request<Full<Bytes>>, String> {
    let line = step.request.as_deref().unwrap_or_default();
    let (method, path) = line.split_once(' ').ok_or("a request is a method and a path")?;
    let mut builder = Request::builder().method(method);
    builder = match http2 {
        true => builder.uri(format!("http://{address}{path}")),
        false => builder.uri(path).header("host", address),
    };
    for header in &step.headers {
        let (name, value) = header.split_once(": ").ok_or("a header has no colon")?;
        builder = builder.header(name, value);
    }
    let body = match step.body_bytes {
        0 => Bytes::from(step.body.clone()),
        length => Bytes::from(vec![b'x'; length]),
    };
    builder.body(Full::new(body)).map_err(text)
}

async fn describe(response: Response<Incoming>) -> Result<String, String> {
    let mut answer = format!("{}\n", response.status());
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "connection"].contains(&name.as_str()))
        .collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        answer += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    answer += "\n";
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                answer += &String::from_utf8_lossy(frame.data_ref().unwrap_or(&Bytes::new()))
            }
            Err(_broken) => return Ok(answer + "(the answer breaks off)\n"),
        }
    }
    Ok(answer)
}

/// Talks over a raw socket.
pub(crate) async fn talk(process: &Process, turns: &[Turn]) -> Result<(), String> {
    let mut stream = TcpStream::connect(&process.address).await.unwrap();
    let mut heard = Vec::new();
    for turn in turns {
        match turn {
            Turn::Send(part) => stream.write_all(part.as_bytes()).await.map_err(text)?,
            Turn::SendBytes(count) => stream.write_all(&vec![b'x'; *count]).await.map_err(text)?,
            Turn::Receive(part) => hear(&mut stream, &mut heard, part).await?,
            Turn::Output(text) => process.compare(&process.output, text).await?,
            Turn::Then(Last::End) => {
                let ended = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
                ended.map_err(|_| "the connection does not end")?.map_err(text)?;
            }
            Turn::Then(Last::Close) => return Ok(()),
        }
    }
    Ok(())
}

/// Reads until `part` has come, and forgets all up to its end.
async fn hear(stream: &mut TcpStream, heard: &mut Vec<u8>, part: &str) -> Result<(), String> {
    loop {
        let found = heard.windows(part.len()).position(|window| window == part.as_bytes());
        if let Some(found) = found {
            heard.drain(..found + part.len());
            return Ok(());
        }
        let read = timeout(PATIENCE, stream.read_buf(heard)).await;
        if !matches!(read, Ok(Ok(1..))) {
            return Err(difference("received", &String::from_utf8_lossy(heard), part));
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
