//! Hints at what raises the limit that stopped a worker or a script.

use std::borrow::Cow;
use std::time::Duration;

use taipan_pyodide::MEMORY_BYTES_MAX;
use taipan_runtime::Reason;
use taipan_worker::Error;

use crate::size::mebibytes;

/// For a worker that was stopped while it started, or failed a warm-up request: the key of the configuration.
pub(super) fn start_hint(error: &Error) -> Option<Cow<'static, str>> {
    let Error::Runtime(taipan_runtime::Error::Limit { reason }) = error else {
        return error.hint();
    };
    let key = match reason {
        Reason::Memory { limit } => format!("memory_mb`, which is {}", limit / mebibytes(1)),
        Reason::StartupCpuTime { limit } => {
            format!("startup_cpu_ms`, which is {}", limit.as_millis())
        }
        _ => "startup_cpu_ms`".to_owned(),
    };
    Some(format!("do less at the top level, or raise `taipan.limits.{key}").into())
}

/// For an exception at the top level of a worker: the key, if a limit raised it.
pub(super) fn top_level_hint(message: &str) -> Option<Cow<'static, str>> {
    if message.starts_with("MemoryError") {
        Some("keep less at the top level, or raise `taipan.limits.memory_mb`".into())
    } else if message.starts_with("taipan.CpuTimeLimitExceeded") {
        Some("do less at the top level, or raise `taipan.limits.startup_cpu_ms`".into())
    } else {
        None
    }
}

/// For a script: the option of `taipan run`.
pub(super) fn script_hint(error: &Error) -> Option<Cow<'static, str>> {
    let hint = match error {
        Error::ScriptLimit { reason: Reason::CpuTime { limit } } => time("--cpu", *limit),
        Error::ScriptLimit { reason: Reason::WallTime { limit } } => time("--wall", *limit),
        Error::ScriptLimit { reason: Reason::Memory { limit } } if *limit < MEMORY_BYTES_MAX => {
            let more = limit.saturating_mul(2).min(MEMORY_BYTES_MAX).div_ceil(mebibytes(1));
            format!("`--memory {more}` gives it more")
        }
        Error::ScriptOutput => return Some("`--output MB` lets it write more".into()),
        _ => return None,
    };
    Some(hint.into())
}

fn time(option: &str, limit: Duration) -> String {
    let seconds = limit.saturating_mul(2).as_secs_f64();
    format!("`{option} {seconds}` gives it twice as much, `{option} none` has no limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_script(reason: Reason, expect: Option<&str>) {
        assert_eq!(script_hint(&Error::ScriptLimit { reason }).as_deref(), expect);
    }

    #[test]
    fn scripts() {
        check_script(
            Reason::CpuTime { limit: Duration::from_millis(300) },
            Some("`--cpu 0.6` gives it twice as much, `--cpu none` has no limit"),
        );
        check_script(
            Reason::WallTime { limit: Duration::from_secs(600) },
            Some("`--wall 1200` gives it twice as much, `--wall none` has no limit"),
        );
        let memory = |count| Reason::Memory { limit: mebibytes(count) };
        check_script(memory(512), Some("`--memory 1024` gives it more"));
        check_script(memory(1500), Some("`--memory 2048` gives it more"));
        check_script(memory(2048), None);
    }

    #[track_caller]
    fn check_start(reason: Reason, expect: &str) {
        assert_eq!(
            start_hint(&taipan_runtime::Error::Limit { reason }.into()).as_deref(),
            Some(expect)
        );
    }

    #[test]
    fn starts() {
        check_start(
            Reason::StartupCpuTime { limit: Duration::from_millis(200) },
            "do less at the top level, or raise `taipan.limits.startup_cpu_ms`, which is 200",
        );
        check_start(
            Reason::Memory { limit: mebibytes(128) },
            "do less at the top level, or raise `taipan.limits.memory_mb`, which is 128",
        );
    }

    #[test]
    fn exceptions() {
        for (message, key) in [
            ("MemoryError", Some("`taipan.limits.memory_mb`")),
            ("taipan.CpuTimeLimitExceeded: the limit", Some("`taipan.limits.startup_cpu_ms`")),
            ("ValueError: MemoryError", None),
        ] {
            let named =
                top_level_hint(message).map(|hint| key.is_some_and(|key| hint.ends_with(key)));
            assert_eq!(named, key.map(|_| true), "{message}");
        }
    }
}
