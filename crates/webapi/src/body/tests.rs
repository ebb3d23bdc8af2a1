//! The table of bodies, and the channel.

use super::*;

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
    let id = bodies.open().unwrap();
    check(&mut bodies, id, &["wait"]);
    bodies.writer(id).unwrap().write("a".into()).await.unwrap();
    bodies.writer(id).unwrap().write("b".into()).await.unwrap();
    bodies.take_writer(id).unwrap().close().await;
    check(&mut bodies, id, &["a", "b", "end", "there is no body 1"]);
    assert_eq!(bodies.open.len(), 0);
}

#[tokio::test]
async fn aborted() {
    let mut bodies = Bodies::default();
    let id = bodies.open().unwrap();
    bodies.writer(id).unwrap().write("a".into()).await.unwrap();
    bodies.take_writer(id).unwrap().abort("enough".to_owned()).await;
    check(&mut bodies, id, &["a", "the body was aborted: enough"]);
}

#[tokio::test]
async fn writer_dropped() {
    let mut bodies = Bodies::default();
    let id = bodies.open().unwrap();
    drop(bodies.take_writer(id).unwrap());
    check(&mut bodies, id, &["the body was aborted: its writer is gone"]);
}

#[tokio::test]
async fn cancelled_while_it_is_read() {
    let mut bodies = Bodies::default();
    let id = bodies.open().unwrap();
    let reader = bodies.start_read(id).unwrap();
    check(&mut bodies, id, &["body 1 is in use"]);
    bodies.cancel(id);
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
    bodies.cancel(u32::MAX);
    bodies.end_read(u32::MAX, None);
    assert!(bodies.writer(9).is_err());
    assert!(bodies.take_writer(9).is_err());
    assert!(bodies.take_reader(9).is_err());
}

#[test]
fn bounded() {
    let mut bodies = Bodies::default();
    for _ in 0..BODIES_MAX {
        bodies.open().unwrap();
    }
    assert_eq!(bodies.open().unwrap_err().to_string(), "more than 4096 bodies");
}
