//! The task that owns a worker's isolate: takes events to it, replaces it when it has ended.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use taipan_pyodide::Ended;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::Error;
use crate::instance::{Event, Instance};
use crate::log::Record;
use crate::worker::Blueprint;

/// How long a worker whose isolate does not start again waits before the next try.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long the thread of a turn waits for the next event before it is given back: under load it
/// comes sooner, and to go to a thread and back costs as much as a short turn.
const LINGER: Duration = Duration::from_millis(1);

/// Runs a worker until all its handles are dropped. `started` is told how the first start went.
pub(crate) async fn run(
    blueprint: Arc<Blueprint>,
    mut receiver: UnboundedReceiver<Event>,
    started: oneshot::Sender<Result<(), Error>>,
) {
    let mut started = Some(started);
    for number in 0.. {
        let outcome = start(blueprint.clone(), number, receiver).await;
        let (instance, returned) = match outcome {
            Ok(instance) => (instance, None),
            Err((error, returned)) => (None, Some((error, returned))),
        };
        if let Some((error, returned)) = returned {
            let text = error.to_string();
            match started.take() {
                // Nobody may be left who asks: then there is nobody to tell.
                Some(started) => {
                    let _ = started.send(Err(error));
                    return;
                }
                None => blueprint.log.write(Record::Ended { reason: text }),
            }
            let Some(returned) = returned else { return };
            receiver = returned;
            tokio::time::sleep(RESTART_PAUSE).await;
            continue;
        }
        let Some(instance) = instance else { return };
        if let Some(started) = started.take()
            && started.send(Ok(())).is_err()
        {
            return;
        }
        match serve(&blueprint, instance).await {
            Some(returned) => receiver = returned,
            None => return,
        }
    }
}

type Failed = (Error, Option<UnboundedReceiver<Event>>);

async fn start(
    blueprint: Arc<Blueprint>,
    number: u64,
    receiver: UnboundedReceiver<Event>,
) -> Result<Option<Instance>, Failed> {
    let work = move || blueprint.start(number, receiver);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(instance)) => Ok(Some(instance)),
        Ok(Err(failed)) => Err(failed),
        Err(_panic_or_shutdown) => Ok(None),
    }
}

/// Takes events to the instance until it ends, which gives the receiver back, or all handles are dropped.
async fn serve(blueprint: &Blueprint, mut instance: Instance) -> Option<UnboundedReceiver<Event>> {
    loop {
        let timer = instance.next_timer();
        let mut receiver = instance.take_receiver()?;
        let event = match timer {
            None => match receiver.recv().await {
                Some(event) => Some(event),
                None => return None,
            },
            Some(limit) => match tokio::time::timeout(limit, receiver.recv()).await {
                Ok(Some(event)) => Some(event),
                Ok(None) => return None,
                Err(_elapsed) => None,
            },
        };
        instance.give_receiver(receiver);
        let work = move || {
            // A fault of ours ends the isolate, which is not entered again, and nothing else.
            let outcome = catch_unwind(AssertUnwindSafe(|| turns(&mut instance, event)));
            (instance, outcome)
        };
        let (returned, outcome) = tokio::task::spawn_blocking(work).await.ok()?;
        instance = returned;
        let reason = match outcome {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => match error.ended_by::<Ended>() {
                Some(ended) => ended.to_string(),
                None => describe(&error),
            },
            Err(panic) => format!("a fault of Taipan's own: {}", panic_text(&*panic)),
        };
        blueprint.log.write(Record::Ended { reason });
        return instance.take_receiver();
    }
}

/// Handles an event, and what comes soon after it.
fn turns(instance: &mut Instance, event: Option<Event>) -> Result<(), taipan_guest::Error> {
    instance.turn(event)?;
    while let Some(event) = instance.linger(LINGER) {
        instance.turn(Some(event))?;
    }
    Ok(())
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// An error and its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
