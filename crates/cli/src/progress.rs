//! Shows long steps while they run: a bar on a terminal, otherwise a line each.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use taipan_lock::without_passwords;
use taipan_store::Step;

use crate::console;

/// How often the bar turns, so that a step without figures shows life.
const TICK: Duration = Duration::from_millis(100);

/// A step of a known number of bytes.
const BYTES: &str = "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes}";

/// A step of unknown length.
const TIME: &str = "{spinner} {msg} {elapsed}";

/// Steps that are counted.
const COUNT: &str = "{msg} [{bar:30}] {pos}/{len}";

/// The shortest time after which a step is shown.
const MOMENT: Duration = Duration::from_secs(1);

/// Shows steps on standard error.
#[derive(Debug)]
pub(crate) struct Display {
    mode: Mode,
    bar: RefCell<Option<ProgressBar>>,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Silent,
    Lines,
    Bar,
}

impl Display {
    pub(crate) fn new(quiet: bool) -> Self {
        let mode = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Bar,
            (false, false) => Mode::Lines,
        };
        Self { mode, bar: RefCell::new(None) }
    }

    /// Shows one step.
    pub(crate) fn show(&self, step: Step<'_>) {
        match (self.mode, step) {
            (_, Step::Damaged { what }) => console::warn(format_args!("{what}; it is made again")),
            (_, Step::Apart { entry }) => console::warn(format_args!(
                "the cache can only be read, so {entry} is made again at each start: make it beforehand, as a user who \
                 may write there"
            )),
            (Mode::Silent, _) | (Mode::Lines, Step::Advance { .. }) => (),
            (Mode::Lines, Step::Begin { label, .. }) => console::say(label),
            (Mode::Lines, Step::Waiting { entry }) => console::say(waiting(entry)),
            (Mode::Bar, Step::Begin { label, bytes_total }) => self.begin(label, bytes_total),
            (Mode::Bar, Step::Waiting { entry }) => self.begin(&waiting(entry), None),
            (Mode::Bar, Step::Advance { bytes_done }) => {
                if let Some(bar) = &*self.bar.borrow() {
                    bar.set_position(bytes_done);
                }
            }
        }
    }

    fn begin(&self, label: &str, bytes_total: Option<u64>) {
        let template = if bytes_total.is_some() { BYTES } else { TIME };
        let style = ProgressStyle::with_template(template);
        let bar = ProgressBar::new(bytes_total.unwrap_or(0))
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(without_passwords(label).into_owned());
        bar.enable_steady_tick(TICK);
        if let Some(last) = self.bar.replace(Some(bar)) {
            last.finish_and_clear();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Counts to `total` on a terminal, if that takes longer than a moment.
#[derive(Debug)]
pub(crate) struct Counter(ProgressBar);

impl Counter {
    pub(crate) fn new(label: &str, total: usize) -> Self {
        let style = ProgressStyle::with_template(COUNT);
        let hidden = ProgressDrawTarget::hidden();
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(total), hidden)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(label.to_owned());
        Self(bar)
    }

    /// One more is done.
    pub(crate) fn advance(&self) {
        if self.0.is_hidden() && self.0.elapsed() >= MOMENT {
            // It shows nothing when there is no terminal.
            self.0.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.0.inc(1);
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn waiting(entry: &str) -> String {
    format!("waiting for another taipan that makes {entry}")
}
