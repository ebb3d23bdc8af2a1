//! Takes the signals that ask this process to stop.
//!
//! Ctrl+C and SIGTERM stop a server. SIGHUP, which comes when its terminal is closed, stops it too, unless it was
//! ignored when the process started, as `nohup` does. SIGUSR1 and SIGUSR2 mean nothing here, and are taken because they
//! would end the process otherwise, with all that is in flight.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Takes the signals that ask a script to end, each time that they come; but not Ctrl+C if it was ignored when this
/// process started, as a shell does for what runs in the background.
pub(crate) fn of_script() -> Result<mpsc::UnboundedReceiver<taipan_worker::ScriptSignal>, Failure> {
    use taipan_worker::ScriptSignal::{Interrupt, Terminate};
    let (sender, receiver) = mpsc::unbounded_channel();
    for (kind, meaning) in
        [(SignalKind::interrupt(), Interrupt), (SignalKind::terminate(), Terminate)]
    {
        if is_ignored(kind) {
            continue;
        }
        let (mut signal, sender) = (take(kind)?, sender.clone());
        tokio::spawn(async move {
            while signal.recv().await.is_some() && sender.send(meaning).is_ok() {}
        });
    }
    Ok(receiver)
}

fn take(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|source| Failure::System { what: "wait for signals", source })
}

/// Takes the signals that mean nothing; from here on they end nothing.
pub(crate) fn take_meaningless() -> Result<(), Failure> {
    // The handlers stay when these go.
    drop(take(SignalKind::user_defined1())?);
    drop(take(SignalKind::user_defined2())?);
    Ok(())
}

/// Signals, as often as they come.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Takes the signals over; from here on they end nothing by themselves.
    pub(crate) fn take() -> Result<Self, Failure> {
        let hangup =
            if is_ignored(SignalKind::hangup()) { None } else { Some(take(SignalKind::hangup())?) };
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for the next one that asks to stop.
    pub(crate) async fn stop(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            _ = hangup => (),
        }
    }

    /// Waits for the next one that asks to stop at once. A terminal that is closed says so twice, by itself and by the
    /// shell, and means it once.
    pub(crate) async fn stop_at_once(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

/// Whether the signal was ignored when this process started (proc_pid_status(5), `SigIgn`).
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}
