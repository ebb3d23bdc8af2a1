//! The client of a case: requests by HTTP/1.1 and HTTP/2, and raw conversations.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    case::{Last, Step, Turn},
    process::{PATIENCE, Process, difference},
};

/// Asks, and gives the whole answer as text: status, headers, empty line, body.
pub(crate) async fn ask(address: &str, step: &Step) -> Result<String, String> {
    let request = request(address, step)?;
    let exchange = async {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let response = if step.http2 {
            let (mut sender, connection) =
                http2::handshake(TokioExecutor::new(), stream).await.map_err(text)?;
            tokio::spawn(connection);
            sender.send_request(request).await
        } else {
            let (mut sender, connection) = http1::handshake(stream).await.map_err(text)?;
            tokio::spawn(connection);
            sender.send_request(request).await
        };
        describe(response.map_err(text)?).await
    };
    timeout(PATIENCE, exchange).await.map_err(|_| "there is no answer")?
}

fn request(address: &str, step: &Step) -> Result<Request<Full<Bytes>>, String> {
    let line = step.request.as_deref().unwrap_or_default();
    let (method, path) = line.split_once(' ').ok_or("a request is a method and a path")?;
    let authority = address.to_owned();
    let uri = if step.http2 { format!("http://{authority}{path}") } else { path.to_owned() };
    let mut builder = Request::builder().method(method).uri(uri);
    if !step.http2 {
        builder = builder.header("host", authority);
    }
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
    let mut headers: Vec<_> =
        response.headers().iter().filter(|(name, _)| *name != "date").collect();
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
