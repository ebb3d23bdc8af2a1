//! The table of bodies, and the channel.

use super::*;

const ENDED: &str = "the request in whose name this was begun has ended, and all that it had opened with it: await it \
                     before the response, or give its promise to ctx.waitUntil()";

fn text(now: Result<Now, Error>) -> String {
    match now {
        Ok(Now::Chunk(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        Ok(Now::End) => "end".to_owned(),
        Ok(Now::Wait) => "wait".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(bodies: &mut Bodies, id: u32, expected: &[&str]) {
    for expected in expected {
        assert_eq!(text(bodies.read_now(id)), *expected);
    }
}

#[tokio::test]
async fn written_and_read() {
    let mut bodies = Bodies::default();
    let id = bodies.open(Owner::ISOLATE).unwrap();
    check(&mut bodies, id, &["wait"]);
    bodies.writer(id).unwrap().write("a".into()).await.unwrap();
    bodies.writer(id).unwrap().write("b".into()).await.unwrap();
    bodies.take_writer(id).unwrap().close().await;
    check(&mut bodies, id, &["a", "b", "end", ENDED]);
    assert_eq!(bodies.open.len(), 0);
}

#[tokio::test]
async fn aborted() {
    let mut bodies = Bodies::default();
    let id = bodies.open(Owner::ISOLATE).unwrap();
    bodies.writer(id).unwrap().write("a".into()).await.unwrap();
    bodies.take_writer(id).unwrap().abort("enough".to_owned()).await;
    check(&mut bodies, id, &["a", "the body was aborted: enough"]);
}

#[tokio::test]
async fn writer_dropped() {
    let mut bodies = Bodies::default();
    let id = bodies.open(Owner::ISOLATE).unwrap();
    drop(bodies.take_writer(id).unwrap());
    check(&mut bodies, id, &["the body was aborted: its writer is gone"]);
}

#[tokio::test]
async fn cancelled_while_it_is_read() {
    let mut bodies = Bodies::default();
    let id = bodies.open(Owner::ISOLATE).unwrap();
    let reader = bodies.start_read(id).unwrap();
    check(&mut bodies, id, &["body 1 is in use"]);
    bodies.reads(id, 7);
    assert_eq!(bodies.cancel(id), Some(7));
    bodies.end_read(id, Some(reader));
    assert_eq!(
        bodies.writer(id).unwrap().write("a".into()).await.unwrap_err().to_string(),
        "nobody reads the body any more"
    );
}

#[tokio::test]
async fn a_full_channel_waits() {
    let (writer, mut reader) = channel();
    for _ in 0..CHUNKS_WAITING_MAX {
        writer.write("a".into()).await.unwrap();
    }
    assert!(writer.write("b".into()).now_or_never().is_none());
    reader.chunk().await.unwrap();
    assert!(writer.write("b".into()).now_or_never().is_some());
}

#[test]
fn unknown_numbers() {
    let mut bodies = Bodies::default();
    check(&mut bodies, 0, &["there is no body 0"]);
    assert_eq!(bodies.cancel(u32::MAX), None);
    bodies.end_read(u32::MAX, None);
    assert!(bodies.writer(9).is_err());
    assert!(bodies.take_writer(9).is_err());
    assert!(bodies.take_reader(9).is_err());
}

#[tokio::test]
async fn given_up() {
    let mut bodies = Bodies::default();
    let (first, second) = (Owner::request(1), Owner::request(2));
    let [given_up, kept] = [first, second].map(|owner| bodies.open(owner).unwrap());
    let reader = bodies.start_read(given_up).unwrap();
    bodies.give_up(|owner| owner == first);
    bodies.end_read(given_up, Some(reader));
    check(&mut bodies, given_up, &[ENDED]);
    check(&mut bodies, kept, &["wait"]);
    assert_eq!(bodies.writer(given_up).unwrap_err().to_string(), ENDED);
}

#[test]
fn bounded() {
    let mut bodies = Bodies::default();
    for _ in 0..BODIES_MAX {
        bodies.open(Owner::ISOLATE).unwrap();
    }
    assert_eq!(bodies.open(Owner::ISOLATE).unwrap_err().to_string(), "more than 4096 bodies");
}
