//! Plays a case.

use std::time::Duration;

use tokio::time::Instant;

use crate::case::{Case, Step};
use crate::process::{Process, difference};
use crate::{http, releases, watch};

/// Plays a case to its end, or to the first step that does not hold.
pub(crate) async fn play(case: &Case) -> Result<(), String> {
    let mut process = Process::start(case).await?;
    for (index, step) in case.script.steps.iter().enumerate() {
        let outcome = take(case, &mut process, step).await;
        outcome.map_err(|error| format!("step {}: {error}", index + 1))?;
        if step.repeat > 0 {
            let outcome = repeat(case, &mut process, step).await;
            outcome.map_err(|error| format!("step {}: {error}", index + 1))?;
        }
    }
    Ok(())
}

/// Plays what is to be repeated, and compares what the program has before and after.
async fn repeat(case: &Case, process: &mut Process, step: &Step) -> Result<(), String> {
    let mut before = None;
    for round in 0..step.repeat {
        if round == step.repeat / 4 {
            before = Some(watch::usage(process)?);
        }
        for (index, each) in step.each.iter().enumerate() {
            let outcome = take(case, process, each).await;
            outcome.map_err(|error| format!("round {round}, step {}: {error}", index + 1))?;
        }
    }
    match (&step.grows, before) {
        (Some(growth), Some(before)) => watch::compare(process, &before, growth).await,
        _ => Ok(()),
    }
}

async fn take(case: &Case, process: &mut Process, step: &Step) -> Result<(), String> {
    for (name, text) in &step.save {
        case.save(name, text);
    }
    if step.request.is_some() {
        ask(process, step, step.http2 || case.way.http2).await?;
    }
    if !step.talk.is_empty() {
        http::talk(process, &step.talk).await?;
    }
    if let Some(name) = &step.signal {
        process.signal(name).await;
    }
    if let Some(expect) = &step.output {
        process.compare(&process.output, expect).await?;
    }
    if let Some(expect) = &step.errors {
        process.compare(&process.errors, expect).await?;
    }
    match step.code {
        Some(expect) => match process.code().await? {
            code if code == expect => Ok(()),
            code => Err(format!("the program ended with {code} instead of {expect}")),
        },
        None => Ok(()),
    }
}

async fn ask(process: &Process, step: &Step, http2: bool) -> Result<(), String> {
    let started = Instant::now();
    let answers = http::ask(&process.address, step, http2).await;
    let took = started.elapsed();
    if let Some(expect) = &step.answer {
        for answer in answers {
            let answer = process.filter(&answer?);
            let mut expect = releases::level(expect, process.release);
            if http2 {
                // HTTP/2 has no such header.
                expect = expect.replace("\ntransfer-encoding: chunked\n", "\n");
            }
            // The length of a place's name does not matter.
            let cut = |text: &str| match expect.contains("PLACE") {
                true => without_length(text),
                false => text.to_owned(),
            };
            let (answer, expect) = (cut(&answer), &cut(&expect));
            if answer.trim_end() != expect.trim_end() {
                return Err(difference("answered", &answer, expect));
            }
        }
    }
    match step.within_ms.map(Duration::from_millis) {
        Some(limit) if took > limit => Err(format!("it took {took:?}, {limit:?} at most")),
        _ => Ok(()),
    }
}

fn without_length(answer: &str) -> String {
    answer.split_inclusive('\n').filter(|line| !line.starts_with("content-length: ")).collect()
}
