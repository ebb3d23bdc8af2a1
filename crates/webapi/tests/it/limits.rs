//! Limits as the isolate meets them: what throws, what is cut, and that it goes on.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use taipan_guest::{Isolate, SourceType};
use taipan_webapi::limits::{Allowances, Limits};
use taipan_webapi::pending::Completion;
use taipan_webapi::requests::{Answer, AnswerBody, Requests};
use taipan_webapi::{Console, Fault, fetch};
use tokio::sync::oneshot;

use crate::fixture::{reports, with_isolate};
use crate::platform::{platform, prepare, program, turn};

/// No server listens there: a fetch that is allowed is refused by the network.
const FETCHES: &str = "
async function fetches(count) {
    let allowed = 0;
    for (let index = 0; index < count; index++) {
        try { await fetch('http://127.0.0.1:1/'); }
        catch (error) {
            if (error.message.includes('subrequests')) return [allowed, `${error}`];
            allowed++;
        }
    }
    return [allowed, null];
}";

/// An isolate with the platform in it, held to limits.
struct Play<'a> {
    isolate: &'a mut Isolate,
    receiver: Receiver<Completion>,
    log: Arc<Mutex<Vec<(String, usize)>>>,
}

type Reply = oneshot::Receiver<Result<Answer, Fault>>;

fn play<T: Send>(limits: Limits, work: impl FnOnce(&mut Play<'_>) -> T + Send) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = fetch::client(&fetch::Settings::default()).unwrap();
    with_isolate(program(), |isolate| {
        isolate.scope().set_modules(Arc::new(BTreeMap::clone(platform())));
        let receiver = prepare(&mut isolate.scope(), &runtime);
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = log.clone();
        let console = move |_level: &str, text: &str| {
            let start: String = text.chars().take(40).collect();
            lines.lock().unwrap().push((start, text.len()));
        };
        let mut scope = isolate.scope();
        let extensions = scope.extensions_mut();
        extensions.insert(Requests::new(Allowances::new(limits)));
        extensions.insert(Console(Arc::new(console)));
        extensions.insert(client);
        let mut play = Play { isolate, receiver, log };
        play.run("import * as platform from 'taipan:webapi/install.js'; platform.install?.();");
        work(&mut play)
    })
}

impl Play<'_> {
    /// Runs a module to its end; what it reported.
    #[track_caller]
    fn run(&mut self, source: &str) -> Vec<String> {
        let source = format!("import host from 'taipan:host';\n{source}");
        let promise =
            self.isolate.run_source("tests/limits.js", &source, SourceType::Module).unwrap();
        let receiver = &self.receiver;
        let ended = self.isolate.with_roots(|scope| {
            scope.run_jobs()?;
            while scope.promise_result(&promise)?.is_none() {
                assert!(turn(scope, receiver)?, "the module waits for ever");
            }
            Ok(())
        });
        ended.unwrap();
        reports(self.isolate).into_iter().map(|(line, _)| line).collect()
    }

    fn open(&mut self, id: u32) -> Reply {
        let (reply, answer) = oneshot::channel();
        let mut scope = self.isolate.scope();
        scope.extensions_mut().of_mut::<Requests>().unwrap().open(id, reply);
        answer
    }

    fn done(&mut self, id: u32) {
        self.run(&format!("host.request_done({id});"));
    }

    /// How many fetches are allowed in the name of `owner`, and what the next one says.
    #[track_caller]
    fn check_fetches(&mut self, owner: u32, expect: &str) {
        let found = self.run(&format!(
            "{FETCHES}
             host.set_owner({owner});
             host.test_report((await fetches(100)).join('; '));
             host.set_owner(0);"
        ));
        assert_eq!(found, [expect]);
    }

    fn take_log(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

#[test]
fn subrequests() {
    const REFUSED: &str =
        "Error: too many subrequests: 3 were allowed (`taipan.limits.subrequests`)";
    let limits = Limits { subrequests: 3, ..Limits::default() };
    play(limits, |play| {
        let (three, none) = (&*format!("3; {REFUSED}"), &*format!("0; {REFUSED}"));
        play.check_fetches(0, three);
        play.check_fetches(0, none);
        let _replies = [play.open(1), play.open(2)];
        for owner in [1, 2, 0] {
            play.check_fetches(owner, three);
            play.check_fetches(owner, none);
        }
        play.done(2);
        play.check_fetches(1, none);
        let _reply = play.open(3);
        play.check_fetches(1, none);
        play.check_fetches(3, three);
        play.check_fetches(0, three);
    });
}

/// A stream that was to be sent is given up, and is no unhandled rejection; `data:` is no request.
#[test]
fn subrequest_with_a_body_that_is_not_sent() {
    let limits = Limits { subrequests: 3, ..Limits::default() };
    let lines = play(limits, |play| {
        play.run(&format!("{FETCHES}\nawait fetches(3);"));
        play.run(
            "const unhandled = [];
             addEventListener('unhandledrejection', (event) => unhandled.push(event.reason));
             let canceled = null;
             const body = new ReadableStream({ cancel(reason) { canceled = reason; } });
             const init = { method: 'POST', body, duplex: 'half' };
             const error = await fetch('http://127.0.0.1:1/', init).catch((error) => error);
             await new Promise((resolve) => setTimeout(resolve, 5));
             host.test_report(`${error.message === canceled?.message} ${unhandled.length}`);
             host.test_report(await (await fetch('data:,x')).text());",
        )
    });
    assert_eq!(lines, ["true 0", "x"]);
}

#[test]
fn timers() {
    let limits = Limits { timers: 5, ..Limits::default() };
    let lines = play(limits, |play| {
        play.run(
            "const start = (delay) => { try { return setTimeout(() => {}, delay); } catch (error) { return `${error}`; } };
             const ids = Array.from({ length: 6 }, () => start(1e6));
             host.test_report(ids[5]);
             // Without delay: not one of those that wait.
             await new Promise((resolve) => setTimeout(resolve, 0));
             try { AbortSignal.timeout(1000); } catch (error) { host.test_report(error.name); }
             clearTimeout(ids[0]);
             host.test_report(typeof start(1e6));
             host.test_report(start(1e6));",
        )
    });
    const REFUSED: &str =
        "RangeError: too many timers: 5 may wait at a time (`taipan.limits.timers`)";
    assert_eq!(lines, [REFUSED, "RangeError", "number", REFUSED]);
}

/// Its handler starts the one timer that was still possible.
#[test]
fn an_interval_whose_place_was_taken() {
    let limits = Limits { timers: 5, ..Limits::default() };
    let lines = play(limits, |play| {
        play.run(
            "const errors = [];
             addEventListener('error', (event) => { errors.push(`${event.error}`); event.preventDefault(); });
             for (let index = 0; index < 4; index++) setTimeout(() => {}, 1e6);
             let fired = 0;
             const id = setInterval(() => { fired++; setTimeout(() => {}, 1e6); }, 1);
             while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
             clearInterval(id);
             host.test_report(`${fired} ${errors.join()}`);",
        )
    });
    assert_eq!(
        lines,
        ["1 RangeError: too many timers: 5 may wait at a time (`taipan.limits.timers`)"]
    );
}

#[test]
fn log() {
    let notice = ("log truncated: limit of 1 KiB for a requ".to_owned(), 68);
    let limits = Limits { log_kb: 1, ..Limits::default() };
    play(limits, |play| {
        play.run("console.log('a'.repeat(1000)); console.log('b'.repeat(20));");
        play.run("console.log('é'.repeat(1000)); for (let i = 0; i < 1000; i++) console.log(i);");
        let line = |text: &str, length| (text.repeat(40).chars().take(40).collect(), length);
        let mut expected = vec![line("a", 1000), line("b", 20), line("é", 4)];
        expected[1].0 = "b".repeat(20);
        expected[2].0 = "éé".to_owned();
        expected.push(notice.clone());
        assert_eq!(play.take_log(), expected);
        let _reply = play.open(1);
        let _other = play.open(2);
        play.run("host.set_owner(1); console.log('c'.repeat(1023) + 'é');");
        assert_eq!(play.take_log(), [line("c", 1023), notice]);
        play.run("console.log(1);");
        assert_eq!(play.take_log(), []);
        play.run("host.set_owner(2); console.log('d'.repeat(1024));");
        assert_eq!(play.take_log(), [line("d", 1024)]);
        play.done(1);
        play.run("host.set_owner(0); console.log(1);");
        assert_eq!(play.take_log(), [("1".to_owned(), 1)]);
    });
}

#[test]
fn response_that_is_whole() {
    let limits = Limits { response_body_mb: Some(1), ..Limits::default() };
    let (fits, too_long) = play(limits, |play| {
        let answers = [1, 2].map(|id| play.open(id));
        let lines = play.run(
            "host.response_start(1, 200, '', '', new Uint8Array(1 << 20), -1);
             try { host.response_start(2, 200, '', '', new Uint8Array((1 << 20) + 1), -1); }
             catch (error) { host.test_report(`${error}`); }",
        );
        assert_eq!(
            lines,
            ["Error: the response's body is longer than 1 MiB (`taipan.limits.response_body_mb`)"]
        );
        let [mut first, mut second] = answers;
        (first.try_recv(), second.try_recv())
    });
    assert!(
        matches!(fits.unwrap().unwrap().body, AnswerBody::Bytes(bytes) if bytes.len() == 1 << 20)
    );
    // The request is still to be answered: with a fault, as `dispatch.js` does.
    assert!(too_long.is_err());
}

#[test]
fn response_that_is_streamed() {
    let limits = Limits { response_body_mb: Some(1), ..Limits::default() };
    let found = play(limits, |play| {
        let mut answer = play.open(1);
        play.run(
            "const id = host.body_open();
             host.response_start(1, 200, '', '', null, id);
             for (let index = 0; index < 3; index++) host.body_write(id, new Uint8Array(500_000));
             host.body_close(id);",
        );
        let AnswerBody::Stream(mut reader) = answer.try_recv().unwrap().unwrap().body else {
            panic!("the body is not streamed")
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut found = Vec::new();
            loop {
                match reader.chunk().await {
                    Ok(Some(chunk)) => found.push(chunk.len().to_string()),
                    Ok(None) => return found,
                    Err(error) => found.push(error.completion()),
                }
            }
        })
    });
    assert_eq!(
        found,
        [
            "500000",
            "500000",
            "Error: the response's body is longer than 1 MiB (`taipan.limits.response_body_mb`)"
        ]
    );
}
